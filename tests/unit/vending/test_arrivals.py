"""What becomes of a file that arrived (V5): its rows, its lines, its technician."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.vending.files import FileView
from tests.support.vending.world import LEAP_DAY, World, log, row

SAMPLE = Path(__file__).parents[2] / "data" / "transactions.txt"
NAME = "T0001.GM001.2020-02-29_080000.zip"
CLEAN = log("GM001", 1, 1, 1)


def arrived(world: World, content: bytes, **told: str) -> FileView:
    """Upload a file, let everything settle, and return the file."""
    file = world.upload(content, **told)
    world.settle()
    return world.file(file.id)


def gumballs(world: World, serial: str = "GM001") -> list[int]:
    return [each.gumballs for each in world.rows(serial)]


# --- rows ---------------------------------------------------------------------------------------


def test_v5_a_file_s_rows_are_its_machine_s_transactions(world: World) -> None:
    file = arrived(world, log("GM001", 1, 0, 2))

    assert (file.state, file.reason, file.processed_at) == ("processed", None, world.clock())
    assert (file.rows_kept, file.rows_known, file.rows_refused) == (3, 0, 0)
    assert [(each.id, each.at, each.gumballs) for each in world.rows("GM001")] == [
        (1, datetime(2020, 2, 20, 8, tzinfo=UTC), 1),
        (2, datetime(2020, 2, 20, 9, tzinfo=UTC), 0),
        (3, datetime(2020, 2, 20, 10, tzinfo=UTC), 2),
    ]


def test_v7_the_real_file_loads_as_2000_transactions_on_6_machines(world: World) -> None:
    world.employ("T0003", *(f"GM00{number}" for number in range(1, 7)), site="prairie")
    world.take_import(SAMPLE.read_bytes())
    world.settle()

    report = world.fleet()
    ids = {each.serial: [row.id for row in world.rows(each.serial)] for each in report.machines}

    assert report.totals.transactions == sum(map(len, ids.values())) == 2_000
    assert [each.serial for each in report.machines if each.transactions] == [
        "GM005",
        "GM006",
        "GM003",
        "GM004",
        "GM001",
        "GM002",
    ]
    assert all(own == list(range(1, len(own) + 1)) for own in ids.values())
    assert [gap.hours for gap in report.fleet_gaps] == [24.589]
    assert report.up_to_date


def test_v9_rows_that_another_file_holds_are_known(world: World) -> None:
    arrived(world, log("GM001", 1, 1, 0))

    file = arrived(world, log("GM001", 1, 1, 2, 2), at="2020-02-29T09:00:00")

    assert (file.rows_kept, file.rows_known) == (4, 2)
    assert gumballs(world) == [1, 1, 0, 2, 2]


def test_c10_half_a_file_then_the_whole_then_the_whole_again_is_the_whole_once(
    world: World,
) -> None:
    whole = log("GM001", 1, 0, 2, 1, 1, 3)
    twice = whole + whole[:29]  # its first row is there twice, also in the half

    arrived(world, twice[: 3 * 29] + twice[-29:], at="2020-02-29T08:00:00")
    arrived(world, twice, at="2020-02-29T09:00:00")
    arrived(world, twice, at="2020-02-29T10:00:00")

    assert gumballs(world) == [1, 1, 0, 2, 1, 1, 3]
    assert [each.suspected_duplicate for each in world.rows("GM001")] == [False, True] + [False] * 5
    assert world.machine("GM001").suspected_duplicates == 1


# --- lines that cannot be kept ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("good", "bad", "state"),
    [(19, 1, "processed"), (18, 1, "suspect"), (1, 99, "suspect"), (0, 1, "rejected")],
)
def test_c11_more_than_5_percent_of_refused_lines_make_a_file_suspect(
    world: World, good: int, bad: int, state: str
) -> None:
    file = arrived(world, log("GM001", *[1] * good) + b"junk\n" * bad)

    assert (file.state, file.rows_kept, file.rows_refused) == (state, good, bad)
    assert len(world.rows("GM001")) == good


def test_c11_a_suspect_file_says_how_much_was_refused_and_its_rows_count(world: World) -> None:
    file = arrived(world, CLEAN + b"junk\n")

    assert file.reason == "1 of 4 lines (25.0%) could not be read"
    assert world.machine("GM001").corrupt_lines == 1
    [item] = world.worklist()
    assert [cause.kind for cause in item.causes] == ["corrupt_data"]


def test_c11_a_file_of_which_nothing_can_be_read_is_rejected_and_says_why(world: World) -> None:
    file = arrived(world, b"junk\nGM001|now|1\n")

    assert (file.reason or "").startswith("not one of 2 lines could be read; line 1: ")
    assert [line.line for line in world.file(file.id).refused] == [1, 2]
    assert world.machine("GM001").corrupt_lines == 0


def test_c9_rows_of_other_machines_in_a_technician_s_file_are_refused(world: World) -> None:
    arrived(world, CLEAN + log("GM002", 5, 5))

    assert gumballs(world) == [1, 1, 1]
    assert gumballs(world, "GM002") == []


def test_c11_rows_later_than_the_download_are_refused(world: World) -> None:
    # The prairie's clocks showed 08:00 at 14:00 UTC.
    download = datetime(2020, 2, 29, 14, tzinfo=UTC)
    file = arrived(world, row("GM001", download, 1) + row("GM001", download + timedelta(0, 1), 2))

    assert (file.rows_kept, file.rows_refused) == (1, 1)
    [refused] = world.file(file.id).refused
    assert refused.reason == "later than the download, 2020-02-29 14:00 UTC"


def test_refused_lines_of_overlapping_files_count_once(world: World) -> None:
    arrived(world, CLEAN + b"junk\nrust\n", at="2020-02-29T08:00:00")
    arrived(world, CLEAN + b"junk\nrust\nmoss\n", at="2020-02-29T09:00:00")

    assert world.machine("GM001").corrupt_lines == 3


def test_refused_lines_count_for_the_time_of_their_download_and_age_with_it(
    world: World,
) -> None:
    arrived(world, log("GM001", 1, first="2019-06-01T08:00:00") + b"junk\n", at="2019-06-02T08:00")
    assert world.machine("GM001").corrupt_lines == 1

    arrived(world, CLEAN)

    assert world.machine("GM001").corrupt_lines == 0


def test_an_import_s_refused_lines_count_for_the_day_of_its_newest_row(world: World) -> None:
    old = log("GM001", 1, first="2019-06-01T08:00:00")
    world.take_import(old + b"GM001|2019-06-01T08:00:00Z|x\n")
    world.settle()
    assert world.machine("GM001").corrupt_lines == 1

    arrived(world, CLEAN)

    assert world.machine("GM001").corrupt_lines == 0


# --- files that are dropped into the bucket -----------------------------------------------------


def test_v5_a_dropped_file_is_processed_as_an_uploaded_one(world: World) -> None:
    arrived(world, log("GM001", 1, 0, 0, 0, 1) + b"junk\n")
    uploaded = world.picture()
    [file] = world.files_of("T0001")
    world.vending.uploads.delete("T0001", file.id)
    world.settle()

    world.drop(NAME, log("GM001", 1, 0, 0, 0, 1) + b"junk\n")
    world.settle()

    assert world.picture() == uploaded


@pytest.mark.parametrize("ending", ["zip", "gz", "txt"])
def test_v5_a_dropped_file_is_what_its_bytes_are_whatever_its_ending(
    world: World, ending: str
) -> None:
    world.drop(f"T0001.GM001.2020-02-29_080000.{ending}", CLEAN)
    world.settle()

    [file] = world.files_of("T0001")
    assert (file.state, file.rows_kept) == ("processed", 3)
    assert (file.technician, file.machine, file.downloaded_at) == ("T0001", "GM001", LEAP_DAY)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("T0001.GM003.2020-02-29_080000.zip", "GM003 is not assigned to T0001"),
        ("T0404.GM001.2020-02-29_080000.zip", "GM001 is not assigned to T0404"),
        ("T0001.GM404.2020-02-29_080000.zip", "GM404 is not registered"),
    ],
)
def test_c12_a_dropped_file_is_held_until_the_machine_is_its_technician_s(
    world: World, name: str, why: str
) -> None:
    key = world.drop(name, log(name[6:11], 1))
    world.settle()

    file = world.files()[key]
    assert (file.state, file.rows_kept) == ("held", None)
    assert file.reason == f"{why}; the file is read once that is mended"
    world.employ(name[:5], name[6:11])
    world.settle()
    file = world.files()[key]
    assert (file.state, file.reason, file.rows_kept) == ("processed", None, 1)


def test_a_held_file_is_tried_again_every_night(world: World) -> None:
    key = world.drop("T0001.GM404.2020-02-29_080000.zip", log("GM404", 1))
    world.settle()
    world.employ("T0001", "GM404")
    world.queues.arrivals.clear()  # the message that told so is lost

    world.night_falls()

    assert world.files()[key].state == "processed"


def test_v5_a_dropped_file_is_read_by_the_clocks_of_where_its_machine_stands(
    world: World,
) -> None:
    """Also when that is told only while the file is held."""
    late = row("GM404", datetime(2020, 2, 29, 15, tzinfo=UTC))
    key = world.drop("T0001.GM404.2020-02-29_080000.zip", log("GM404", 1) + late)
    world.settle()

    world.employ("T0001", "GM404", site="prairie")
    world.settle()

    assert (world.files()[key].rows_kept, world.files()[key].rows_refused) == (1, 1)
    assert world.machine("GM404").last_download_at == datetime(2020, 2, 29, 14, tzinfo=UTC)


def test_a_dropped_file_cannot_know_the_future_whatever_its_name_says(world: World) -> None:
    tomorrow, later = (
        world.clock() + timedelta(days=1),
        world.clock() + timedelta(days=1, seconds=1),
    )

    key = world.drop("T0001.GM001.2020-12-31_080000.zip", row("GM001", tomorrow) * 19)
    world.drop("T0001.GM001.2020-12-31_090000.zip", row("GM001", later))
    world.settle()

    assert (world.files()[key].state, len(world.rows("GM001"))) == ("processed", 19)


@pytest.mark.parametrize("name", ["holiday.zip", "old/T0001.GM001.2020-02-29_080000.zip", "x/"])
def test_a_dropped_file_whose_name_says_nothing_is_rejected_before_the_dispatcher(
    world: World, name: str
) -> None:
    world.drop(name, CLEAN)
    world.settle()

    [file] = world.imports()
    assert file.state == "rejected"
    assert "a technician's file is named like" in (file.reason or "")
    assert gumballs(world) == []


@pytest.mark.parametrize(
    "name",
    ["T8101/", "T8101_$folder$", "._log.txt", "a/.DS_Store", "Thumbs.db", "__MACOSX/log.txt"],
)
def test_what_systems_leave_beside_files_in_the_share_is_no_file(world: World, name: str) -> None:
    world.drop(name, b"")
    world.drop_import(name, b"")
    world.settle()
    world.vending.arrivals.sweep()
    world.settle()

    assert world.imports() == []


def test_v5_the_dispatcher_may_drop_a_file_of_any_name_and_machines(world: World) -> None:
    world.drop_import("old logs/all of them.txt", log("GM001", 1) + log("GM777", 2))
    world.settle()

    [file] = world.imports()
    assert (file.state, file.name, file.rows_kept) == ("processed", "all of them.txt", 2)
    assert gumballs(world, "GM777") == [2]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the log is empty"),
        (b"\x89PNG\r\n\x1a\n", "this is a PNG image"),
        (b"PK\x03\x04 cut short", "the archive is cut short or damaged"),
    ],
)
def test_4d_what_cannot_be_read_is_rejected_with_the_reason(
    world: World, content: bytes, why: str
) -> None:
    world.drop(NAME, content)
    world.settle()

    [file] = world.files_of("T0001")
    assert (file.state, file.rows_kept) == ("rejected", 0)
    assert (file.reason or "").startswith(why)


def test_an_object_that_is_too_large_to_read_is_rejected(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.vending.service.reading.MAX_OBJECT_BYTES", 10)
    world.drop(NAME, CLEAN)
    world.settle()

    [file] = world.files_of("T0001")
    assert file.reason == f"the file has {len(CLEAN)} bytes; at most 10 are read"
