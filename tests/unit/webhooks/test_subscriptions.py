"""Subscriptions: who gets what, and by which secrets."""

import base64
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    UnprocessableError,
)
from chalicelib.core.instants import iso
from chalicelib.webhooks.models import (
    MOST_SUBSCRIPTIONS,
    Health,
    ReplayBody,
    SubscriptionBody,
    SubscriptionChange,
)
from tests.support.webhooks.house import NOON, OTHER_URL, URL, House, fact


@pytest.fixture
def house() -> House:
    return House()


def change(house: House, subscription_id: str, **fields: Any) -> Any:
    return house.subscriptions.change(subscription_id, SubscriptionChange(**fields))


def since_then(at: datetime, **more: Any) -> ReplayBody:
    return ReplayBody.model_validate({"since": iso(at), **more})


def test_an_event_goes_to_subscribers_of_its_kind(house: House) -> None:
    some = house.subscribe(URL, "package.decided")
    every = house.subscribe(OTHER_URL)

    ids = house.record(fact(), fact("orders/1", "order.changed"))

    assert house.to(some) == ids[:1]
    assert house.to(every) == ids


def test_recording_again_delivers_nothing_again_and_completes_what_broke_off(house: House) -> None:
    subscription = house.subscribe()
    house.log.append([fact()])  # and the function was killed

    house.record(fact(), fact("packages/b"))
    house.record(fact(), fact("packages/b"))

    assert house.to(subscription) == house.ids()
    assert len(house.ids()) == 2


def test_a_later_subscriber_gets_nothing_from_before(house: House) -> None:
    house.record(fact())
    subscription = house.subscribe()

    house.record(fact())

    assert house.to(subscription) == []


def test_a_subscription_that_is_not_active_gets_nothing(house: House) -> None:
    subscription = house.subscribe()
    change(house, subscription.id, active=False)

    house.record(fact())
    change(house, subscription.id, active=True)
    house.record(fact("packages/b"))

    assert house.to(subscription) == house.ids()[1:]


def test_a_url_has_one_subscription(house: House) -> None:
    first = house.subscribe()
    with pytest.raises(ConflictError) as twice:
        house.subscribe()
    assert twice.value.facts == {"subscription": first.id}

    other = house.subscribe(OTHER_URL)
    with pytest.raises(ConflictError):
        change(house, other.id, url=URL)

    change(house, first.id, url="https://third.example/")
    change(house, other.id, url=URL)
    house.subscriptions.delete(other.id)
    house.subscribe()


def test_what_is_omitted_stays_and_null_kinds_are_all_kinds(house: House) -> None:
    made = house.subscriptions.create(
        SubscriptionBody(url=URL, kinds=("entry.posted",), description="books")
    )

    assert change(house, made.id, url=OTHER_URL).description == "books"
    assert change(house, made.id, description=None).kinds == ("entry.posted",)
    changed = change(house, made.id, kinds=None)
    assert (changed.kinds, changed.url, changed.description) == ((), OTHER_URL, None)
    assert changed.secrets == made.secrets


def test_there_are_only_so_many(house: House) -> None:
    for number in range(MOST_SUBSCRIPTIONS):
        house.subscribe(f"https://{number}.example.com/")

    with pytest.raises(UnprocessableError):
        house.subscribe()


def test_a_secret_has_the_form_of_standard_webhooks(house: House) -> None:
    [secret] = house.subscribe().secrets

    assert secret.text.startswith("whsec_")
    assert len(base64.b64decode(secret.text.removeprefix("whsec_"), validate=True)) == 32
    assert secret.text not in repr(house.subscriptions.show(house.store.all()[0].id))


def test_old_and_new_secret_both_sign_for_a_while(house: House) -> None:
    made = house.subscribe()
    old = made.secrets[0].text

    rotated = house.subscriptions.rotate(made.id, timedelta(hours=24))

    new = rotated.secrets[0].text
    assert rotated.signing(house.clock.at) == [new, old]
    assert rotated.signing(house.clock.at + timedelta(hours=24)) == [new]


def test_a_rotation_without_overlap_ends_all_secrets_before_at_once(house: House) -> None:
    """As when it has leaked."""
    made = house.subscribe()
    house.subscriptions.rotate(made.id, timedelta(hours=24))

    rotated = house.subscriptions.rotate(made.id, timedelta(0))

    assert rotated.signing(house.clock.at) == [rotated.secrets[0].text]
    assert len(rotated.secrets) == 1


