"""Sending packages: at most once, never against the recipient's word (D1, D5, D6)."""

from datetime import timedelta

import pytest

from chalicelib.core.errors import ConflictError, NotFoundError, UnavailableError
from chalicelib.deliveries.preferences import Preference
from chalicelib.deliveries.records import MOST_ATTEMPTS, Record
from chalicelib.deliveries.service.sending import Sending
from chalicelib.deliveries.wiring import Deliveries
from tests.support.deliveries.fakes import NOON, FakeStore, choices, package
from tests.support.deliveries.rivalry import Interrupted


def test_d6_a_recipient_who_set_no_preference_receives_every_type(services: Deliveries) -> None:
    for kind in ("marketing", "personal"):
        sent = services.sending.send(package(package_id=kind, package_type=kind))

        assert (sent.record.status, sent.duplicate) == ("delivered", False)
        assert f"nothing about {kind}" in sent.record.reason


def test_d6_an_unwanted_type_is_dropped_and_the_answer_says_why(services: Deliveries) -> None:
    services.choosing.choose("mars", choices(100, personal=True, marketing=False))

    dropped = services.sending.send(package(package_type="marketing"))

    answer = dropped.record.answer(duplicate=False)
    assert answer.status == "dropped"
    assert answer.preference
    assert answer.preference.wanted is False
    assert "declined marketing, as said at 1970-01-01T00:01:40Z" in answer.reason


def test_d7_opting_out_of_one_type_leaves_the_other_alone(services: Deliveries) -> None:
    services.choosing.choose("mars", choices(100, marketing=False))

    assert services.sending.send(package(package_type="personal")).record.status == "delivered"
    dropped = services.sending.send(package(package_id=2, package_type="marketing"))
    assert dropped.record.status == "dropped"


def test_d7_opting_in_again_works(services: Deliveries) -> None:
    services.choosing.choose("mars", choices(100, marketing=False))
    services.choosing.choose("mars", choices(101, marketing=True))

    assert services.sending.send(package(package_type="marketing")).record.status == "delivered"


def test_d5_a_retry_gets_the_first_outcome_and_counts_nothing(
    services: Deliveries, store: FakeStore
) -> None:
    first = services.sending.send(package())

    again = services.sending.send(package(timestamp="2142-06-01T10:00:00Z"))

    assert again.duplicate
    assert again.record.status == first.record.status
    assert store.counted.total() == 1


def test_a_package_that_was_dropped_stays_dropped_after_opting_in(services: Deliveries) -> None:
    services.choosing.choose("mars", choices(100, personal=False))
    services.sending.send(package())
    services.choosing.choose("mars", choices(101, personal=True))

    assert services.sending.send(package()).record.status == "dropped"
    assert services.sending.send(package(package_id="another")).record.status == "delivered"


@pytest.mark.parametrize(
    "other", [{"sender_id": "moon"}, {"recipient_id": "venus"}, {"package_type": "marketing"}]
)
def test_an_id_that_identifies_another_package_is_refused_by_naming_what_differs(
    services: Deliveries, store: FakeStore, other: dict[str, str]
) -> None:
    services.sending.send(package())

    with pytest.raises(ConflictError) as conflict:
        services.sending.send(package(**other))

    assert conflict.value.facts["differs"] == list(other)
    assert store.counted.total() == 1
    assert services.sending.show("box").package == package()


def test_the_word_that_comes_between_the_look_and_the_decision_decides(store: FakeStore) -> None:
    def declines() -> None:
        store.raise_to("mars", {"personal": Preference(False, NOON)}, at=NOON)

    sent = Sending(Interrupted(store, declines), now=lambda: NOON).send(package())

    assert sent.record.status == "dropped"
    assert store.counted == {("personal", "dropped"): 1}


def test_who_loses_a_race_repeats_the_answer_of_who_won(store: FakeStore) -> None:
    def rival() -> None:
        Sending(store, now=lambda: NOON).send(package())

    sent = Sending(Interrupted(store, rival), now=lambda: NOON).send(package())

    assert sent.duplicate
    assert store.counted.total() == 1


def test_a_recipient_who_never_stops_changing_their_mind_ends_in_503(store: FakeStore) -> None:
    class Fickle(Interrupted):
        def add(self, record: Record) -> None:
            latest = store.preferences("mars").preferences.get("personal")
            at = (latest.timestamp if latest else NOON) + timedelta(seconds=1)
            store.raise_to("mars", {"personal": Preference(True, at)}, at=NOON)
            super().add(record)

    with pytest.raises(UnavailableError):
        Sending(Fickle(store), now=lambda: NOON).send(package())

    assert not store.records
    assert not store.counted


# --- what is shown ------------------------------------------------------------------------------


def outcomes(services: Deliveries) -> list[str]:
    return [attempt.outcome for attempt in services.sending.show("box").view().attempts]


def test_a_package_shows_each_attempt_that_told_something_new(services: Deliveries) -> None:
    services.sending.send(package())
    services.sending.send(package())  # word for word: tells nothing
    services.sending.send(package(timestamp=7))
    for _ in range(2):
        with pytest.raises(ConflictError):
            services.sending.send(package(timestamp=8, sender_id="moon"))

    view = services.sending.show("box").view()

    assert [attempt.outcome for attempt in view.attempts] == ["decided", "duplicate", "refused"]
    assert view.attempts[2].differs == {"sender_id": "moon"}


def test_a_retry_word_for_word_writes_nothing(services: Deliveries, store: FakeStore) -> None:
    for _ in range(3):
        services.sending.send(package())
    for _ in range(3):
        services.sending.send(package(timestamp=7))

    assert store.notes == 1


def test_nobody_makes_a_record_grow_without_end(services: Deliveries, store: FakeStore) -> None:
    for second in range(MOST_ATTEMPTS + 10):
        services.sending.send(package(timestamp=second))

    assert len(outcomes(services)) == 1 + MOST_ATTEMPTS
    assert store.notes == MOST_ATTEMPTS


def test_a_package_that_was_never_sent_is_not_found(services: Deliveries) -> None:
    with pytest.raises(NotFoundError):
        services.sending.show("box")
