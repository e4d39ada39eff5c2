"""What the warranties need from their stores; tests implement it in memory.

What a method promises is documented in the stores.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import NamedTuple, Protocol

from chalicelib.core.outbox.effects import Ending
from chalicelib.core.values import dataclass
from chalicelib.warranties.answers import Refusals, StoreView
from chalicelib.warranties.models import Cancellation, ItemState, Sale


@dataclass(frozen=True)
class Snapshot:
    """What is stored already about a sale, as of one read.

    ``store_known`` is whether the store is stored, ``item`` the stored item, ``keyed`` the sale of
    the Idempotency-Key.
    """

    store_known: bool = False
    item: ItemState | None = None
    keyed: Sale | None = None


@dataclass(frozen=True)
class StoredSale:
    """A sale, and how its archiving and that of its cancellations (by months) ended, if it did."""

    sale: Sale
    archive: Ending | None = None
    cancellation_archives: Mapping[int, Ending] = field(default_factory=dict)


class SalePosition(NamedTuple):
    """The place of a warranty in every list: its sale's, and its number within the sale."""

    sale: str
    offer: int


class RefusalPosition(NamedTuple):
    """A position in the list of refusals."""

    item_type: str
    reason: str


ItemPath = tuple[str, ...]
"""How a list begins: nothing, an item_type, or an item_type and a SKU."""


class Store(Protocol):
    """The records; all reads are strongly consistent."""

    def read_snapshot(
        self, store_uuid: str, item_type: str, item_sku: str, *, key: str | None
    ) -> Snapshot: ...
    def add(self, sale: Sale, *, new_store: bool, new_item: bool, key: str | None) -> bool: ...
    def renew(self, sale: Sale) -> None: ...
    def cancel(self, sale: Sale, cancellation: Cancellation) -> Cancellation | None: ...
    def sale(self, request_id: str) -> StoredSale | None: ...
    def numbered(self, number: str) -> StoredSale | None: ...
    def parties(self, sale: Sale) -> tuple[StoreView, ItemState]: ...
    def types_of(self, sku: str) -> Sequence[str]: ...
    def sales(
        self, store_uuid: str | None, path: ItemPath, *, first: str, limit: int
    ) -> Iterator[tuple[str, Sale]]: ...
    def refusals(self, *, after: tuple[str, str] | None, limit: int) -> Sequence[Refusals]: ...
    def on_finished(
        self, request_id: str, conclusion: Ending, *, cancelled_months: int | None = None
    ) -> None: ...


class Archive(Protocol):
    """The archive of requests and answers, for the merchant."""

    def put_once(self, key: str, content: bytes) -> None: ...
    def holds(self, key: str) -> bool: ...
    def url(self, key: str) -> str: ...
