"""Options that commands of several contexts have, checked before anything is sent."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, time, timezone
from typing import Annotated

import typer

from chalicelib.core import times

Rule = Callable[[str], str]


def checked(rule: Rule) -> Callable[[str | None], str | None]:
    """Return ``rule`` as a Typer callback; its ValueError becomes a usage error."""

    def check(given: str | None) -> str | None:
        if given is None:
            return None
        try:
            return rule(given)
        except ValueError as wrong:
            raise typer.BadParameter(f"{given!r} {wrong}") from wrong

    return check


def cents(text: str) -> str:
    """Return an amount of dollars, such as 12.25, as whole cents. Raises ValueError."""
    amount = re.fullmatch(r"(\d{1,6})(?:\.(\d{2}))?", text, re.ASCII)
    if amount is None:
        raise ValueError("must be an amount in dollars, such as 12 or 12.25")
    return str(100 * int(amount[1]) + int(amount[2] or 0))


def instant(text: str) -> str:
    """Return a day or a time, in UTC unless it has an offset, as an instant. Raises ValueError."""
    with suppress(ValueError):
        return datetime.combine(times.day(text), time(tzinfo=UTC)).isoformat()
    try:
        wall, offset = times.wall_time(text)
    except ValueError as wrong:
        raise ValueError("must be a day or a time, such as 2020-02-20 or 2020-02-20T11:29") from (
            wrong
        )
    return wall.replace(tzinfo=UTC if offset is None else timezone(offset)).isoformat()


def day(text: str) -> str:
    """Return ``text`` when it is a date, or empty for none. Raises ValueError."""
    return times.day(text).isoformat() if text else ""


Since = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="TIME", callback=checked(instant), help="From this UTC time on."
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", callback=checked(instant), help="Before this UTC time."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the JSON of the API, and nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Answer yes to all questions.")]
