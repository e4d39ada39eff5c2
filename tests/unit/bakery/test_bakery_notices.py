"""One notice per order over all channels, never to the wrong person (B11, B12, 5c 13-15, 18)."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.bakery.letters import Addresses, UnreachableError
from chalicelib.bakery.records import Notice, Order
from chalicelib.bakery.service.directory import Directory
from chalicelib.bakery.service.orders import WrongStateError
from chalicelib.core.outbox.effects import (
    NotConfiguredError,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from tests.support.bakery.house import Bakehouse
from tests.support.bakery.vendors import FakePerson

LOVER = FakePerson("U1", ("Mr. Cakelover", "cakelover"))
NOT_DONE, UNSURE = NotExecutedError("Slack: 429"), OutcomeUnknownError("Slack: reset")


def baked(house: Bakehouse, customer: str = "Mr Cakelover", **said: Any) -> Order:
    return house.ready(house.order(customer, **said))


def notice(house: Bakehouse, order: Order) -> Notice:
    found = house.now(order).notice
    assert found
    return found


def perform(house: Bakehouse, order: Order, times: int = 1) -> None:
    for _ in range(times):
        if f"ready#{order.id}" not in house.done:
            house.handle(f"ready#{order.id}")


# --- before it is sent ---


@pytest.mark.parametrize(
    "people",
    [[LOVER], [], [LOVER, FakePerson("U2", ("mr cakelover",))], [FakePerson("U9", ("Kim",))]],
)
@pytest.mark.parametrize("said", [{}, {"email": "real@example.com"}])
def test_what_is_shown_before_ready_is_what_is_sent_after_it(
    house: Bakehouse, people: list[FakePerson], said: dict[str, str]
) -> None:
    house.slack.people = people
    order = house.order(**said)
    shown = house.previewing.preview(order.id)
    assert (house.slack.posted, house.mail.sent, house.now(order)) == ([], [], order)

    perform(house, house.ready(order))

    sent = notice(house, order)
    assert (shown.channel, shown.to, shown.why) == (sent.channel, sent.to, sent.why)
    assert shown.guessed == (sent.channel == "mail" and not said)
    messages = [text for _, text, _ in house.slack.posted]
    assert [shown.text] == messages + [letter.text for letter in house.mail.sent]
    assert {letter.subject for letter in house.mail.sent} <= {shown.subject}
    assert house.previewing.preview(order.id) == shown


def test_an_order_is_decided_alike_by_the_function_that_gets_it_as_json(house: Bakehouse) -> None:
    order = house.order(extras={"peanuts": 10}, due_at=house.clock() + timedelta(days=1))
    told = json.loads(order.stored_text())

    elsewhere = order.model_copy(update={"spread": False})  # its place is not in the JSON
    assert Order.model_validate(told) == elsewhere
    assert house.notifying.decide(Order.model_validate(told)) == house.notifying.decide(order)


def test_a_preview_says_what_is_in_the_way(house: Bakehouse) -> None:
    nowhere, known = house.order("山田"), house.order()
    assert "no Latin letter" in str(house.previewing.preview(nowhere.id).why)

    house.slack.before = [UNSURE]
    shown = house.previewing.preview(known.id)

    assert (shown.channel, shown.to, shown.why) == (None, None, "Slack: reset")


def test_a_preview_tells_a_customer_of_a_shortage_other_cakes(house: Bakehouse) -> None:
    order = house.order()
    house.ordering.cancel_short(order.id, by="jira", reason="no eggs", missing=frozenset({"eggs"}))

    assert house.previewing.preview(order.id).subject == "Order 1 cannot be baked"


def test_an_order_that_nobody_is_told_of_has_no_preview(house: Bakehouse) -> None:
    order = house.cancel(house.order())

    with pytest.raises(WrongStateError, match="its customer is not notified"):
        house.previewing.preview(order.id)


def test_previews_of_many_who_are_not_on_slack_read_its_directory_once_a_minute(
    house: Bakehouse,
) -> None:
    directory = Directory(lambda: house.slack, now=house.clock, misses_kept=timedelta(minutes=1))
    for _ in range(3):
        assert directory.matches("Nobody") == []
    assert house.slack.requests == 1

    house.slack.people = [FakePerson("U7", ("Nobody",))]
    house.clock.forward(seconds=60)
    assert directory.matches("Nobody") == ["U7"]


# --- which way ------------------------------------------------------------------------------------


def test_b11_exactly_one_person_of_that_name_gets_a_message(house: Bakehouse) -> None:
    house.slack.people = [FakePerson("U0", ("Somebody Else",)), LOVER]
    order = baked(house)

    perform(house, order)

    [(channel, text, _)] = house.slack.posted
    assert channel == "DU1"
    assert "order 1 (Chocolate Cake, for 4) is ready" in text
    assert house.mail.sent == []
    found = notice(house, order)
    assert (found.state, found.channel, found.to, found.reference) == (
        *("sent", "slack", "U1"),
        "DU1/1",
    )


def test_b12_nobody_of_that_name_gets_a_letter(house: Bakehouse) -> None:
    order = baked(house, "Mr. Cakelover")

    perform(house, order)

    [letter] = house.mail.sent
    assert (letter.to, letter.subject) == ("mr_cakelover@gmail.com", "Order 1 is ready")
    assert letter.effect_id == "ready#1"
    assert (notice(house, order).channel, notice(house, order).state) == ("mail", "sent")


def test_5c13_two_of_one_name_get_nothing_and_the_customer_a_letter(house: Bakehouse) -> None:
    house.slack.people = [LOVER, FakePerson("U2", ("mr cakelover",))]
    order = baked(house)

    perform(house, order)

    assert house.slack.posted == []
    assert len(house.mail.sent) == 1
    assert notice(house, order).why == "2 people on Slack have this name, so it is ambiguous"


def test_5c14_the_address_on_the_order_is_taken(house: Bakehouse) -> None:
    order = baked(house, email="real@example.com")

    perform(house, order)

    assert house.mail.sent[0].to == "real@example.com"


def test_5c14_without_an_address_the_customer_is_unreachable(house: Bakehouse) -> None:
    order = baked(house, "山田")

    perform(house, order)

    assert notice(house, order).state == "unreachable"
    assert "no Latin letter" in str(notice(house, order).why)
    assert (house.slack.posted, house.mail.sent) == ([], [])


def test_5c14_other_domains_than_the_allowed_ones_get_nothing(house: Bakehouse) -> None:
    house.domains.add("example.com")
    gmail, allowed = baked(house), baked(house, email="me@Example.COM")

    perform(house, gmail), perform(house, allowed)

    assert [letter.to for letter in house.mail.sent] == ["me@Example.COM"]
    assert notice(house, gmail).state == "unreachable"


@pytest.mark.parametrize(
    ("customer", "address"),
    [
        ("Mr. Cakelover", "mr_cakelover@gmail.com"),
        ("O'Hara", "o_hara@gmail.com"),
        ("Zoë 🎂", "zoe@gmail.com"),
        ("a\\b@evil.com", "a_b_evil_com@gmail.com"),
    ],
)
def test_5c14_addresses_are_made_of_folded_names(
    house: Bakehouse, customer: str, address: str
) -> None:
    assert Addresses("gmail.com").of(house.order(customer)) == address


@pytest.mark.parametrize(
    "customer", ["🎂🎂", "李 (VIP)", "Əli", "Анна Ann", "Sam ٣", "x" * 65, "ß" * 33]
)
def test_5c14_a_name_without_its_letters_makes_no_address(house: Bakehouse, customer: str) -> None:
    """`vip@gmail.com` would be a stranger; a local part has at most 64 octets."""
    with pytest.raises(UnreachableError):
        Addresses("gmail.com").of(house.order(customer))


def test_5c14_an_address_may_have_64_octets_before_the_at(house: Bakehouse) -> None:
    assert Addresses("gmail.com").of(house.order("x" * 64)) == "x" * 64 + "@gmail.com"


def test_b19_while_slack_is_off_letters_go(house: Bakehouse) -> None:
    house.slack.before = [NotConfiguredError("Slack is off")]
    order = baked(house)

    perform(house, order)

    assert len(house.mail.sent) == 1
    assert notice(house, order).why == "Slack is off"


def test_b19_while_both_are_off_the_notice_waits(house: Bakehouse) -> None:
    house.slack.before = [NotConfiguredError("Slack is off")]
    house.mail.before = [NotConfiguredError("mail is off")]
    order = baked(house)

    assert isinstance(house.handle("ready#1"), NotConfiguredError)
    assert notice(house, order).state == "asked"

    perform(house, order)
    assert len(house.mail.sent) == 1


# --- exactly one ----------------------------------------------------------------------------------


def test_5c13_slack_down_is_not_nobody_there(house: Bakehouse) -> None:
    house.slack.people = [LOVER]
    house.slack.before = [NOT_DONE] * 5
    order = baked(house)

    perform(house, order, times=6)

    assert len(house.slack.posted) == 1
    assert house.mail.sent == []


@pytest.mark.parametrize("found_first", [True, False])
def test_5c13_when_slack_stays_down_a_letter_goes(house: Bakehouse, found_first: bool) -> None:
    house.slack.people = [LOVER]
    order = baked(house)
    if found_first:
        house.slack.after = [UNSURE]
        perform(house, order)
        house.slack.posted.clear()  # Slack lost it
    house.slack.before = [NOT_DONE] * 20

    perform(house, order, times=7)

    assert house.slack.posted == []
    assert len(house.mail.sent) == 1
    assert "Slack failed 6 times" in str(notice(house, order).why)


def test_5c13_being_asked_to_wait_is_no_failure(house: Bakehouse) -> None:
    house.slack.people = [LOVER]
    house.slack.before = [NotExecutedError("Slack: ratelimited", retry_after_s=30)] * 20
    order = baked(house)

    perform(house, order, times=21)

    assert len(house.slack.posted) == 1
    assert house.mail.sent == []


@pytest.mark.parametrize("now", [[], [FakePerson("U1", ("Somebody Else",))]])
def test_5c13_who_was_renamed_or_left_since_the_directory_was_read_hears_nothing(
    house: Bakehouse, now: list[FakePerson]
) -> None:
    house.slack.people = [LOVER]
    perform(house, baked(house))
    house.slack.people = [*now, FakePerson("U2", ("Mr. Cakelover",))]

    order = baked(house)
    perform(house, order)

    assert (notice(house, order).channel, notice(house, order).to) == ("slack", "U2")


def test_5c13_the_directory_is_read_once_a_quarter_and_for_whom_it_does_not_know(
    house: Bakehouse,
) -> None:
    house.slack.people = [LOVER]
    for _ in range(3):
        perform(house, baked(house))
    assert house.slack.requests == 1

    house.slack.people.append(FakePerson("U2", ("New Here",)))
    perform(house, baked(house, "New Here"))
    assert house.slack.requests == 2

    house.clock.forward(minutes=16)
    perform(house, baked(house))
    assert house.slack.requests == 3
    assert house.mail.sent == []


def test_5c13_who_cannot_be_messaged_gets_a_letter(
    house: Bakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise RejectedError("Slack: user_disabled")

    house.slack.people = [LOVER]
    monkeypatch.setattr(house.slack, "post", refuse)
    order = baked(house)

    perform(house, order)

    assert len(house.mail.sent) == 1
    assert "user_disabled" in str(notice(house, order).why)


def test_a_message_whose_answer_was_lost_is_found_and_not_sent_again(house: Bakehouse) -> None:
    house.slack.people = [LOVER]
    house.slack.after = [UNSURE]
    order = baked(house)

    perform(house, order, times=3)

    assert len(house.slack.posted) == 1
    assert notice(house, order).reference == "DU1/1"


def test_the_way_is_settled_before_anything_is_sent(house: Bakehouse) -> None:
    house.slack.people = [LOVER]
    house.slack.after = [UNSURE]
    order = baked(house)
    perform(house, order)
    house.slack.people = []  # they have left since

    perform(house, order)

    assert len(house.slack.posted) == 1
    assert house.mail.sent == []


def test_a_letter_whose_fate_is_unknown_is_followed_by_one_more_at_most(house: Bakehouse) -> None:
    house.mail.after = [UNSURE] * 9
    order = baked(house)

    perform(house, order, times=9)

    assert len(house.mail.sent) == 2
    assert {letter.effect_id for letter in house.mail.sent} == {"ready#1"}
    assert notice(house, order).state == "failed"
    assert "whether it arrived is unknown" in str(notice(house, order).why)


def test_a_letter_that_certainly_did_not_leave_does_not_count(house: Bakehouse) -> None:
    house.mail.before = [NotExecutedError("mail: greylisted")] * 5
    order = baked(house)

    perform(house, order, times=6)

    assert len(house.mail.sent) == 1
    assert notice(house, order).state == "sent"


# --- short of something ---------------------------------------------------------------------------


def test_b10_who_gets_no_cake_is_refused_with_the_reason_and_offered_another(
    house: Bakehouse,
) -> None:
    house.bake("Apple Pie", apples=Decimal("300.0"))
    house.bake("Egg Cake", eggs=9)
    order = house.order()

    house.ordering.cancel_short(
        order.id, by="provider, ING-1", reason="missing eggs", missing=frozenset({"eggs"})
    )
    house.handle("short#1")

    [letter] = house.mail.sent
    assert letter.subject == "Order 1 cannot be baked"
    assert "cancelled (missing eggs)" in letter.text
    assert "We could bake Apple Pie for you instead" in letter.text
    assert "Egg Cake" not in letter.text
