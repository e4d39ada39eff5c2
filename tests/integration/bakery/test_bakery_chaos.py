"""Many effects at each of the five vendors while everything fails: none lost, none twice.

Real are the bakery's services, handlers and workers, the outbox's worker and sweeper, the clients
and the stand-ins; the stores are in memory here. tests/e2e/test_outbox_table.py has a real one.
"""

import logging
from collections import Counter
from functools import partial

import pytest

from chalicelib.bakery.names import record_id
from chalicelib.core.log import logger
from chalicelib.integrations.mail import message_id
from infra.standins.slack import person
from tests.support.bakery.chaos import MISHAPS, ChaoticBakery
from tests.support.integrations.vendors import Desk
from tests.support.size import grows, size

EFFECTS = size(75, fuzz=300)
GUESTS = EFFECTS * 11 // 10
REGULARS, FIRED, URGENT = EFFECTS // 5, EFFECTS // 3, EFFECTS // 3
AT_A_TIME, EVERY_S = 30, 1_200
HANDS = 6
JIRA_LAG_S, DRIVE_LAG_S = 600, 200
SETTLE_S = 900
# Of all requests; a limit of GitHub's is told by its own clock, so it is a status here.
FAULTS = {"drop": 0.05, "drop_after": 0.08, "limit": 0.05, "status": 0.03, "status_after": 0.03}


def spoil(desk: Desk) -> None:
    """Let everything go wrong now and then, and searches trail."""
    desk.office.jira.lag_s, desk.office.google.lag_s = JIRA_LAG_S, DRIVE_LAG_S
    for seed, (kind, chance) in enumerate(FAULTS.items()):
        for vendor in ("jira", "slack", "google"):
            desk.fail(vendor, kind, times=None, chance=chance, seed=seed)
        limited = {"kind": "status", "status": 429} if kind == "limit" else {"kind": kind}
        desk.fail("github", **limited, times=None, chance=chance, seed=seed)
    for kind in ("drop", "limit"):
        desk.fail("mail", kind, method="RCPT", times=None, chance=0.1)
    for kind in ("drop_after", "limit"):
        desk.fail("mail", kind, method="DATA", times=None, chance=0.1)


def invite(desk: Desk) -> None:
    """Have guests in Slack's directory, and developers on GitHub."""
    desk.office.slack.people = [person(f"U{n}", f"Guest {n} O'Hara 🎂") for n in range(GUESTS)]
    desk.office.slack.page_size = GUESTS * 2 // 3
    desk.office.github.logins = [f"ada-{n}" for n in range(EFFECTS)]


def day(bakery: ChaoticBakery) -> None:
    """Have people come, some at a time, and change their minds while others work."""
    for n in range(GUESTS):
        at = n // AT_A_TIME * EVERY_S
        bakery.time.after(at, partial(guest, bakery, f"guest {n} ohara 🎂", urgent=True))
        if n < EFFECTS:
            bakery.time.after(at, partial(guest, bakery, f"Stranger {n}"))
            bakery.time.after(at, partial(regular, bakery, n))
            bakery.time.after(at, partial(developer, bakery, n))


def guest(bakery: ChaoticBakery, name: str, *, urgent: bool = False) -> None:
    order = bakery.order(name, urgent=urgent)
    bakery.time.after(30, partial(bakery.ready, order))


def regular(bakery: ChaoticBakery, n: int) -> None:
    order = bakery.order(f"Regular {n % REGULARS}", urgent=n < URGENT)
    bakery.time.after(n % 5 * 300, partial(bakery.cancel, order))


def developer(bakery: ChaoticBakery, n: int) -> None:
    hired = bakery.hire(f"ada-{n}")
    if n < FIRED:
        bakery.time.after(n % 3 * 60, partial(bakery.fire, hired))


