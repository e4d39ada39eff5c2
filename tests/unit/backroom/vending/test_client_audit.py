"""`backroom audit`: the same report from local files, without a server."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.vending.models import FleetReport
from tests.support.backroom.desk import SAMPLE, run, words

Write = Callable[[str, bytes], Path]
NAME = "T0001.GM001.2020-02-23_080000"
ROWS = [f"GM001|2020-02-20T{hour:02}:29:44Z|1\n".encode() for hour in range(10)]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file and return where."""

    def write(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def audited(*paths: object) -> dict[str, Any]:
    result = run("audit", *paths, "--json")
    assert result.exit_code == 0, result.stderr
    return dict(json.loads(result.stdout))


@pytest.fixture(name="real", scope="module")
def _real() -> dict[str, Any]:
    return audited(SAMPLE)


def test_v7_the_real_file_has_2000_rows_of_6_machines(real: dict[str, Any]) -> None:
    assert real["totals"]["transactions"] == 2_000
    assert real["totals"]["machines"] == len(real["machines"]) == 6
    assert sum(each["suspected_duplicates"] for each in real["machines"]) == 1


def test_v6_the_real_file_gives_the_verdicts_that_are_in_it(real: dict[str, Any]) -> None:
    verdicts = {
        (machine["serial"], verdict["kind"]): (
            verdict["level"],
            verdict["faults"],
            machine["transactions"],
        )
        for machine in real["machines"]
        for verdict in machine["verdicts"]
    }

    assert verdicts == {
        ("GM003", "under"): ("degraded", 6, 317),
        ("GM003", "over"): ("degraded", 10, 317),
        ("GM004", "over"): ("degraded", 8, 322),
        ("GM005", "under"): ("out_of_service", 346, 346),
        ("GM006", "over"): ("degraded", 19, 324),
    }


def test_v6_the_real_file_has_one_fleet_gap_and_no_lost_log(real: dict[str, Any]) -> None:
    (gap,) = real["fleet_gaps"]

    assert (gap["from"], gap["hours"]) == ("2020-02-15T23:29:04Z", 24.589)


def test_v9_the_json_has_exactly_the_shape_of_the_fleets(real: dict[str, Any]) -> None:
    text = run("audit", SAMPLE, "--json").stdout

    assert FleetReport.model_validate_json(text).json_text() == text.rstrip("\n")
    assert real["up_to_date"] is True


def test_v6_half_the_file_then_the_whole_twice_counts_once(write: Write) -> None:
    content = Path(SAMPLE).read_bytes()
    half = write("half.txt", b"".join(content.splitlines(keepends=True)[:1_000]))
    again = write("again.txt", content)

    assert audited(half, SAMPLE, again, SAMPLE) == audited(SAMPLE)


@pytest.mark.parametrize("form", ["txt", "gz", "zip"])
def test_v6_a_file_may_be_packed(write: Write, form: str) -> None:
    content = Path(SAMPLE).read_bytes()
    if form == "gz":
        content = gzip.compress(content)
    if form == "zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("log.txt", content)
        content = packed.getvalue()

    assert audited(write(f"all.{form}", content)) == audited(SAMPLE)


def test_v6_a_technicians_file_holds_its_own_machine_only(write: Write) -> None:
    path = write(f"{NAME}.txt", b"".join(ROWS) + b"GM002|2020-02-20T11:29:44Z|1\n")

    (machine,) = audited(path)["machines"]

    assert (machine["serial"], machine["transactions"]) == ("GM001", 10)
    assert machine["corrupt_lines"] == 1


def test_v8_a_technicians_file_is_a_visit_and_an_import_is_none(write: Write) -> None:
    imported = write("all.txt", b"".join(ROWS))
    downloaded = write(f"{NAME}.txt", b"".join(ROWS))

    # The name has no zone: the clock may have stood twelve hours behind UTC.
    assert "last_download_at" not in audited(imported)["machines"][0]
    assert audited(imported, downloaded)["machines"][0]["last_download_at"] == (
        "2020-02-23T20:00:00Z"
    )


def test_v6_rows_later_than_the_download_are_refused(write: Write) -> None:
    path = write(f"{NAME}.txt", b"".join(ROWS) + b"GM001|2020-02-23T20:00:01Z|1\n")

    result = run("audit", path)

    assert f"{NAME}.txt: 1 of 11 lines refused" in result.stderr
    assert "line 11 later than the download, 2020-02-23 20:00 UTC" in words(result, "stderr")


def test_v6_the_same_corrupt_lines_in_two_files_count_once(write: Write) -> None:
    first = write("first.txt", b"".join(ROWS[:5]) + b"GM001|x\nGM001|x\n")
    second = write("second.txt", b"".join(ROWS) + b"GM001|x\nGM001|y\n")

    (machine,) = audited(first, second)["machines"]

    assert (machine["transactions"], machine["corrupt_lines"]) == (10, 3)


def test_v6_a_corrupt_line_of_another_season_is_out_of_the_window(write: Write) -> None:
    old = write("old.txt", b"GM001|2019-02-20T11:29:44Z|1\nGM001|x\n")
    new = write("new.txt", b"".join(ROWS))

    (machine,) = audited(old, new)["machines"]

    assert (machine["transactions"], machine["corrupt_lines"]) == (10, 0)


def test_v9_refused_lines_are_summed_up_on_stderr_and_stdout_stays_pure(write: Write) -> None:
    path = write("all.txt", b"".join(ROWS) + b"GM001|2020-02-30T11:29:44Z|1\n" + b"junk\n" * 7)

    result = run("audit", path, "--json")

    assert json.loads(result.stdout)["totals"]["transactions"] == 10
    assert "all.txt: 8 of 18 lines refused" in result.stderr
    assert "line 11 no such date or time" in words(result, "stderr")
    assert "and 3 more" in result.stderr


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the log is empty"),
        (b"%PDF-1.7", "this is a PDF document"),
        (b"PK\x03\x04 torn", "the archive is cut short or damaged"),
        (b"hello\nworld\n", "not one of 2 lines could be read; line 1: 1 field(s) instead of 3"),
    ],
)
def test_v9_an_unreadable_file_ends_with_1_in_plain_words(
    write: Write, content: bytes, reason: str
) -> None:
    result = run("audit", SAMPLE, write("bad.zip", content), "--json")

    assert (result.exit_code, result.stdout) == (1, "")
    assert f"bad.zip: {reason}" in words(result, "stderr")
    assert "Next: download it again, or leave it out" in result.stderr


def test_v9_every_unreadable_file_is_named(write: Write) -> None:
    result = run("audit", write("a.txt", b""), write("b.txt", b""))

    assert "a.txt: the log is empty" in result.stderr
    assert "b.txt: the log is empty" in result.stderr
    assert "leave them out" in result.stderr


def test_v9_the_screen_is_that_of_the_fleet() -> None:
    result = run("audit", SAMPLE, width=120)

    told = words(result)
    assert "GM005 out of service 346 346 100% · $86.50" in told
    assert "▃▃▃▂▃▃▃·▇▇▅▆▇█" in told
    assert "The whole fleet was silent 24.6 h 2020-02-15 23:29 to 2020-02-17 00:04" in told
    assert "2,000 credits, $500.00 taken: $88.00 of it for no gumball" in told
