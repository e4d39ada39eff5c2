"""Archiving sales: the handler of the effect ``archive``.

The object of a sale has one name and one content, so performing twice is as good as once.
"""

from contextlib import suppress
from dataclasses import dataclass

from chalicelib.core.outbox.effects import Effect, Ending, RejectedError
from chalicelib.warranties import archive
from chalicelib.warranties.models import Sale
from chalicelib.warranties.ports import Archive, Store


@dataclass
class Archiving:
    """Puts the request and the answer of each sale into the archive, once."""

    store: Store
    archived: Archive
    search_lag_s: float = 0

    def handle(self, effect: Effect, /) -> str:
        """Archive the sale; return the object's name and checksum."""
        sale = self._sale(effect)
        content = archive.content(sale)
        self.archived.put_once(archive.key(sale), content)
        return _reference(sale, content)

    def find(self, effect: Effect, /) -> str | None:
        """Return the object's name and checksum if an earlier try has put it there."""
        sale = self._sale(effect)
        if not self.archived.holds(archive.key(sale)):
            return None
        return _reference(sale, archive.content(sale))

    def on_finished(self, effect: Effect, conclusion: Ending, /) -> None:
        """Note at the sale how it ended; what names no sale has nobody to tell."""
        with suppress(RejectedError):
            self.store.on_finished(_request_id(effect), conclusion)

    def _sale(self, effect: Effect) -> Sale:
        kept = self.store.sale(_request_id(effect))
        if kept is None:
            raise RejectedError(f"There is no sale {_request_id(effect)}.")
        return kept.sale


def _request_id(effect: Effect) -> str:
    request_id = effect.payload.get("request_id")
    if not isinstance(request_id, str) or not request_id:
        raise RejectedError(f"The effect {effect.id} names no sale.")
    return request_id


def _reference(sale: Sale, content: bytes) -> str:
    return archive.reference(archive.key(sale), archive.sha256(content))
