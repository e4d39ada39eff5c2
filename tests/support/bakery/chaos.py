"""A bakery whose five vendors, network and functions fail all the time, and whose time flies.

Workers, handlers, clients and stand-ins are the real ones; the stores are in memory, each call
of them one transaction. Time is that of the stand-ins: when nobody has anything to do, it is sent
ahead to whatever comes next, so hours take seconds and no settle time is cut.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from threading import RLock
from typing import Any

import pytest
from urllib3.exceptions import ReadTimeoutError

from chalicelib.bakery import wiring, workers
from chalicelib.bakery.service.batches import Batching
from chalicelib.bakery.service.cakes import Recipes
from chalicelib.bakery.service.directory import Directory
from chalicelib.bakery.service.erasing import Erasing
from chalicelib.bakery.service.notifying import Notifying, Previewing
from chalicelib.bakery.service.orders import Ordering, OrderRequest
from chalicelib.bakery.service.shortages import Shortages
from chalicelib.bakery.service.staff import Employees, Person
from chalicelib.bakery.wiring import Bakery, BakerySettings, Stores
from chalicelib.core.outbox import store
from chalicelib.core.outbox import wiring as outbox
from chalicelib.core.outbox.effects import Effect, Ending
from chalicelib.core.outbox.sweeper import Sweeper
from chalicelib.core.outbox.worker import Worker
from chalicelib.integrations import http
from chalicelib.integrations import wiring as vendors
from chalicelib.integrations.mail import Letter, Mail
from infra.standins import vendor as standin
from tests.support.bakery.fakes import (
    Effects,
    FakeBatches,
    FakeCakes,
    FakeDocuments,
    FakeOrders,
    FakeStaff,
    FakeTickets,
)
from tests.support.bakery.house import CHOCOLATE_CAKE, SECRET, given
from tests.support.dice import Dice
from tests.support.outbox.fakes import MemoryStore
from tests.support.stage import Killed
from tests.support.timetable import Timetable

KINDS = ("jira", "notify", "google", "github")
_SWEPT_EVERY = timedelta(minutes=5)
_FUNCTION_S = 90.0
"""After this a message whose worker died comes again; its effect's lease is over by then."""

# What happens to a message, to a request, and when a context is notified.
_NAMED = {"message lost": 0.05, "message twice": 0.10}
_CALLED = {
    "killed before the request": 0.01,
    "killed after the request": 0.02,
    "timeout before the deed": 0.02,
    "timeout after the deed": 0.02,
}
_TOLD = {"killed before telling": 0.02, "context away": 0.03, "killed after telling": 0.02}
MISHAPS = (*_NAMED, *_CALLED, *_TOLD)
"""What happens to every kind of effect; letters have mishaps of their own."""


class Locked:
    """Something in memory of which each call is one transaction."""

    def __init__(self, store: Any, lock: AbstractContextManager[object]) -> None:
        self._store, self._lock = store, lock

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            with self._lock:
                return getattr(self._store, name)(*args, **named)

        return call


class Queues:
    """Queues that lose messages, deliver them twice, and again when their worker has died."""

    def __init__(self, time: Timetable, dice: Dice) -> None:
        self._time, self._dice = time, dice
        self.workers: dict[str, Worker] = {}
        self.kinds = KINDS

    def __contains__(self, kind: str) -> bool:
        return kind in self.kinds

    def waiting(self, kind: str) -> int:
        return 0

    def send(self, kind: str, effect_ids: Sequence[str], *, delay_s: int = 0) -> list[str]:
        for effect_id in effect_ids:
            what = self._dice.happens(_NAMED)
            for _ in range({"message lost": 0, "message twice": 2}.get(what or "", 1)):
                self._time.after(delay_s, partial(self._deliver, kind, effect_id))
        return []

    def _deliver(self, kind: str, effect_id: str) -> None:
        try:
            self.workers[kind].work(effect_id)
        except Killed:
            self._time.after(_FUNCTION_S, partial(self._deliver, kind, effect_id))


