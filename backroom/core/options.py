"""Options that several commands have, checked before anything is sent."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from chalicelib.vending import names

Rule = Callable[[str], str]


def checked(rule: Rule) -> Callable[[str | None], str | None]:
    """Return ``rule`` as Typer wants it: its ValueError becomes a mistake in the usage."""

    def check(given: str | None) -> str | None:
        if given is None:
            return None
        try:
            return rule(given)
        except ValueError as wrong:
            raise typer.BadParameter(f"{given!r} {wrong}") from wrong

    return check


def instant(text: str) -> str:
    """Return a day or a time as an instant in UTC (ISO 8601). Raises ValueError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise ValueError("must be a day or a time, such as 2020-02-20 or 2020-02-20T11:29") from (
            wrong
        )
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


Json = Annotated[bool, typer.Option("--json", help="Print the JSON of the API, and nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take yes for an answer.")]
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
        "--machine", metavar="GM001", callback=checked(names.serial), help="The machine's serial."
    ),
]
SerialArgument = Annotated[
    str,
    typer.Argument(
        metavar="SERIAL", callback=checked(names.serial), help="The machine, such as GM001."
    ),
]
