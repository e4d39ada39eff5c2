"""Options that commands of several contexts have, checked before anything is sent."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, time, timezone
from typing import Annotated

import typer

from backroom.core.closeness import closest
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


def one_of(what: str, known: Iterable[str]) -> Rule:
    """Return the rule that something is one of ``known``; it says which was probably meant."""
    names = tuple(known)

    def check(given: str) -> str:
        if given in names:
            return given
        meant = closest(given, names)
        hint = f"did you mean {meant}? Use" if meant else "use"
        raise ValueError(f"is no {what}; {hint} one of {', '.join(names)}")

    return check


def each(rule: Rule) -> Callable[[list[str] | None], list[str] | None]:
    """Return ``rule`` as the callback of an option that may be repeated."""
    check = checked(rule)

    def check_all(given: list[str] | None) -> list[str] | None:
        return None if given is None else [value for one in given if (value := check(one))]

    return check_all


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


def _output(context: typer.Context, value: bool) -> bool:
    """Return whether an output was chosen. Raises BadParameter for the second of two."""
    if value and (context.params.get("as_json") or context.params.get("as_csv")):
        raise typer.BadParameter("take one of the two", param_hint="--csv, --json")
    return value


Json = Annotated[
    bool,
    typer.Option("--json", callback=_output, help="Print the JSON of the API, and nothing else."),
]
Csv = Annotated[
    bool, typer.Option("--csv", callback=_output, help="Print all of it as CSV, for a spreadsheet.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Answer yes to all questions.")]