class Mortal:
    """A handler whose worker may die, or whose table may be away, when it tells how it ended."""

    def __init__(self, handler: Any, dice: Dice) -> None:
        self._handler, self._dice = handler, dice
        self.search_lag_s = handler.search_lag_s
        self.handle, self.find = handler.handle, handler.find

    def on_finished(self, effect: Effect, conclusion: Ending) -> None:
        what = self._dice.happens(_TOLD)
        if what == "killed before telling":
            raise Killed
        if what == "context away":
            raise ConnectionError(what)
        self._handler.on_finished(effect, conclusion)
        if what:
            raise Killed


class DeadlyPool:
    """Connections on which an answer may never come, and whose user may be killed."""

    def __init__(self, pool: Any, dice: Dice) -> None:
        self._pool, self._dice = pool, dice

    def request(self, method: str, url: str, **options: Any) -> Any:
        what = self._dice.happens(_CALLED) or ""
        if what == "killed before the request":
            raise Killed
        if what != "timeout before the deed":
            answer = self._pool.request(method, url, **options)
            if what:
                answer.close()  # nobody reads it
        if what.startswith("timeout"):
            raise ReadTimeoutError(self._pool, url, what)
        if what:
            raise Killed
        return answer


class DeadlyMailbox:
    """A mailbox whose user may be killed.

    Nobody can look into a mailbox, so a letter of which nothing is known is sent once more and
    never a third time: only its first try may be killed before it leaves.
    """

    def __init__(self, mailbox: Mail, dice: Dice, begun: set[str]) -> None:
        self._mailbox, self._dice, self._begun = mailbox, dice, begun

    def send(self, letter: Letter) -> str:
        first = letter.effect_id not in self._begun
        self._begun.add(letter.effect_id)
        if first and self._dice.happens({"killed before the letter": 0.08}):
            raise Killed
        sent = self._mailbox.send(letter)
        if self._dice.happens({"killed after the letter": 0.08}):
            raise Killed
        return sent


class Asking(Effects):
    """Stores requested effects in the outbox, and sends their ids to its workers."""

    def __init__(self, outbox_store: MemoryStore, queues: Queues, time: Timetable) -> None:
        super().__init__()
        self._store, self._queues, self._time = outbox_store, queues, time

    def add(self, effects: Sequence[Effect]) -> None:
        super().add(effects)
        for effect in effects:
            self._store.add(effect, self._time.now())
            self._queues.send(effect.kind, [effect.id], delay_s=int(effect.delay_s))