def run(bakery: ChaoticBakery, desk: Desk) -> None:
    invite(desk)
    spoil(desk)
    bakery.go(hands=HANDS)
    desk.office.faults.clear()


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Keep thousands of lines to ourselves."""
    caplog.set_level(logging.CRITICAL, logger=logger.name)


@grows
@pytest.mark.timeout(1_200)
def test_b19_in_chaos_no_effect_at_any_vendor_is_lost_and_none_is_doubled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    bakery = ChaoticBakery(desk.office.clock, monkeypatch, search_lag_s=SETTLE_S)
    day(bakery)

    run(bakery, desk)

    asked = Counter(kept.effect.kind for kept in bakery.outbox.rows.values())
    assert asked == {
        "jira": GUESTS + 2 * URGENT,
        "notify": GUESTS + EFFECTS,
        "google": EFFECTS,
        "github": EFFECTS + FIRED,
    }
    all_is_over(bakery, desk)
    each_ticket_is_there_once(bakery, desk)
    each_customer_is_told_once(bakery, desk)
    each_cancelled_order_is_filed_once(bakery, desk)
    those_who_stay_are_invited(bakery, desk)
    doubles = desk.office.doubles()
    assert {vendor: doubles[vendor] for vendor in ("jira", "slack", "google", "github")} == {
        **{"jira": [], "slack": [], "google": [], "github": []}
    }
    happened = bakery.dice.happened
    assert min(happened[each] for each in MISHAPS) >= EFFECTS // 60, happened


def all_is_over(bakery: ChaoticBakery, desk: Desk) -> None:
    """Nothing waits; dead is a letter at most that arrived, though the server broke off twice."""
    letters = {each["message_id"] for each in desk.held("mail", "letters")}
    for kept in bakery.outbox.rows.values():
        if kept.state == "dead":
            assert "whether it arrived is unknown" in (kept.answer or "")
            assert message_id(kept.effect.id, "@backroom.example") in letters
        else:
            assert kept.state == "done"


def each_ticket_is_there_once(bakery: ChaoticBakery, desk: Desk) -> None:
    """An order knows its ticket, and the ticket of a cancelled order says so, once."""
    issues = {each["key"]: each for each in desk.held("jira", "issues")}
    tickets = {n: order.ticket for n, order in bakery.orders.rows.items() if order.ticket}
    made = {ticket.key: n for n, ticket in tickets.items() if ticket.state == "created"}
    assert made.keys() == issues.keys()
    assert len(made) >= EFFECTS
    for n, ticket in tickets.items():
        cancelled = bakery.orders.rows[n].status == "cancelled"
        if ticket.state == "created":
            issue = issues[ticket.key or ""]
            assert f"order-{n}" in issue["fields"]["labels"]
            assert len(issue["comments"]) == cancelled
        else:
            assert (ticket.state, cancelled) == ("not_needed", True)


def each_customer_is_told_once(bakery: ChaoticBakery, desk: Desk) -> None:
    """One notice over both channels; copies of a letter are one, as their Message-ID is."""
    messages = [each["metadata"]["event_payload"] for each in desk.held("slack", "messages")]
    letters = Counter(each["message_id"] for each in desk.held("mail", "letters"))
    assert len(messages) >= EFFECTS
    assert len(letters) >= EFFECTS
    assert max(letters.values()) <= 2
    notices = {n: order.notice for n, order in bakery.orders.rows.items() if order.notice}
    ways = Counter(notice.channel for notice in notices.values())
    assert ways == {"slack": len(messages), "mail": len(letters)}
    told = Counter(payload["effect"] for payload in messages)
    for n in notices:
        mailed = message_id(f"ready#{n}", "@backroom.example") in letters
        assert told[f"ready#{n}"] + mailed == 1


def each_cancelled_order_is_filed_once(bakery: ChaoticBakery, desk: Desk) -> None:
    """A customer has one document, with one line for each order."""
    documents = [each for each in desk.held("google", "files") if each["lines"] is not None]
    lines = {each["name"]: sorted(each["lines"]) for each in documents}
    wanted = {f"regular_{n}": ["title"] for n in range(REGULARS)}
    for order in bakery.orders.rows.values():
        if order.status == "cancelled":
            wanted[record_id(order.customer)].append(f"order-{order.id}")
            assert order.filed
    assert len(documents) == REGULARS
    assert lines == {name: sorted(wanted[name]) for name in wanted}


def those_who_stay_are_invited(bakery: ChaoticBakery, desk: Desk) -> None:
    """Whoever was fired is out, invitation and all."""
    invited = [each["invitee"]["login"] for each in desk.held("github", "invitations")]
    stay = [employee.login for employee in bakery.staff.rows.values()]
    assert sorted(invited) == sorted(map(str, stay))
    assert len(stay) == EFFECTS - FIRED
    assert {employee.access for employee in bakery.staff.rows.values()} == {"invited"}


@grows
@pytest.mark.timeout(1_200)
def test_b19_who_looks_before_the_search_can_show_it_doubles_tickets(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    bakery = ChaoticBakery(desk.office.clock, monkeypatch, search_lag_s=JIRA_LAG_S / 4)
    for n in range(EFFECTS):
        bakery.time.after(n // AT_A_TIME, partial(bakery.order, f"Guest {n}", urgent=True))

    run(bakery, desk)

    assert len(desk.office.doubles()["jira"]) > EFFECTS // 60
