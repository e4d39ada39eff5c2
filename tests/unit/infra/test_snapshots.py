"""Snapshots and journals: what is there after a process was killed, at whatever moment."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.local.snapshots import SnapshotError, StateFolder, pause_after


def saved(folder: StateFolder, text: str) -> None:
    folder.finish(folder.begin(lambda place: _write(place, text)))


def _write(place: Path, text: str) -> None:
    new = place / "new"
    new.write_text(text)
    new.replace(place / "service.json")


def test_after_a_kill_the_newest_snapshot_and_all_that_came_since_are_there(tmp_path: Path) -> None:
    killed = StateFolder(tmp_path)
    saved(killed, "one")
    killed.append("gone into two")
    saved(killed, "two")
    killed.append(["three", 3])
    killed.append({"four": 4})

    found = StateFolder(tmp_path)

    assert (found.services / "service.json").read_text() == "two"
    assert list(found.entries()) == [["three", 3], {"four": 4}]
    assert len(list(tmp_path.glob("snapshot-*"))) == len(list(tmp_path.glob("journal-*"))) == 1


def test_a_snapshot_that_fails_loses_nothing(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    saved(folder, "one")
    folder.append("before")

    def fails(_: Path) -> None:
        raise OSError("No space left on device")

    with pytest.raises(SnapshotError, match="No space left"):
        folder.finish(folder.begin(fails))
    folder.append("after")

    assert (StateFolder(tmp_path).services / "service.json").read_text() == "one"
    assert list(StateFolder(tmp_path).entries()) == ["before", "after"]


def test_a_snapshot_that_is_killed_half_way_counts_for_nothing(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    saved(folder, "one")

    def dies(place: Path) -> None:
        _write(place, "half")
        sys.modules["os"].kill(sys.modules["os"].getpid(), 9)

    with pytest.raises(SnapshotError, match="killed"):
        folder.finish(folder.begin(dies))

    assert (StateFolder(tmp_path).services / "service.json").read_text() == "one"
    assert not list(tmp_path.glob("*.part"))


def test_a_snapshot_that_stands_still_is_given_up(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path, standstill_s=0.05)

    with pytest.raises(SnapshotError, match="stood still"):
        folder.finish(folder.begin(lambda _: time.sleep(600)))


@pytest.mark.skipif(sys.platform != "linux", reason="what a process uses shows on Linux alone")
def test_a_snapshot_that_goes_on_is_waited_for(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path, standstill_s=1)

    def writes_long(_: Path) -> None:
        until = time.process_time() + 2.5
        while time.process_time() < until:
            pass

    folder.finish(folder.begin(writes_long))

    assert folder.services.readlink().name == "snapshot-1"


def test_a_line_that_was_torn_by_the_kill_is_left_out(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    saved(folder, "one")
    folder.append("whole")
    journal = next(tmp_path.glob("journal-*"))
    journal.write_text(journal.read_text() + '["torn", "li')

    assert list(StateFolder(tmp_path).entries()) == ["whole"]


def test_what_is_not_used_again_stays_in_the_next_snapshot(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    saved(folder, "one")

    def write(place: Path) -> None:
        (place / "other.json").write_text("two")

    folder.finish(folder.begin(write))

    assert (folder.services / "service.json").read_text() == "one"
    assert (folder.services / "other.json").read_text() == "two"


def test_state_of_an_earlier_version_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "service.json").write_text("old")

    assert (StateFolder(tmp_path).services / "service.json").read_text() == "old"
    saved(StateFolder(tmp_path), "new")
    assert (StateFolder(tmp_path).services / "service.json").read_text() == "new"


def test_after_a_write_that_failed_nothing_is_applied_over_the_gap(tmp_path: Path) -> None:
    """With a limit on the size of files, as with a full disk, a line does not fit any more."""
    program = f"""
import resource, signal
from pathlib import Path
from infra.local.snapshots import StateFolder
folder = StateFolder(Path({str(tmp_path)!r}))
folder.finish(folder.begin(lambda place: None))
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
folder.append("first")
folder.append("x" * 200)
folder.append("would fit, and follows what is missing")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
def fails(place): raise OSError("full")
try:
    folder.finish(folder.begin(fails))
except Exception:
    pass
folder.append("after the gap")
"""
    subprocess.run([sys.executable, "-c", program], check=True)

    assert list(StateFolder(tmp_path).entries()) == ["first"]


def test_a_snapshot_closes_the_gap(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    saved(folder, "one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    folder.append("x" * 200)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    saved(folder, "two")
    folder.append("after")

    assert list(StateFolder(tmp_path).entries()) == ["after"]
    assert json.loads(next(tmp_path.glob("journal-*")).read_text().split("\n")[0]) == {"gap": True}


@pytest.mark.parametrize(("took_s", "pause_s"), [(0.01, 3), (0.6, 6), (3, 30), (60, 30)])
def test_slow_snapshots_come_less_often_but_every_half_minute(
    took_s: float, pause_s: float
) -> None:
    assert pause_after(took_s, 3) == pytest.approx(pause_s)
