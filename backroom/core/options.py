"""Options that commands of several contexts have, checked before anything is sent."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated

import typer

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


def day(text: str) -> str:
    """Return ``text`` when it is a date, or empty for none. Raises ValueError."""
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError as wrong:
        raise ValueError("must be a date, such as 2026-12-25") from wrong


Json = Annotated[bool, typer.Option("--json", help="Print the JSON of the API, and nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Answer yes to all questions.")]
