"""`backroom simulate`: logs to try things with, and what is wrong in them."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.table import Table

from backroom.core import session, show
from backroom.core.options import Json, Rule, checked, day, instant, one_of
from backroom.vending.rhythms import RHYTHMS
from backroom.vending.simulation import ALL_PLANTS, Plant, Planted, Simulation, simulate
from chalicelib.core import times

_WORDS: dict[Plant, str] = {
    "fleet_gap": "the whole fleet is silent",
    "lost_log": "its log is lost",
    "under": "gives no gumball now and then",
    "over": "gives two now and then",
    "dead": "never gives a gumball",
    "duplicate": "a row is doubled",
    "corrupt": "lines are unreadable",
    "cut": "the last line is cut off",
}


def faults(text: str) -> str:
    """Return ``text`` when it lists plants, or is ``all`` or ``none``. Raises ValueError."""
    return _all_of(text, one_of("fault", get_args(Plant)))


def places(text: str) -> str:
    """Return ``text`` when it lists rhythms. Raises ValueError."""
    return _all_of(text, one_of("location", RHYTHMS))


def zones(text: str) -> str:
    """Return ``text`` when it lists time zones. Raises ValueError."""
    return ",".join(map(times.time_zone, _listed(text)))


def each_day(days: list[str] | None) -> list[str]:
    """Return ``days`` when all of it are dates."""
    return [day_given for each in days or [] if (day_given := checked(day)(each))]


def write_simulation(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    context: typer.Context,
    directory: Annotated[
        Path, typer.Argument(file_okay=False, help="The folder; created if missing.")
    ],
    seed: Annotated[int, typer.Option(help="The same seed and ending give the same logs.")] = 1,
    machines: Annotated[int, typer.Option(help="How many machines, from GM001 on.")] = 6,
    days: Annotated[int, typer.Option(help="How many days of rows, 14 at least.")] = 28,
    ending: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", callback=checked(instant), help="When the logs end, UTC; else now."
        ),
    ] = None,
    planted: Annotated[
        str,
        typer.Option(
            "--faults",
            metavar="LIST",
            callback=checked(faults),
            help=f"What to plant: {', '.join(ALL_PLANTS)}; or all, or none.",
        ),
    ] = "all",
    rhythms: Annotated[
        str,
        typer.Option(
            "--rhythm",
            metavar="LIST",
            callback=checked(places),
            help=f"The machines' locations, in turn: {', '.join(RHYTHMS)}.",
        ),
    ] = "steady",
    time_zones: Annotated[
        str,
        typer.Option(
            "--time-zone", metavar="LIST", callback=checked(zones), help="In which zones, in turn."
        ),
    ] = "UTC",
    closed: Annotated[
        list[str] | None,
        typer.Option(metavar="DAY", callback=each_day, help="A day without trade; repeat it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a fleet's logs with faults planted in them: a file a machine, and one of all."""
    now = session.of(context).now()
    end = datetime.fromisoformat(ending).astimezone(UTC) if ending else now
    plants = [plant for plant in ALL_PLANTS for name in _listed(planted) if name == plant]
    try:
        made = simulate(
            seed=seed,
            ending=end.replace(microsecond=0),
            machines=machines,
            days=days,
            plants=plants,
            rhythms=[rhythm for name in _listed(rhythms) for rhythm in RHYTHMS if rhythm == name],
            time_zones=_listed(time_zones),
            closed={date.fromisoformat(day) for day in closed or []},
        )
    except ValueError as impossible:
        raise typer.BadParameter(str(impossible)) from impossible
    directory.mkdir(parents=True, exist_ok=True)
    paths = made.write(directory)
    mixed = made.write_mixed(directory / f"fleet.{made.ending:%Y-%m-%d_%H%M%S}.txt")
    if as_json:
        typer.echo(_as_json(made, [*paths, mixed]))
    else:
        _tell(made, directory, paths, mixed)


def _listed(text: str) -> Sequence[str]:
    if text in {"all", "none"}:
        return ALL_PLANTS if text == "all" else ()
    return [part.strip() for part in text.split(",")]


def _all_of(text: str, rule: Rule) -> str:
    """Return ``text`` when the rule holds for all that it lists. Raises ValueError."""
    for each in _listed(text):
        try:
            rule(each)
        except ValueError as wrong:
            raise ValueError(f"has {each!r}, which {wrong}") from wrong
    return text


def _as_json(made: Simulation, paths: Sequence[Path]) -> str:
    planted = [
        {
            "kind": plant.kind,
            "machine": plant.serial,
            "from": f"{plant.at:%Y-%m-%dT%H:%M:%SZ}",
            "to": f"{plant.until:%Y-%m-%dT%H:%M:%SZ}",
            "rows": plant.rows,
        }
        for plant in made.planted
    ]
    return json.dumps({"files": list(map(str, paths)), "planted": planted})


def _tell(made: Simulation, directory: Path, paths: Sequence[Path], mixed: Path) -> None:
    console = show.screen()
    rows = show.plural(sum(map(len, made.logs.values())), "line")
    show.note(console, f"{rows} of {show.plural(len(paths), 'machine')} in {directory}:")
    show.note(console, f"  {paths[0].name} and so on, a technician's file each")
    show.note(console, f"  {mixed.name}, all machines in one, for the dispatcher")
    console.print()
    if made.planted:
        console.print(_plants(made.planted))
        console.print()
    show.next_step(console, f"backroom audit {mixed}")
    show.note(console, f"      backroom import {mixed}, then backroom fleet")


def _plants(planted: Sequence[Planted]) -> Table:
    table = show.listing()
    table.add_column("Planted in", no_wrap=True)
    table.add_column("What is wrong")
    table.add_column("Rows", justify="right")
    table.add_column("From (UTC)", no_wrap=True)
    table.add_column("To (UTC)", no_wrap=True)
    for plant in planted:
        table.add_row(
            plant.serial or "all machines",
            _WORDS[plant.kind],
            show.number(plant.rows),
            f"{plant.at:%Y-%m-%d %H:%M}",
            f"{plant.until:%Y-%m-%d %H:%M}",
        )
    return table
