"""How seals follow each other, and the proof that entries are those that were sealed.

Pure rules: the sealer makes seals with them, and clients that do not trust it check what it
answers with the same ones (``backroom trail verify``).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from pydantic import Field

from chalicelib.core import canonical
from chalicelib.core.audit.entries import AuditEntry
from chalicelib.core.instants import PreciseInstant
from chalicelib.core.models import Model
from chalicelib.core.times import EPOCH

BEGINNING = "0" * 64
"""The hash before the first seal."""


class Seal(Model):
    """What was entered from one instant and before another, and never changes again."""

    sequence: int
    """The seal's number: 1, 2, 3, ..."""
    from_: Annotated[PreciseInstant, Field(alias="from")]
    """The instant from which on it seals: where the seal before it ends."""
    to: PreciseInstant
    """The instant before which it seals."""
    entries: int
    """How many entries it seals."""
    digest: str
    """The SHA-256 of the entries in their order."""
    hash: str
    """The SHA-256 of this seal and the hash before it."""


def following(last: Seal | None, entries: Iterable[AuditEntry], to: datetime) -> Seal:
    """Return the seal that comes after ``last`` (None: the first), of ``entries`` in order."""
    digests = [canonical.digest(entry) for entry in entries]
    seal = Seal(
        sequence=last.sequence + 1 if last else 1,
        from_=last.to if last else EPOCH,
        to=to,
        entries=len(digests),
        digest=canonical.digest(digests),
        hash="",
    )
    return seal.model_copy(update={"hash": _hash(last, seal)})


def misfit(last: Seal | None, seal: Seal, entries: Iterable[AuditEntry]) -> str | None:
    """Return why ``seal`` does not follow ``last`` and seal ``entries``; None when it does."""
    wanted = following(last, entries, seal.to)
    if (seal.sequence, seal.from_) != (wanted.sequence, wanted.from_):
        return "it does not continue where the previous seal ends"
    if seal.entries != wanted.entries:
        return f"it sealed {seal.entries} entries, and {wanted.entries} are there"
    if seal.digest != wanted.digest:
        return "an entry is not as it was sealed"
    return None if seal.hash == wanted.hash else "its hash does not chain it to the seal before"


def _hash(last: Seal | None, seal: Seal) -> str:
    content = seal.model_dump(exclude={"hash"})
    return canonical.digest({**content, "previous": last.hash if last else BEGINNING})
