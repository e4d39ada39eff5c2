"""A customer is erased: once, twice, at once, half or late, and never while it is not known what
vendors have.

On the real stores; tests/integration/test_erasing.py has the whole app.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from chalicelib.bakery import effects
from chalicelib.bakery.documents import place
from chalicelib.bakery.handlers.files import DocumentErasureHandler, FilingHandler
from chalicelib.bakery.handlers.notices import MessageErasureHandler
from chalicelib.bakery.names import record_id
from chalicelib.bakery.ports import Spot
from chalicelib.bakery.records import Notice, Order
from chalicelib.bakery.service.batches import Batching
from chalicelib.bakery.service.cakes import Recipes
from chalicelib.bakery.service.erasing import AT_ONCE, Erasing, Run
from chalicelib.bakery.service.orders import Ordering, OrderRequest, TooLateError, WrongStateError
from chalicelib.core.idempotency import KeyReusedError
from chalicelib.core.outbox.effects import Ending, NotExecutedError, RejectedError
from chalicelib.core.outbox.rows import EffectRow
from chalicelib.core.outbox.store import EffectStore, closed
from chalicelib.core.outbox.tasks import ByTask
from chalicelib.core.outbox.worker import Worker
from tests.support.bakery.house import CHOCOLATE_CAKE, given
from tests.support.bakery.table import Stores
from tests.support.bakery.vendors import FakeDrive, FakeMessenger
from tests.support.clock import Clock
from tests.support.dynamodb import items
from tests.support.stage import Killed

NAME = "Mr. Cakelover"
# The outbox has the time of this machine, and may ask for something a moment after we began.
LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
WORDS = ("cakelover", "lover@", "+49", "allerg")


class Bakery:
    """Orders, and what becomes of their effects when somebody says so."""

    def __init__(self, dynamodb: Any, bakery: str, outbox: str) -> None:
        self.clock = Clock(LATER)
        self.dynamodb = Dying(dynamodb)
        self.stores = Stores(self.dynamodb, bakery, outbox)
        self.effects = EffectStore(self.stores.effects)
        recipes = Recipes(self.stores.cakes, now=self.clock)
        recipes.add("Chocolate Cake", given(CHOCOLATE_CAKE))
        self.ordering = Ordering(
            self.stores.orders, self.stores.cakes, self.stores.batches, now=self.clock
        )
        self.batching = Batching(self.stores.batches, now=self.clock)
        salts = count()
        self.erasing = Erasing(
            self.stores.orders,
            self.stores.documents,
            self.stores.erasures,
            now=self.clock,
            new_salt=lambda: str(next(salts)),
        )

    def place(self, customer: str = NAME, *, key: str | None = None, **said: Any) -> Order:
        told = {
            "email": "lover@example.com",
            "phone": "+49 170 1234567",
            "note": "an allergy to nuts",
            **said,
        }
        request = OrderRequest(customer, "chocolate cake", 4, 1, {}, **told)
        return self.ordering.place(request, key=key).order

    def cancelled(self, **said: Any) -> Order:
        order = self.place(**said)
        return self.ordering.cancel(order.id, by="Ann", reason=f"{NAME} called")

    def ready(self, *, message: str | None = "DU01/1.2") -> Order:
        """An order that is ready; its customer was told, unless there is no message."""
        order = self.place()
        order = self.ordering.make_ready(order.id, by="staff", reason="baked")
        if message:
            self.end(f"ready#{order.id}", message)
            notice = Notice(state="sent", channel="slack", to="U01", reference=message)
            after = order.after(notice=notice)
            assert self.stores.orders.change(order, after)
            order = after
        return order

    def filed(self) -> Order:
        order = self.cancelled()
        self.end(f"cancelled#{order.id}", "document-1")
        self.known("document-1")
        return order

    def known(self, document_id: str | None, name: str = "mr_cakelover") -> None:
        """Have a document be there, or be made by nobody knows whom."""
        at = place(name)
        spot = self.stores.documents.spot(at)
        if spot == Spot():
            self.stores.documents.claim(at, maker="cancelled#1", at=LATER, before=spot)
        if document_id:
            self.stores.documents.keep(at, document_id)

    def row(self, effect_id: str) -> EffectRow:
        row = self.effects.get(effect_id)
        assert row
        return row

    def set(self, effect_id: str, **changes: Any) -> None:
        self.effects.change(self.row(effect_id), replace(self.row(effect_id), **changes))

    def end(self, effect_id: str, reference: str | None = None) -> None:
        self.set(effect_id, state="sending", token="t", last_error=f"{NAME} cannot be reached")
        ended = closed(self.row(effect_id), Ending("done", reference), self.clock())
        self.effects.change(self.row(effect_id), ended)

    def worker(self, kind: str, task: ByTask) -> Worker:
        return Worker(kind, task, self.effects, Nowhere(), now=self.clock, new_id=lambda: "token")

    def erase(self, name: str = NAME, **asked: Any) -> Run:
        return self.erasing.erase(name, **asked)

    def order(self, order_id: int) -> Order:
        return self.ordering.order(order_id)

    def state(self) -> Any:
        tables = (self.stores.table.name, self.stores.effects.name)
        found = [item for table in tables for item in items(self.dynamodb, table)]
        return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))

    def words(self) -> list[str]:
        """Return what is left of the customer, anywhere."""
        text = json.dumps(self.state(), ensure_ascii=False).casefold()
        return [word for word in WORDS if word in text]


class Dying:
    """A database whose caller may be killed after a number of writes, or overtaken before one."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.left: int | None = None
        self.meanwhile: list[Callable[[], object]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **told: Any) -> Any:
        if self.left == 0:
            raise Killed
        if self.meanwhile:
            self.meanwhile.pop(0)()
        answer = self._client.transact_write_items(**told)
        self.left = None if self.left is None else self.left - 1
        return answer


