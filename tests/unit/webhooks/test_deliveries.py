"""Delivering an event: signed, at least once, and no receiver at the cost of another."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib.core.instants import now
from chalicelib.core.outbox.effects import (
    Effect,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.core.outbox.rules import Rules
from chalicelib.core.outbox.worker import Worker
from chalicelib.webhooks.deliveries import KIND, delivery
from chalicelib.webhooks.handlers import FIRST_REST, LONGEST_ASKED_REST, LONGEST_REST
from chalicelib.webhooks.models import Subscription, SubscriptionChange
from chalicelib.webhooks.receivers import Reply
from tests.support.outbox.fakes import MemoryQueues, MemoryStore
from tests.support.webhooks.house import NOON, OTHER_URL, URL, House, fact

FAILED = OutcomeUnknownError("no answer within 5 s")


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def event_id(house: House) -> str:
    return house.record(fact())[0]


def send(house: House, to: Subscription, event_id: str) -> str | None:
    return house.handler.handle(delivery(to.id, event_id))


def verified(secret: str, body: bytes, headers: Mapping[str, str]) -> Any:
    return Webhook(secret).verify(body, dict(headers))


# --- signatures -----------------------------------------------------------------------------------


@pytest.fixture
def today(house: House) -> House:
    """The house at the time of the machine: the library refuses what is five minutes off."""
    house.clock.at = now()
    return house


def test_the_public_library_takes_what_is_sent_and_nothing_else(today: House) -> None:
    subscription = today.subscribe()
    [event_id] = today.record(fact(text="é"))

    assert send(today, subscription, event_id) == "204"

    [(_, body, headers)] = today.outside.got
    secret = subscription.secrets[0].text
    assert verified(secret, body, headers)["data"] == {"text": "é"}
    assert headers["webhook-id"] == json.loads(body)["id"] == event_id
    for changed in (
        {"webhook-id": "evt_0000000000000001"},
        {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)},
    ):
        with pytest.raises(WebhookVerificationError):
            verified(secret, body, {**headers, **changed})
    with pytest.raises(WebhookVerificationError):
        verified(secret, body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        verified("whsec_" + "A" * 44, body, headers)


def test_while_a_secret_is_exchanged_either_verifies(today: House) -> None:
    made = today.subscribe()
    new = today.subscriptions.rotate(made.id, timedelta(seconds=10)).secrets[0].text
    [event_id] = today.record(fact())

    send(today, made, event_id)
    today.clock.forward(seconds=10)
    send(today, made, event_id)

    (_, body, during), (_, _, after) = today.outside.got
    for secret in (made.secrets[0].text, new):
        verified(secret, body, during)
    verified(new, body, after)
    with pytest.raises(WebhookVerificationError):
        verified(made.secrets[0].text, body, after)


def test_every_try_has_the_same_id_and_bytes_and_a_time_of_its_own(
    house: House, event_id: str
) -> None:
    subscription = house.subscribe()
    house.outside.answers[URL] = [500]
    with pytest.raises(OutcomeUnknownError):
        send(house, subscription, event_id)
    house.clock.forward(seconds=5)
    send(house, subscription, event_id)

    (_, one, first), (_, two, second) = house.outside.got
    assert one == two
    assert first["webhook-id"] == second["webhook-id"] == event_id
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 5


# --- receivers that do not do well ----------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [100, 199, 300, 302, 308, 400, 401, 404, 429, 500, 503, 999, FAILED]
)
def test_anything_but_2xx_is_tried_again(house: House, event_id: str, answer: Any) -> None:
    subscription = house.subscribe()
    house.outside.answers[URL] = [answer]

    with pytest.raises(OutcomeUnknownError):
        send(house, subscription, event_id)


def test_a_receiver_that_fails_rests_and_others_do_not_notice(house: House, event_id: str) -> None:
    failing, other = house.subscribe(), house.subscribe(OTHER_URL)
    house.outside.answers[URL] = [FAILED]
    with pytest.raises(OutcomeUnknownError):
        send(house, failing, event_id)

    with pytest.raises(NotExecutedError) as later:
        send(house, failing, event_id)
    assert send(house, other, event_id) == "204"

    assert later.value.retry_after_s == 1.0
    assert (len(house.outside.at(URL)), len(house.outside.at(OTHER_URL))) == (1, 1)
    health = house.subscriptions.show(failing.id)[1]
    assert health
    assert (health.failures, health.last_error) == (1, "no answer within 5 s")


def test_it_rests_longer_each_time_and_never_longer_than_the_longest_rest(
    house: House, event_id: str
) -> None:
    subscription = house.subscribe()
    house.outside.answers[URL] = [503] * 30
    rests = []
    for _ in range(30):
        with pytest.raises(OutcomeUnknownError):
            send(house, subscription, event_id)
        health = house.subscriptions.show(subscription.id)[1]
        assert health
        rests.append(health.rests_until - house.clock.at)
        house.clock.at = health.rests_until

    assert rests[:3] == [timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=4)]
    assert rests[-1] == LONGEST_REST
    assert send(house, subscription, event_id) == "204"
    assert house.subscriptions.show(subscription.id)[1] is None


@pytest.mark.parametrize(
    ("asked", "rest"),
    [
        ("120", timedelta(minutes=2)),
        ("Sun, 29 Nov 2026 13:10:00 GMT", timedelta(minutes=10)),
        ("999999999", LONGEST_ASKED_REST),
        ("0", FIRST_REST),
        ("Sun, 29 Nov 2026 12:59:00 GMT", FIRST_REST),
        ("soon", FIRST_REST),
        ("-5", FIRST_REST),
        ("1e9", FIRST_REST),
    ],
)
def test_a_receiver_rests_as_long_as_it_asks_to_within_bounds(
    house: House, event_id: str, asked: str, rest: timedelta
) -> None:
    busy, other = house.subscribe(), house.subscribe(OTHER_URL)
    house.clock.at = NOON + timedelta(hours=1)
    house.outside.answers[URL] = [Reply(429, asked)]
    with pytest.raises(OutcomeUnknownError):
        send(house, busy, event_id)

    house.clock.at += rest - timedelta(seconds=0.5)
    with pytest.raises(NotExecutedError) as later:
        send(house, busy, event_id)
    assert later.value.retry_after_s == 0.5
    assert send(house, other, event_id) == "204"

    house.clock.at += timedelta(seconds=0.5)
    assert send(house, busy, event_id) == "204"
    assert house.subscriptions.show(busy.id)[1] is None


def test_after_a_failure_one_worker_at_a_time_calls(house: House, event_id: str) -> None:
    subscription = house.subscribe()
    house.outside.answers[URL] = [FAILED]
    with pytest.raises(OutcomeUnknownError):
        send(house, subscription, event_id)
    house.clock.forward(seconds=2)
    refused = []

    def another_worker() -> None:
        with pytest.raises(NotExecutedError) as later:
            send(house, subscription, event_id)
        refused.append(later.value)

    house.outside.meanwhile = another_worker
    assert send(house, subscription, event_id) == "204"
    assert (len(house.outside.got), len(refused)) == (2, 1)


def test_of_two_who_saw_the_rest_end_one_calls(
    house: House, event_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription = house.subscribe()
    house.outside.answers[URL] = [FAILED]
    with pytest.raises(OutcomeUnknownError):
        send(house, subscription, event_id)
    house.clock.forward(seconds=2)
    seen = house.store.get_with_health(subscription.id)
    send(house, subscription, event_id)
    house.outside.answers[URL] = [FAILED]

    monkeypatch.setattr(house.store, "get_with_health", lambda _: seen)
    with pytest.raises(NotExecutedError):
        send(house, subscription, event_id)


def test_a_receiver_that_takes_its_time_gets_one_event_at_a_time(
    house: House, event_id: str
) -> None:
    subscription = house.subscribe()

    def slowly() -> None:
        house.elapsed_s += 3.0

    house.outside.meanwhile = slowly
    send(house, subscription, event_id)
    health = house.subscriptions.show(subscription.id)[1]
    assert health
    assert health.failures == 0

    def another_worker() -> None:
        slowly()
        with pytest.raises(NotExecutedError):
            send(house, subscription, event_id)

    house.outside.meanwhile = another_worker
    assert send(house, subscription, event_id) == "204"
    house.outside.meanwhile = lambda: None
    assert send(house, subscription, event_id) == "204"
    assert house.subscriptions.show(subscription.id)[1] is None


def test_a_receiver_that_says_it_is_gone_gets_no_more(house: House, event_id: str) -> None:
    subscription = house.subscribe()
    house.outside.answers[URL] = [410]

    assert "410" in (send(house, subscription, event_id) or "")
    assert "not active" in (send(house, subscription, event_id) or "")

    found, _ = house.subscriptions.show(subscription.id)
    assert (found.active, found.why_inactive) == (False, "the receiver answered 410 Gone")
    assert len(house.outside.got) == 1
    body = SubscriptionChange(active=True)
    assert house.subscriptions.change(subscription.id, body).why_inactive is None


# --- what has changed meanwhile -------------------------------------------------------------------


def test_what_waits_for_a_subscription_that_is_gone_is_not_sent(
    house: House, event_id: str
) -> None:
    subscription = house.subscribe()
    house.subscriptions.delete(subscription.id)

    assert send(house, subscription, event_id) == "not sent: the subscription was deleted"
    assert house.outside.got == []


def test_an_event_that_is_no_more_is_dead(house: House) -> None:
    subscription = house.subscribe()

    with pytest.raises(RejectedError):
        send(house, subscription, "evt_0000000000000001")


def test_a_test_is_delivered_though_no_log_has_it(today: House) -> None:
    subscription = today.subscribe()
    event_id = today.subscriptions.test(subscription.id)

    [effect] = today.waiting()
    today.handler.handle(effect)

    [(_, body, headers)] = today.outside.got
    told = verified(subscription.secrets[0].text, body, headers)
    assert (told["id"], told["type"]) == (event_id, "webhook.test")
    assert today.subscriptions.delivered(subscription.id, event_id).effect == effect


# --- by the outbox --------------------------------------------------------------------------------


def outbox(house: House) -> tuple[MemoryStore, Worker]:
    store: Any = MemoryStore()
    later: Any = MemoryQueues(house.clock)
    worker = Worker(
        KIND,
        house.handler,
        store,
        later,
        now=house.clock,
        new_id=lambda: f"{len(house.outside.got)}-{house.clock.at}",
        rules=Rules(jitter=lambda most_s: most_s),
    )
    return store, worker


def work(house: House, store: MemoryStore, worker: Worker, effect: Effect) -> str:
    """Have an effect tried when it is due."""
    house.clock.at = max(house.clock.at, store.rows[effect.id].due_at)
    return str(worker.work(effect.id))


def test_a_delivery_is_tried_for_three_days_and_is_dead_then(house: House, event_id: str) -> None:
    subscription = house.subscribe()
    store, worker = outbox(house)
    effect = delivery(subscription.id, event_id)
    store.add(effect, house.clock.at)
    begun = house.clock.at
    house.outside.answers[URL] = [500] * 10_000

    while work(house, store, worker, effect) != "dead":
        assert house.clock.at - begun < timedelta(days=4)

    assert house.clock.at - begun >= timedelta(days=3)
    assert len(house.outside.got) >= 50


def test_a_receiver_that_recovers_gets_all_that_waits_and_the_kind_is_never_paused(
    house: House, event_id: str
) -> None:
    failing, other = house.subscribe(), house.subscribe(OTHER_URL)
    ids = house.record(*[fact(f"packages/{n}") for n in range(20)])[1:]
    store, worker = outbox(house)
    effects = [delivery(to.id, each) for each in ids for to in (failing, other)]
    for effect in effects:
        store.add(effect, house.clock.at)
    house.outside.answers[URL] = [401, 403, FAILED, *[500] * 3]

    for effect in effects:
        worker.work(effect.id)
    assert sorted(house.outside.at(OTHER_URL)) == ids
    assert len(house.outside.at(URL)) == 1  # and rests since

    rounds = 0
    while waiting := [each for each in effects if not store.rows[each.id].over]:
        next_one = min(waiting, key=lambda each: store.rows[each.id].due_at)
        work(house, store, worker, next_one)
        rounds += 1
        assert rounds < 500

    assert {store.rows[each.id].state for each in effects} == {"done"}
    assert set(house.outside.at(URL)) == set(ids)
    assert store.stopped == {}
