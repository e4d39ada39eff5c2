"""The log of events: every fact once, in one order that readers can rely on."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.errors import UnavailableError
from chalicelib.core.facts import EventKind
from chalicelib.core.table import Table
from chalicelib.webhooks.models import KINDS
from chalicelib.webhooks.ports import Event, Span
from chalicelib.webhooks.store.log import EventLog
from tests.support.webhooks.house import NOON, House, fact


@pytest.fixture
def house() -> House:
    return House()


def listed(house: House, *kinds: EventKind, limit: int = 100, **span: Any) -> list[str]:
    return [each.id for each in house.log.events(kinds or KINDS, Span(**span), limit)]


def test_an_event_says_what_happened_when_and_to_what(house: House) -> None:
    [event_id] = house.record(fact(text="é"))

    [event] = house.log.events(KINDS, Span(), 10)
    assert json.loads(event.body) == {
        "id": event_id,
        "type": "package.decided",
        "timestamp": "2026-11-29T12:00:00Z",
        "subject": "packages/a",
        "data": {"text": "é"},
    }
    assert house.log.event(event.place) == event
    assert house.log.event("0" * 16) is None


def test_a_fact_that_is_told_twice_is_one_event(house: House) -> None:
    first = house.log.append([fact(), fact("packages/b"), fact()])
    again = house.log.append([fact("packages/b"), fact("packages/c"), fact()])

    assert [each.id for each in first] == house.ids()[:2]
    assert [again[0], again[2]] == [first[1], first[0]]
    assert len(house.ids()) == 3
    assert house.log.append([]) == []


def test_facts_are_distinguished_by_subject_kind_and_version(house: House) -> None:
    facts = [
        fact("orders/1", "order.changed", version="1"),
        fact("orders/1", "order.changed", version="2"),
        fact("orders/2", "order.changed", version="1"),
        fact("orders/1", "batch.changed", version="1"),
    ]

    assert len({each.id for each in house.log.append(facts)}) == 4


def test_ids_grow_in_the_order_of_recording_whatever_the_clock_says(house: House) -> None:
    one = house.log.append([fact(f"packages/{n}") for n in range(120)])
    house.clock.at = NOON - timedelta(hours=1)
    other = house.log.append([fact("packages/late")])

    ids = [each.id for each in [*one, *other]]
    assert ids == sorted(set(ids))
    house.clock.at = NOON + timedelta(minutes=1)
    assert listed(house, limit=1_000) == ids


class Rival(Table):
    """A table in which somebody else is faster, a few times."""

    def __init__(self, house: House, deeds: list[Callable[[], object]]) -> None:
        super().__init__(house.dynamodb, "webhooks")  # type: ignore[arg-type]
        self._deeds = deeds

    def transact(self, *actions: dict[str, Any], budget_s: float = 5.0) -> None:
        if self._deeds:
            self._deeds.pop(0)()
        super().transact(*actions, budget_s=budget_s)


def test_of_two_who_record_at_once_one_comes_after_the_other_and_no_fact_comes_twice(
    house: House,
) -> None:
    rival = Rival(
        house,
        [
            lambda: house.log.append([fact("packages/b")]),
            lambda: house.log.append([fact("packages/a"), fact("packages/c")]),
        ],
    )
    mine = EventLog(rival, now=house.clock, retention=timedelta(days=1))

    found = mine.append([fact("packages/a"), fact("packages/d")])

    house.clock.forward(seconds=2)
    subjects = [json.loads(each.body)["subject"] for each in house.log.events(KINDS, Span(), 9)]
    assert subjects == ["packages/b", "packages/a", "packages/c", "packages/d"]
    assert found[0].id == listed(house)[1]


def test_what_was_stored_and_not_answered_is_found_stored(house: House) -> None:
    class Unanswered(Rival):
        def transact(self, *actions: dict[str, Any], budget_s: float = 5.0) -> None:
            super().transact(*actions, budget_s=budget_s)
            if len(house.ids()) == 1:
                raise UnavailableError("nobody knows")

    log = EventLog(Unanswered(house, []), now=house.clock, retention=timedelta(days=1))

    assert [each.id for each in log.append([fact()])] == house.ids()
    assert len(house.ids()) == 1


def test_nothing_is_listed_before_it_has_settled(house: House) -> None:
    house.log.append([fact()])
    assert listed(house) == []

    house.clock.forward(seconds=1)
    assert len(listed(house)) == 1


def test_pages_show_every_event_once_also_while_more_are_recorded(house: House) -> None:
    house.record(*[fact(f"packages/{n}") for n in range(5)])
    seen: list[str] = []
    while page := listed(house, limit=2, after=seen[-1] if seen else None):
        seen += page
        if len(seen) < 12:
            kind: EventKind = "entry.posted" if len(seen) % 4 else "order.changed"
            house.record(fact(f"s/{len(seen)}", kind))

    assert seen == house.ids()


def test_events_are_filtered_by_kind_subject_and_time(house: House) -> None:
    house.record(fact("packages/a"), fact("orders/1", "order.changed", version="1"))
    middle = house.clock.at
    house.record(fact("orders/1", "order.changed", version="2"), fact("orders/2", "order.changed"))
    ids = house.ids()

    assert listed(house, "order.changed") == ids[1:]
    assert listed(house, since=middle) == ids[2:]
    assert listed(house, until=middle) == ids[:2]
    assert listed(house, after=ids[1], until=middle) == []

    def about(subject: str, *kinds: EventKind, limit: int = 9, **span: Any) -> list[str]:
        found: list[Event] = house.log.about(subject, kinds or KINDS, Span(**span), limit)
        return [each.id for each in found]

    assert about("orders/1") == ids[1:3]
    assert about("orders/1", limit=1) == ids[1:2]
    assert about("orders/1", after=ids[1]) == ids[2:3]
    assert about("orders/1", "package.decided") == []
    assert about("orders/9") == []


def test_data_that_is_too_large_to_send_is_left_out(house: House) -> None:
    house.record(fact(text="x" * 70_000))

    [event] = house.log.events(KINDS, Span(), 1)
    assert json.loads(event.body)["data"] is None


def test_an_event_costs_what_the_docs_say(house: House) -> None:
    house.log.append([fact("packages/first")])
    before = house.dynamodb.write_units

    house.log.append([fact(f"packages/{n}") for n in range(10)])

    assert house.dynamodb.write_units - before == 10 * 4 + 2


def test_events_are_forgotten_in_time_and_subscriptions_are_not(house: House) -> None:
    house.record(fact())
    house.subscribe()

    rows = {
        pk.partition("#")[0]: [
            int(row["expires_at"]["N"]) for row in items.values() if "expires_at" in row
        ]
        for pk, items in house.dynamodb.partitions.items()
        if items
    }
    in_30_days = int((NOON + timedelta(days=30)).timestamp())
    assert (rows["LOG"], rows["FACT"]) == ([in_30_days], [in_30_days])
    assert rows["SUBSCRIPTIONS"] == rows["HEAD"] == []


def test_a_fact_s_time_is_not_what_tells_it_from_others(house: House) -> None:
    """The stream tells a change again with another time after a crash of the embedded AWS."""
    house.record(fact())
    house.record(replace(fact(), at=NOON + timedelta(seconds=9)))

    assert len(house.ids()) == 1
