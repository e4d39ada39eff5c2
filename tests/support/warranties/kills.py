"""Stores that die anywhere in the middle of a sale and try again, on whatever plays DynamoDB."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from chalicelib.warranties.answers import SaleAnswer
from chalicelib.warranties.models import SaleBody
from chalicelib.warranties.service import Filters, Warranties
from tests.support.clock import Clock
from tests.support.dynamodb import Line, items
from tests.support.stage import Killed
from tests.support.warranties.fakes import CARDS, MORNING, MemoryArchive, body
from tests.support.warranties.table import real_store


@dataclass(frozen=True)
class Scene:
    """A store and an item whose names are their own, on tables."""

    client: Any
    table: str
    outbox: str
    name: str
    clock: Clock = field(default_factory=lambda: Clock(MORNING))

    def service(self, line: Line | None = None) -> Warranties:
        """Return the service as a new process sees it."""
        store = real_store(line or self.client, self.table, self.outbox)
        return Warranties(
            store,
            cards=CARDS,
            archived=MemoryArchive(),
            now=self._now,
            new_id=lambda: str(uuid4()),
            tries=lambda: range(5),
        )

    def _now(self) -> datetime:
        self.clock.forward(seconds=1)
        return self.clock.at

    def body(self, **fields: Any) -> SaleBody:
        return body(**{"store_uuid": self.name, "item_sku": self.name, **fields})

    def check(self, *sold: tuple[SaleBody, str]) -> None:
        """Hold what is stored against the sales that were answered, with their request ids."""
        stored = items(self.client, self.table)
        kinds = {each["pk"]["S"]: each for each in stored}
        assert f"STORE#{self.name}" in kinds
        assert sum(each["pk"]["S"] == f"ITEM#{self.name}" for each in stored) == 1
        ids = {request_id for _, request_id in sold}
        assert len(ids) == len(sold)
        sales = [each for each in stored if each["pk"]["S"].startswith("SALE#")]
        mine = {s["pk"]["S"][5:] for s in sales if f'"{self.name}"' in s["body"]["S"]}
        assert mine == ids
        effects = {each["pk"]["S"].rpartition("#")[2] for each in items(self.client, self.outbox)}
        assert ids <= effects
        listed = self.service().listed(Filters(store_uuid=self.name), after=None, limit=1000)
        everywhere = self.service().listed(Filters(sku=self.name), after=None, limit=1000)
        assert everywhere == listed
        offers = {w.id[:36] for w in listed.rows}
        assert offers == {request_id for wanted, request_id in sold if wanted.item_cost >= 10_00}


def cancelling_deaths(client: Any, table: str, outbox: str) -> Iterator[int]:
    """Die at every moment of a cancellation, try again; yield each moment."""
    for moment in range(20):
        at = Scene(client, table, outbox, str(uuid4()))
        sold = at.service().sell(at.body()).sale
        warranty_id = f"{sold.request_id}-12"
        try:
            at.service(Line(client, dies_at=moment)).cancel(warranty_id, "first")
        except Killed:
            view = at.service().cancel(warranty_id, "retried").view
            again = at.service().cancel(warranty_id, "again")
            assert (again.view, again.replayed) == (view, True)
            listed = at.service().listed(Filters(store_uuid=at.name), after=None, limit=10)
            everywhere = at.service().listed(Filters(sku=at.name), after=None, limit=10)
            assert everywhere == listed
            assert [row.refund for row in listed.rows] == [view.refund, None]
            effects = [each["pk"]["S"] for each in items(client, outbox)]
            assert effects.count(f"EFFECT#archive#{warranty_id}#cancelled") == 1
            yield moment
        else:
            return
    raise AssertionError("it has more moments than anybody looked at")


DEEDS: dict[str, dict[str, Any]] = {
    "of a new item in a new store": {"before": None},
    "of a known item": {"before": {}},
    "of an item that has changed": {"before": {"item_cost": 300}},
    "that no plan fits": {"before": {"item_cost": 5}, "item_cost": 5},
}


def deaths(client: Any, table: str, outbox: str, name: str) -> Iterator[int]:
    """Die at every moment of a sale, try again under the same key; yield each moment."""
    for moment in range(20):
        at = Scene(client, table, outbox, str(uuid4()))
        before, fields = DEEDS[name]["before"], {**DEEDS[name]}
        del fields["before"]
        sold = []
        if before is not None:
            earlier = at.body(**before)
            sold.append((earlier, at.service().sell(earlier).sale.request_id))
        wanted, key = at.body(**fields), str(uuid4())
        try:
            at.service(Line(client, dies_at=moment)).sell(wanted, key=key)
        except Killed:
            receipt = at.service().sell(wanted, key=key)
            again = at.service().sell(wanted, key=key)
            assert again.replayed
            assert SaleAnswer.of(again.sale).json_text() == SaleAnswer.of(receipt.sale).json_text()
            at.check(*sold, (wanted, receipt.sale.request_id))
            item = at.service().store.parties(receipt.sale)[1]
            assert item.item_cost == wanted.item_cost
            yield moment
        else:
            return
    raise AssertionError("it has more moments than anybody looked at")