class Nowhere:
    def send(self, kind: str, effect_ids: list[str], *, delay_s: int = 0) -> list[str]:
        return []


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.bakery.service.erasing._COST", {"n": 2, "r": 1, "p": 1})


@pytest.fixture
def bakery(stores: Stores) -> Bakery:
    return Bakery(stores.client, stores.table.name, stores.effects.name)


def test_what_is_over_loses_its_customer_and_nothing_else(bakery: Bakery) -> None:
    told, filed = bakery.ready(), bakery.filed()
    before = {order.id: bakery.order(order.id) for order in (told, filed)}
    assert set(WORDS) == set(bakery.words())

    run = bakery.erase("mr cakelover")

    assert run == Run((filed.id, told.id), 1, 1, 0, (), None)
    assert bakery.words() == []
    for order_id, was in before.items():
        now = bakery.order(order_id)
        assert (now.status, now.needs, now.created_at) == (was.status, was.needs, was.created_at)
        assert now.customer == f"Erased {order_id}"
        assert now.erasure
        assert now.erasure.at == LATER
        page = list(bakery.stores.orders.perhaps_of(record_id(now.customer), None, page_size=50))
        assert [each.id for each in page] == [order_id]
    assert [step.reason for step in bakery.order(told.id).history] == ["ordered", "erased"]


def test_an_open_order_waits_and_says_what_for(bakery: Bakery) -> None:
    over, waits = bakery.cancelled(), bakery.place()

    run = bakery.erase()

    assert run.orders == (over.id,)
    assert [(each.order, each.why) for each in run.waiting] == [
        (waits.id, "it is open: cancel it, or mark it as ready")
    ]
    assert bakery.order(waits.id).customer == NAME
    bakery.ordering.cancel(waits.id, by="staff", reason="cancelled on request")
    assert bakery.erase().orders == (waits.id,)
    assert bakery.words() == []


def test_an_order_on_a_ticket_waits_and_the_batch_stays_as_it_was(bakery: Bakery) -> None:
    order = bakery.place()
    bakery.clock.forward(seconds=1)
    batch = bakery.batching.run_by_hand().batch

    [waits] = bakery.erase().waiting

    assert waits.why == "it is ticketed: cancel it, or mark it as ready"
    bakery.ordering.make_ready(order.id, by="staff", reason="baked")
    bakery.erase()
    assert batch
    assert bakery.stores.batches.batch(batch.id) == batch
    assert [each.id for each in bakery.stores.batches.members(batch.id)] == [order.id]


def test_erasing_again_changes_nothing(bakery: Bakery) -> None:
    bakery.filed(), bakery.ready()
    bakery.erase()
    state = bakery.state()

    for name in (NAME, "Erased 1", "nobody"):
        assert bakery.erase(name) == Run((), 0, 0, 0, (), None)
    assert bakery.state() == state


def test_a_dry_run_says_the_same_and_changes_nothing(bakery: Bakery) -> None:
    bakery.filed(), bakery.ready(), bakery.place()
    state = bakery.state()

    said = bakery.erase(dry_run=True)

    assert bakery.state() == state
    assert said == bakery.erase()


