"""The rules of warranties: pricing a sale once, and looking at what came of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.core.errors import NotFoundError, UnavailableError
from chalicelib.core.idempotency import check_same
from chalicelib.core.paging import Page, cut
from chalicelib.warranties import archive, money
from chalicelib.warranties.answers import ArchiveView, ItemView, Refusals, Warranty, WarrantyView
from chalicelib.warranties.models import Sale, SaleBody
from chalicelib.warranties.ports import Archive, ItemPath, SalePosition, Snapshot, Store, StoredSale
from chalicelib.warranties.rate_card import RateCard, RateCards


@dataclass(frozen=True)
class Receipt:
    """What became of a sale.

    ``replayed`` tells that it was stored before; ``lost_races`` how often others were first.
    """

    sale: Sale
    replayed: bool = False
    lost_races: int = 0


@dataclass(frozen=True)
class Filters:
    """Which warranties are looked for: those that have all that is given."""

    sku: str | None = None
    item_type: str | None = None
    store_uuid: str | None = None


@dataclass(frozen=True)
class Warranties:
    """Prices sales by the rate card in force, and keeps them for good.

    ``tries`` yields once for each try to store a sale, waits in between, and ends when the time
    for it is up. ``archived`` is where the archive is read.
    """

    store: Store
    cards: RateCards
    archived: Archive
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    tries: Callable[[], Iterable[int]]

    # --- selling ---

    def sell(self, wanted: SaleBody, *, key: str | None = None) -> Receipt:
        """Price an item that is sold and store what comes of it, or return what ``key`` stands for.

        The store and the item are created when they are absent. Raises KeyReusedError;
        UnavailableError when others are first again and again.
        """
        sale = self._priced(wanted)
        for lost in self.tries():
            snapshot = self.store.read_snapshot(
                wanted.store_uuid, wanted.item_type, wanted.item_sku, key=key
            )
            if snapshot.keyed:
                check_same("sale", snapshot.keyed.asked(), sale.asked())
                return Receipt(snapshot.keyed, replayed=True, lost_races=lost)
            if _renews(sale, snapshot):
                # Before the sale, so that whoever dies in between is healed by the retry, and
                # apart from it, so that stores which sell the same item do not meet on it.
                self.store.renew(sale)
            new_store, new_item = not snapshot.store_known, snapshot.item is None
            if self.store.add(sale, new_store=new_store, new_item=new_item, key=key):
                return Receipt(sale, lost_races=lost)
        raise UnavailableError("Too many sales name the same new things. This one is not stored.")

    def _priced(self, wanted: SaleBody) -> Sale:
        now = self.now()
        card = self.cards.in_force(now)
        quote = card.quote(wanted.item_type, wanted.item_cost)
        return Sale.model_construct(
            request_id=self.new_id(),
            received_at=now,
            rate_card=card.version,
            offers=quote.offers,
            reason=quote.reason,
            **dict(wanted),
        )

    # --- looking ---

    def warranty(self, warranty_id: str) -> WarrantyView:
        """Return a warranty with what explains it. Raises NotFoundError."""
        kept = self.store.sale(warranty_id.rpartition("-")[0])
        for warranty in Warranty.all_of(kept.sale) if kept else ():
            if kept and warranty.id == warranty_id:
                return self._view(kept, warranty)
        raise NotFoundError(f"There is no warranty {warranty_id}.")

    def _view(self, kept: StoredSale, warranty: Warranty) -> WarrantyView:
        sale = kept.sale
        store, item = self.store.parties(sale)
        cost = money.amount(item.item_cost)
        card = self.cards.by_version[sale.rate_card]
        return WarrantyView.model_construct(
            **dict(warranty),
            price_rule=card.rule(sale.item_type, sale.item_cost, warranty.warranty_duration_months),
            store=store,
            item=ItemView.model_construct(**{**dict(item), "item_cost": cost}),
            archive=self._archive(kept),
        )

    def _archive(self, kept: StoredSale) -> ArchiveView:
        key, ended = archive.key(kept.sale), kept.archive
        if ended is None:
            return ArchiveView(state="pending", key=key)
        if ended.state != "done":
            return ArchiveView(state="dead", key=key, why=ended.answer)
        checksum = archive.checksum_of(ended.reference or "")
        return ArchiveView(state="done", key=key, sha256=checksum, url=self.archived.url(key))

    def listed(
        self, filters: Filters, *, after: SalePosition | None, limit: int
    ) -> Page[Warranty, SalePosition]:
        """Return warranties in the order of type, SKU and time, those after a position."""
        found = self._from(filters, after.sale if after else "", limit)
        rest = (each for each in found if after is None or each[0] > after)
        page = cut(rest, limit, lambda each: each[0])
        return Page([warranty for _, warranty in page.rows], page.next)

    def _from(
        self, filters: Filters, first: str, limit: int
    ) -> Iterator[tuple[SalePosition, Warranty]]:
        for path in self._paths(filters):
            for place, sale in self.store.sales(filters.store_uuid, path, first=first, limit=limit):
                for number, warranty in enumerate(Warranty.all_of(sale)):
                    yield SalePosition(place, number), warranty

    def _paths(self, filters: Filters) -> list[ItemPath]:
        """Return how the lists begin that hold what is looked for, in order.

        A SKU without a type may be that of several items. Only types that a rate card has known
        can have warranties, so it is never more lists than there are such types.
        """
        item_type, sku = filters.item_type, filters.sku
        if item_type is not None:
            return [(item_type, sku) if sku is not None else (item_type,)]
        if sku is None:
            return [()]
        return [(known, sku) for known in self.store.types_of(sku) if known in self.cards.types]

    def refusals(self, *, after: tuple[str, str] | None, limit: int) -> Sequence[Refusals]:
        """Return how often sales got no warranty, by type and reason."""
        return self.store.refusals(after=after, limit=limit)

    def card(self, version: str | None) -> RateCard:
        """Return a rate card, the one in force by default. Raises NotFoundError."""
        if version is None:
            return self.cards.in_force(self.now())
        if version not in self.cards.by_version:
            raise NotFoundError(f"There is no rate card {version}.")
        return self.cards.by_version[version]


def _renews(sale: Sale, snapshot: Snapshot) -> bool:
    """Return whether the sale says something new of an item that is on record."""
    item = snapshot.item
    return item is not None and (
        (item.item_cost, item.item_title) != (sale.item_cost, sale.item_title)
        and item.changed_at < sale.received_at
    )
