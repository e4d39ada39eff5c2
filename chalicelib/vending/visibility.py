"""What a caller sees of vending: a dispatcher everything, a technician what is their own.

What is another technician's is answered as if it were not there, in the same words.
"""

from chalicelib.core.access import Access, Caller
from chalicelib.core.errors import ForbiddenError, NotFoundError
from chalicelib.core.values import dataclass
from chalicelib.vending import names

ONES_OWN: Access = ("vending:dispatch", "vending:technician")
"""The argument of routes that technicians may call; `scope_of` says what they may see."""


@dataclass(frozen=True)
class TechnicianScope:
    """The only technician whose things are seen; None sees all."""

    technician: str | None

    def shows(self, technician: str | None) -> bool:
        """Return whether what is ``technician``'s is visible; None has no technician."""
        return self.technician in (None, technician)

    def check(self, technician: str | None, missing: str) -> None:
        """Raise NotFoundError, saying ``missing``, unless what is ``technician``'s is seen."""
        if not self.shows(technician):
            raise NotFoundError(missing)


def scope_of(caller: Caller) -> TechnicianScope:
    """Return what a caller sees. Raises ForbiddenError for a technician without a number."""
    if caller.may("vending:dispatch"):
        return TechnicianScope(None)
    try:
        return TechnicianScope(names.technician_id(caller.technician or ""))
    except ValueError as unknown:
        detail = "The token is a technician's and does not say whose: it takes a technician number."
        raise ForbiddenError(detail) from unknown
