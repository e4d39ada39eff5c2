"""Times as callers write them: the tables of times.md, and the awkward hours of every zone."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.core import times

_ROW = re.compile(r"^\| (instant|timestamp|wall time|day|zone) \| (.+) \|$", re.MULTILINE)
_READ, _REFUSED = Path(__file__).with_name("times.md").read_text().split("## Refused")
_READ = _READ.partition("## Read")[2]


def _utc(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _wall(text: str) -> str:
    wall, offset = times.wall_time(text)
    if offset is None:
        return str(wall)
    return f"{wall} {timezone(offset)}"


READERS: dict[str, Callable[..., str]] = {
    "instant": lambda text: _utc(times.instant_in_query(text)),
    "timestamp": lambda value: _utc(times.timestamp(value)),
    "wall time": _wall,
    "day": lambda text: times.day(text).isoformat(),
    "zone": times.time_zone,
}


def rows(part: str) -> list[tuple[str, list[str]]]:
    """Return the rows of a table: the kind, and the code in the other cells."""
    return [(kind, re.findall("`([^`]+)`", rest)) for kind, rest in _ROW.findall(part)]


def value(kind: str, written: str) -> Any:
    """Return what a caller sends: a JSON value for a timestamp, else a text."""
    if kind == "timestamp":
        return json.loads(written, parse_float=Decimal)
    return re.sub(r"\\u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), written)


READ = [
    (kind, form, form if kind == "zone" else codes[0])
    for kind, codes in rows(_READ)
    for form in (codes if kind == "zone" else codes[1:])
]
REFUSED = [(kind, form) for kind, codes in rows(_REFUSED) for form in codes]


@pytest.mark.parametrize(("kind", "written", "means"), READ)
def test_what_the_table_says_is_read_is_read(kind: str, written: str, means: str) -> None:
    assert READERS[kind](value(kind, written)) == means


@pytest.mark.parametrize(("kind", "written"), REFUSED)
def test_what_the_table_says_is_refused_is_refused(kind: str, written: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|is not)"):
        READERS[kind](value(kind, written))


def test_the_tables_have_rows_for_every_kind() -> None:
    assert (
        {kind for kind, *_ in rows(_READ)} == {kind for kind, *_ in rows(_REFUSED)} == set(READERS)
    )


@given(st.text(alphabet="0123456789-/:.,TZtz +AMPamp\u202f\u00a0", max_size=32))
def test_no_text_is_more_than_refused(text: str) -> None:
    for read in READERS.values():
        with suppress(ValueError):
            assert read(text)


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-1_439, 1_439))
def test_an_offset_says_the_same_instant(at: datetime, minutes: int) -> None:
    assume(1 < at.year < 9999)

    written = at.astimezone(timezone(timedelta(minutes=minutes))).isoformat()

    assert times.instant(written) == at


# --- zones ----------------------------------------------------------------------------------------


def test_every_zone_of_the_list_can_be_used() -> None:
    assert {ZoneInfo(name).key for name in times.zones()} == times.zones()
    assert len(times.zones()) > 500


def _changes(zone: ZoneInfo, first: int = 1970, last: int = 2037) -> Iterator[datetime]:
    """Yield the instants at which clocks in a zone are put forward or back, to the minute."""
    at, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last, 1, 1, tzinfo=UTC)
    while at < end:
        later = at + timedelta(days=28)
        if at.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            low, high = at, later
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                same = middle.astimezone(zone).utcoffset() == at.astimezone(zone).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            yield high
        at = later


# One zone for each history of offsets; the rest are other names of these.
_CLOCKS = {
    tuple(
        datetime(year, month, 1, tzinfo=UTC).astimezone(ZoneInfo(name)).utcoffset()
        for year in range(1970, 2037, 3)
        for month in (1, 7)
    ): name
    for name in sorted(times.zones())
}


def test_no_clock_of_any_zone_shows_a_time_after_the_latest_instant_that_it_can_mean() -> None:
    """Around every change of every zone: files are never refused as downloaded too early."""
    for name in _CLOCKS.values():
        zone = ZoneInfo(name)
        for change in _changes(zone, 2005, 2027):
            for minutes in (-91, -61, -31, -1, 1, 29, 59, 89):
                at = change.replace(second=0, microsecond=0) + timedelta(minutes=minutes)
                shown = at.astimezone(zone).replace(tzinfo=None)
                latest = times.latest_instant(shown, name)
                assert at <= latest <= at + timedelta(hours=25), (name, at)


@pytest.mark.parametrize(
    ("zone", "wall", "latest"),
    [
        ("America/Chicago", "2018-11-04 01:30", "2018-11-04T07:30:00Z"),  # comes twice
        ("America/Chicago", "2018-03-11 02:30", "2018-03-11T08:30:00Z"),  # is left out
        ("Australia/Lord_Howe", "2018-10-07 02:15", "2018-10-06T15:45:00Z"),  # half an hour
        ("Pacific/Apia", "2011-12-30 12:00", "2011-12-30T22:00:00Z"),  # a whole day is left out
        ("Asia/Kathmandu", "2018-09-21 09:34", "2018-09-21T03:49:00Z"),
    ],
)
def test_an_awkward_hour_means_the_latest_instant_it_can(zone: str, wall: str, latest: str) -> None:
    assert _utc(times.latest_instant(times.wall_time(wall)[0], zone)) == latest
