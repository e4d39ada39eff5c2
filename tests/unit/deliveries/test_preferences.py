"""What recipients want: the newest word counts, in whatever order it comes (D2, D7, 1c 6-7)."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.deliveries.preferences import Preference, of_rank
from chalicelib.deliveries.registry import TYPES
from chalicelib.deliveries.service.choosing import Choosing
from chalicelib.deliveries.wiring import Deliveries
from tests.support.deliveries.fakes import NOON, FakeStore, choices

WORDS = st.tuples(
    st.integers(0, 3), st.dictionaries(st.sampled_from(sorted(TYPES)), st.booleans(), min_size=1)
)


def test_who_set_no_preference_wants_everything(services: Deliveries) -> None:
    shown = services.choosing.show("mars").model_dump()

    assert all(shown[name] is True for name in TYPES)
    assert shown["timestamps"] == {}


def test_the_newest_word_counts_and_not_the_newest_arrival(services: Deliveries) -> None:
    services.choosing.choose("mars", choices(200, personal=True, marketing=False))

    late = services.choosing.choose("mars", choices(100, personal=False, marketing=True))

    assert late.applied is False
    assert late.overruled == ("personal", "marketing")
    assert services.choosing.show("mars").model_dump(include=set(TYPES)) == {
        "personal": True,
        "marketing": False,
    }


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_of_two_words_of_one_instant_the_refusal_counts(
    services: Deliveries, order: tuple[bool, bool]
) -> None:
    for wanted in order:
        services.choosing.choose("mars", choices(100, marketing=wanted))

    assert services.choosing.show("mars").model_dump()["marketing"] is False


def test_each_type_goes_by_its_own_newest_word(services: Deliveries) -> None:
    services.choosing.choose("mars", choices(200, marketing=False))

    mixed = services.choosing.choose("mars", choices(100, personal=False, marketing=True))

    shown = mixed.model_dump()
    assert (shown["personal"], shown["marketing"]) == (False, False)
    assert (mixed.applied, mixed.overruled) == (False, ("marketing",))


def test_saying_the_same_again_gets_the_same_answer(services: Deliveries) -> None:
    first = services.choosing.choose("mars", choices(100, personal=True, marketing=False))
    again = services.choosing.choose("mars", choices(100, personal=True, marketing=False))

    assert first.applied is True
    assert again == first
    assert len(services.choosing.show("mars").history or ()) == 1


def test_the_history_tells_what_came_to_stand_and_when_it_arrived(store: FakeStore) -> None:
    clock = iter(NOON + timedelta(minutes=minute) for minute in range(9))
    choosing = Choosing(store, now=lambda: next(clock))
    choosing.choose("mars", choices(100, personal=True, marketing=True))
    choosing.choose("mars", choices(50, marketing=False))  # too late: nothing to tell
    choosing.choose("mars", choices(200, marketing=False))

    newest, oldest = choosing.show("mars").history or ()

    assert newest.preferences == {"marketing": False}
    assert newest.timestamp == datetime(1970, 1, 1, 0, 3, 20, tzinfo=UTC)
    assert newest.received_at == NOON + timedelta(minutes=2)
    assert oldest.preferences == {"personal": True, "marketing": True}


@given(st.lists(WORDS, max_size=6), st.randoms(use_true_random=False))
def test_every_order_of_arrival_ends_in_the_same_state(words: list[Any], random: Random) -> None:
    shuffled = random.sample(words, len(words))

    ends = [_end(words), _end(shuffled), _end([*shuffled, *words])]

    assert ends[0] == ends[1] == ends[2]


def _end(words: list[tuple[int, dict[str, bool]]]) -> object:
    choosing = Choosing(FakeStore(), now=lambda: NOON)
    for said, by_type in words:
        choosing.choose("mars", choices(said, **by_type))
    return choosing.show("mars").model_dump(exclude={"history"})


@given(st.booleans(), st.datetimes(timezones=st.just(UTC)))
def test_a_wish_is_its_rank(wanted: bool, at: datetime) -> None:
    assert of_rank(Preference(wanted, at).rank) == Preference(wanted, at)


@given(*[st.tuples(st.booleans(), st.datetimes(timezones=st.just(UTC)))] * 2)
def test_ranks_go_by_time_and_then_by_refusal(
    one: tuple[bool, datetime], other: tuple[bool, datetime]
) -> None:
    higher = (one[1], not one[0]) > (other[1], not other[0])

    assert (Preference(*one).rank > Preference(*other).rank) == higher
