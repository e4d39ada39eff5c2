"""Options that several commands of vending have, checked before anything is sent."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from backroom.core.options import checked
from chalicelib.vending import names
from chalicelib.vending.models import WEEKDAYS, SiteBody


def _serial(text: str) -> str:
    """Return a machine's serial. Raises ValueError, with what was probably meant."""
    try:
        return names.serial(text)
    except ValueError as wrong:
        meant = text.upper().translate(str.maketrans("OIL", "011", " -_"))
        if names.SERIAL.matches(meant):
            raise ValueError(f"{wrong}; did you mean {meant}?") from wrong
        raise


Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH", help="Logs: text, zip or gzip."),
]
FileId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The file's number.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Don't wait until the rows are counted.")]
TechnicianOption = Annotated[
    str | None,
    typer.Option(
        "--technician",
        metavar="T0001",
        callback=checked(names.technician_id),
        help="The technician's number: 1, #001 and T0001 are the same.",
    ),
]
TechnicianNeeded = Annotated[
    str,
    typer.Option(
        "--technician",
        metavar="T0001",
        callback=checked(names.technician_id),
        help="The technician's number: 1, #001 and T0001 are the same.",
    ),
]
MachineOption = Annotated[
    str | None,
    typer.Option(
        "--machine", metavar="GM001", callback=checked(_serial), help="The machine's serial."
    ),
]
SerialArgument = Annotated[
    str,
    typer.Argument(metavar="SERIAL", callback=checked(_serial), help="The machine, such as GM001."),
]


def closing_days(named: list[str] | None) -> dict[str, list[str]]:
    """Return dates and weekdays apart; nothing if none are named, two empty lists for ``none``."""
    if not named:
        return {}
    days = [] if named == ["none"] else [day.lower() for day in named]
    weekly: list[str] = [day for day in days if day in WEEKDAYS]
    return {"closed": [day for day in days if day not in weekly], "closed_weekly": weekly}


def checked_site(fields: dict[str, object]) -> SiteBody:
    """Return the data of a site. Raises BadParameter for a wrong option."""
    try:
        return SiteBody.model_validate(fields)
    except ValidationError as invalid:
        wrong = invalid.errors(include_url=False)[0]
        hint = f"--{str(wrong['loc'][0]).replace('_', '-')}"
        rule = wrong["msg"].removeprefix("Value error, ")
        if hint == "--closed" and len(wrong["loc"]) > 1:
            rule += "; a weekday, such as sunday, may be named, too"
        raise typer.BadParameter(f"{wrong['input']!r}: {rule}", param_hint=hint) from invalid
