"""`backroom orders`: orders, from placed to ready."""

from functools import partial
from typing import Annotated

import typer

from backroom.bakery import screens
from backroom.bakery.api import BakeryApi
from backroom.bakery.options import CakeId, amounts
from backroom.core import session, sheets, show
from backroom.core.options import Csv, Json, Yes, checked, one_of
from backroom.core.requests import given
from backroom.core.watching import Watch, watched
from chalicelib.bakery.answers import OrderAnswer
from chalicelib.core.times import day

orders = typer.Typer(no_args_is_help=True, help="Orders, from placed to ready.")

_STATUSES = ("open", "ticketed", "ready", "cancelled", "all")
checked_day = checked(lambda text: day(text).isoformat())
OrderId = Annotated[int, typer.Argument(metavar="ORDER", min=1, help="The order's number.")]


@orders.command("list", epilog="Example: backroom orders list --status open")
def list_orders(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    context: typer.Context,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS",
            callback=checked(one_of("status", _STATUSES)),
            help=f"{', '.join(_STATUSES)}; without it, all but the cancelled ones.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    customer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this customer's.")
    ] = None,
    due: Annotated[
        str | None,
        typer.Option(metavar="DAY", callback=checked_day, help="Only those due on this day (UTC)."),
    ] = None,
    watch: Watch = False,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List the newest orders."""
    here, console = session.of(context), show.screen()
    with here.api(BakeryApi) as api:
        ask = partial(api.orders, status, limit, customer=customer, due=due)
        answer = ask(counted=True)
        if sheets.printed(here, answer, OrderAnswer, as_json=as_json, as_csv=as_csv):
            return
        if watch and watched(here, console, lambda: screens.orders(ask().value)):
            return
    if answer.value:
        console.print(screens.orders(answer.value))
    elif not answer.next_page:  # a page that leaves out what is not wanted may be empty
        console.print("No orders found.")
        show.next_step(console, 'backroom orders place "Mr Cakelover" carrot_cake')
    if answer.next_page:
        show.rest(show.aside(), len(answer.value), answer.total, "--limit shows up to 500")


@orders.command("show", epilog="Example: backroom orders show 21")
def show_order(context: typer.Context, order_id: OrderId, as_json: Json = False) -> None:
    """Show an order's ingredients, status and history."""
    with session.of(context).api(BakeryApi) as api:
        answer = api.order(order_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.order(answer.value))


@orders.command(
    "place",
    epilog='Example: backroom orders place "Mr Cakelover" carrot_cake --persons 4 --extra nuts=3',
)
def place_order(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    context: typer.Context,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's name.")],
    recipe: CakeId,
    persons: Annotated[int, typer.Option(min=1, help="Servings per cake.")] = 1,
    quantity: Annotated[int, typer.Option(min=1, help="Quantity of cakes.")] = 1,
    extra: Annotated[
        list[str],
        typer.Option(metavar="NAME=AMOUNT", help="An extra for the whole order; repeatable."),
    ] = [],  # noqa: B006 - Typer's way to say that an option may be absent
    urgent: Annotated[bool, typer.Option("--urgent", help="Create its own ticket.")] = False,
    email: Annotated[str | None, typer.Option(help="Address, if not of the name.")] = None,
    due: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When it is due: 2026-12-24T10:00:00+01:00."),
    ] = None,
    phone: Annotated[str | None, typer.Option(help="The customer's phone number.")] = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="For the bakery.")] = None,
    as_json: Json = False,
) -> None:
    """Place an order."""
    body = {
        "customer": customer,
        "recipe": recipe,
        "persons": persons,
        "quantity": quantity,
        "extra_ingredients": amounts(extra),
        "urgent": urgent,
        **given({"email": email, "due_at": due, "phone": phone, "note": note}),
    }
    with session.of(context).api(BakeryApi) as api:
        answer = api.place(body)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.order(answer.value))


@orders.command("cancel", epilog='Example: backroom orders cancel 21 --reason "party is off"')
def cancel_order(
    context: typer.Context,
    order_id: OrderId,
    reason: Annotated[str | None, typer.Option(help="Why; for its history.")] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Cancel an order that is not ready; its ticket gets a comment."""
    here = session.of(context)
    here.make_sure(f"Cancel order {order_id}? This cannot be undone.", yes=yes)
    with here.api(BakeryApi) as api:
        api.cancel(order_id, reason)
    if not as_json:
        show.note(show.screen(), f"Order {order_id} is cancelled.")


@orders.command("notice", epilog="Example: backroom orders notice 21")
def show_notice(context: typer.Context, order_id: OrderId, as_json: Json = False) -> None:
    """Show how an order's customer is notified, or would be, and in which words."""
    with session.of(context).api(BakeryApi) as api:
        answer = api.notice(order_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.notice_preview(answer.value))


@orders.command("ready", epilog="Example: backroom orders ready 21")
def make_order_ready(context: typer.Context, order_id: OrderId, as_json: Json = False) -> None:
    """Mark an order as ready; its customer is notified once, a minute later."""
    with session.of(context).api(BakeryApi) as api:
        answer = api.ready(order_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.note(show.screen(), f"Order {order_id} is ready; its customer is being notified.")
        show.next_step(show.screen(), f"backroom orders undo-ready {order_id}, within a minute")


@orders.command("undo-ready", epilog="Example: backroom orders undo-ready 21")
def undo_order_ready(
    context: typer.Context,
    order_id: OrderId,
    reason: Annotated[str | None, typer.Option(help="Why; for its history.")] = None,
    as_json: Json = False,
) -> None:
    """Undo that an order is ready, before its customer is notified."""
    with session.of(context).api(BakeryApi) as api:
        answer = api.undo_ready(order_id, reason)
    if as_json:
        typer.echo(answer.text)
    else:
        status = answer.value.status
        show.note(show.screen(), f"Order {order_id} is {status} again; no notice was sent.")
