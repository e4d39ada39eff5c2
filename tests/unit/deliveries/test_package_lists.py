"""Lists of packages, and batches of them, on memory."""

from datetime import datetime, timedelta
from typing import Any

from chalicelib.core import paging
from chalicelib.core.errors import InvalidInputError, UnavailableError
from chalicelib.deliveries.ports import ListPosition, Wanted
from chalicelib.deliveries.records import Record
from chalicelib.deliveries.service.batches import Batches
from chalicelib.deliveries.service.counting import Counting
from chalicelib.deliveries.service.listing import Listing
from chalicelib.deliveries.service.sending import Sending
from chalicelib.deliveries.wiring import Deliveries
from tests.support.clock import Clock
from tests.support.deliveries.fakes import NOON, FakeStore, choices, package
from tests.support.deliveries.rivalry import Interrupted

FAULTY = InvalidInputError([{"place": "body", "field": "package_id", "detail": "is required"}])


def sent(store: FakeStore, count: int, **said: Any) -> None:
    """Send packages, one an hour."""
    clock = Clock(NOON)
    for number in range(count):
        Sending(store, now=clock).send(package(package_id=f"p{number}", **said))
        clock.forward(hours=1)


def walked(store: FakeStore, wanted: Wanted, limit: int) -> tuple[list[Record], int]:
    """Return all that a list has, and in how many pages."""
    found: list[Record] = []
    before: ListPosition | None = None
    pages = 0
    while True:
        page = Listing(store, store).page(wanted, before=before, limit=limit)
        found += page.rows
        pages += 1
        if page.next is None:
            return found, pages
        before = page.next


def test_packages_are_listed_newest_decision_first(store: FakeStore) -> None:
    sent(store, 7)

    found, pages = walked(store, Wanted(), limit=3)

    assert [record.package.package_id for record in found] == [f"p{n}" for n in range(6, -1, -1)]
    assert pages == 3


def test_of_a_recipient_and_a_sender_a_page_looks_at_so_many_rows_and_goes_on(
    store: FakeStore, monkeypatch: Any
) -> None:
    monkeypatch.setattr(paging, "MOST_READ", 3)
    sent(store, 10)
    Sending(store, now=lambda: NOON - timedelta(days=1)).send(
        package(package_id="old", sender_id="moon")
    )

    found, pages = walked(store, Wanted(recipient="mars", sender="moon"), limit=5)

    assert [record.package.package_id for record in found] == ["old"]
    assert pages == 4


def test_a_batch_has_a_verdict_for_each_by_the_rules_of_one(
    services: Deliveries, store: FakeStore
) -> None:
    services.choosing.choose("mars", choices(100, marketing=False))
    services.sending.send(package())

    answer = services.batches.send(
        [
            package(package_id="new"),
            FAULTY,
            package(package_id="advert", package_type="marketing"),
            package(sender_id="moon"),
            package(package_id="new"),
            package(),
        ]
    )

    assert [each.verdict for each in answer.packages] == [
        *("delivered", "malformed", "dropped", "conflict", "delivered", "delivered"),
    ]
    assert [each.duplicate for each in answer.packages] == [
        *(False, None, False, None, True, True),
    ]
    counts = (answer.delivered, answer.dropped, answer.conflict, answer.malformed)
    assert counts == (3, 1, 1, 1)
    assert (answer.undecided, answer.duplicates) == (0, 2)
    assert "another sender_id" in answer.packages[3].reason
    assert answer.packages[1].errors
    assert store.counted.total() == 3
    assert store.malformed == 1


def test_what_is_left_when_the_time_is_up_is_undecided_and_can_be_sent_again(
    store: FakeStore,
) -> None:
    class Slow(Interrupted):
        def add(self, record: Record) -> None:
            clock.forward(seconds=9)
            super().add(record)

    clock = Clock(NOON)
    batches = Batches(Sending(Slow(store), now=clock), Counting(store), now=clock)
    packages = [package(package_id=f"p{number}") for number in range(4)]

    first, again = batches.send(packages), batches.send(packages)

    assert [each.verdict for each in first.packages] == [*["delivered"] * 3, "undecided"]
    assert "send it again" in first.packages[3].reason
    assert [each.duplicate for each in again.packages] == [True, True, True, False]


def test_one_package_that_cannot_be_decided_stops_no_other(store: FakeStore) -> None:
    class Busy(Interrupted):
        def add(self, record: Record) -> None:
            if record.package.package_id == "busy":
                raise UnavailableError("Too many writers want the same record.")
            super().add(record)

    batches = Batches(Sending(Busy(store), now=_noon), Counting(store), now=_noon)

    answer = batches.send([package(package_id=each) for each in ("a", "busy", "b")])

    assert [each.verdict for each in answer.packages] == ["delivered", "undecided", "delivered"]


def test_a_rival_who_decides_after_the_look_up_wins(store: FakeStore) -> None:
    def rival() -> None:
        Sending(store, now=_noon).send(package(package_id="b", sender_id="rival"))

    batches = Batches(Sending(Interrupted(store, rival), now=_noon), Counting(store), now=_noon)

    answer = batches.send([package(package_id="a"), package(package_id="b")])

    assert [each.verdict for each in answer.packages] == ["delivered", "conflict"]


def _noon() -> datetime:
    return NOON
