"""Counters that are spread and folded while others count and read, on moto."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Literal, NamedTuple

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.table import Table
from chalicelib.deliveries.records import decided
from chalicelib.deliveries.service.sending import Sending
from chalicelib.deliveries.store import tally
from tests.support.deliveries.fakes import NOON, package
from tests.support.deliveries.table import RealStore, make_table
from tests.support.dynamodb import spending
from tests.support.size import grows, size
from tests.support.stage import Killed

_TABLES = count()
_MOMENTS = 8
"""Before and after each call of DynamoDB that a deed makes, the first four of them."""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at

    def pass_the_hold(self) -> None:
        self.at += timedelta(days=2)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(table: Any, table_name: str, clock: Clock) -> RealStore:
    return RealStore(table, table_name, shards=8, now=clock)


def add(store: RealStore, *package_ids: object) -> None:
    for each in package_ids:
        store.add(decided(package(package_id=each), None, at=NOON))


def delivered(store: RealStore) -> int:
    return store.counts().packages.get(("personal", "delivered"), 0)


def shards_of(table: Any, name: str) -> list[Any]:
    return list(Table(table, name).query(tally.SHARDS_PK))


# --- one item -------------------------------------------------------------------------------------


def test_once_it_is_quiet_the_counters_are_one_item(
    store: RealStore, table: Any, clock: Clock
) -> None:
    add(store, 1, 2)
    store.count_malformed()
    clock.pass_the_hold()
    delivered(store)

    add(store, 3)
    store.count_malformed()
    with spending(table) as spent:
        counts = store.counts()

    assert spent.calls == {"GetItem": 1}
    assert (dict(counts.packages), counts.malformed) == ({("personal", "delivered"): 3}, 2)


def test_a_process_that_has_seen_nothing_counts_where_the_others_do(
    store: RealStore, table: Any, table_name: str, clock: Clock
) -> None:
    add(store, 1)
    late = RealStore(table, table_name, shards=8, now=clock)
    add(late, 2)
    clock.pass_the_hold()
    delivered(store)

    add(late, 3)
    add(RealStore(table, table_name, shards=8, now=clock), 4)

    assert delivered(store) == 4


def test_counts_from_before_there_was_a_total_are_in_it(
    store: RealStore, table: Any, table_name: str, clock: Clock
) -> None:
    for shard in (0, 7, 255):
        Table(table, table_name).add("STATISTICS", f"COUNTED#{shard:04}", "delivered_personal", 5)
    Table(table, table_name).add("STATISTICS", "MALFORMED#http#03", "malformed", 2)

    before = store.counts()
    clock.pass_the_hold()
    folding, after = store.counts(), store.counts()

    assert before == folding == after
    assert (before.packages[("personal", "delivered")], before.malformed) == (15, 2)


def test_a_version_that_knows_no_total_is_waited_for(
    store: RealStore, table: Any, table_name: str, clock: Clock
) -> None:
    """Its requests may still count in a shard while the new version begins."""
    add(store, 1)
    clock.at += timedelta(seconds=tally.HOLD_S - 1)
    delivered(store)

    Table(table, table_name).add("STATISTICS", "COUNTED#0001", "delivered_personal")

    assert delivered(store) == 2


# --- spread ---------------------------------------------------------------------------------------


@contextmanager
def meeting_at_the_total(table: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have each transaction on the total meet another one."""
    plain, left = table.transact_write_items, count()

    def transact(*, TransactItems: Any, **told: Any) -> Any:  # noqa: N803
        if any(each.get("Update", {}).get("Key") == _TOTAL for each in TransactItems):
            next(left)
            reasons = [{"Code": "TransactionConflict"} for _ in TransactItems]
            code = "TransactionCanceledException"
            error: Any = {"Error": {"Code": code, "Message": ""}, "CancellationReasons": reasons}
            raise ClientError(error, "TransactWriteItems")
        return plain(TransactItems=TransactItems, **told)

    with monkeypatch.context() as patched:
        patched.setattr(table, "transact_write_items", transact)
        yield


_TOTAL = {"pk": {"S": tally.TOTAL[0]}, "sk": {"S": tally.TOTAL[1]}}


def folded(store: RealStore, clock: Clock) -> None:
    add(store, "first")
    clock.pass_the_hold()
    delivered(store)