class ChaoticBakery:
    """The whole bakery; ``search_lag_s`` is how long the search of Jira is believed to trail."""

    def __init__(
        self, clock: standin.Clock, monkeypatch: pytest.MonkeyPatch, *, search_lag_s: float
    ) -> None:
        self.time, self.dice = Timetable(clock), Dice(2142)
        self.queues = Queues(self.time, self.dice)
        self.outbox = MemoryStore()
        self._lock = RLock()
        asking = Asking(self.outbox, self.queues, self.time)
        self.orders = FakeOrders(asking)
        batches = FakeBatches(self.orders, asking)
        self.staff, self.documents = FakeStaff(asking), FakeDocuments()
        self._stores: Any = Stores(
            cakes=self._locked(FakeCakes()),
            orders=self._locked(self.orders),
            batches=self._locked(batches),
            tickets=self._locked(FakeTickets(batches, asking)),
            staff=self._locked(self.staff),
            documents=self._locked(self.documents),
            erasures=self._locked(None),  # nobody is erased here
        )
        self._bakery = self._services()
        self._bakery.recipes.add("Chocolate Cake", given(CHOCOLATE_CAKE))
        self._endanger(monkeypatch)
        self._hire_workers(monkeypatch, search_lag_s)
        store: Any = self._locked(self.outbox)
        queues: Any = self.queues
        self._sweeper = Sweeper(store, store, queues, now=self.time.now)

    def _endanger(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let every request and every letter be a matter of life and death."""
        connections, mailbox, begun = http.pool(), vendors.mail, set[str]()
        monkeypatch.setattr(http, "pool", lambda: DeadlyPool(connections, self.dice))
        monkeypatch.setattr(vendors, "mail", lambda: DeadlyMailbox(mailbox(), self.dice, begun))

    def _locked(self, store: Any) -> Any:
        return Locked(store, self._lock)

    def _services(self) -> Bakery:
        stores, now = self._stores, self.time.now
        ordering = Ordering(stores.orders, stores.cakes, stores.batches, now=now)
        deciding = Notifying(Directory(vendors.slack, now=now), wiring.addresses, stores.cakes)
        return Bakery(
            recipes=Recipes(stores.cakes, now=now),
            ordering=ordering,
            batching=Batching(stores.batches, now=now),
            shortages=Shortages(
                stores.tickets,
                stores.batches,
                stores.orders,
                ordering,
                desk=vendors.jira,
                now=now,
                secrets=lambda: [SECRET],
            ),
            employees=Employees(stores.staff, now=now),
            erasing=Erasing(
                stores.orders, stores.documents, stores.erasures, now=now, new_salt=str
            ),
            notices=Previewing(ordering, deciding, deciding.decide, now=now),
        )

    def _hire_workers(self, monkeypatch: pytest.MonkeyPatch, search_lag_s: float) -> None:
        """Have the bakery's own wiring build the workers, on these stores and this time."""
        monkeypatch.setattr(workers, "stores", lambda: self._stores)
        monkeypatch.setattr(workers, "bakery", lambda: self._bakery)
        monkeypatch.setattr(workers, "now", self.time.now)
        settings = BakerySettings(bakery_table="", bakery_settle_s=search_lag_s)
        for reader in (workers, wiring):
            monkeypatch.setattr(reader, "from_env", lambda _: settings)
        monkeypatch.setattr(outbox, "from_env", lambda _: outbox.OutboxSettings(outbox_table=""))
        monkeypatch.setattr(outbox, "table", lambda: None)
        monkeypatch.setattr(store, "EffectStore", lambda _: self._locked(self.outbox))
        monkeypatch.setattr(outbox, "to_queues", lambda: self.queues)
        monkeypatch.setattr(outbox, "now", self.time.now)
        made = outbox.worker
        monkeypatch.setattr(
            outbox,
            "worker",
            lambda kind, does: made(kind, Mortal(does, self.dice)),
        )
        offices = (workers.tickets, workers.notices, workers.files, workers.access)
        for kind, build in zip(KINDS, offices, strict=True):
            self.queues.workers[kind] = build.__wrapped__()

    # --- what people do ---

    def order(self, customer: str, *, urgent: bool = False) -> int:
        wish = OrderRequest(
            customer, "chocolate_cake", persons=1, quantity=1, extras={}, urgent=urgent
        )
        return self._bakery.ordering.place(wish).order.id

    def cancel(self, order_id: int) -> None:
        self._bakery.ordering.cancel(order_id, by="staff", reason="cancelled on request")

    def ready(self, order_id: int) -> None:
        self._bakery.ordering.make_ready(order_id, by="staff", reason="baked")

    def hire(self, login: str) -> int:
        return self._bakery.employees.hire(
            Person("Ada", "Lovelace", developer=True, login=login)
        ).id

    def fire(self, employee_id: int) -> None:
        self._bakery.employees.fire(employee_id)

    # --- the day ---

    def go(self, *, hands: int) -> None:
        """Work until nothing is left to do."""
        self.time.after(0, self._sweep)
        self.time.run(hands)

    def _sweep(self) -> None:
        self._sweeper.sweep()
        if any(not stores.over for stores in list(self.outbox.rows.values())):
            self.time.after(_SWEPT_EVERY.total_seconds(), self._sweep)
