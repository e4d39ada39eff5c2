"""Slack's directory, cached: Slack allows about twenty pages of it a minute."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from chalicelib.bakery.matching import Person, matches
from chalicelib.bakery.ports import Messenger

_KEPT = timedelta(minutes=15)


class Directory:
    """The members of the workspace, at most a quarter of an hour old.

    ``messenger`` gives the vendor's client, or raises NotConfiguredError. For ``misses_kept`` a
    name that is not in the list is not looked for again.
    """

    def __init__(
        self,
        messenger: Callable[[], Messenger],
        *,
        now: Callable[[], datetime],
        misses_kept: timedelta = timedelta(0),
    ) -> None:
        self._messenger = messenger
        self._now = now
        self._misses_kept = misses_kept
        self._people: Sequence[Person] = ()
        self._read_at: datetime | None = None

    def matches(self, customer: str) -> list[str]:
        """Return the ids of all people named ``customer``; refreshes the list if there are none.

        Raises EffectError.
        """
        now = self._now()
        age = now - self._read_at if self._read_at else _KEPT
        if age < _KEPT:
            found = matches(customer, self._people)
            if self._are_still(found, customer) if found else age < self._misses_kept:
                return found
        self._people = self._messenger().users()
        self._read_at = now
        return matches(customer, self._people)

    def _are_still(self, found: list[str], customer: str) -> bool:
        """Return whether the one person found still has that name; several are not checked.

        People may have been renamed, or have left, since the directory was read.
        """
        if len(found) > 1:
            return True
        person = self._messenger().user(found[0])
        return person is not None and matches(customer, [person]) == found
