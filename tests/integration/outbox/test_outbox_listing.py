"""The index of all effects, also those that versions before it wrote."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.outbox import listing, rows
from chalicelib.core.outbox.effects import Effect, Ending
from chalicelib.core.outbox.index import EffectIndex
from chalicelib.core.outbox.listing import PAUSED, SETTLED, Listing, all_listed
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.outbox.store import EffectStore, closed
from chalicelib.core.table import Table
from tests.support.clock import Clock
from tests.support.outbox.fakes import KIND, NOON


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


def ask(table: Table, effect_id: str, *, kind: str = KIND, old: bool = False) -> None:
    table.transact(Outbox(table, now=lambda: NOON).adding(Effect(effect_id, kind, {})))
    if old:
        pk, sk = rows.place(effect_id)
        table.update(pk, sk, "REMOVE all_shard", values={})


def run_for(table: Table, clock: Clock, length: timedelta) -> None:
    """Run the sweeper's part of the work every five minutes."""
    end = clock.at + length
    while clock.at < end:
        Listing(table, now=clock).go_on()
        clock.forward(minutes=5)


def listed(table: Table, clock: Clock, **requested: Any) -> list[str]:
    requested = {"state": None, "kind": None, "before": None, "limit": 200, **requested}
    found, _ = EffectIndex(table).page(**requested, now=clock())
    return sorted(each.effect.id for each in found)


def walk(table: Table, clock: Clock, limit: int) -> list[str]:
    found: list[str] = []
    before = None
    while True:
        page, before = EffectIndex(table).page(
            state=None, kind=None, before=before, limit=limit, now=clock()
        )
        assert len(page) <= limit
        found += [each.effect.id for each in page]
        if before is None:
            return found


def test_all_effects_are_listed_by_eight_queries_side_by_side(
    table: Table, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_for(table, clock, SETTLED + timedelta(minutes=10))
    ask(table, "waits")
    ask(table, "over")
    kept = EffectStore(table).get("over")
    assert kept
    EffectStore(table).change(kept, closed(kept, Ending("done"), NOON))
    together, plain = threading.Barrier(rows.SHARDS, timeout=10), Table.indexed
    requested: list[object] = []

    def indexed(self: Table, *told: Any, **values: Any) -> Any:
        requested.append(told)
        together.wait()
        yield from plain(self, *told, **values)

    monkeypatch.setattr(Table, "indexed", indexed)

    assert listed(table, clock) == ["over", "waits"]
    assert len(requested) == rows.SHARDS


@pytest.mark.parametrize("limit", [1, 3, 200])
def test_pages_of_all_effects_are_those_that_the_lists_by_state_give(
    table: Table, clock: Clock, limit: int
) -> None:
    for number in range(12):
        ask(table, f"e{number}", kind=("letters", "parcels")[number % 3 == 0])
    by_state = walk(table, clock, limit)

    run_for(table, clock, SETTLED + timedelta(minutes=10))

    assert all_listed(table, clock())
    assert walk(table, clock, limit) == by_state
    assert len(by_state) == 12


def test_effects_of_older_versions_are_always_listed_and_enter_the_index(
    table: Table, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_PAGE", 1)
    for number in range(50):
        ask(table, f"e{number}", old=number % 2 == 0)
    everything = listed(table, clock)
    assert len(everything) == 50

    for _ in range(20):
        run_for(table, clock, timedelta(minutes=5))
        assert listed(table, clock) == everything

    assert all_listed(table, clock())
    assert not [row for row in table.scan(limit=200)[0] if _misses(row)]


def test_what_an_older_version_writes_beside_this_one_is_not_overlooked(
    table: Table, clock: Clock
) -> None:
    run_for(table, clock, SETTLED - timedelta(minutes=10))
    ask(table, "late", old=True)
    assert listed(table, clock) == ["late"]

    run_for(table, clock, timedelta(minutes=30))

    assert all_listed(table, clock())
    assert listed(table, clock) == ["late"]


def test_what_an_older_version_writes_that_is_deployed_again_is_not_overlooked(
    table: Table, clock: Clock
) -> None:
    run_for(table, clock, SETTLED + timedelta(minutes=10))
    assert all_listed(table, clock())
    clock.at += PAUSED
    ask(table, "between", old=True)

    assert listed(table, clock) == ["between"]
    run_for(table, clock, SETTLED - timedelta(minutes=10))
    assert listed(table, clock) == ["between"]
    run_for(table, clock, timedelta(minutes=30))

    assert all_listed(table, clock())
    assert listed(table, clock) == ["between"]


def test_an_effect_that_expires_meanwhile_is_not_made_again(
    table: Table, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(table, "old", old=True)
    run_for(table, clock, SETTLED)
    plain = table.scan

    def scan(**told: Any) -> Any:
        found = plain(**told)
        table.delete(*rows.place("old"))
        return found

    monkeypatch.setattr(table, "scan", scan)
    run_for(table, clock, timedelta(minutes=10))

    assert table.get(*rows.place("old")) is None


def test_an_unreadable_row_that_is_buried_is_listed_among_all(table: Table, clock: Clock) -> None:
    run_for(table, clock, SETTLED + timedelta(minutes=10))
    pk, sk = rows.place("odd")
    table.put({"pk": {"S": pk}, "sk": {"S": sk}})
    kept = EffectStore(table).get("odd")
    assert kept

    EffectStore(table).bury(kept, "odd", NOON)

    assert listed(table, clock) == ["odd"]


def _misses(row: dict[str, Any]) -> bool:
    return row["sk"]["S"] == rows.EFFECT and "all_shard" not in row
