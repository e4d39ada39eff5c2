"""`backroom sites` and `backroom technicians`: the places, and the people."""

from typing import Annotated

import typer

from backroom.core import session, sheets, show
from backroom.core.options import Csv, Json, checked
from backroom.vending.api import VendingApi
from backroom.vending.options import checked_site, closing_days
from chalicelib.core import times
from chalicelib.vending import names
from chalicelib.vending.models import Site, SiteBody, Technician

sites = typer.Typer(no_args_is_help=True, help="Sites of machines.")
technicians = typer.Typer(no_args_is_help=True, help="Technicians.")

SiteId = Annotated[str, typer.Argument(metavar="ID", help="A short name without blanks.")]
TechnicianId = Annotated[
    str,
    typer.Argument(
        metavar="ID", callback=checked(names.technician_id), help="A number: #001 means T0001."
    ),
]


@sites.command("list", epilog="Example: backroom sites list")
def list_sites(context: typer.Context, as_csv: Csv = False, as_json: Json = False) -> None:
    """List the sites."""
    here = session.of(context)
    with here.api(VendingApi) as api:
        answer = api.sites()
    if sheets.printed(here, answer, Site, as_json=as_json, as_csv=as_csv):
        return
    console = show.screen()
    if not answer.value:
        console.print("No sites yet.")
        show.next_step(console, 'backroom sites put mall --name "Riverside Mall"')
        return
    table = show.listing()
    for heading in ("Id", "Name", "Time zone", "Address", "Closed"):
        table.add_column(heading)
    for site in answer.value:
        closed = ", ".join([*site.closed_weekly, *map(str, site.closed)])
        row = (site.site_id, site.name, site.time_zone, site.address, closed)
        table.add_row(*map(show.plain, row))
    console.print(table)


@sites.command(
    "put",
    epilog='Example: backroom sites put mall --name "Riverside Mall" --time-zone America/Chicago',
)
def put_site(
    context: typer.Context,
    site_id: SiteId,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="Its name.")] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", callback=checked(times.time_zone), help="Its IANA time zone."),
    ] = None,
    address: Annotated[str | None, typer.Option(metavar="TEXT", help="Its address.")] = None,
    closed: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DAY",
            help="A day without trade, such as 2026-12-25 or sunday; repeat it, 'none' for none.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a site or change it. Omitted options keep their current value.

    The time zone is that of technicians' clocks and of the machines' hours. On a day
    without trade no sale is expected, so its silence is no lost log.
    """
    given = {"name": name, "time_zone": time_zone, "address": address, **closing_days(closed)}
    with session.of(context).api(VendingApi) as api:
        known = api.find_site(site_id)
        if known is None and name is None:
            raise typer.BadParameter("a new site needs a name", param_hint="--name")
        before = {"name": known.name, **_place(known)} if known else {}
        fields = before | {field: value for field, value in given.items() if value is not None}
        answer = api.put_site(site_id, checked_site(fields))
    if as_json:
        typer.echo(answer.text)
    else:
        site = answer.value
        show.screen().print(
            f"{site_id} is {show.plain(site.name)}, on the clock of {site.time_zone}."
        )


@technicians.command("list", epilog="Example: backroom technicians list")
def list_technicians(context: typer.Context, as_csv: Csv = False, as_json: Json = False) -> None:
    """List the technicians and the machines assigned to them."""
    here = session.of(context)
    with here.api(VendingApi) as api:
        answer = api.technicians()
    if sheets.printed(here, answer, Technician, as_json=as_json, as_csv=as_csv):
        return
    console = show.screen()
    if not answer.value:
        console.print("No technicians yet.")
        show.next_step(console, 'backroom technicians put T0001 --name "Ann"')
        return
    table = show.listing()
    table.add_column("Id", no_wrap=True)
    table.add_column("Name")
    table.add_column("Machines")
    for technician in answer.value:
        machines = ", ".join(technician.machines) or show.NOTHING
        table.add_row(technician.technician_id, show.plain(technician.name), machines)
    console.print(table)


@technicians.command("put", epilog="Example: backroom technicians put '#001' --name Ann")
def put_technician(
    context: typer.Context,
    technician_id: TechnicianId,
    name: Annotated[str, typer.Option(metavar="TEXT", help="Their name.")],
    as_json: Json = False,
) -> None:
    """Create a technician, or change their name."""
    with session.of(context).api(VendingApi) as api:
        answer = api.put_technician(technician_id, name)
    if as_json:
        typer.echo(answer.text)
        return
    technician = answer.value
    console = show.screen()
    console.print(f"{technician.technician_id} is {show.plain(technician.name)}.")
    if not technician.machines:
        show.next_step(console, f"backroom machines put GM001 --technician {technician_id}")


def _place(site: SiteBody) -> dict[str, object]:
    return {name: getattr(site, name) for name in SiteBody.model_fields if name != "name"}
