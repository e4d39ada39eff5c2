"""Archiving sales and cancellations: the handler of the effect ``archive``.

Each object has one name and one content, so performing twice is as good as once.
"""

import dataclasses
from contextlib import suppress

from chalicelib.core.outbox.effects import Effect, Ending, RejectedError
from chalicelib.core.values import dataclass
from chalicelib.warranties import archive
from chalicelib.warranties.ports import Archive, Store


@dataclass(frozen=True)
class _Named:
    """What an effect is about: a sale, or the warranty of it that was cancelled."""

    request_id: str
    cancelled_months: int | None = None


@dataclass(frozen=True)
class _Object:
    """What is archived, and under which name."""

    key: str
    content: bytes

    @property
    def reference(self) -> str:
        return archive.reference(self.key, archive.sha256(self.content))


@dataclasses.dataclass
class Archiving:
    """Puts each sale and each cancellation into the archive, once."""

    store: Store
    archived: Archive
    search_lag_s: float = 0

    def handle(self, effect: Effect, /) -> str:
        """Archive what the effect names; return the object's name and checksum."""
        made = self._object(effect)
        self.archived.put_once(made.key, made.content)
        return made.reference

    def find(self, effect: Effect, /) -> str | None:
        """Return the object's name and checksum if an earlier try has put it there."""
        made = self._object(effect)
        return made.reference if self.archived.holds(made.key) else None

    def on_finished(self, effect: Effect, conclusion: Ending, /) -> None:
        """Record at the sale how it ended, if the effect names a sale."""
        with suppress(RejectedError):
            named = _named(effect)
            self.store.on_finished(
                named.request_id, conclusion, cancelled_months=named.cancelled_months
            )

    def _object(self, effect: Effect) -> _Object:
        named = _named(effect)
        stored = self.store.sale(named.request_id)
        if stored is None:
            raise RejectedError(f"There is no sale {named.request_id}.")
        if named.cancelled_months is None:
            return _Object(archive.key(stored.sale), archive.content(stored.sale))
        cancellation = stored.sale.cancellation(named.cancelled_months)
        if cancellation is None:
            raise RejectedError(f"The effect {effect.id} names a warranty that is not cancelled.")
        warranty_id = f"{named.request_id}-{named.cancelled_months}"
        return _Object(
            archive.cancellation_key(warranty_id, cancellation),
            archive.cancellation_content(stored.sale, cancellation),
        )


def _named(effect: Effect) -> _Named:
    request_id = effect.payload.get("request_id")
    if isinstance(request_id, str) and request_id:
        return _Named(request_id)
    warranty_id = effect.payload.get("cancelled_warranty_id")
    if isinstance(warranty_id, str) and warranty_id.rpartition("-")[2].isdecimal():
        of_sale, _, months = warranty_id.rpartition("-")
        return _Named(of_sale, int(months))
    raise RejectedError(f"The effect {effect.id} names no sale.")