@pytest.mark.parametrize("writes", range(6))
def test_a_run_that_is_killed_is_finished_by_the_next(bakery: Bakery, writes: int) -> None:
    bakery.filed(), bakery.ready(), bakery.cancelled()
    bakery.known("document-2", "mr_cakelover 2")
    bakery.dynamodb.left = writes
    with pytest.raises(Killed) if writes < 4 else _nothing():
        bakery.erase()

    bakery.dynamodb.left = None
    bakery.erase()

    assert bakery.words() == []
    asked = {each for each in bakery.stores.requested() if each.startswith("erase#")}
    assert asked == {"erase#document#document-1", "erase#document#document-2", "erase#message#2"}


def test_two_runs_at_once_erase_each_order_once(bakery: Bakery) -> None:
    bakery.filed(), bakery.ready(), bakery.cancelled()
    bakery.dynamodb.meanwhile = [bakery.erase]

    assert bakery.erase().orders == (3, 2, 1)

    assert bakery.words() == []
    assert {order.version for order in map(bakery.order, (1, 3))} == {3}


def test_a_change_that_comes_between_is_kept(bakery: Bakery) -> None:
    order = bakery.place()
    order = bakery.ordering.cancel(order.id, by="staff", reason="cancelled on request")

    def filed() -> None:
        assert bakery.stores.orders.change(order, order.after(filed=True))

    bakery.dynamodb.meanwhile = [filed]

    bakery.erase()

    assert bakery.order(order.id).filed
    assert bakery.words() == []


# --- effects --------------------------------------------------------------------------------------


def test_what_nobody_has_begun_is_not_done_any_more(bakery: Bakery) -> None:
    told, filed = bakery.ready(message=None), bakery.cancelled()
    bakery.set(f"cancelled#{filed.id}", state="disabled")

    bakery.erase()

    messenger, drive = FakeMessenger(), FakeDrive()
    notify = bakery.worker("notify", ByTask({"erase": MessageErasureHandler(lambda: messenger)}))
    google = bakery.worker("google", ByTask({"erase": DocumentErasureHandler(lambda: drive)}))
    bakery.clock.forward(hours=1)
    assert notify.work(f"ready#{told.id}") == "left"
    assert google.work(f"cancelled#{filed.id}") == "left"
    notice = bakery.order(told.id).notice
    assert notice
    assert (notice.state, notice.why) == ("unreachable", "erased")
    with pytest.raises(TooLateError):
        bakery.ordering.undo_ready(told.id, by="staff", reason="oh")
    with pytest.raises(WrongStateError):
        bakery.ordering.cancel(told.id, by="staff", reason="oh")


@pytest.mark.parametrize(
    "stands",
    [
        {"state": "sending", "token": "t"},
        {"state": "unsure", "unsure_at": LATER},
        {"state": "pending", "ended": Ending("done", "x")},
        {"state": "dead", "unsure_at": LATER, "wake_at": None},
        {"state": "disabled", "unsure_at": LATER},
    ],
)
def test_what_a_vendor_may_have_done_is_waited_for(bakery: Bakery, stands: dict[str, Any]) -> None:
    order = bakery.cancelled()
    bakery.set(f"cancelled#{order.id}", **stands)

    run = bakery.erase()

    [waits] = run.waiting
    assert waits.why.startswith(f"cancelled#{order.id} ")
    assert bakery.order(order.id).customer == NAME


def test_a_letter_whose_fate_nobody_will_ever_know_keeps_nobody(bakery: Bakery) -> None:
    order = bakery.ready(message=None)
    notice = Notice(state="failed", channel="mail", to="lover@example.com", why="lover@: 451")
    bakery.stores.orders.change(order, order.after(notice=notice))
    bakery.set(f"ready#{order.id}", state="dead", unsure_at=LATER, wake_at=None)

    assert bakery.erase().orders == (order.id,)
    assert bakery.words() == []


def test_a_worker_that_was_faster_is_waited_for(bakery: Bakery) -> None:
    order = bakery.ready(message=None)
    bakery.dynamodb.meanwhile = [
        lambda: bakery.set(f"ready#{order.id}", state="sending", token="t")
    ]

    [waits] = bakery.erase().waiting

    assert "has not ended" in waits.why


def test_a_dead_effect_that_is_retried_later_notifies_no_one(bakery: Bakery) -> None:
    order = bakery.cancelled()
    bakery.set(f"cancelled#{order.id}", state="dead", answer=f"{NAME}: 403", wake_at=None)

    bakery.erase()

    row = bakery.row(f"cancelled#{order.id}")
    assert (row.state, row.answer) == ("done", "the customer was erased")


