"""`backroom machines`: machines, their rows, their registration."""

from datetime import date
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from backroom.core import session, sheets, show
from backroom.core.options import Csv, Json, cents, checked, day, instant
from backroom.vending.api import VendingApi
from backroom.vending.options import SerialArgument, TechnicianOption
from backroom.vending.screens import days as day_screen
from backroom.vending.screens import states
from backroom.vending.screens import work as work_screen
from chalicelib.core.instants import iso
from chalicelib.vending.models import MachineView, ServiceBody

app = typer.Typer(no_args_is_help=True, help="Show, register and assign machines.")

From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", callback=checked(instant), help="From this UTC time."),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="TIME", callback=checked(instant), help="Up to, but without, this UTC time."
    ),
]


@app.command("list", epilog="Example: backroom machines list")
def list_machines(context: typer.Context, as_csv: Csv = False, as_json: Json = False) -> None:
    """List the machines, most urgent first, with their site and technician."""
    here = session.of(context)
    with here.api(VendingApi) as api:
        answer = api.machines()
    if sheets.printed(here, answer, MachineView, as_json=as_json, as_csv=as_csv):
        return
    console = show.screen()
    if answer.value:
        console.print(_listed(answer.value))
        return
    console.print("No machines yet.")
    show.next_step(console, "backroom machines put GM001 --technician T0001")


@app.command("show", epilog="Example: backroom machines show GM001")
def show_machine(context: typer.Context, serial: SerialArgument, as_json: Json = False) -> None:
    """Show a machine: its state with the evidence, the money, when its next log is due."""
    here = session.of(context)
    with here.api(VendingApi) as api:
        answer = api.machine(serial)
        drawn = not as_json and answer.value.transactions > 0
        days = api.days(serial).value if drawn else ()
    if as_json:
        typer.echo(answer.text)
        return
    show.screen().print(work_screen.machine(answer.value, here.now()))
    if days:
        show.screen().print(Text(), show.indented(day_screen.chart(days)))


@app.command(epilog="Example: backroom machines put GM001 --site mall --technician T0001")
def put(
    context: typer.Context,
    serial: SerialArgument,
    site: Annotated[str | None, typer.Option(metavar="ID", help="The site; '' for none.")] = None,
    technician: TechnicianOption = None,
    retired: Annotated[
        str | None,
        typer.Option(
            metavar="DAY", callback=checked(day), help="Its last day of service; '' for none."
        ),
    ] = None,
    capacity: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="How many gumballs it holds.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Register a machine, or change its site, its technician, its capacity, when it retires.

    Omitted options keep their current value. A retired machine is judged and due no more.
    """
    with session.of(context).api(VendingApi) as api:
        known = _known(api, serial, complete=None not in {site, technician, retired, capacity})
        before = known.retired if known else None
        answer = api.put_machine(
            serial,
            site=(known.site if site is None and known else site) or None,
            technician=technician or (known.technician if known else None),
            retired=before if retired is None else date.fromisoformat(retired) if retired else None,
            capacity=capacity or (known.capacity if known else None),
        )
    if as_json:
        typer.echo(answer.text)
        return
    view = answer.value
    site, technician = show.plain(view.site or "none"), view.technician or "none"
    until = f", retired after {view.retired}" if view.retired else ""
    show.screen().print(f"{serial}: site {site}, technician {technician}{until}.")


@app.command(epilog="Example: backroom machines visit GM001 --full --cash 12.25")
def visit(
    context: typer.Context,
    serial: SerialArgument,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", callback=checked(instant), help="When it was; now if omitted."
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="It was filled up.")] = False,
    filled: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Gumballs that were filled in.")
    ] = None,
    cash: Annotated[
        str | None,
        typer.Option(metavar="DOLLARS", callback=checked(cents), help="Cash taken out, as 12.25."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Report a visit: what was filled in and what cash was taken out."""
    if not full and filled is None and cash is None:
        raise typer.BadParameter("name what was done", param_hint="--full, --filled, --cash")
    here = session.of(context)
    body = ServiceBody.model_validate(
        {
            "at": at or iso(here.now()),
            "full": full,
            "filled": filled,
            "cash_cents": int(cash) if cash is not None else None,
        }
    )
    with here.api(VendingApi) as api:
        answer = api.report_visit(serial, body)
        view = None if as_json else api.machine(serial).value
    if view is None:
        typer.echo(answer.text)
        return
    show.screen().print(f"Visit to {serial} reported: {show.moment(answer.value.at)}.")
    show.screen().print(show.indented(show.facts(work_screen.stock(view))))


@app.command(epilog="Example: backroom machines transactions GM001 --from 2020-02-20 --csv")
def transactions(
    context: typer.Context,
    serial: SerialArgument,
    since: From = None,
    until: To = None,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List a machine's transactions in time order."""
    with session.of(context).api(VendingApi) as api:
        if as_csv:
            show.write_csv(api.transactions_csv(serial, since=since, until=until))
        elif as_json:
            _print_json(api, serial, since, until)
        else:
            _print_rows(api, serial, since, until)


def _known(api: VendingApi, serial: str, *, complete: bool) -> MachineView | None:
    """Return the registered machine, unless all of it is replaced."""
    return None if complete else api.find_machine(serial)


def _print_json(api: VendingApi, serial: str, since: str | None, until: str | None) -> None:
    """Print all pages as the one array that they are parts of, each as it comes."""
    empty = True
    for page in api.transactions(serial, since=since, until=until):
        rows = page.text.strip()[1:-1]
        if rows:
            typer.echo(f"{'[' if empty else ','}{rows}", nl=False)
            empty = False
    typer.echo("[]" if empty else "]")


def _print_rows(api: VendingApi, serial: str, since: str | None, until: str | None) -> None:
    console = show.screen()
    empty = True
    for page in api.transactions(serial, since=since, until=until):
        if not page.value:
            continue
        if empty:
            console.print(work_screen.ROWS_HEADING)
        empty = False
        # In one piece: a machine may have millions of rows.
        console.print(Text("\n").join(map(work_screen.row, page.value)), soft_wrap=True)
    if empty:
        when = " in that time" if since or until else " yet"
        console.print(f"{serial} has no row{when}.")
        show.next_step(console, f"backroom machines show {serial}")


def _listed(views: tuple[MachineView, ...]) -> Table:
    table = show.listing(gap=1)
    table.add_column("Machine", no_wrap=True)
    for heading, narrowest in (("State", 7), ("Site", 6), ("Technician", 5)):
        table.add_column(heading, min_width=narrowest)
    table.add_column("Credits", justify="right")
    for heading, narrowest in (("Last row", 9), ("Log due", 10)):
        table.add_column(heading, min_width=narrowest)
    for view in views:
        word, style = states.urgency(view)
        table.add_row(
            view.serial,
            Text(word, style=style),
            show.plain(view.site or "") or show.NOTHING,
            view.technician or show.NOTHING,
            show.number(view.transactions),
            show.moment(view.last_at) or show.NOTHING,
            show.day(view.due_at) or show.NOTHING,
        )
    return table
