"""`backroom warranties`: what an item's warranties cost, why, and which were sold."""

import re
from typing import Annotated
from uuid import uuid4

import typer
from rich.console import Console

from backroom.core import session, sheets, show
from backroom.core.errors import ClientError, UnreachableError
from backroom.core.options import Csv, Json, checked
from backroom.warranties import screens
from backroom.warranties.api import WarrantiesApi, sale
from chalicelib.warranties.answers import SaleAnswer, Warranty
from chalicelib.warranties.fields import MOST_ROWS

app = typer.Typer(no_args_is_help=True, help="Warranties, priced by a readable rate card.")

_SAMPLES: tuple[tuple[str, str, str, str, str], ...] = (
    ("b21ad0676f26439", "furniture", "986kjeo8fy9qhu", "150.00", "Amy's Sectional Sofa"),
    ("b21ad0676f26439", "furniture", "oak-table-180", "1499.00", "Oak Table, 180 cm"),
    ("b21ad0676f26439", "appliance", "kettle-2l", "49.90", "Kettle, 2 l"),
    ("c7f3a2d1-0b4e-4f6a", "bicycle", "gravel-54", "1290.00", "Gravel Bike, 54 cm"),
    ("c7f3a2d1-0b4e-4f6a", "sports", "986kjeo8fy9qhu", "89.99", "Yoga Set"),
    ("c7f3a2d1-0b4e-4f6a", "watch", "diver-200m", "420.00", "Diver's Watch, 200 m"),
    ("00d8e6b4", "computer", "laptop-14", "999.00", 'Laptop, 14"'),
    ("00d8e6b4", "phone", "phone-128", "599.00", "Phone, 128 GB"),
    ("00d8e6b4", "toy", "blocks-500", "9.99", "Building Blocks, 500 Pieces"),
    ("00d8e6b4", "spaceship", "tug-1", "999999.99", "Harbour Tug"),
)


def _cost(given: str) -> str:
    """Return the text of an amount. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,2})?", given):
        raise ValueError("must be an amount such as 150.00")
    return given


Store = Annotated[str, typer.Option("--store", metavar="UUID", help="The store's store_uuid.")]
Kind = Annotated[str, typer.Option("--type", metavar="TYPE", help="The item's type.")]
Sku = Annotated[str, typer.Option("--sku", metavar="SKU", help="The item's SKU.")]
Cost = Annotated[
    str, typer.Option(metavar="AMOUNT", callback=checked(_cost), help="What the item costs.")
]
RateCard = Annotated[
    str | None,
    typer.Option("--card", metavar="DAY", help="The rate card of this version, not today's."),
]
OptionalStore = Annotated[
    str | None, typer.Option("--store", metavar="UUID", help="Of this store only.")
]
OptionalKind = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="For items of this type only.")
]


@app.command(
    epilog="Example: backroom warranties create --store b21ad0676f26439 --type furniture "
    '--sku sofa-1 --cost 150.00 --title "Sectional Sofa"'
)
def create(  # noqa: PLR0913, PLR0917 - to Typer they are the options
    context: typer.Context,
    store_uuid: Store,
    item_type: Kind,
    sku: Sku,
    cost: Cost,
    title: Annotated[str, typer.Option(metavar="TEXT", help="The item's title.")],
    key: Annotated[str | None, typer.Option(metavar="KEY", help="An idempotency key.")] = None,
    as_json: Json = False,
) -> None:
    """Create the warranties of an item that a store sells; repeatable with the same --key."""
    named = key or str(uuid4())
    with session.of(context).api(WarrantiesApi) as api:
        try:
            answer, replayed = api.sell(sale(store_uuid, item_type, sku, cost, title), key=named)
        except UnreachableError as lost:
            # Whether it was stored is not known; with its key, asking again does no harm.
            raise UnreachableError(
                lost.detail, next_step=f"the same again with --key {named}: it is stored once"
            ) from lost
    if as_json:
        typer.echo(answer.text)
    else:
        _print_sale(show.screen(), answer.value, replayed=replayed)


@app.command(epilog="Example: backroom warranties quote --type furniture --cost 150.00")
def quote(
    context: typer.Context,
    item_type: Kind,
    cost: Cost,
    rate_card: RateCard = None,
    as_json: Json = False,
) -> None:
    """Show what an item's warranties would cost, and how; sells nothing."""
    with session.of(context).api(WarrantiesApi) as api:
        answer = api.quote(item_type, cost, rate_card=rate_card)
    if as_json:
        typer.echo(answer.text)
        return
    for line in screens.quoted(answer.value):
        show.note(show.screen(), line)


