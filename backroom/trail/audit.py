"""Whether the trail is as it was sealed: every seal worked out again from the entries.

The seals are read first, so what is entered meanwhile lies behind them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from backroom.trail.api import TrailApi
from chalicelib.audit import seals
from chalicelib.audit.seals import Seal
from chalicelib.core.audit.entries import AuditEntry


@dataclass(frozen=True)
class Misfit:
    """A seal that does not fit, the span that it is for, and why it does not."""

    sequence: int
    since: str
    until: str
    what: str


@dataclass
class Finding:
    """What was found: seals, sealed entries and later ones, the last hash, and what does not fit.

    ``kept`` is whether the given hash is among the seals; None without one.
    """

    seals: int = 0
    sealed: int = 0
    later: int = 0
    head: str | None = None
    kept: bool | None = None
    misfits: list[Misfit] = field(default_factory=list)


def verify(api: TrailApi, kept: str | None = None) -> Finding:
    """Check the whole trail, and that it has the seal whose hash was ``kept``."""
    chain = sorted(api.all_seals(), key=lambda seal: seal.sequence)
    entries = sorted(api.all_entries(), key=lambda entry: (entry.at, entry.id))
    finding = Finding(seals=len(chain), head=chain[-1].hash if chain else None)
    finding.kept = any(seal.hash == kept for seal in chain) if kept else None
    end = chain[-1].to if chain else None
    finding.later = sum(1 for entry in entries if end is None or entry.at >= end)
    finding.sealed = len(entries) - finding.later
    finding.misfits = list(_misfits(chain, entries))
    return finding


def _misfits(chain: Iterable[Seal], entries: Iterable[AuditEntry]) -> Iterator[Misfit]:
    last: Seal | None = None
    waiting = list(entries)
    for seal in chain:
        mine, waiting = _cut(waiting, seal.to)
        if what := seals.misfit(last, seal, mine):
            yield Misfit(seal.sequence, seal.from_.isoformat(), seal.to.isoformat(), what)
        last = seal


def _cut(entries: list[AuditEntry], at: datetime) -> tuple[list[AuditEntry], list[AuditEntry]]:
    count = next((n for n, entry in enumerate(entries) if entry.at >= at), len(entries))
    return entries[:count], entries[count:]