def test_writers_who_meet_at_the_total_spread_it(
    store: RealStore,
    table: Any,
    table_name: str,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folded(store, clock)

    with meeting_at_the_total(table, monkeypatch):
        add(store, *range(100))

    counted = [item for item in shards_of(table, table_name) if "delivered_personal" in item]
    assert len(counted) == 8
    assert delivered(store) == 101


def test_who_spreads_again_soon_stays_spread_for_longer(
    store: RealStore,
    table: Any,
    table_name: str,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folded(store, clock)
    holds = []
    for number in range(5):
        if number == 4:
            clock.pass_the_hold()  # the fold has lasted
        with meeting_at_the_total(table, monkeypatch):
            add(store, number)
        total = Table(table, table_name).get(*tally.TOTAL) or {}
        holds.append(int(total["hold_s"]["N"]))
        clock.at += timedelta(seconds=holds[-1])
        assert delivered(store) == number + 2

    assert holds == [240, 960, 3_840, 15_360, 60]


# --- whatever comes in between --------------------------------------------------------------------


class Deed(NamedTuple):
    """What an actor does, and what others do in between: before a moment of it."""

    actor: int
    what: Literal["send", "refuse", "read", "spread", "wait"]
    meanwhile: "tuple[tuple[int, Deed], ...]" = ()
    dies_at: int | None = None


def deeds(meanwhile: st.SearchStrategy[Any]) -> st.SearchStrategy[Deed]:
    return st.builds(
        Deed,
        st.integers(0, 2),
        st.sampled_from(["send", "send", "refuse", "read", "read", "spread", "wait"]),
        meanwhile,
        st.none() | st.integers(0, 4 * _MOMENTS),
    )


_PLAIN = deeds(st.just(()))
_DEEDS = deeds(st.lists(st.tuples(st.integers(0, 4 * _MOMENTS), _PLAIN), max_size=4).map(tuple))


@dataclass
class World:
    """Three processes at one table, and what is known of their counts."""

    client: Any
    name: str
    clock: Clock = field(default_factory=Clock)
    begun: int = 0
    done: int = 0
    numbers: Any = field(default_factory=count)
    waiting: list[tuple[int, Callable[[], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        make_table(self.client, self.name)
        self.actors = [
            RealStore(self.client, self.name, shards=2, now=self.clock) for _ in range(3)
        ]

    def do(self, deed: Deed) -> None:
        store, moments = self.actors[deed.actor], count()

        def moment(**_: object) -> None:
            now = next(moments)
            self.client.meta.events.unregister("before-call.dynamodb", moment)
            self.client.meta.events.unregister("after-call.dynamodb", moment)
            for at, other in deed.meanwhile:
                if at == now:
                    self.do(other)
            self.client.meta.events.register("before-call.dynamodb", moment)
            self.client.meta.events.register("after-call.dynamodb", moment)
            if now == deed.dies_at:
                raise Killed

        self.client.meta.events.register("before-call.dynamodb", moment)
        self.client.meta.events.register("after-call.dynamodb", moment)
        try:
            getattr(self, deed.what)(store)
        finally:
            self.client.meta.events.unregister("before-call.dynamodb", moment)
            self.client.meta.events.unregister("after-call.dynamodb", moment)

    def send(self, store: RealStore) -> None:
        """Send a package; of one whose sender died the fate is settled by sending it again."""
        sent = package(package_id=next(self.numbers))
        self.begun += 1
        try:
            Sending(store, now=lambda: NOON).send(sent)
        except Killed:
            Sending(self.actors[0], now=lambda: NOON).send(sent)
        self.done += 1

    def refuse(self, store: RealStore) -> None:
        with suppress(Killed):
            store.count_malformed()

    def read(self, store: RealStore) -> None:
        least = self.done
        with suppress(Killed):
            found = delivered(store)
            assert least <= found <= self.begun

    def spread(self, store: RealStore) -> None:
        with suppress(Killed):
            store._tally._spread_out()

    def wait(self, _: RealStore) -> None:
        self.clock.pass_the_hold()


@grows
def test_any_interleaving_of_counting_reading_spreading_and_folding_counts_right(
    table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "_MALFORMED_SHARDS", 1)
    monkeypatch.setattr(tally, "_AT_ONCE", 1)  # in this thread's order
    monkeypatch.setattr(tally, "_FOLD_S", 0.0)
    monkeypatch.setattr(tally, "ThreadPoolExecutor", InThisThread)
    monkeypatch.setattr("chalicelib.core.retry.time.sleep", lambda _: None)

    @settings(
        max_examples=size(40, fuzz=2_000),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(_DEEDS, min_size=3, max_size=12))
    def run(story: list[Deed]) -> None:
        world = World(table, f"tally-{next(_TABLES)}")
        for deed in story:
            world.do(deed)
        for store in world.actors:
            assert delivered(store) == world.done == world.begun
        world.clock.pass_the_hold()
        for store in world.actors * 2:
            assert delivered(store) == world.done
        packages = world.actors[0].recount(None)[0].packages
        assert sum(packages.values()) == world.done

    run()


class InThisThread:
    """A pool that does one after the other."""

    def __init__(self, _: int) -> None:
        self.map = map

    def __enter__(self) -> "InThisThread":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing waits."""
