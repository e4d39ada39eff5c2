"""What the warranties need from their stores; tests implement it in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from chalicelib.core.outbox.effects import Ending
from chalicelib.warranties.answers import Refusals, StoreView
from chalicelib.warranties.models import ItemState, Sale


@dataclass(frozen=True)
class Snapshot:
    """What stands already where a sale is to be stored, as of one read.

    ``store_known`` tells whether the store is on record, ``item`` what is on record of the item,
    ``keyed`` the sale that the Idempotency-Key stands for.
    """

    store_known: bool = False
    item: ItemState | None = None
    keyed: Sale | None = None


@dataclass(frozen=True)
class StoredSale:
    """A sale, and how its archiving has ended, if it has."""

    sale: Sale
    archive: Ending | None = None


class SalePosition(NamedTuple):
    """The place of a warranty in every list: that of its sale, and its number among its offers."""

    sale: str
    offer: int


class RefusalPosition(NamedTuple):
    """A position in the list of refusals."""

    item_type: str
    reason: str


ItemPath = tuple[str, ...]
"""How a list begins: nothing, an item_type, or an item_type and a SKU."""


class Store(Protocol):
    """The records. Everything is read as of now, nothing from a copy that lags."""

    def read_snapshot(
        self, store_uuid: str, item_type: str, item_sku: str, *, key: str | None
    ) -> Snapshot:
        """Return what stands where a sale is to be stored: one read."""

    def add(self, sale: Sale, *, new_store: bool, new_item: bool, key: str | None) -> bool:
        """Store a sale with all that belongs to it, or nothing: one transaction.

        Returns False, and has stored nothing, when something of it is there already.
        """

    def renew(self, sale: Sale) -> None:
        """Have the item take the cost and the title of a sale, unless a later one was there."""

    def sale(self, request_id: str) -> StoredSale | None:
        """Return a sale: one read."""

    def parties(self, sale: Sale) -> tuple[StoreView, ItemState]:
        """Return the store and the item of a sale that is stored: one read."""

    def types_of(self, sku: str) -> Sequence[str]:
        """Return the types of the items that go by a SKU: one query."""

    def sales(
        self, store_uuid: str | None, path: ItemPath, *, first: str, limit: int
    ) -> Iterator[tuple[str, Sale]]:
        """Yield the sales that got warranties with their places, from ``first`` on, in order.

        Those of one store or of all, whose items begin with ``path``. ``limit`` is how many will
        probably be taken.
        """

    def refusals(self, *, after: tuple[str, str] | None, limit: int) -> Sequence[Refusals]:
        """Return what was refused by type and reason, in this order."""

    def on_finished(self, request_id: str, conclusion: Ending) -> None:
        """Note how the archiving of a sale has ended, if there is one; safe to repeat."""


class Archive(Protocol):
    """Where requests and answers are kept for the merchant."""

    def put_once(self, key: str, content: bytes) -> None:
        """Store ``content`` at ``key`` unless something is there; raises EffectError."""

    def holds(self, key: str) -> bool:
        """Return whether something is at ``key``; raises EffectError."""

    def url(self, key: str) -> str:
        """Return an address that shows what is at ``key``, for a while."""
