"""Messages of the queue: the rules of HTTP, and one verdict each, however often they come."""

import pytest

from chalicelib.core.errors import InvalidInputError, NotFoundError
from chalicelib.deliveries.wiring import Deliveries
from tests.support.deliveries.fakes import FakeStore, choices, package
from tests.support.deliveries.rivalry import Interrupted
from tests.support.stage import Killed

INVALID = InvalidInputError([{"place": "body", "field": "sender_id", "detail": "is required"}])


def test_a_message_is_judged_as_a_request_would_be(services: Deliveries) -> None:
    services.choosing.choose("mars", choices(100, marketing=False))

    delivered = services.messages.take("m1", package())
    dropped = services.messages.take("m2", package(package_id=2, package_type="marketing"))
    duplicate = services.messages.take("m3", package())
    conflict = services.messages.take("m4", package(sender_id="moon"))

    verdicts = [each.verdict for each in (delivered, dropped, duplicate, conflict)]
    assert verdicts == ["delivered", "dropped", "delivered", "conflict"]
    assert [each.duplicate for each in (delivered, dropped, duplicate)] == [False, False, True]
    assert "sender_id" in conflict.reason
    assert services.messages.verdict("m2") == dropped


def test_a_message_that_comes_again_is_no_duplicate_of_itself(
    services: Deliveries, store: FakeStore
) -> None:
    first = services.messages.take("m1", package())

    assert services.messages.take("m1", package()) == first
    assert store.counted.total() == 1


def test_a_message_whose_reader_died_gets_the_verdict_of_what_it_decided(
    services: Deliveries, store: FakeStore
) -> None:
    dying = type(services.sending)(
        Interrupted(store, fate="dies after the write"), services.sending.now
    )
    with pytest.raises(Killed):
        type(services.messages)(dying, store, services.sending.now).take("m1", package())

    assert services.messages.take("m1", package()).duplicate is False
    assert store.counted.total() == 1


def test_d4_a_message_that_is_no_package_is_counted_once_and_told_why(
    services: Deliveries, store: FakeStore
) -> None:
    for _ in range(3):
        verdict = services.messages.refuse("m1", INVALID)

    assert verdict.verdict == "malformed"
    assert verdict.errors
    assert verdict.errors[0].field == "sender_id"
    assert services.counting.statistics().requests_malformed == 1
    assert not store.records


def test_a_message_that_was_not_judged_yet_is_not_found(services: Deliveries) -> None:
    with pytest.raises(NotFoundError):
        services.messages.verdict("m1")


def test_d3_statistics_tell_every_type_also_those_without_packages(services: Deliveries) -> None:
    services.sending.send(package())

    statistics = services.counting.statistics().model_dump()

    assert statistics == {
        "packages_delivered": 1,
        "packages_dropped": 0,
        "requests_malformed": 0,
        "by_type": {
            "marketing": {"delivered": 0, "dropped": 0},
            "personal": {"delivered": 1, "dropped": 0},
        },
    }
