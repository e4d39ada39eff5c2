"""Reading logs: every line, once, from whatever plays CloudWatch Logs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.exporter.books import Books
from monitoring.exporter.tail import Reach, Tail, named

FUNCTIONS = [("api", "backroom-test-api")]
REACH = Reach(near_ms=100, far_ms=1_000, far_every_ms=500)

Event = dict[str, Any]


class NoGroupError(Exception):
    pass


class FakeLogs:
    """CloudWatch Logs with one group; ``pages`` events come at a time, with a token if asked to."""

    class exceptions:  # noqa: N801 - as botocore has it
        ResourceNotFoundException = NoGroupError

    def __init__(self, *, page: int = 10_000, tokens: bool = True, names: bool = True) -> None:
        self.events: list[Event] = []
        self.there = True
        self.asked: list[int] = []
        self._page, self._tokens, self._names = page, tokens, names

    def add(self, *times_ms: int, text: str = "ERROR") -> None:
        for at_ms in times_ms:
            number = len(self.events)
            message = json.dumps({"level": text, "number": number})
            event: Event = {"timestamp": at_ms, "message": message, "logStreamName": "s"}
            self.events.append(event | ({"eventId": str(number)} if self._names else {}))

    def filter_log_events(self, **asked: Any) -> dict[str, Any]:
        if not self.there:
            raise NoGroupError
        self.asked.append(asked["startTime"])
        found = sorted(
            (e for e in self.events if e["timestamp"] >= asked["startTime"]),
            key=lambda e: e["timestamp"],
        )
        first = int(asked.get("nextToken", 0))
        last = first + min(self._page, asked["limit"])
        more = {"nextToken": str(last)} if self._tokens and last < len(found) else {}
        return {"events": found[first:last], **more}


@pytest.fixture(name="books")
def _books(tmp_path: Path) -> Iterator[Books]:
    books = Books(tmp_path / "exporter.db", began_ms=0)
    yield books
    books.close()


def tail(logs: FakeLogs, books: Books, reach: Reach = REACH) -> Tail:
    return Tail(cast(Any, logs), books, reach=reach)


def counted(books: Books) -> float:
    return sum(
        sample.value
        for family in books.families()
        for sample in family.samples
        if sample.name == "backroom_logged_errors_total"
    )


def test_each_poll_counts_what_is_new(books: Books) -> None:
    logs = FakeLogs()
    reading = tail(logs, books)

    logs.add(1_000, 1_001)
    assert reading.read(FUNCTIONS, 2_000) == 2
    logs.add(1_002)
    assert reading.read(FUNCTIONS, 2_100) == 1
    assert reading.read(FUNCTIONS, 2_200) == 0


def test_a_late_line_counts_at_once_if_it_is_a_little_late_and_later_if_it_is_very_late(
    books: Books,
) -> None:
    logs = FakeLogs()
    reading = tail(logs, books)
    logs.add(5_000)
    reading.read(FUNCTIONS, 5_000)

    logs.add(4_950, 4_200)

    assert reading.read(FUNCTIONS, 5_100) == 1
    assert reading.read(FUNCTIONS, 5_600) == 1


def test_the_first_look_after_a_start_is_a_far_one(books: Books) -> None:
    logs = FakeLogs()
    logs.add(5_000)
    tail(logs, books).read(FUNCTIONS, 5_000)
    logs.add(4_200)

    assert tail(logs, books).read(FUNCTIONS, 5_001) == 1


def test_pages_are_followed_to_the_last(books: Books) -> None:
    logs = FakeLogs(page=3)
    logs.add(*range(1_000, 1_010))

    assert tail(logs, books).read(FUNCTIONS, 2_000) == 10


def test_an_aws_that_cuts_pages_without_a_token_is_asked_again_from_there(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.exporter.tail._PAGE", 4)
    logs = FakeLogs(tokens=False, names=False)
    logs.add(1_000, 1_001, 1_002, 1_003, 1_003, 1_004, 1_005, 1_006, 1_007)

    assert tail(logs, books).read(FUNCTIONS, 2_000) == 9


def test_a_function_that_has_not_run_yet_has_no_log(books: Books) -> None:
    logs = FakeLogs()
    logs.there = False

    assert tail(logs, books).read(FUNCTIONS, 2_000) == 0


def test_lines_without_names_are_distinguished_by_their_place() -> None:
    event = {"timestamp": 1, "message": "same", "logStreamName": "one"}

    first, second, other = named([event, event, {**event, "logStreamName": "two"}])

    assert len({first.id, second.id, other.id}) == 3
    assert [line.id for line in named([event, event])] == [first.id, second.id]


@settings(max_examples=20)  # each is 41 polls on a disk
@given(
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 40)), max_size=40),
    st.lists(st.integers(0, 40), max_size=5),
)
def test_however_late_lines_come_and_whenever_it_restarts_all_are_counted_once(
    tmp_path_factory: pytest.TempPathFactory, late: list[tuple[int, int]], restarts: list[int]
) -> None:
    """A line of 900 ms ago is within the far reach; each is read at its poll or a later one."""
    path = tmp_path_factory.mktemp("books") / "exporter.db"
    logs, books = FakeLogs(), Books(path, began_ms=0)
    reading = tail(logs, books)
    for poll in range(41):
        now = 10_000 + 25 * poll
        logs.add(*(now - delay for delay, at in late if at == poll))
        if poll in restarts:
            books.close()
            books = Books(path, began_ms=0)
            reading = tail(logs, books)
        reading.read(FUNCTIONS, now)
    reading.read(FUNCTIONS, now + 500)

    found = counted(books)
    books.close()
    assert found == len(late)
