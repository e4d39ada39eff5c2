"""How machines, technicians, downloads and files are named."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.vending import names
from chalicelib.vending.names import StoredName, download_time

BRIEF = datetime(2018, 9, 21, 9, 34, 48)  # noqa: DTZ001 - a wall clock


# --- technicians and machines -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("#001", "T0001"),
        ("#1", "T0001"),
        ("001", "T0001"),
        ("1", "T0001"),
        ("T0001", "T0001"),
        ("t1", "T0001"),
        (" #001 ", "T0001"),
        ("#12345", "T12345"),
        ("T00012345", "T12345"),
    ],
)
def test_v2_c1_a_technician_has_one_id_however_it_is_written(told: str, meant: str) -> None:
    assert names.technician_id(told) == meant


@pytest.mark.parametrize(
    "told", ["abc", "", "#", "T", "-1", "1.5", "#T1", "1 2", "1234567890", "\u0661"]
)
def test_4d_what_is_no_technician_number_is_refused(told: str) -> None:
    with pytest.raises(ValueError, match="must be a technician number"):
        names.technician_id(told)


@pytest.mark.parametrize("serial", ["GM001", "GM1000", "GM123456"])
def test_v2_c1_a_serial_is_taken_as_it_is(serial: str) -> None:
    assert names.serial(serial) == serial


@pytest.mark.parametrize(
    "told",
    ["GM1", "GM01", "gm001", "GM" + 19 * "1", "GM00A", " GM001", "GM001\n", "GM\u0660\u0661"],
)
def test_4d_what_is_no_serial_is_refused(told: str) -> None:
    with pytest.raises(ValueError, match="must be a machine serial"):
        names.serial(told)


# --- the time of a download ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "told",
    [
        "9/21/2018 9:34:48 AM",
        "09/21/2018, 09:34:48 am",
        "9/21/2018 9:34:48AM",
        "9/21/2018 9:34:48 a.m.",
        "9/21/2018, 9:34:48\u202fAM",
        "9/21/2018, 9:34:48\u00a0AM",
        "2018-09-21T09:34:48",
        "2018-09-21 09:34:48",
        "2018-09-21T09:34:48.999",
        "2018-09-21T09:34:48Z",
        "2018-09-21T09:34:48-05:00",
    ],
)
def test_v2_c2_a_download_time_is_told_in_iso_or_as_in_the_brief(told: str) -> None:
    assert download_time(told).wall == BRIEF


@pytest.mark.parametrize(
    ("told", "hour"),
    [("12:00:00 AM", 0), ("12:30 AM", 0), ("1:00:00 AM", 1), ("12:00:00 PM", 12), ("11:59 PM", 23)],
)
def test_v2_c1_the_clock_of_the_brief_has_twelve_hours_and_names_have_24(
    told: str, hour: int
) -> None:
    assert download_time(f"9/21/2018 {told}").wall.hour == hour


@pytest.mark.parametrize(
    "told",
    [
        "",
        "now",
        "2018-09-21",
        "20180921",
        "2018-02-30T09:34:48",
        "2018-09-21T25:00:00",
        "2018-09-21T09:34:48+25:00",
        "9/31/2018 9:34:48 AM",
        "13/1/2018 9:34:48 AM",
        "9/21/2018 13:34:48 PM",
        "9/21/2018 0:34:48 AM",
        "9/21/2018 9:34:48",
        "1969-12-31T23:59:59",
        "9999-01-01T00:00:00",
        "1/1/1969 9:34:48 AM",
    ],
)
def test_4d_a_bad_download_time_is_refused(told: str) -> None:
    with pytest.raises(ValueError, match="must be a date and time such as"):
        download_time(told)
    with pytest.raises(ValueError, match="must be a date and time such as"):
        names.checked_download_time(told)


@pytest.mark.parametrize(
    ("told", "zone", "latest"),
    [
        ("2018-09-21T09:34:48-05:00", None, "2018-09-21T14:34:48+00:00"),
        ("2018-09-21T09:34:48-05:00", "Asia/Tokyo", "2018-09-21T14:34:48+00:00"),
        ("2018-09-21T09:34:48", "America/Chicago", "2018-09-21T14:34:48+00:00"),
        ("2018-09-21T09:34:48", "Asia/Tokyo", "2018-09-21T00:34:48+00:00"),
        ("2018-09-21T09:34:48", None, "2018-09-21T21:34:48+00:00"),
        # 01:30 comes twice on the night when summer time ends: the later one counts
        ("2018-11-04T01:30:00", "America/Chicago", "2018-11-04T07:30:00+00:00"),
    ],
)
def test_v5_a_wall_clock_means_the_latest_instant_that_it_can_mean(
    told: str, zone: str | None, latest: str
) -> None:
    assert download_time(told).latest_instant(zone).isoformat() == latest


# --- the name of a file -------------------------------------------------------------------------


def test_v2_the_brief_s_upload_gets_the_brief_s_name() -> None:
    at = download_time("9/21/2018 9:34:48 AM").wall

    assert str(StoredName(names.technician_id("#001"), "GM001", at)) == (
        "T0001.GM001.2018-09-21_093448.zip"
    )


@given(
    number=st.integers(0, 999_999_999),
    machine=st.integers(0, 999),
    at=st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31)),  # noqa: DTZ001 - wall clocks
)
def test_v2_a_stored_name_can_be_read_back(number: int, machine: int, at: datetime) -> None:
    name = StoredName(f"T{number:04d}", f"GM{machine:03d}", at.replace(microsecond=0))

    assert StoredName.parse(str(name)) == name
    assert StoredName.parse(f"{name.stem}.txt") == StoredName.parse(f"{name.stem}.gz") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "holiday.zip",
        "T001.GM001.2018-09-21_093448.zip",
        "T0001.GM01.2018-09-21_093448.zip",
        "T0001.GM001.2018-02-30_093448.zip",
        "T0001.GM001.2018-09-21_243448.zip",
        "T0001.GM001.1969-09-21_093448.zip",
        "T0001.GM001.2018-09-21_093448",
        "T0001.GM001.2018-09-21_093448.exe",
        "../T0001.GM001.2018-09-21_093448.zip",
        "T0001.GM001.2018-09-21_093448.zip\n",
    ],
)
def test_v2_other_names_say_nothing(name: str) -> None:
    with pytest.raises(ValueError, match="is named like"):
        StoredName.parse(name)


def test_4d_a_name_with_a_path_or_quotes_is_text_and_a_control_character_is_none() -> None:
    assert names.printable("../\"my\" 'log' é😀.zip") == "../\"my\" 'log' é😀.zip"
    for character in ("\0", "\n", "\x7f", "\ud800"):
        with pytest.raises(ValueError, match="control characters"):
            names.printable(f"log{character}.zip")


def test_an_instant_of_a_far_offset_keeps_its_second() -> None:
    furthest = download_time("2018-09-21T09:34:48+14:00")

    assert furthest.latest_instant(None) == datetime(2018, 9, 20, 19, 34, 48, tzinfo=UTC)
    assert furthest.offset == timedelta(hours=14)


@pytest.mark.parametrize(
    ("told", "zone", "earliest"),
    [
        ("2026-04-21T12:00:00", "America/Chicago", "2026-04-21T17:00:00+00:00"),
        ("2026-11-01T01:30:00", "America/Chicago", "2026-11-01T06:30:00+00:00"),
        ("2026-04-21T12:00:00+02:00", None, "2026-04-21T10:00:00+00:00"),
        ("2026-04-21T12:00:00", None, "2026-04-20T22:00:00+00:00"),
    ],
)
def test_v2_a_wall_clock_has_an_earliest_instant(
    told: str, zone: str | None, earliest: str
) -> None:
    at = names.download_time(told)

    assert at.earliest_instant(zone).isoformat() == earliest
    assert at.earliest_instant(zone) <= at.latest_instant(zone)
