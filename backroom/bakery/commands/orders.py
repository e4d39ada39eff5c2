"""`backroom cakes` and `backroom orders`: the recipe book, and who wants what."""

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

import typer

from backroom.bakery import screens
from backroom.bakery.api import bakery
from backroom.core import session, show
from backroom.core.options import Json, Yes

cakes = typer.Typer(no_args_is_help=True, help="The recipe book: cakes, for one eater each.")
orders = typer.Typer(no_args_is_help=True, help="Orders, from placed to ready.")

_AMOUNT = re.compile(r"(?P<name>[^=]+)=(?P<number>\d{1,9}(\.\d{1,9})?)\s*(?P<grams>g)?")
_FORM = "must be NAME=AMOUNT: flour=17g, sugar=30.5g, eggs=2"


def _amounts(given: list[str]) -> dict[str, Any]:
    """Return amounts by name: grams end with g or have a point, units are whole."""
    found: dict[str, Any] = {}
    for text in given:
        match = _AMOUNT.fullmatch(text)
        if match is None:
            raise typer.BadParameter(f"{text!r} {_FORM}")
        grams = bool(match["grams"]) or "." in match["number"]
        unit = "g" if grams else "unit"
        if match["name"] in found:
            raise typer.BadParameter(f"{match['name']} is named twice")
        found[match["name"]] = {"amount": Decimal(match["number"]), "unit": unit}
    return found


CakeId = Annotated[str, typer.Argument(metavar="CAKE", help="The cake's id, or its name.")]
OrderId = Annotated[int, typer.Argument(metavar="ORDER", min=1, help="The order's number.")]


@cakes.command("list", epilog="Example: backroom cakes list")
def list_cakes(context: typer.Context, as_json: Json = False) -> None:
    """List the cakes with their recipes."""
    with bakery(session.of(context)) as api:
        answer = api.cakes()
    if as_json:
        typer.echo(answer.text)
    elif answer.value:
        show.screen().print(screens.cakes(answer.value))
    else:
        show.screen().print("There is no cake yet.")
        show.next_step(show.screen(), 'backroom cakes add "Carrot Cake" carrots=50g eggs=1')


@cakes.command("show", epilog="Example: backroom cakes show carrot_cake")
def show_cake(context: typer.Context, cake_id: CakeId, as_json: Json = False) -> None:
    """Show a recipe."""
    with bakery(session.of(context)) as api:
        answer = api.cake(cake_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.cake(answer.value))


@cakes.command("add", epilog='Example: backroom cakes add "Carrot Cake" carrots=50g eggs=1')
def add_cake(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")],
    ingredients: Annotated[
        list[str], typer.Argument(metavar="NAME=AMOUNT...", help="For one: flour=17g, eggs=2.")
    ],
    as_json: Json = False,
) -> None:
    """Add a cake; its id is made of its name."""
    with bakery(session.of(context)) as api:
        answer = api.add_cake({"name": name, "ingredients": _amounts(ingredients)})
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.cake(answer.value))


@cakes.command("remove", epilog="Example: backroom cakes remove carrot_cake")
def remove_cake(context: typer.Context, cake_id: CakeId, as_json: Json = False) -> None:
    """Delete a cake; orders of it stay, with the recipe that they were placed with."""
    with bakery(session.of(context)) as api:
        api.remove_cake(cake_id)
    if not as_json:
        show.note(show.screen(), f"{show.plain(cake_id)} is gone; orders of it stay.")


@orders.command("list", epilog="Example: backroom orders list --status open")
def list_orders(
    context: typer.Context,
    status: Annotated[
        Literal["open", "ticketed", "ready", "cancelled", "all"] | None,
        typer.Option(help="Only these; without it, all but the cancelled ones."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List the newest orders."""
    with bakery(session.of(context)) as api:
        answer = api.orders(status, limit)
    if as_json:
        typer.echo(answer.text)
        return
    if not answer.value:
        show.screen().print("There is no such order.")
        show.next_step(show.screen(), 'backroom orders place "Mr Cakelover" carrot_cake')
        return
    show.screen().print(screens.orders(answer.value))
    if answer.next_page:
        show.note(show.aside(), "There are more: --limit shows up to 500.", style=show.CALM)


@orders.command("show", epilog="Example: backroom orders show 21")
def show_order(context: typer.Context, order_id: OrderId, as_json: Json = False) -> None:
    """Show what an order needs, where it stands and why."""
    with bakery(session.of(context)) as api:
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
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Who wants it.")],
    recipe: CakeId,
    persons: Annotated[int, typer.Option(min=1, help="For how many.")] = 1,
    quantity: Annotated[int, typer.Option(min=1, help="How many cakes.")] = 1,
    extra: Annotated[
        list[str],
        typer.Option(metavar="NAME=AMOUNT", help="On top, for the whole order; repeatable."),
    ] = [],  # noqa: B006 - Typer's way to say that an option may be absent
    urgent: Annotated[bool, typer.Option("--urgent", help="With a ticket of its own.")] = False,
    email: Annotated[str | None, typer.Option(help="Where to write, if not by the name.")] = None,
    as_json: Json = False,
) -> None:
    """Place an order."""
    body = {
        "customer": customer,
        "recipe": recipe,
        "persons": persons,
        "quantity": quantity,
        "extra_ingredients": _amounts(extra),
        "urgent": urgent,
        **({"email": email} if email else {}),
    }
    with bakery(session.of(context)) as api:
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
    """Cancel an order that is not ready; what was ordered for it, the provider is told."""
    here = session.of(context)
    here.make_sure(f"Cancel order {order_id}? It does not come back.", yes=yes)
    with bakery(here) as api:
        api.cancel(order_id, reason)
    if not as_json:
        show.note(show.screen(), f"Order {order_id} is cancelled.")


@orders.command("ready", epilog="Example: backroom orders ready 21")
def make_order_ready(context: typer.Context, order_id: OrderId, as_json: Json = False) -> None:
    """Say that an order is ready: its customer is told, once."""
    with bakery(session.of(context)) as api:
        answer = api.ready(order_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.note(show.screen(), f"Order {order_id} is ready; its customer is told.")
