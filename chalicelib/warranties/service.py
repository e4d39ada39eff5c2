"""The rules of warranties: pricing a sale once, and looking at what came of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from chalicelib.core.errors import ConflictError, NotFoundError, UnavailableError
from chalicelib.core.idempotency import check_same
from chalicelib.core.instants import iso
from chalicelib.core.outbox.effects import Ending
from chalicelib.core.paging import Page, cut
from chalicelib.core.totals import MOST_COUNTED, Total, count
from chalicelib.core.values import dataclass
from chalicelib.warranties import archive, money, numbers
from chalicelib.warranties.answers import (
    ArchiveView,
    CancellationView,
    ItemView,
    RefundView,
    Refusals,
    Status,
    Warranty,
    WarrantyView,
)
from chalicelib.warranties.models import Cancellation, Sale, SaleBody
from chalicelib.warranties.ports import Archive, ItemPath, SalePosition, Snapshot, Store, StoredSale
from chalicelib.warranties.rate_card import RateCard, RateCards
from chalicelib.warranties.refunds import Refund, RefundRule, covered_until


class WarrantyExpiredError(ConflictError):
    """The warranty has ended, so there is nothing to cancel."""

    type = "/problems/warranty-expired"
    title = "Warranty expired"


class NoRefundRuleError(ConflictError):
    """Neither the card of the warranty nor the one in force says what cancelling gives back."""

    type = "/problems/no-refund-rule"
    title = "No refund rule"


@dataclass(frozen=True)
class Receipt:
    """The outcome of a sale.

    ``replayed`` is whether it was stored before; ``lost_races`` how often others were first.
    """

    sale: Sale
    replayed: bool = False
    lost_races: int = 0


@dataclass(frozen=True)
class CancellationReceipt:
    """How a warranty was cancelled; ``replayed`` is whether it was cancelled before."""

    view: CancellationView
    replayed: bool = False


@dataclass(frozen=True)
class Filters:
    """Which warranties are searched: those that match all given fields."""

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
        """Price an item that is sold and store what comes of it, or return what ``key`` identifies.

        The store and the item are created when they are absent. Raises KeyReusedError;
        UnavailableError when others are first again and again.
        """
        sale = self._priced(wanted)
        for lost in self.tries():
            snapshot = self.store.read_snapshot(
                wanted.store_uuid, wanted.item_type, wanted.item_sku, key=key
            )
            if snapshot.keyed:
                check_same("sale", snapshot.keyed.requested(), sale.requested())
                return Receipt(snapshot.keyed, replayed=True, lost_races=lost)
            if _renews(sale, snapshot):
                # Before the sale, so that a retry repairs a crash in between, and
                # apart from it, so that stores which sell the same item do not meet on it.
                self.store.renew(sale)
            new_store, new_item = not snapshot.store_known, snapshot.item is None
            if self.store.add(sale, new_store=new_store, new_item=new_item, key=key):
                return Receipt(sale, lost_races=lost)
            # Another name, too: two request ids may have one number.
            sale = sale.model_copy(update=self._named())
        raise UnavailableError("Too many sales name the same new things. This one is not stored.")

    def _priced(self, wanted: SaleBody) -> Sale:
        now = self.now()
        named: dict[str, Any] = self._named()
        card = self.cards.in_force(now)
        quote = card.quote(wanted.item_type, wanted.item_cost)
        return Sale.model_construct(
            **named,
            received_at=now,
            rate_card=card.version,
            currency=card.currency,
            offers=quote.offers,
            reason=quote.reason,
            **dict(wanted),
        )

    def _named(self) -> dict[str, str]:
        request_id = self.new_id()
        return {"request_id": request_id, "number": numbers.of_sale(request_id)}

    # --- cancelling ---

    def cancel(self, warranty_id: str, reason: str) -> CancellationReceipt:
        """Cancel a warranty, once: the refund is that of the first request, also for a repeat.

        Raises NotFoundError, WarrantyExpiredError, NoRefundRuleError.
        """
        stored, warranty = self._warranty(warranty_id)
        sale, months = stored.sale, warranty.warranty_duration_months
        known = sale.cancellation(months)
        if known is None:
            made = self._cancellation(sale, months, reason)
            known = self.store.cancel(sale, made)
            if known is None:
                return CancellationReceipt(self._cancelled(stored, made))
        return CancellationReceipt(self._cancelled(stored, known), replayed=True)

    def _cancellation(self, sale: Sale, months: int, reason: str) -> Cancellation:
        now = self.now()
        until = covered_until(sale.received_at, months)
        if now >= until:
            raise WarrantyExpiredError(
                f"The warranty ended at {iso(until)}: nothing is left of it."
            )
        card = self._refunding_card(sale, now)
        if card is None or card.refund is None:
            raise NoRefundRuleError(
                f"The rate card {sale.rate_card} names no refund, nor does the one in force."
            )
        refund = _refund(card.refund, sale, months, now)
        return Cancellation(
            months=months,
            cancelled_at=now,
            reason=reason,
            refund_cents=refund.cents,
            calculation=refund.calculation,
            rate_card=card.version,
        )

    def _refunding_card(self, sale: Sale, now: datetime) -> RateCard | None:
        """Return the card whose rule of refunds holds: the sale's, or the one in force."""
        candidates = (self.cards.by_version[sale.rate_card], self.cards.in_force(now))
        return next((card for card in candidates if card.refund), None)

    # --- looking ---

    def warranty(self, warranty_id: str) -> WarrantyView:
        """Return a warranty, by its id or number, with what explains it. Raises NotFoundError."""
        return self._view(*self._warranty(warranty_id))

    def found(self, text: str) -> list[Warranty]:
        """Return what a customer holds: the warranties of a number or an id, however it is written.

        Raises ValueError for what is neither.
        """
        named = numbers.read(text)
        if named.number is None:
            stored = self.store.sale(named.request_id or "")
        else:
            stored = self.store.numbered(named.number)
        rows = Warranty.all_of(stored.sale) if stored else ()
        return [w for w in rows if named.months in (None, w.warranty_duration_months)]

    def _warranty(self, warranty_id: str) -> tuple[StoredSale, Warranty]:
        of_sale = warranty_id.rpartition("-")[0]
        numbered = numbers.is_number(of_sale)
        stored = self.store.numbered(of_sale) if numbered else self.store.sale(of_sale)
        for warranty in Warranty.all_of(stored.sale) if stored else ():
            if stored and warranty_id in (warranty.id, warranty.number):
                return stored, warranty
        raise NotFoundError(f"There is no warranty {warranty_id}.")

    def _view(self, stored: StoredSale, warranty: Warranty) -> WarrantyView:
        sale, months, now = stored.sale, warranty.warranty_duration_months, self.now()
        store, item = self.store.parties(sale)
        cost = money.amount(item.item_cost)
        plan = self.cards.by_version[sale.rate_card].plan(sale.item_type, sale.item_cost, months)
        cancellation = sale.cancellation(months)
        status = _status(sale, months, now)
        return WarrantyView(
            **dict(warranty),
            price_rule=plan.text,
            calculation=plan.calculation(sale.item_cost),
            status=status,
            covered_until=covered_until(sale.received_at, months),
            store=store,
            item=ItemView(**{**dict(item), "item_cost": cost}),
            archive=self._archive(archive.key(sale), stored.archive),
            refund_now=self._refund_now(sale, months, now) if status == "active" else None,
            cancellation=self._cancelled(stored, cancellation) if cancellation else None,
        )

    def _refund_now(self, sale: Sale, months: int, now: datetime) -> RefundView | None:
        card = self._refunding_card(sale, now)
        if card is None or card.refund is None:
            return None
        return RefundView.of(_refund(card.refund, sale, months, now), card.refund)

    def _cancelled(self, stored: StoredSale, cancellation: Cancellation) -> CancellationView:
        sale, months = stored.sale, cancellation.months
        warranty_id = f"{sale.request_id}-{months}"
        return CancellationView(
            warranty_id=warranty_id,
            number=sale.number and f"{sale.number}-{months}",
            cancelled_at=cancellation.cancelled_at,
            reason=cancellation.reason,
            refund=money.amount(cancellation.refund_cents),
            currency=sale.currency,
            calculation=cancellation.calculation,
            rate_card=cancellation.rate_card,
            archive=self._archive(
                archive.cancellation_key(warranty_id, cancellation),
                stored.cancellation_archives.get(months),
            ),
        )

    def _archive(self, key: str, ended: Ending | None) -> ArchiveView:
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

    def total(self, filters: Filters) -> Total:
        """Return how many warranties the list has."""
        return count(self._from(filters, "", MOST_COUNTED))

    def _from(
        self, filters: Filters, first: str, limit: int
    ) -> Iterator[tuple[SalePosition, Warranty]]:
        for path in self._paths(filters):
            for place, sale in self.store.sales(filters.store_uuid, path, first=first, limit=limit):
                for number, warranty in enumerate(Warranty.all_of(sale)):
                    yield SalePosition(place, number), warranty

    def _paths(self, filters: Filters) -> list[ItemPath]:
        """Return the prefixes of the lists that contain the searched warranties, in order.

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


def _status(sale: Sale, months: int, now: datetime) -> Status:
    if sale.cancellation(months):
        return "cancelled"
    return "active" if now < covered_until(sale.received_at, months) else "expired"


def _refund(rule: RefundRule, sale: Sale, months: int, now: datetime) -> Refund:
    price = next(each.price_cents for each in sale.offers if each.months == months)
    return rule.refund(price, sold_at=sale.received_at, months=months, at=now)


def _renews(sale: Sale, snapshot: Snapshot) -> bool:
    """Return whether the sale says something new of an item that is on record."""
    item = snapshot.item
    return item is not None and (
        (item.item_cost, item.item_title) != (sale.item_cost, sale.item_title)
        and item.changed_at < sale.received_at
    )
