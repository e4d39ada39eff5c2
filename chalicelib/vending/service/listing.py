"""Pages of lists whose members have ids."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Generic, Protocol, TypeVar


class _Numbered(Protocol):
    @property
    def id(self) -> int: ...


N = TypeVar("N", bound=_Numbered)


@dataclass(frozen=True)
class Listing(Generic[N]):
    """A page of a list; ``following`` is the cursor of the next page, the last id of this one."""

    members: list[N]
    following: int | None

    @classmethod
    def of(cls, members: Iterable[N], limit: int) -> "Listing[N]":
        """Return the first ``limit`` of ``members``, and whether there are more."""
        found = list(islice(members, limit + 1))
        if len(found) <= limit:
            return cls(found, None)
        return cls(found[:limit], found[limit - 1].id)
