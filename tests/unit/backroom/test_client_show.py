"""The words and figures that all screens share."""

import codecs
from datetime import datetime, timedelta, timezone

import pytest

from backroom.core import show
from backroom.core.terminal import plainer


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


def test_instants_are_shown_in_utc() -> None:
    chicago = datetime(2020, 2, 20, 22, 5, tzinfo=timezone(timedelta(hours=-6)))

    assert show.moment(chicago) == "2020-02-21 04:05"
    assert show.day(chicago) == "2020-02-21"
    assert show.moment(None) == show.day(None) == ""


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
