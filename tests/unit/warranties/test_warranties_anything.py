"""Whatever sales, retries and deaths come in whatever order: what is kept is what was answered."""

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from chalicelib.core.idempotency import KeyReusedError
from chalicelib.warranties import money
from chalicelib.warranties.answers import SaleAnswer
from chalicelib.warranties.models import Sale, SaleBody
from chalicelib.warranties.service import Filters
from tests.support.size import size
from tests.support.stage import Killed
from tests.support.warranties.fakes import CARDS, MORNING, MemoryStore, a_service, body

bodies = st.builds(
    body,
    store_uuid=st.sampled_from(["b1", "B1", "b2"]),
    item_type=st.sampled_from(["furniture", "toy", "spaceship"]),
    item_sku=st.sampled_from(["s1", "s2"]),
    item_cost=st.sampled_from([1, 150, 400, 6000]),
    item_title=st.sampled_from(["Sofa", "<b>Sofa</b>"]),
)


class Mortal(MemoryStore):
    """A store at whose next but so many calls the caller dies, before or after it."""

    def __init__(self) -> None:
        super().__init__()
        self.dies_in: int | None = None

    def read_snapshot(self, *given: Any, **named: Any) -> Any:
        return self._step(super().read_snapshot, *given, **named)

    def add(self, *given: Any, **named: Any) -> Any:
        return self._step(super().add, *given, **named)

    def renew(self, *given: Any, **named: Any) -> Any:
        return self._step(super().renew, *given, **named)

    def _step(self, call: Any, *given: Any, **named: Any) -> Any:
        self._die()
        answer = call(*given, **named)
        self._die()
        return answer

    def _die(self) -> None:
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in < 0:
                raise Killed


class Shops(RuleBasedStateMachine):
    """Stores that sell, retry under a key, reuse keys and die; and a plain list of what is true."""

    dead = Bundle("dead")

    def __init__(self) -> None:
        super().__init__()
        self.store = Mortal()
        self.service = a_service(self.store)
        self.answered: dict[str, SaleBody] = {}
        self.answers: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.in_doubt: dict[str, SaleBody] = {}
        self.deaths = 0

    @rule(wanted=bodies)
    def sells(self, wanted: SaleBody) -> None:
        self._answered(wanted, None)

    @rule(wanted=bodies, key=st.sampled_from("abc"))
    def sells_under_a_key(self, wanted: SaleBody, key: str) -> None:
        known = self.keys.get(key)
        if known is None or self.answered[known] == wanted:
            self._answered(wanted, key)
            return
        with pytest.raises(KeyReusedError):
            self.service.sell(wanted, key=key)

    @rule(target=dead, wanted=bodies, moment=st.integers(0, 6))
    def dies(self, wanted: SaleBody, moment: int) -> tuple[str, SaleBody]:
        self.deaths += 1
        key = f"of the dead {self.deaths}"
        self.store.dies_in = moment
        self.in_doubt[key] = wanted
        with suppress(Killed):
            self.service.sell(wanted, key=key)
        self.store.dies_in = None
        return key, wanted

    @rule(died=consumes(dead))
    def is_retried(self, died: tuple[str, SaleBody]) -> None:
        key, wanted = died
        self._answered(wanted, key)
        self.in_doubt.pop(key, None)

    def _answered(self, wanted: SaleBody, key: str | None) -> None:
        receipt = self.service.sell(wanted, key=key)
        sale, text = receipt.sale, SaleAnswer.of(receipt.sale).json_text()
        if key in self.keys:
            assert receipt.replayed
            assert self.keys[key] == sale.request_id
            assert self.answers[sale.request_id] == text
            return
        if key is not None:
            self.keys[key] = sale.request_id
        self.answered[sale.request_id] = wanted
        self.answers[sale.request_id] = text

    @invariant()
    def everything_answered_is_kept_and_only_that(self) -> None:
        unknown = self.store.rows.keys() - self.answered.keys()
        assert self.answered.keys() <= self.store.rows.keys()
        assert len(unknown) <= len(self.in_doubt)
        assert len(self.store.effects) == len({effect.id for effect in self.store.effects})
        assert len(self.store.effects) == len(self.store.rows)

    @invariant()
    def lists_hold_each_warranty_once(self) -> None:
        found = self.service.listed(Filters(), after=None, limit=10_000).rows
        kept = [
            f"{each.sale.request_id}-{offer.months}"
            for each in self.store.rows.values()
            for offer in each.sale.offers
        ]
        assert Counter(w.id for w in found) == Counter(kept)
        for warranty in found:
            quote = CARDS.in_force(MORNING).quote(
                warranty.item_type, money.cents(warranty.item_cost)
            )
            prices = {offer.months: money.amount(offer.price_cents) for offer in quote.offers}
            assert prices[warranty.warranty_duration_months] == warranty.warranty_price

    @invariant()
    def refusals_are_counted_exactly(self) -> None:
        kinds = [
            (each.sale.item_type, each.sale.reason)
            for each in self.store.rows.values()
            if each.sale.reason
        ]
        counted = self.service.refusals(after=None, limit=100)
        assert {(each.item_type, each.reason): each.count for each in counted} == Counter(kinds)

    @invariant()
    def stores_and_items_are_those_that_were_named(self) -> None:
        sales = [each.sale for each in self.store.rows.values()]
        assert self.store.stores.keys() == {sale.store_uuid for sale in sales}
        assert self.store.items.keys() == {(sale.item_type, sale.item_sku) for sale in sales}

    @invariant()
    def items_show_the_newest_sale_unless_somebody_died_of_a_newer_one(self) -> None:
        if self.in_doubt:
            return
        newest: dict[tuple[str, str], Sale] = {}
        for each in sorted(self.store.rows.values(), key=lambda kept: kept.sale.received_at):
            newest[each.sale.item_type, each.sale.item_sku] = each.sale
        for name, sale in newest.items():
            item = self.store.items[name]
            assert (item.item_cost, item.item_title) == (sale.item_cost, sale.item_title)


TestShops = Shops.TestCase
TestShops.settings = settings(max_examples=size(30, fuzz=1_000))