def test_secrets_do_not_pile_up(house: House) -> None:
    made = house.subscribe()
    for _ in range(9):
        rotated = house.subscriptions.rotate(made.id, timedelta(days=7))

    assert len(rotated.secrets) == 4
    house.clock.forward(days=8)
    assert len(house.subscriptions.rotate(made.id, timedelta(days=7)).secrets) == 2


def test_what_is_changed_meanwhile_is_read_again(house: House, monkeypatch: Any) -> None:
    made = house.subscribe()
    look = house.store.get_with_health

    def changed_after_reading(subscription_id: str) -> Any:
        found = look(subscription_id)
        monkeypatch.setattr(house.store, "get_with_health", look)
        change(house, subscription_id, description="theirs")
        return found

    monkeypatch.setattr(house.store, "get_with_health", changed_after_reading)
    after = change(house, made.id, kinds=["entry.posted"])

    assert (after.description, after.kinds, after.version) == ("theirs", ("entry.posted",), 3)


def test_another_url_is_another_receiver_of_whom_nothing_is_known(house: House) -> None:
    made = house.subscribe()
    health = Health(failures=3, since=NOON, rests_until=NOON + timedelta(hours=1))
    house.store.put_health(made.id, health)

    change(house, made.id, description="the same")
    assert house.subscriptions.show(made.id)[1] == health
    change(house, made.id, url=OTHER_URL)
    assert house.subscriptions.show(made.id)[1] is None


def test_what_does_not_exist_is_not_found(house: House) -> None:
    made = house.subscribe()
    house.subscriptions.delete(made.id)

    for call in (
        lambda: house.subscriptions.show(made.id),
        lambda: house.subscriptions.delete(made.id),
        lambda: house.subscriptions.test(made.id),
        lambda: change(house, made.id, active=True),
        lambda: house.subscriptions.delivered(made.id, "evt_0000000000000000"),
    ):
        with pytest.raises(NotFoundError):
            call()


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://localhost:3000/",
        "https://localhost/",
        "https://backroom.local/",
        "https://db.internal/",
        "https://db/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://10.0.0.1/",
        "https://user:password@example.com/",
        "https://example.com/#part",
        "https://example.com:99999/",
        "https://exam ple.com/",
        "https://ex\u00e4mple.com/",
        "https:///path",
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "example.com",
        "https://[",
    ],
)
def test_a_receiver_is_on_the_public_internet_and_has_https(house: House, url: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        house.subscribe(url)

    assert [fault["field"] for fault in refused.value.faults] == ["url"]


# --- replays --------------------------------------------------------------------------------------


def test_events_since_a_time_are_delivered_again_page_by_page(house: House) -> None:
    subscription = house.subscribe(URL, "package.decided")
    house.record(fact("packages/before"))
    since = house.clock.at
    house.record(*[fact(f"packages/{n:03}") for n in range(130)], fact("o/1", "order.changed"))
    first = house.to(subscription)

    one = house.subscriptions.replay(subscription.id, since_then(since), None)
    rest = since_then(since, after=one.after)
    two = house.subscriptions.replay(subscription.id, rest, None)

    assert (one.events, two.events, two.after) == (100, 30, None)
    assert sorted(house.to(subscription)) == sorted([*first, *first[1:]])


def test_one_event_is_delivered_again_once_for_each_key(house: House) -> None:
    subscription = house.subscribe()
    [event_id] = house.record(fact())
    again = ReplayBody(event_id=event_id)

    for key in ("k", "k", "l"):
        house.subscriptions.replay(subscription.id, again, key)

    assert house.to(subscription) == [event_id] * 3


def test_an_inactive_subscription_is_sent_neither_tests_nor_replays(house: House) -> None:
    subscription = house.subscribe()
    change(house, subscription.id, active=False)

    with pytest.raises(ConflictError):
        house.subscriptions.test(subscription.id)
    with pytest.raises(ConflictError):
        house.subscriptions.replay(subscription.id, since_then(NOON), None)


def test_a_replay_of_what_is_not_there_is_not_found(house: House) -> None:
    subscription = house.subscribe()

    with pytest.raises(NotFoundError):
        house.subscriptions.replay(
            subscription.id, ReplayBody(event_id="evt_0000000000000001"), None
        )
