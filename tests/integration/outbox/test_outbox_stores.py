"""The outbox's stores: one contract for those in DynamoDB and those that the rules' tests use."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.outbox import rows
from chalicelib.core.outbox.effects import Effect, Ending
from chalicelib.core.outbox.index import EffectIndex
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.outbox.rows import GRACE, EffectRow, Pause
from chalicelib.core.outbox.store import EffectStore, OvertakenError, closed
from chalicelib.core.table import ConditionError, Table, key
from tests.support.outbox.fakes import KIND, NOON, MemoryStore

SECOND = timedelta(seconds=1)


class RealStore(EffectStore, EffectIndex):
    """Both in one, as the fake is."""

    def __init__(self, table: Table) -> None:
        EffectStore.__init__(self, table)
        EffectIndex.__init__(self, table)
        self.table = table

    def add(self, effect: Effect, now: Any) -> None:
        self.table.transact(Outbox(self.table, now=lambda: now).adding(effect))


@pytest.fixture(params=["memory", "DynamoDB"])
def store(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "memory":
        yield MemoryStore()
    else:
        yield RealStore(request.getfixturevalue("table"))


@pytest.fixture
def real(table: Table) -> RealStore:
    return RealStore(table)


def ask(store: Any, effect_id: str = "a", kind: str = KIND, after_s: float = 0) -> EffectRow:
    store.add(Effect(effect_id, kind, {"to": "mars", "n": [1, None]}), NOON + after_s * SECOND)
    kept: EffectRow = store.get(effect_id)
    return kept


def claim(kept: EffectRow, token: str = "t1") -> EffectRow:  # noqa: S107
    lease = NOON + timedelta(minutes=1)
    return replace(kept, state="sending", token=token, lease_until=lease, attempts=1)


# --- one effect -----------------------------------------------------------------------------------


def test_s6_an_effect_is_stored_as_it_was_requested(store: Any) -> None:
    kept = ask(store)

    assert kept.effect == Effect("a", KIND, {"to": "mars", "n": [1, None]})
    assert (kept.state, kept.attempts, kept.token) == ("pending", 0, None)
    assert kept.requested_at == kept.since == kept.due_at == NOON
    assert kept.wake_at == NOON + GRACE
    assert store.read_with_pause("a", KIND) == (kept, None)
    assert store.read_with_pause("b", KIND) == (None, None)


def test_s6_the_same_id_is_requested_once_for_ever(real: RealStore) -> None:
    kept = ask(real)
    real.change(kept, closed(kept, Ending("done", "r"), NOON))

    with pytest.raises(ConditionError):
        ask(real)


@pytest.mark.parametrize(
    ("effect_id", "kind"),
    [
        *((effect_id, KIND) for effect_id in ("", "a b", "ä", "a" * 256, "a\n")),
        *(("a", kind) for kind in ("", "Letters", "my-letters", "a#b", "a" * 32)),
    ],
)
def test_an_effect_whose_id_or_kind_no_key_can_carry_is_refused(
    table: Table, effect_id: str, kind: str
) -> None:
    with pytest.raises(ValueError, match="no effect can be called"):
        Outbox(table, now=lambda: NOON).adding(Effect(effect_id, kind, {}))


def test_s6_everything_that_is_known_comes_back(store: Any) -> None:
    kept = ask(store)
    known = replace(
        claim(kept),
        state="unsure",
        unsure_at=NOON + SECOND,
        due_at=NOON + 2 * SECOND,
        wake_at=NOON + 3 * SECOND,
        since=NOON - SECOND,
        ended=Ending("dead", None, "no"),
        last_error="timeout",
        reference="r",
        answer="no",
        concluded_at=NOON + 4 * SECOND,
    )

    assert store.change(kept, known) == known
    assert store.get("a") == known
    bare = replace(known, token="t2", lease_until=None, unsure_at=None, wake_at=None, ended=None)
    bare = replace(bare, last_error=None, reference=None, answer=None, concluded_at=None)
    store.change(known, bare)
    assert store.get("a") == bare


def test_s6_of_two_who_claim_an_effect_one_learns_that_it_was_overtaken(store: Any) -> None:
    kept = ask(store)
    store.change(kept, claim(kept, "t1"))

    with pytest.raises(OvertakenError):
        store.change(kept, claim(kept, "t2"))
    assert store.get("a").token == "t1"


def test_s6_who_lost_the_lease_changes_nothing(store: Any) -> None:
    kept = ask(store)
    mine = store.change(kept, claim(kept, "t1"))
    theirs = store.change(mine, claim(mine, "t2"))

    with pytest.raises(OvertakenError):
        store.change(mine, closed(mine, Ending("done", "r"), NOON))
    assert store.get("a") == theirs


def test_s6_a_write_that_was_made_and_not_answered_counts_as_made(store: Any) -> None:
    kept = ask(store)
    claimed = store.change(kept, claim(kept))

    assert store.change(kept, claimed) == claimed
    done = store.change(claimed, closed(claimed, Ending("done", "r"), NOON))
    assert store.change(claimed, done) == done


def test_a_change_leaves_alone_what_it_does_not_change(store: Any) -> None:
    kept = ask(store)
    place = rows.wake(KIND, kept.wake_at)
    assert store.put_off_waking("a", place, rows.wake(KIND, NOON + 9 * SECOND))

    store.change(kept, claim(kept))

    assert store.get("a").wake_at == NOON + 9 * SECOND


def test_waking_is_put_off_only_from_where_it_was_seen(store: Any) -> None:
    kept = ask(store)
    seen = rows.wake(KIND, kept.wake_at)
    assert store.put_off_waking("a", seen, rows.wake(KIND, NOON + SECOND))

    assert not store.put_off_waking("a", seen, rows.wake(KIND, NOON))
    assert store.get("a").wake_at == NOON + SECOND


# --- rows that nobody could have written ----------------------------------------------------------

FOREIGN: list[dict[str, Any]] = [
    {},
    {"state": {"S": "pending"}, "kind": {"S": KIND}},
    {"payload": {"S": "{"}, "kind": {"S": KIND}, "state": {"S": "pending"}},
    {"payload": {"S": "[]"}, "kind": {"S": KIND}, "state": {"S": "pending"}},
    {"payload": {"S": "{}"}, "kind": {"N": "7"}, "state": {"S": "pending"}},
    {"payload": {"S": "{}"}, "kind": {"S": KIND}, "state": {"S": "odd"}},
]


@pytest.mark.parametrize("row", FOREIGN)
def test_s6_a_row_that_cannot_be_read_can_be_buried_and_is_listed(
    real: RealStore, row: dict[str, Any]
) -> None:
    asked_at = {"asked_at": {"S": NOON.isoformat()}} if row else {}
    real.table.put({**key(*rows.place("odd")), **asked_at, **row})

    kept, _ = real.read_with_pause("odd", KIND)
    assert kept is not None
    assert kept.fault
    real.bury(kept, kept.fault, NOON)

    buried = real.get("odd")
    assert buried is not None
    assert (buried.state, buried.over) == ("dead", True)
    found, _ = real.page(state="dead", kind=None, before=None, limit=9, now=NOON)
    assert [each.effect.id for each in found]


def test_what_is_done_is_not_buried(real: RealStore) -> None:
    kept = ask(real)
    done = real.change(kept, closed(kept, Ending("done", "r"), NOON))

    real.bury(kept, "odd", NOON)

    assert real.get("a") == done


# --- kinds ----------------------------------------------------------------------------------------


def pause(reason: str = "401", after_s: float = 0, **told: Any) -> Pause:
    at = NOON + after_s * SECOND
    return replace(Pause(KIND, "paused", at, reason, at + 60 * SECOND), **told)


def test_s6_only_the_first_to_stop_a_kind_learns_that_it_did(store: Any) -> None:
    assert store.pause(pause())
    assert not store.pause(pause("still 401", after_s=5))

    [standing] = store.pauses().values()
    assert (standing.since, standing.reason) == (NOON, "still 401")
    assert standing.probe_at == NOON + 65 * SECOND
    assert store.read_with_pause("a", KIND) == (None, standing)
    assert store.pause(pause(state="disabled")), "that is news"


def test_s6_of_two_who_would_probe_one_may(store: Any) -> None:
    store.pause(pause())

    assert store.take_probe(pause(), NOON + 90 * SECOND)
    assert not store.take_probe(pause(), NOON + 91 * SECOND)
    store.hasten_probe(KIND, NOON)
    assert store.pauses()[KIND].probe_at == NOON
    store.resume(KIND)
    assert not store.take_probe(pause(), NOON)
    store.hasten_probe(KIND, NOON)
    assert store.pauses() == {}


# --- what waits -----------------------------------------------------------------------------------


def test_s6_the_sweeper_finds_what_is_to_be_checked_by_kind(store: Any) -> None:
    ask(store, "late", after_s=100)
    ask(store, "early")
    ask(store, "parcel", kind="parcels")
    over = ask(store, "over")
    store.change(over, closed(over, Ending("dead", answer="no"), NOON))

    assert store.kinds() == [KIND, "parcels"]
    assert store.waiting(KIND, NOON + GRACE - SECOND, 10) == []
    assert [each[0] for each in store.waiting(KIND, NOON + GRACE, 10)] == ["early"]
    later = NOON + GRACE + 100 * SECOND
    assert [each[0] for each in store.waiting(KIND, later, 10)] == ["early", "late"]
    assert [each[0] for each in store.waiting(KIND, later, 1)] == ["early"]
    assert store.oldest(KIND) == NOON
    assert store.oldest("nothing") is None


def test_s6_what_is_over_leaves_the_open_ones(real: RealStore) -> None:
    for state in ("done", "dead"):
        kept = ask(real, state)
        real.change(kept, closed(kept, Ending(state), NOON))

    assert real.kinds() == []
    row = real.table.get("EFFECT#done", "EFFECT")
    assert row is not None
    assert not {"open_shard", "wake"} & row.keys()


def test_s6_hundreds_that_wait_are_found_over_all_shards(real: RealStore) -> None:
    for number in range(60):
        ask(real, f"e{number}", after_s=number)

    found = real.waiting(KIND, NOON + timedelta(hours=1), 1_000)

    assert [each[0] for each in found] == [f"e{number}" for number in range(60)]
    assert len({rows.shard(each[0]) for each in found}) == rows.SHARDS


# --- lists ----------------------------------------------------------------------------------------


def walk(store: Any, limit: int, **requested: Any) -> list[str]:
    requested = {"state": None, "kind": None, "now": NOON, **requested}
    found: list[str] = []
    before = None
    while True:
        page, before = store.page(before=before, limit=limit, **requested)
        assert len(page) <= limit
        found += [kept.effect.id for kept in page]
        if before is None:
            return found


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_operators_list_effects_by_kind_the_newest_first_in_pages(store: Any, limit: int) -> None:
    for number in range(7):
        ask(store, f"e{number}", after_s=number)
    for number in range(3):
        ask(store, f"p{number}", kind="parcels", after_s=number)
    for effect_id in ("e1", "e4", "p2"):
        kept = store.get(effect_id)
        store.change(kept, closed(kept, Ending("dead", answer="no"), NOON))
    kept = store.get("e2")
    store.change(kept, claim(kept))

    assert walk(store, limit) == ["p2", "p1", "p0", "e6", "e5", "e4", "e3", "e2", "e1", "e0"]
    assert walk(store, limit, state="dead") == ["p2", "e4", "e1"]
    assert walk(store, limit, state="dead", kind=KIND) == ["e4", "e1"]
    assert walk(store, limit, state="sending") == ["e2"]
    assert walk(store, limit, state="pending", kind="parcels") == ["p1", "p0"]
    assert walk(store, limit, kind="nothing") == []


def test_rows_of_kinds_are_no_effects(real: RealStore) -> None:
    real.pause(pause())

    assert walk(real, 10) == []
    assert real.table.get(*[key("KINDS", KIND)[name]["S"] for name in ("pk", "sk")])


def test_a_row_goes_in_time_where_its_effect_says_how_long_it_is_retained(table: Table) -> None:
    store = RealStore(table)
    store.add(Effect("short", KIND, {}, retention=timedelta(days=60)), NOON)
    store.add(Effect("long", KIND, {}), NOON)

    short, long = (table.get(*rows.place(each)) or {} for each in ("short", "long"))
    assert short["expires_at"] == {"N": str(int((NOON + timedelta(days=60)).timestamp()))}
    assert "expires_at" not in long
    assert (kept := store.get("short"))
    assert store.change(kept, closed(kept, Ending("done"), NOON)) == store.get("short")
