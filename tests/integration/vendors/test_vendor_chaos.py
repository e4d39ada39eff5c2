"""Hundreds of effects at each vendor while everything goes wrong: none is lost, none is doubled.

What the outbox does is reduced to its rule here: not done is tried again, unsure is looked for
when the settle time has passed. Whoever tries again without looking doubles.
"""

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import pytest

from chalicelib.core.outbox.effects import EffectError, NotExecutedError, OutcomeUnknownError
from chalicelib.integrations import gdocs, jira
from chalicelib.integrations.gdocs import Line
from tests.support.integrations.vendors import DOCUMENT, Desk, letter
from tests.support.size import grows, size

EFFECTS = size(100, fuzz=300)
WRITERS = 6
# Of all requests: kind, and how likely it is. Statuses come before and after the deed.
CHAOS = (
    ("drop", 0.10),
    ("drop_after", 0.12),
    ("limit", 0.10),
    ("status", 0.04),
    ("status_after", 0.04),
)


@dataclass(frozen=True)
class Work:
    """How an effect of one vendor is done, and how it is found when nobody knows."""

    vendor: str
    search_lag_s: float
    perform: Callable[[int], object]
    find: Callable[[int], object]
    done: Callable[[], Iterable[object]]
    read_lag_s: float = 0


def insist(work: Work, desk: Desk, lock: Lock, number: int) -> None:
    """Do an effect, whatever it takes."""
    unsure = False
    while True:
        try:
            if unsure:
                with lock:
                    desk.office.clock.forward(work.search_lag_s)
                if work.find(number):
                    return
                unsure = False
            work.perform(number)
        except NotExecutedError:
            continue
        except OutcomeUnknownError:
            unsure = True
            continue
        return


def blindly(work: Work, number: int) -> None:
    """Do an effect, and again on any error."""
    while True:
        try:
            work.perform(number)
        except EffectError:
            continue
        return


def tickets(desk: Desk) -> Work:
    return Work(
        "jira",
        jira.SETTLE_S,
        lambda n: desk.jira.create(f"Order #{n}", DOCUMENT, labels=[f"order-{n}"]),
        lambda n: desk.jira.labelled(f"order-{n}"),
        lambda: [each["fields"]["labels"][0] for each in desk.held("jira", "issues")],
        read_lag_s=60,
    )


def comments(desk: Desk) -> Work:
    key = desk.ticket()
    return Work(
        "jira",
        0,
        lambda n: desk.jira.comment(key, DOCUMENT, effect_id=f"cancelled#{n}"),
        lambda n: desk.jira.find_comment(key, f"cancelled#{n}"),
        lambda: [str(each["body"]) for each in desk.held("jira", "issues")[0]["comments"]],
    )


def messages(desk: Desk) -> Work:
    desk.office.slack.page_size = 100
    channel = desk.slack.open_dm("U01")
    return Work(
        "slack",
        0,
        lambda n: desk.slack.post(channel, f"Order {n} is ready", effect_id=f"ready#{n}"),
        lambda n: desk.slack.find(channel, effect_id=f"ready#{n}"),
        lambda: [each["text"] for each in desk.held("slack", "messages")],
    )


def documents(desk: Desk) -> Work:
    folder = desk.drive.create_folder("Orders")
    return Work(
        "google",
        gdocs.SETTLE_S,
        lambda n: desk.drive.create_document(f"c{n}", customer=f"c{n}", folder=folder),
        lambda n: desk.drive.find_document(f"c{n}"),
        lambda: [each["name"] for each in desk.held("google", "files")[1:]],
        read_lag_s=30,
    )


def lines(desk: Desk) -> Work:
    document = desk.document()
    return Work(
        "google",
        0,
        lambda n: desk.docs.append(document, [Line(f"order-{n}", f"- Order {n} 🎂")]),
        lambda n: False,  # repeat-safe: nothing needs to be found
        lambda: re.findall("Order [0-9]+", desk.held("google", "files")[-1]["text"]),
    )


def grants(desk: Desk) -> Work:
    desk.office.github.logins = [f"person-{n}" for n in range(EFFECTS)]
    return Work(
        "github",
        0,
        lambda n: desk.github.grant(f"person-{n}"),
        lambda n: desk.github.access(f"person-{n}") != "none",
        lambda: [each["invitee"]["login"] for each in desk.held("github", "invitations")],
    )


EXPECTED: dict[str, tuple[Callable[[Desk], Work], int]] = {
    "tickets": (tickets, EFFECTS),
    "comments": (comments, size(60, fuzz=100)),
    "messages": (messages, EFFECTS),
    "documents": (documents, EFFECTS),
    "lines": (lines, 60),
    "grants": (grants, EFFECTS),
}


def start_chaos(desk: Desk, work: Work, *, methods: Iterable[str]) -> None:
    for seed, (kind, chance) in enumerate(CHAOS):
        for method in methods:
            desk.fail(work.vendor, kind, method=method, times=None, chance=chance, seed=seed)


@grows
@pytest.mark.parametrize("name", EXPECTED)
def test_b19_in_chaos_no_effect_is_lost_and_none_is_doubled(desk: Desk, name: str) -> None:
    make, count = EXPECTED[name]
    work = make(desk)
    desk.office.jira.lag_s = desk.office.google.lag_s = work.read_lag_s
    start_chaos(desk, work, methods=("GET", "POST", "PUT"))
    lock = Lock()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda n: insist(work, desk, lock, n), range(count)))

    desk.office.faults.clear()
    assert len(list(work.done())) == len(set(work.done())) == count
    assert desk.doubled() == []


@pytest.mark.parametrize("name", ["tickets", "messages", "documents"])
def test_b19_who_tries_again_without_looking_doubles_and_the_stand_ins_tell(
    desk: Desk, name: str
) -> None:
    work = EXPECTED[name][0](desk)
    start_chaos(desk, work, methods=["POST"])

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda n: blindly(work, n), range(100)))

    assert len(desk.doubled()) > 5


@grows
def test_b19_in_chaos_a_letter_that_is_unsure_is_sent_once_more_at_most(desk: Desk) -> None:
    """Nobody can look into a mailbox: what came twice has the same Message-ID."""
    for seed, kind in enumerate(("drop", "drop_after", "limit")):
        desk.fail("mail", kind, method="DATA", times=None, chance=0.1, seed=seed)
    mail = desk.mail()

    def send(number: int) -> bool:
        unsure = 0
        while unsure < 2:
            try:
                mail.send(letter(f"ready#{number}", subject=f"Order {number} is ready"))
            except NotExecutedError:
                continue
            except OutcomeUnknownError:
                unsure += 1
                continue
            return True
        return False

    with ThreadPoolExecutor(WRITERS) as pool:
        sure = list(pool.map(send, range(EFFECTS)))

    arrived = [each["message_id"] for each in desk.held("mail", "letters")]
    assert set(arrived) >= {f"<ready#{n}@backroom.example>" for n, done in enumerate(sure) if done}
    assert max(map(arrived.count, set(arrived))) == 2
