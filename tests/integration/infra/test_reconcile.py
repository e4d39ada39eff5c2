"""What a restored outbox is told of effects that its past does not know, and what follows."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.bakery.records import Batch, Gathering, Ticket
from chalicelib.bakery.store.batches import BatchStore, TicketStore
from chalicelib.core.outbox import rows
from chalicelib.core.outbox.effects import Effect, Ending, OutcomeUnknownError
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.outbox.rows import EffectRow
from chalicelib.core.outbox.store import EffectStore, closed
from chalicelib.core.table import Table, key
from infra import reconcile
from infra.reconcile import DISTANCE, Known
from tests.support.aws import client
from tests.support.dynamodb import make_table

KIND = "letters"
AT = datetime(2026, 11, 29, 10, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
HELD_AT = AT + timedelta(hours=2)


class Tables:
    """A table as it was when the stage was held, and as it was at the instant."""

    def __init__(self, resource: str) -> None:
        for name in ("before", "restored"):
            make_table(client("dynamodb"), resource, f"{resource}-{name}")
        self.before = Table(client("dynamodb"), f"{resource}-before")
        self.restored = Table(client("dynamodb"), f"{resource}-restored")
        self.looked: list[str] = []
        self.there: dict[str, str] = {}

    def ask(self, id_: str, *, lost: bool) -> EffectRow:
        """Have an effect asked for before the instant, or since."""
        effect, at = Effect(id_, KIND, {}), LATER if lost else AT - timedelta(hours=1)
        for table in (self.before,) if lost else (self.before, self.restored):
            table.transact(Outbox(table, now=lambda: at).adding(effect))
        return rows.requested(effect, at)

    def stands(self, row: EffectRow, **told: Any) -> None:
        """Have an effect be so when the stage was held."""
        tried = replace(row, state="sending", token="t", attempts=1)
        after = replace(tried, **told) if told else closed(tried, Ending("done", "r"), LATER)
        store = EffectStore(self.before)
        store.change(store.change(row, tried), after)

    def look(self, effect: Effect) -> str | None:
        self.looked.append(effect.id)
        if effect.id == "down":
            raise OutcomeUnknownError
        return self.there.get(effect.id)

    def reconcile(self) -> dict[str, Known]:
        found = reconcile.effects(
            self.before, self.restored, {KIND: self.look}, at=AT, held_at=HELD_AT
        )
        return {each.effect.id: each for each in found}

    def known(self, id_: str) -> EffectRow:
        """Return an effect as its worker reads it after the restore."""
        kept, _ = EffectStore(self.restored).read_with_pause(id_, KIND)
        assert kept
        return kept


@pytest.fixture
def outbox() -> Iterator[Tables]:
    with mock_aws():
        yield Tables("OutboxTable")


@pytest.fixture
def bakery(outbox: Tables) -> Tables:
    del outbox  # which is made there, too
    return Tables("BakeryTable")


@pytest.mark.parametrize("lost", [True, False])
def test_what_was_done_since_is_done_when_it_is_requested_again(
    outbox: Tables, *, lost: bool
) -> None:
    outbox.stands(outbox.ask("a", lost=lost))

    assert outbox.reconcile() == {"a": Known(Effect("a", KIND, {}), "done", "r", lost)}

    if lost:
        ask_again(outbox.restored, "a")
    assert outbox.known("a").ended == Ending("done", "r")
    assert outbox.looked == []


@pytest.mark.parametrize(
    ("id_", "how"), [("there", "found"), ("absent", "unsure"), ("down", "unsure")]
)
def test_what_may_have_been_done_is_looked_up_at_its_vendor(
    outbox: Tables, id_: str, how: str
) -> None:
    outbox.there["there"] = "x"
    outbox.stands(outbox.ask(id_, lost=False), state="unsure", unsure_at=LATER)

    [known] = outbox.reconcile().values()

    assert (known.how, outbox.looked) == (how, [id_])
    read = outbox.known(id_)
    assert read.ended == (Ending("done", "x") if how == "found" else None)
    assert read.unsure_at == (None if how == "found" else HELD_AT)


def test_what_was_never_tried_refused_or_withdrawn_is_left_alone(outbox: Tables) -> None:
    outbox.ask("waits", lost=False)
    outbox.stands(outbox.ask("refused", lost=False), state="dead", answer="no")
    outbox.ask("withdrawn", lost=False)
    outbox.before.transact(
        Outbox(outbox.before, now=lambda: LATER).withdrawing("withdrawn"),
    )
    finished = outbox.ask("finished", lost=False)
    for table in (outbox.before, outbox.restored):
        claimed = replace(finished, state="sending", token="t")
        EffectStore(table).change(finished, claimed)
        EffectStore(table).change(claimed, closed(claimed, Ending("done", "r"), AT))

    assert outbox.reconcile() == {}
    assert outbox.known("waits") == EffectStore(outbox.restored).get("waits")


def test_comparing_twice_says_and_writes_the_same(outbox: Tables) -> None:
    outbox.stands(outbox.ask("a", lost=True))
    outbox.stands(outbox.ask("b", lost=False), state="unsure", unsure_at=LATER)

    first, items = outbox.reconcile(), outbox.restored.scan(limit=100)

    assert outbox.reconcile() == first
    assert outbox.restored.scan(limit=100) == items
    assert [line.split()[1] for line in reconcile.report(list(first.values()))] == ["a", "b"]


def test_ids_go_on_at_a_distance_from_the_last_that_anybody_saw(bakery: Tables) -> None:
    for table, last in ((bakery.before, 17), (bakery.restored, 12)):
        table.put({**key("COUNTERS", "ORDERS"), "last": {"N": str(last)}})
    bakery.before.put({**key("COUNTERS", "EMPLOYEES"), "last": {"N": "1"}})

    for _ in range(2):
        moved = reconcile.counters(bakery.before, bakery.restored)

    assert moved == {"ORDERS": 17 + DISTANCE, "EMPLOYEES": 1 + DISTANCE}
    assert bakery.restored.add("COUNTERS", "ORDERS", "last") == 18 + DISTANCE


def test_documents_that_were_created_since_are_known_and_others_stay(bakery: Tables) -> None:
    for name, document in (("ann", "d1"), ("bob", "d2")):
        bakery.before.put({**key("DOCUMENTS", name), "document_id": {"S": document}})
    bakery.restored.put({**key("DOCUMENTS", "bob"), "document_id": {"S": "d0"}})

    assert reconcile.documents(bakery.before, bakery.restored) == 1

    ids = [item["document_id"]["S"] for item in bakery.restored.query("DOCUMENTS")]
    assert ids == ["d1", "d0"]


def test_a_batch_whose_orders_are_lost_is_sealed_without_any_so_none_takes_its_ticket(
    outbox: Tables, bakery: Tables
) -> None:
    day, asking = date(2026, 11, 29), Outbox(outbox.before, now=lambda: LATER)
    ticket = Ticket(state="created", key="ING-7", id="10007")
    gathering = Gathering(day=day, cutoff=AT, by="schedule", version=0)
    batch = Batch(day=day, cutoff=AT, by="schedule", sealed_at=LATER, orders=(4,), lines=())
    effect = Effect(f"jira#batch#{day}", "jira", {"task": "batch", "day": f"{day}"})
    assert BatchStore(bakery.before, asking).seal(gathering, batch, effect)
    TicketStore(bakery.before, asking).settle(day, ticket)

    sealed = [
        reconcile.batches(
            bakery.before, bakery.restored, outbox.restored, at=AT, now=lambda: HELD_AT
        )
        for _ in range(2)
    ]

    assert sealed == [[f"batch {day} is sealed; lost orders on its ticket: 4"]] * 2
    restored = BatchStore(bakery.restored, asking).batch(day)
    assert restored
    assert (restored.orders, restored.cutoff, restored.by) == ((), AT, "schedule")
    assert EffectStore(outbox.restored).get(f"jira#batch#{day}")
    tickets = TicketStore(bakery.restored, asking)
    assert (tickets.owner("ING-7"), tickets.issue_id("ING-7")) == (day, "10007")


def ask_again(table: Table, id_: str) -> None:
    table.transact(Outbox(table, now=lambda: HELD_AT).adding(Effect(id_, KIND, {})))
