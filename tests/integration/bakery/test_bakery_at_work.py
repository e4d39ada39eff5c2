"""From an order to the provider's tickets: the API, the real stores, the worker, the stand-ins.

Time is that of the stand-ins, and passes when it is told to.
"""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from chalice.test import Client

from chalicelib.bakery import events, wiring, workers
from chalicelib.core.outbox import wiring as outbox
from chalicelib.core.outbox.index import EffectIndex
from chalicelib.core.outbox.rows import EffectRow
from chalicelib.core.outbox.store import EffectStore
from chalicelib.core.outbox.sweeper import Sweeper
from chalicelib.core.outbox.worker import Worker
from tests.support.bakery.table import Stores
from tests.support.integrations.vendors import Desk
from tests.support.outbox.fakes import MemoryQueues

CAKE = {"name": "Chocolate Cake", "ingredients": {"chocolate": 67.0, "eggs": 2}}
SIX = time(6, tzinfo=UTC)
JIRA_LAG_S = 600
SWEPT_EVERY = 10
"""Minutes; the deployed sweeper comes more often."""


@dataclass
class Bakery:
    """The bakery at work: who orders, who is told, and the time."""

    client: Client
    desk: Desk
    stores: Stores
    queues: MemoryQueues
    worker: Worker
    sweeper: Sweeper

    def now(self) -> datetime:
        return now(self.desk)

    def order(self, **said: Any) -> int:
        wish = {"customer": "Ada", "recipe": "chocolate_cake", "persons": 1, "quantity": 1}
        order_id: int = self.post("/orders", {**wish, **said})["id"]
        return order_id

    def post(self, path: str, body: object) -> Any:
        headers = {"Content-Type": "application/json"}
        answer = self.client.http.post(path, headers=headers, body=json.dumps(body).encode())
        assert answer.status_code == 201, answer.body
        return answer.json_body

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.client.http.get(path)
        assert answer.status_code == status, answer.body
        return answer.json_body

    def wait_for_six(self) -> date:
        """Let the night pass; return the day that begins."""
        six = datetime.combine(self.now().date() + timedelta(days=1), SIX)
        self.desk.office.clock.forward((six - self.now()).total_seconds() + 1)
        return six.date()

    def fire_schedule(self, day: date) -> None:
        scheduled = {"id": "1", "detail": {}, "detail-type": "", "resources": [], "account": ""}
        when = {"source": "", "region": "", "time": f"{day}T06:00:00Z", "version": "0"}
        events.daily_batch({**scheduled, **when}, None)

    def pass_(self, minutes: int) -> None:
        """Let time pass: messages are worked on as they come, the sweeper comes now and then."""
        for minute in range(minutes):
            if minute % SWEPT_EVERY == 0:
                self.sweeper.sweep()
            for _, effect_id in self.queues.due():
                self.worker.work(effect_id)
            self.desk.office.clock.forward(60)

    def effects(self) -> list[EffectRow]:
        store = EffectStore(self.stores.effects)
        return [kept for each in self.stores.requested() if (kept := store.get(each))]

    def issues(self) -> list[Any]:
        return self.desk.held("jira", "issues")


def now(desk: Desk) -> datetime:
    return datetime.fromtimestamp(desk.office.clock(), UTC)


@pytest.fixture
def bakery(
    client: Client, stores: Stores, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bakery]:
    """The bakery of the settings, with queues in memory; its search of Jira trails."""
    queues = MemoryQueues(lambda: now(desk), "jira")
    for module in (wiring, workers, outbox):
        monkeypatch.setattr(module, "now", lambda: now(desk))
    monkeypatch.setattr(outbox, "to_queues", lambda: queues)
    desk.office.jira.lag_s = JIRA_LAG_S
    named: Any = queues
    kept, index = EffectStore(stores.effects), EffectIndex(stores.effects)
    sweeper = Sweeper(kept, index, named, now=lambda: now(desk))
    made = Bakery(client, desk, stores, queues, workers.tickets.__wrapped__(), sweeper)
    made.post("/cakes", CAKE)
    yield made
    assert desk.doubled() == []


# --- Jira is down ---------------------------------------------------------------------------------


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which connections are refused."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.mark.parametrize("down", ["refused", "503", "503 after the ticket was made"])
def test_b19_after_two_hours_without_jira_there_is_one_ticket(
    bakery: Bakery, nobody: str, monkeypatch: pytest.MonkeyPatch, down: str
) -> None:
    orders = [bakery.order(persons=persons) for persons in (1, 2, 3)]
    day = bakery.wait_for_six()
    with monkeypatch.context() as outage:
        if down == "refused":
            outage.setenv("JIRA_URL", nobody)
        if down.endswith("made"):
            bakery.desk.fail("jira", "status_after", method="POST", path="/issue$", status=503)
        bakery.desk.fail("jira", "status", status=503, times=None)

        for _ in range(2):
            bakery.fire_schedule(day)
        bakery.pass_(minutes=120)

    batch = bakery.get(f"/batches/{day}")
    assert (batch["orders"], batch["ticket"]) == (orders, {"state": "asked"})
    assert len(bakery.issues()) == down.endswith("made")
    [effect] = bakery.effects()
    assert effect.attempts >= 2
    assert not effect.over

    bakery.desk.office.faults.clear()
    bakery.pass_(minutes=120)

    [issue] = bakery.issues()
    assert f"order-batch-{day}" in issue["fields"]["labels"]
    batch = bakery.get(f"/batches/{day}")
    assert batch["ticket"] == {"state": "created", "key": issue["key"]}
    [effect] = bakery.effects()
    assert (effect.state, effect.reference) == ("done", issue["key"])


# --- tickets for each order -----------------------------------------------------------------------


@pytest.fixture
def each_its_own(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKERY_TICKETS", "per_order")


@pytest.mark.usefixtures("each_its_own")
def test_b8_with_tickets_per_order_each_has_its_own_and_the_batch_finds_nothing(
    bakery: Bakery,
) -> None:
    for kind in ("drop", "drop_after", "limit"):
        bakery.desk.fail("jira", kind, method="POST", path="/issue$")
    orders = [bakery.order(persons=persons) for persons in (1, 2, 3, 4, 5)]
    assert {bakery.get(f"/orders/{each}")["status"] for each in orders} == {"ticketed"}

    bakery.pass_(minutes=60)
    day = bakery.wait_for_six()
    bakery.fire_schedule(day)
    bakery.pass_(minutes=20)

    bakery.get(f"/batches/{day}", status=404)
    assert bakery.get("/batches") == []
    keys = {issue["fields"]["summary"]: issue["key"] for issue in bakery.issues()}
    assert sorted(keys) == [f"Order #{each}" for each in orders]
    for each in orders:
        ticket = bakery.get(f"/orders/{each}")["ticket"]
        assert ticket == {"state": "created", "key": keys[f"Order #{each}"]}
    assert {kept.effect.id for kept in bakery.effects()} == {f"jira#order#{n}" for n in orders}
    assert {kept.state for kept in bakery.effects()} == {"done"}
