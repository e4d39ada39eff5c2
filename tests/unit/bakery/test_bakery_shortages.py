"""The provider lacks something: whose orders go, once, and only those (B10, 5c 12, 5d)."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.bakery.records import Order
from chalicelib.bakery.service.shortages import Report
from chalicelib.core.errors import UnauthorizedError
from chalicelib.core.outbox.effects import NotConfiguredError, NotExecutedError, OutcomeUnknownError
from tests.support.bakery.house import SECRET, Bakehouse

BODY = b'{"timestamp": 1}'


def signature(body: bytes, secret: bytes = SECRET) -> str:
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


def ticketed(house: Bakehouse) -> list[Order]:
    """Place three orders, of which two need eggs, and have their ticket made."""
    house.bake("Vegan Cake", flour=Decimal("1.0"))
    orders = [house.order(), house.order(recipe="vegan cake"), house.order()]
    house.batching.run_scheduled(house.tomorrow_at_six())
    house.handle("jira#batch#2026-11-21")
    return orders


def report(house: Bakehouse, *labels: str, closed: bool = True, occasion: str = "a") -> Report:
    return Report("ING-1", labels, closed, house.clock.at, occasion)


def states(house: Bakehouse) -> list[str]:
    return [order.status for order in house.orders.rows.values()]


# --- who says so ----------------------------------------------------------------------------------


def test_5d_only_what_jira_signed_is_taken(house: Bakehouse) -> None:
    house.shortages.verify(BODY, signature(BODY))
    for wrong in (
        *("", "sha256=", "sha256=é", signature(BODY)[:-1], signature(BODY).upper()),
        *(signature(BODY + b" "), signature(BODY, b"another"), signature(BODY)[7:]),
    ):
        with pytest.raises(UnauthorizedError):
            house.shortages.verify(BODY, wrong)


def test_b19_without_a_secret_nothing_is_genuine(house: Bakehouse) -> None:
    def off() -> Sequence[bytes]:
        raise NotConfiguredError("JIRA_WEBHOOK_SECRET is not set")

    object.__setattr__(house.shortages, "secrets", off)

    with pytest.raises(UnauthorizedError, match="takes no webhooks"):
        house.shortages.verify(BODY, signature(BODY, b""))


@pytest.mark.parametrize("hours", [-1.1, 1.1, 24 * 365])
def test_5d_an_old_report_is_refused(house: Bakehouse, hours: float) -> None:
    ticketed(house)
    old = report(house, "missing-ingredients")
    house.clock.forward(hours=hours)

    with pytest.raises(UnauthorizedError):
        house.shortages.take(old)


def test_jira_s_repeats_of_half_an_hour_are_still_taken(house: Bakehouse) -> None:
    ticketed(house)
    late = report(house, "missing-ingredients")
    house.clock.forward(minutes=35)

    assert house.shortages.take(late) == "taken"


def test_a_ticket_that_was_moved_is_known_by_its_id(house: Bakehouse) -> None:
    ticketed(house)
    house.desk.short("ING-1")
    moved = house.desk.move("ING-1", "OPS-7")

    said = replace(report(house, "missing-ingredients"), key="OPS-7", issue_id=moved.id)
    assert house.shortages.take(said) == "taken"
    house.perform_all()

    assert states(house) == ["cancelled"] * 3


def test_a_moved_ticket_is_found_without_a_webhook_too(house: Bakehouse) -> None:
    orders = ticketed(house)
    house.desk.short("ING-1")
    house.desk.move("ING-1", "OPS-7")

    assert house.shortages.reconcile() == [order.id for order in orders]


def test_another_ticket_that_got_the_key_cancels_nothing(house: Bakehouse) -> None:
    ticketed(house)
    house.desk.move("ING-1", "OPS-7")
    other = house.desk.create("Another", {}, labels=("x",), due=None, properties={})
    house.desk.move(other.key, "ING-1").id = "99999"
    house.desk.short("ING-1")

    said = replace(report(house, "missing-ingredients"), key="ING-1", issue_id="99999")
    house.shortages.take(said)
    house.perform_all()

    assert house.shortages.reconcile() == []
    assert "cancelled" not in states(house)


def test_a_ticket_whose_id_an_older_version_did_not_keep_is_known_by_its_key(
    house: Bakehouse,
) -> None:
    orders = ticketed(house)
    house.tickets.ids.clear()
    house.tickets.owners = {"ING-1": house.now(orders[0]).batch}  # type: ignore[dict-item]
    house.desk.short("ING-1")

    said = replace(report(house, "missing-ingredients"), key="ING-1", issue_id="10001")
    assert house.shortages.take(said) == "taken"
    house.perform_all()
    assert states(house) == ["cancelled"] * 3


def test_a_comment_goes_to_a_ticket_that_was_moved(house: Bakehouse) -> None:
    orders = ticketed(house)
    moved = house.desk.move("ING-1", "OPS-7")

    house.cancel(orders[0])
    house.perform_all()

    assert list(moved.comments) == ["comment#1"]


def test_5d_an_unknown_ticket_is_not_ours(house: Bakehouse) -> None:
    assert house.shortages.take(report(house, "missing-ingredients")) == "not ours"


# --- what follows ---------------------------------------------------------------------------------


@pytest.mark.parametrize("halves", [("label", "close"), ("close", "label")])
def test_b10_label_and_close_work_in_either_order_and_once(
    house: Bakehouse, halves: tuple[str, str]
) -> None:
    ticketed(house)
    issue = house.desk.issues["ING-1"]
    verdicts = []
    for half in halves:
        if half == "label":
            issue.labels += ("missing-ingredients",)
        else:
            issue.closed = True
        told = report(house, *issue.labels, closed=issue.closed, occasion=half)
        verdicts += [house.shortages.take(told), house.shortages.take(told)]
    house.perform_all()

    assert verdicts == ["nothing to do", "nothing to do", "taken", "repeated"]
    assert states(house) == ["cancelled"] * 3
    assert len([each for each in house.effects.ids if each.startswith("cancelled#")]) == 3


def test_5c12_only_orders_that_need_what_is_named_are_cancelled(house: Bakehouse) -> None:
    with_eggs, vegan, _ = ticketed(house)
    house.desk.short("ING-1", "missing-eggs")

    cancelled = house.shortages.inspect("ING-1")

    assert cancelled == [1, 3]
    assert house.now(vegan).status == "ticketed"
    last = house.now(with_eggs).history[-1]
    assert (last.by, last.reason) == ("provider, ING-1", "missing eggs")


def test_5c12_what_nobody_ordered_cancels_nothing(house: Bakehouse) -> None:
    ticketed(house)
    house.desk.short("ING-1", "missing-egs")

    assert house.shortages.inspect("ING-1") == []


def test_5c12_the_state_of_now_counts_and_not_that_of_the_report(house: Bakehouse) -> None:
    ticketed(house)
    house.shortages.take(report(house, "missing-ingredients"))

    house.perform_all()  # it was reopened meanwhile

    assert states(house) == ["ticketed"] * 3


def test_5c12_reopening_restores_nothing(house: Bakehouse) -> None:
    ticketed(house)
    house.desk.short("ING-1")
    house.shortages.inspect("ING-1")
    house.desk.issues["ING-1"].closed = False

    house.shortages.inspect("ING-1")

    assert states(house) == ["cancelled"] * 3


def test_an_order_that_is_ready_stays_ready(house: Bakehouse) -> None:
    orders = ticketed(house)
    house.ready(orders[0])
    house.desk.short("ING-1")

    assert house.shortages.inspect("ING-1") == [2, 3]
    assert states(house) == ["ready", "cancelled", "cancelled"]


def test_5c12_the_hourly_look_finds_what_a_lost_webhook_would_have_told(house: Bakehouse) -> None:
    ticketed(house)
    house.desk.short("ING-1")

    assert house.shortages.reconcile() == [1, 2, 3]
    assert house.shortages.reconcile() == []


def test_a_foreign_ticket_with_our_labels_cancels_nothing(house: Bakehouse) -> None:
    ticketed(house)
    ours = house.desk.issues["ING-1"]
    copy = house.desk.create("copy", {}, labels=ours.labels, due=None, properties={})
    house.desk.short(copy.key)

    assert house.shortages.reconcile() == []
    assert states(house) == ["ticketed"] * 3


def test_5c7_an_urgent_order_s_ticket_is_about_that_order_alone(house: Bakehouse) -> None:
    house.order(), house.order(urgent=True)
    house.handle("jira#order#2")
    house.desk.short("ING-1")

    house.shortages.inspect("ING-1")

    assert states(house) == ["open", "cancelled"]


# --- tickets --------------------------------------------------------------------------------------


def test_5c9_a_ticket_whose_answer_was_lost_is_found_and_not_made_again(house: Bakehouse) -> None:
    house.desk.after = [OutcomeUnknownError("Jira: reset")]
    ticketed(house)

    house.handle("jira#batch#2026-11-21")

    assert list(house.desk.issues) == ["ING-1"]
    [batch] = house.batches.rows.values()
    assert (batch.ticket.state, batch.ticket.key) == ("created", "ING-1")
    assert house.tickets.owner("ING-1") == batch.day


def test_5c10_a_comment_waits_for_its_ticket(house: Bakehouse) -> None:
    order = house.order(urgent=True)
    house.handle("jira#order#1")
    house.cancel(order)
    house.handle("comment#1")

    assert list(house.desk.issues["ING-1"].comments) == ["comment#1"]


def test_5c10_a_comment_before_its_ticket_comes_again(house: Bakehouse) -> None:
    order = house.order()
    house.batching.run_scheduled(house.tomorrow_at_six())
    house.cancel(order)

    assert isinstance(house.handle("comment#1"), NotExecutedError)
    house.perform_all()

    assert list(house.desk.issues["ING-1"].comments) == ["comment#1"]


def test_a_comment_whose_answer_was_lost_is_found(house: Bakehouse) -> None:
    order = house.order(urgent=True)
    house.handle("jira#order#1")
    house.cancel(order)
    house.desk.after = [OutcomeUnknownError("Jira: reset")]

    house.perform_all()

    assert list(house.desk.issues["ING-1"].comments) == ["comment#1"]


def test_an_order_that_was_cancelled_before_its_own_ticket_needs_none(house: Bakehouse) -> None:
    order = house.order(urgent=True)
    house.cancel(order)

    house.perform_all()

    assert house.desk.issues == {}
    ticket = house.now(order).ticket
    assert ticket
    assert ticket.state == "not_needed"


def test_5c12_the_provider_s_own_no_needs_no_comment_unless_the_rest_comes(
    house: Bakehouse,
) -> None:
    ticketed(house)
    house.desk.short("ING-1", "missing-eggs")
    house.shortages.inspect("ING-1")
    comments = {each for each in house.effects.ids if each.startswith("comment#")}
    assert comments == {"comment#1", "comment#3"}

    house.desk.issues["ING-1"].labels = ("missing-ingredients",)
    house.shortages.inspect("ING-1")
    assert "comment#2" not in house.effects.ids


def test_old_reports_are_measured_by_our_clock(house: Bakehouse) -> None:
    ticketed(house)
    future = Report(
        "ING-1", ["missing-eggs"], True, house.clock.at + timedelta(minutes=4), "skewed"
    )

    assert house.shortages.take(future) == "taken"
