"""The words and figures that all screens share."""

import codecs
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta, timezone

import pytest

from backroom.core import show
from backroom.core.terminal import plainer
from chalicelib.core.totals import Total


def test_what_is_not_printable_is_spelled_out() -> None:
    assert show.plain("é ünï [b] \x1b[31m\n\u200b\udc80") == r"é ünï [b] \x1b[31m\n\u200b\udc80"


@pytest.mark.parametrize(("cents", "text"), [(0, "$0.00"), (8650, "$86.50"), (123450, "$1,234.50")])
def test_money_is_written_in_dollars(cents: int, text: str) -> None:
    assert show.money(cents) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(6, 317, "1.9 %"), (346, 346, "100 %"), (1, 100_000, "0.001 %"), (1, 20, "5 %"), (0, 0, "")],
)
def test_a_rate_has_two_digits(part: int, whole: int, text: str) -> None:
    assert show.rate(part, whole) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(days=27, hours=5), "27 days"),
        (timedelta(hours=1, minutes=59), "1 hour"),
        (timedelta(minutes=2), "2 minutes"),
        (timedelta(seconds=5), "a moment"),
        (timedelta(seconds=-5), "a moment"),
    ],
)
def test_a_length_of_time_is_told_in_its_largest_unit(length: timedelta, text: str) -> None:
    assert show.span(length) == text


@pytest.mark.parametrize(
    ("shown", "total", "text"),
    [
        (50, Total(511), "50 of 511"),
        (50, Total(100_000), "50 of 100,000"),
        (50, Total(1_000, exact=False), "50 of at least 1,000"),
        (1_000, Total(1_000, exact=False), "1,000 shown; there may be more"),
        (50, Total(49), "50 shown; there may be more"),
        (50, None, "50 shown; there may be more"),
    ],
)
def test_16_7_a_part_of_a_list_is_shown_with_the_total(
    shown: int, total: Total | None, text: str
) -> None:
    assert show.part(shown, total) == text


CHICAGO = datetime(2020, 2, 20, 22, 5, 7, 250, tzinfo=timezone(timedelta(hours=-6)))


@pytest.mark.parametrize("now", [None, "a run that asked for it"])
def test_exact_instants_are_in_utc_as_the_api_takes_them(now: str | None) -> None:
    with show.run(None) if now else nullcontext():
        assert show.moment(CHICAGO) == "2020-02-21T04:05:07Z"
        assert show.precisely(CHICAGO) == "2020-02-21T04:05:07.000250Z"
        assert show.day(CHICAGO) == "2020-02-21"
        assert show.moment(None) == show.day(None) == ""


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=-59), "in a moment"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(minutes=-59, seconds=-59), "in 59 min"),
        (timedelta(hours=2, minutes=59), "2 h ago"),
        (timedelta(hours=-1), "in 1 h"),
        (timedelta(hours=6), "today 14:45"),
        (timedelta(hours=20, minutes=45), "today 00:00"),
        (timedelta(hours=20, minutes=46), "yesterday 23:59"),
        (timedelta(hours=-9), "tomorrow 05:45"),
        (timedelta(days=2), "2020-02-19 20:45"),
        (timedelta(days=-2), "2020-02-23 20:45"),
    ],
)
def test_instants_are_told_in_words_on_the_readers_clock(before: timedelta, words: str) -> None:
    now = datetime(2020, 2, 21, 20, 45, tzinfo=UTC)

    with show.run(lambda: now):
        assert show.moment(now - before) == words
        assert show.precisely(now - before) == words


def test_a_day_is_the_one_of_the_readers_calendar(readers_zone: Callable[[str], None]) -> None:
    readers_zone("Asia/Tokyo")
    now = datetime(2020, 2, 21, 16, tzinfo=UTC)  # Saturday, one o'clock in Tokyo

    with show.run(lambda: now):
        assert show.day(now) == "today"
        assert show.day(now - timedelta(hours=2)) == "yesterday"
        assert show.moment(now - timedelta(hours=8)) == "yesterday 17:00"
        assert show.moment(now - timedelta(days=9)) == "2020-02-13 01:00"
    with show.run(None):
        assert show.day(now) == "2020-02-21"


@pytest.fixture
def readers_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


def test_a_run_tells_one_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    with show.run(None):
        show.next_step(show.screen(), "first")
        show.next_step(show.aside(), "second")
    with show.run(None):
        show.next_step(show.screen(), "of another run")

    said = capsys.readouterr()
    assert said.out.splitlines() == ["Next: first", "Next: of another run"]
    assert said.err == ""


def test_bars_tell_none_from_unknown() -> None:
    assert show.bars([None, 0, 1, 4, 8]).plain == " ·▁▄█"


def test_a_terminal_that_knows_ascii_only_gets_bars_as_digits() -> None:
    codecs.register_error("plainer", plainer)

    assert "▁█· …é".encode("ascii", "plainer") == b"18. .?"
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", "plainer")


def test_bars_of_nothing_are_on_the_ground() -> None:
    assert show.bars([0, 0]).plain == "··"
    assert show.bars([]).plain == ""


def test_the_largest_bar_is_the_highest_count() -> None:
    assert show.bars([7, 7]).plain == "██"
    assert show.plural(1, "machine") == "1 machine"
    assert show.plural(1_000, "machine") == "1,000 machines"
