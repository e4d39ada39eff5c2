"""Filing cancelled orders: one document per customer in ``Orders/``, one line per order (B13)."""

from collections.abc import Callable
from datetime import datetime, timedelta

from chalicelib.bakery import letters
from chalicelib.bakery.documents import place, volumes
from chalicelib.bakery.handlers.changing import order_of, save_changed
from chalicelib.bakery.ports import Docs, Documents, Drive, Orders
from chalicelib.bakery.records import Order
from chalicelib.core.outbox.effects import (
    Effect,
    EffectError,
    Ending,
    NotExecutedError,
    OutcomeUnknownError,
)
from chalicelib.core.values import dataclass
from chalicelib.integrations.gdocs import DocumentFullError, Line
from chalicelib.integrations.http import NotThereError

FOLDER = "Orders"
_ABANDONED = timedelta(minutes=30)
"""After this no worker is still creating a document, and Drive's list is up to date."""
_NOT_YET_S = 30.0


@dataclass(frozen=True)
class FilingHandler:
    """Handles effects of kind ``google``.

    ``drive`` and ``docs`` give the vendor's clients, or raise NotConfiguredError. ``search_lag_s``
    is how long Drive's list may lag behind a write.
    """

    drive: Callable[[], Drive]
    docs: Callable[[], Docs]
    documents: Documents
    orders: Orders
    now: Callable[[], datetime]
    search_lag_s: float

    def handle(self, effect: Effect) -> str | None:
        """Write the order into its customer's document, once, and return the document's id."""
        order = order_of(self.orders, effect)
        lines = [
            Line("title", letters.file_title(order)),
            Line(_line_name(order), letters.file_line(order)),
        ]
        for name in volumes(order.customer_id):
            document = self._document(name, effect)
            try:
                self.docs().append(document, lines)
            except DocumentFullError:
                continue
            except NotThereError as gone:
                raise NotExecutedError(
                    "The document was deleted; the next try creates another."
                ) from gone
            except OutcomeUnknownError as lost:
                # Lines can be looked up at once; only a new document has to wait for Drive's list.
                raise NotExecutedError(f"{lost}; the next try writes the rest") from lost
            return document
        raise AssertionError("volumes never end")

    def find(self, effect: Effect) -> str | None:
        """Return the document's id if it contains the order's line."""
        order = order_of(self.orders, effect)
        for name in volumes(order.customer_id):
            document = self.documents.spot(place(name)).document_id
            if document is None:
                return None
            if self.drive().exists(document) and self._holds(document, order):
                return document
        return None

    def on_finished(self, effect: Effect, conclusion: Ending) -> None:
        """Store on the order that its cancellation is filed."""
        if conclusion.state == "done":
            save_changed(self.orders, order_of(self.orders, effect), lambda _: {"filed": True})

    def _holds(self, document: str, order: Order) -> bool:
        try:
            return _line_name(order) in self.docs().names(document)
        except NotThereError:
            return False

    def _document(self, name: str, effect: Effect) -> str:
        """Return the id of a document, created in the folder if there is none."""
        try:
            return self._made(
                place(name),
                effect,
                find=lambda: self.drive().find_document(name),
                make=lambda: self.drive().create_document(
                    name, customer=name, folder=self._folder(effect)
                ),
            )
        except NotThereError as gone:
            raise NotExecutedError("The folder was deleted; the next try makes another.") from gone

    def _folder(self, effect: Effect) -> str:
        return self._made(
            f"folder/{FOLDER}",
            effect,
            find=lambda: self.drive().find_folder(FOLDER),
            make=lambda: self.drive().create_folder(FOLDER),
        )

    def _made(
        self,
        name: str,
        effect: Effect,
        *,
        find: Callable[[], str | None],
        make: Callable[[], str],
    ) -> str:
        """Return the id of a document or folder, created by one effect if there is none.

        Deleted and binned ones count as none, as Drive deletes binned ones after 30 days. Drive
        accepts a second one of the same name, so an effect claims the name before it creates it.
        """
        spot = self.documents.spot(name)
        if spot.document_id and self.drive().exists(spot.document_id):
            return spot.document_id
        others = spot.document_id is None and spot.maker not in {None, effect.id}
        if others and spot.since and self.now() - spot.since < _ABANDONED:
            raise NotExecutedError("Another effect is creating it.", retry_after_s=_NOT_YET_S)
        if not self.documents.claim(name, maker=effect.id, at=self.now(), before=spot):
            raise NotExecutedError("Another effect is creating it.", retry_after_s=_NOT_YET_S)
        # An earlier effect may have created it before it crashed.
        doubtful = spot.maker is not None and spot.document_id is None
        found = find() if doubtful else None
        document_id = found or self._making(name, effect, make, doubtful=doubtful)
        self.documents.keep(name, document_id)
        return document_id

    def _making(self, name: str, effect: Effect, make: Callable[[], str], *, doubtful: bool) -> str:
        """Create it; if it certainly was not created, release the claim."""
        try:
            return make()
        except OutcomeUnknownError:
            raise
        except EffectError:
            if not doubtful:
                self.documents.release(name, maker=effect.id)
            raise


def _line_name(order: Order) -> str:
    return f"order-{order.id}"


@dataclass(frozen=True)
class DocumentErasureHandler:
    """Deletes a document of a customer who was erased."""

    drive: Callable[[], Drive]
    search_lag_s: float = 0.0

    def handle(self, effect: Effect) -> str | None:
        """Delete the document for good, its history with it; one that is gone is deleted."""
        self.drive().delete(effect.payload["document"])
        return None

    def find(self, effect: Effect) -> str | None:
        """Return None: repeating is harmless."""

    def on_finished(self, effect: Effect, conclusion: Ending) -> None:
        """Store nothing: where the document was is forgotten."""