def test_a_document_that_may_be_there_keeps_the_order_that_requested_it(bakery: Bakery) -> None:
    order = bakery.cancelled()
    bakery.known(None)  # it was claimed, and the claim is all there is

    run = bakery.erase()

    assert [each.order for each in run.waiting] == [order.id]
    assert run.documents == 0
    bakery.known("document-1")
    assert (bakery.erase().orders, bakery.erase().documents) == ((order.id,), 0)
    assert bakery.words() == []


def test_documents_and_messages_are_deleted_however_often(bakery: Bakery) -> None:
    drive, messenger = FakeDrive(), FakeMessenger()
    filing = FilingHandler(
        lambda: drive,
        lambda: drive,
        bakery.stores.documents,
        bakery.stores.orders,
        now=bakery.clock,
        search_lag_s=300,
    )
    google = bakery.worker(
        "google", ByTask({"": filing, "erase": DocumentErasureHandler(lambda: drive)})
    )
    notify = bakery.worker("notify", ByTask({"erase": MessageErasureHandler(lambda: messenger)}))
    order, told = bakery.cancelled(), bakery.ready()
    assert google.work(f"cancelled#{order.id}") == "done"
    drive.before = [NotExecutedError("503")]
    bakery.erase()
    [document] = [each for each in bakery.stores.requested() if each.startswith("erase#document#")]

    assert google.work(document) == "pending"
    bakery.clock.forward(hours=2)
    assert google.work(document) == "done"
    assert notify.work(f"erase#message#{told.id}") == "done"

    assert drive.gone == {"document-1"}
    assert messenger.deleted == [("DU01", "1.2")]
    [row] = items(bakery.dynamodb, bakery.stores.effects.name, f"EFFECT#{document}")
    assert "expires_at" in row


def test_what_a_vendor_refuses_to_delete_is_dead_and_seen(bakery: Bakery) -> None:
    drive = FakeDrive()
    drive.before = [RejectedError("403: the user does not have sufficient permissions")]
    google = bakery.worker("google", ByTask({"erase": DocumentErasureHandler(lambda: drive)}))
    bakery.filed()
    bakery.erase()

    assert google.work("erase#document#document-1") == "dead"


# --- keys and pages -------------------------------------------------------------------------------


def test_a_repeat_of_a_request_is_no_second_order_and_another_one_is_refused(
    bakery: Bakery,
) -> None:
    order = bakery.place(key="k")
    bakery.ordering.cancel(order.id, by="staff", reason="cancelled on request")
    bakery.erase()

    assert bakery.place(key="k") == bakery.order(order.id)
    for other in ({"customer": "Ada"}, {"phone": "+1 2"}, {"note": None}, {"email": None}):
        with pytest.raises(KeyReusedError, match=r"with another customer\. A"):
            bakery.place(key="k", **other)
    assert len(list(bakery.stores.orders.orders(None, page_size=50))) == 1


def test_many_orders_are_erased_in_several_runs(bakery: Bakery) -> None:
    for _ in range(AT_ONCE + 2):
        bakery.cancelled()
    others = bakery.place("Ada")

    first = bakery.erase()
    last = bakery.erase(before=first.following)

    assert (len(first.orders), first.following) == (AT_ONCE, 3)
    assert (last.orders, last.following) == ((2, 1), None)
    assert bakery.order(others.id) == others


def test_orders_from_before_lists_of_customers_are_found_too(bakery: Bakery) -> None:
    order = bakery.cancelled()
    bakery.stores.table.delete("CUSTOMER#mr_cakelover", f"{order.id:015d}")
    bakery.stores.table.update(
        "COUNTERS", "ORDERS", "SET customers_from = :from", values={":from": {"N": "100"}}
    )

    assert bakery.erase().orders == (order.id,)
    assert bakery.words() == []


@pytest.mark.parametrize(
    ("by", "reason", "after"),
    [
        ("Ann", "no time", ("staff", "erased")),
        ("provider, ING-1", "missing eggs", ("provider, ING-1", "missing eggs")),
        ("customer", "Mr Cakelover moved", ("staff", "erased")),
        ("provider, Mr-Cakelover", "x", ("staff", "erased")),
    ],
)
def test_what_people_typed_goes_and_what_the_bakery_says_stays(
    bakery: Bakery, by: str, reason: str, after: tuple[str, str]
) -> None:
    order = bakery.place()
    bakery.ordering.cancel(order.id, by=by, reason=reason)
    bakery.clock.forward(minutes=1)

    bakery.erase()

    last = bakery.order(order.id).history[-1]
    assert (last.by, last.reason, last.at) == (*after, LATER)
    assert effects.about_customer(order) == [f"{each}#{order.id}" for each in TOLD]


TOLD = ("ready", "short", "cancelled")


class _nothing:  # noqa: N801 - stands beside pytest.raises
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...
