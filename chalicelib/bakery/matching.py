"""Finding a customer among the people of a Slack workspace: exactly, or not at all (5c 13)."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from chalicelib.core.invisible import without_invisible

_DROPPED = re.compile("[.,'’@]")  # noqa: RUF001 - people type either apostrophe
_BLANKS = re.compile(r"[\s_]+")
_TITLES = re.compile("^(mr|mrs|ms|dr) ")


class Person(Protocol):
    """A person in the directory."""

    @property
    def id(self) -> str:
        """Return their names in Slack."""

    @property
    def reachable(self) -> bool:
        """Return whether a direct message reaches them: no bot, not deleted, not Slackbot."""

    @property
    def names(self) -> Sequence[str]:
        """Return their real name, their display name and their user name."""


def matches(customer: str, people: Iterable[Person]) -> list[str]:
    """Return the ids of all the people who are called like ``customer``, in their order.

    Case, dots and the kind of blanks do not count. Only without such a match are titles left
    out on both sides. More than one is no match: the name is ambiguous.
    """
    there = [person for person in people if person.reachable]
    return _alike(customer, there, folded) or _alike(customer, there, _untitled)


def folded(name: str) -> str:
    """Return a name without case, dots, invisible characters, and differences between blanks."""
    visible = unicodedata.normalize("NFKC", without_invisible(name))
    plain = _DROPPED.sub("", visible.casefold())
    return _BLANKS.sub(" ", plain).strip()


def _untitled(name: str) -> str:
    return _TITLES.sub("", folded(name))


def _alike(customer: str, people: Iterable[Person], fold: Callable[[str], str]) -> list[str]:
    wanted = fold(customer)
    if not wanted:
        return []
    return [person.id for person in people if wanted in {fold(name) for name in person.names}]
