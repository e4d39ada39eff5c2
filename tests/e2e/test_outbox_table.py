"""The outbox on a real table, with its stream and a queue: nothing is lost, nothing done twice."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any

import pytest

from chalicelib.core.outbox import rows
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.outbox.store import EffectStore, OvertakenError
from chalicelib.core.outbox.worker import Worker
from chalicelib.core.table import ABSENT, Table, key
from tests.support.deployed import Deployed
from tests.support.dynamodb import spending
from tests.support.outbox.chaos import Chaos
from tests.support.outbox.fakes import KIND, NOON, MemoryQueues, Vendor
from tests.support.outbox.table import make_table
from tests.support.patience import eventually
from tests.support.size import grows, size

EFFECTS = size(100, fuzz=600)  # a deck of `Dice` holds a hundred outcomes: each rare one happens
ASKED_UNITS, WORKED_UNITS = 5, 5
_NUMBERS = count()


@pytest.fixture
def name() -> str:
    """A name that no other test gives to its effects."""
    return f"e2e-{os.getpid()}-{next(_NUMBERS)}"


@pytest.fixture
def chaos(stack: Deployed, name: str) -> Chaos:
    stream = make_table(stack.client("dynamodb"), f"outbox-{name}")
    queue = stack.client("sqs").create_queue(QueueName=f"outbox-{name}")["QueueUrl"]
    return Chaos(stack.client, f"outbox-{name}", stream, queue)


def ask(chaos: Chaos, number: int) -> None:
    """Ask for an effect together with its cause, as a store does."""
    cause = chaos.table.putting({**key("CAUSE", str(number))}, ABSENT)
    effect = Effect(f"letter#{number}", KIND, {"number": number})
    chaos.table.transact(cause, chaos.outbox.adding(effect), budget_s=60)


def all_over(chaos: Chaos) -> bool:
    for broken in chaos.broken:
        raise RuntimeError("a part of the test broke") from broken
    standing = Counter(
        row["state"]["S"]
        for row in chaos.table.get_many(
            (f"EFFECT#letter#{number}", rows.EFFECT) for number in range(EFFECTS)
        )
    )
    assert standing == {"done": EFFECTS}
    return True


@grows
def test_s6_through_chaos_each_of_many_effects_is_done_once(chaos: Chaos) -> None:
    with chaos.at_work():
        with ThreadPoolExecutor(4) as callers:
            list(callers.map(partial(ask, chaos), range(EFFECTS)))
        eventually(partial(all_over, chaos), within_s=330, every_s=1)

    made = Counter({effect_id: len(times) for effect_id, times in chaos.vendor.made.items()})
    lost = EFFECTS - len(made)
    doubled = {effect_id: times for effect_id, times in made.items() if times > 1}
    assert (lost, doubled) == (0, {})
    assert chaos.vendor.endings == {f"letter#{n}": {"done"} for n in range(EFFECTS)}
    assert chaos.index.kinds() == []
    assert_each_happened(chaos.dice.happened)


def assert_each_happened(happened: Counter[str]) -> None:
    """Each mishap came at least once in 60 effects, or in a run where it is rare; see ``Dice``."""
    often = (
        *("dropped before", "dropped after", "429", "500 after", "killed after the call"),
        *("delivered to two", "redelivered"),
    )
    assert min(happened[each] for each in often) >= EFFECTS / 60, happened
    rare = ("relay killed", "killed after telling", "killed before telling")
    assert min(happened[each] for each in rare) >= 1, happened


def test_s6_of_64_who_claim_an_effect_at_once_one_does(stack: Deployed, name: str) -> None:
    make_table(stack.client("dynamodb"), f"outbox-{name}")
    table = Table(stack.client("dynamodb"), f"outbox-{name}")
    store, now = EffectStore(table), datetime.now(UTC)
    table.transact(Outbox(table, now=lambda: now).adding(Effect("a", KIND, {})))
    kept = store.get("a")
    assert kept is not None

    def claim(number: int) -> bool:
        try:
            store.change(kept, replace(kept, state="sending", token=str(number)))
        except OvertakenError:
            return False
        return True

    with ThreadPoolExecutor(16) as rivals:
        assert sum(rivals.map(claim, range(64))) == 1


def test_write_units_are_those_that_the_docs_name(stack: Deployed, name: str) -> None:
    client = stack.client("dynamodb")
    make_table(client, f"outbox-{name}")
    table = Table(client, f"outbox-{name}")
    store: EffectStore = EffectStore(table)
    later: Any = MemoryQueues(lambda: NOON)
    worker = Worker(
        KIND, Vendor(lambda: NOON), store, later, now=lambda: NOON, new_id=lambda: "token"
    )

    with spending(client) as asked:
        table.transact(Outbox(table, now=lambda: NOON).adding(Effect("a", KIND, {})))
    with spending(client) as worked:
        assert worker.work("a") == "done"

    assert (asked.calls, asked.write_units) == ({"TransactWriteItems": 1}, ASKED_UNITS)
    assert worked.calls == {"BatchGetItem": 1, "UpdateItem": 2}
    assert worked.write_units == WORKED_UNITS