@app.command(epilog="Example: backroom warranties find FNVV-0BDY-A999-24")
def find(
    context: typer.Context,
    number: Annotated[
        str,
        typer.Argument(
            metavar="NUMBER", help="A warranty's number or id, or that of its sale, as written."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Find warranties by a customer's number."""
    with session.of(context).api(WarrantiesApi) as api:
        answer = api.find(number)
    if as_json:
        typer.echo(answer.text)
        return
    console = show.screen()
    if not answer.value:
        console.print("No warranty has this number.")
        show.next_step(console, "backroom warranties list --store UUID --sku SKU")
        return
    console.print(screens.warranties(answer.value))


@app.command(
    epilog="Example: backroom warranties cancel FNVV-0BDY-A999-24 --reason 'item returned'"
)
def cancel(
    context: typer.Context,
    warranty_id: Annotated[str, typer.Argument(metavar="WARRANTY", help="Its number or id.")],
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; 'cancelled on request' without it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Cancel a warranty and show its refund; repeatable."""
    with session.of(context).api(WarrantiesApi) as api:
        answer, replayed = api.cancel(warranty_id, reason=reason)
    if as_json:
        typer.echo(answer.text)
        return
    for line in screens.cancelled(answer.value, replayed=replayed):
        show.note(show.screen(), line)


@app.command("list", epilog="Example: backroom warranties list --store b21ad0676f26439")
def list_warranties(
    context: typer.Context,
    store_uuid: OptionalStore = None,
    item_type: OptionalKind = None,
    sku: Annotated[
        str | None, typer.Option("--sku", metavar="SKU", help="For items of this SKU only.")
    ] = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=MOST_ROWS, help="At most this many.")
    ] = 20,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List warranties by type, SKU and time: all, or those of any mix of store, type and SKU."""
    given = {"store_uuid": store_uuid, "item_type": item_type, "sku": sku}
    filters = {name: value for name, value in given.items() if value is not None}
    here = session.of(context)
    with here.api(WarrantiesApi) as api:
        answer = api.warranties(filters, limit=limit)
    if sheets.printed(here, answer, Warranty, as_json=as_json, as_csv=as_csv):
        return
    console = show.screen()
    if not answer.value:
        console.print("No warranties found." if filters else "No warranties yet.")
        show.next_step(console, "backroom warranties seed")
        return
    console.print(screens.warranties(answer.value))
    if answer.next_page:
        show.rest(console, len(answer.value), answer.total, f"--limit {min(10 * limit, MOST_ROWS)}")


@app.command(
    "show", epilog="Example: backroom warranties show 7d444840-9dc0-11d1-b245-5ffdce74fad2-12"
)
def show_warranty(
    context: typer.Context,
    warranty_id: Annotated[str, typer.Argument(metavar="WARRANTY", help="Its number or id.")],
    as_json: Json = False,
) -> None:
    """Show a warranty with its price rule, store and item, and whether it is archived."""
    with session.of(context).api(WarrantiesApi) as api:
        answer = api.warranty(warranty_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.warranty(answer.value))


@app.command(epilog="Example: backroom warranties plans --type furniture")
def plans(
    context: typer.Context,
    item_type: OptionalKind = None,
    refusals: Annotated[
        bool, typer.Option("--refusals", help="Show sales without a warranty, and why.")
    ] = False,
    rate_card: RateCard = None,
    as_json: Json = False,
) -> None:
    """Show the rate card, by type and cost, or the refusals."""
    if refusals and (item_type or rate_card):
        wrong = "--type" if item_type else "--card"
        raise typer.BadParameter("--refusals are of all types and cards", param_hint=wrong)
    with session.of(context).api(WarrantiesApi) as api:
        if refusals:
            _print_refusals(api, as_json=as_json)
            return
        answer = api.plans(rate_card=rate_card)
    if as_json:
        typer.echo(answer.text)
        return
    types = [each.item_type for each in answer.value.item_types]
    if item_type not in (None, *types):
        raise ClientError(
            f"The rate card has no type {item_type!r}.",
            next_step=f"use one of {', '.join(types)}",
        )
    show.screen().print(screens.plans(answer.value, item_type))


@app.command(epilog="Example: backroom warranties export b21ad0676f26439 > warranties.csv")
def export(
    context: typer.Context,
    store_uuid: Annotated[str, typer.Argument(metavar="STORE", help="The store's store_uuid.")],
    as_json: Json = False,
) -> None:
    """Print all warranties of a store as CSV."""
    with session.of(context).api(WarrantiesApi) as api:
        if as_json:
            pages = [page.text[1:-1] for page in api.all_of(store_uuid) if page.value]
            typer.echo(f"[{','.join(pages)}]")
            return
        show.write_csv(api.export(store_uuid))


@app.command(epilog="Example: backroom warranties seed")
def seed(context: typer.Context, as_json: Json = False) -> None:
    """Create sample warranties in three stores; repeatable."""
    with session.of(context).api(WarrantiesApi) as api:
        for number, sample in enumerate(_SAMPLES, 1):
            answer, replayed = api.sell(sale(*sample), key=f"backroom-seed-{number}")
            if as_json:
                typer.echo(answer.text)
            else:
                show.screen().print(f"{sample[1]} {sample[2]} at {sample[3]}", style="bold")
                _print_sale(show.screen(), answer.value, replayed=replayed)


def _print_refusals(api: WarrantiesApi, *, as_json: bool) -> None:
    answer = api.refusals()
    if as_json:
        typer.echo(answer.text)
        return
    found = answer.value
    show.screen().print(screens.refusals(found) if found else "No refusals yet.")


def _print_sale(console: Console, sale: SaleAnswer, *, replayed: bool) -> None:
    for line in screens.sold(sale, replayed=replayed):
        show.note(console, line)
    if not sale.warranties:
        show.next_step(console, "backroom warranties plans")
