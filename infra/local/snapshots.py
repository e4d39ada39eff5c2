"""State on disk that outlives ``kill -9``: numbered snapshots, and a journal of what came since.

``services`` links to the newest complete snapshot, a folder. Journal N holds what happened after
the instant of snapshot N, one JSON value a line. A snapshot that fails leaves its journal behind,
so the state is always the linked snapshot plus its journal and all later ones, in order. Standard
library only.
"""

import json
import os
import select
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

_GAP = {"gap": True}
# A fork of a process with threads may stand still for ever. One that uses the processor does not.
_LONGEST_STANDSTILL_S = 60.0
# No more than this share of the time goes into writing, unless that leaves too much unsaved.
_SHARE = 0.1
_LONGEST_PAUSE_S = 30.0

Write = Callable[[Path], None]


def pause_after(took_s: float, least_s: float) -> float:
    """Return how many seconds to wait after a snapshot that took ``took_s``, at least ``least_s``.

    What is in no journal, such as log lines, is lost with whatever comes in that time.
    """
    return max(least_s, min(took_s / _SHARE, _LONGEST_PAUSE_S))


class SnapshotError(Exception):
    """The state could not be written; the message says why."""


class _Child(NamedTuple):
    pid: int
    reports: int
    number: int


class StateFolder:
    """Snapshots and journals below ``folder``; one process uses it at a time."""

    def __init__(self, folder: Path, standstill_s: float = _LONGEST_STANDSTILL_S) -> None:
        self._folder = folder
        self._standstill_s = standstill_s
        self._lock = Lock()
        self._file = -1
        self._broken = False  # the journal lacks something
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in folder.glob("*.part"):
            shutil.rmtree(part)
        self._adopt()
        self._number = max([self._base(), *self._numbers("journal")])

    @property
    def services(self) -> Path:
        """Return the newest complete snapshot."""
        return self._folder / "services"

    def entries(self) -> Iterator[Any]:
        """Yield what happened after the newest snapshot, as far as it is known without a gap."""
        base = self._base()
        for number in self._numbers("journal"):
            if number < base:
                continue
            lines = self._journal(number).read_text().split("\n")[:-1]  # the last may be torn
            entries = [json.loads(line) for line in lines]
            if _GAP in entries[:1]:
                if number > base:
                    return
                entries = entries[1:]
            yield from entries

    def append(self, entry: Any) -> None:
        """Note that something happened. When that fails, nothing more is noted until `begin`."""
        if self._broken:
            return
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        try:
            end = os.lseek(self._file, 0, os.SEEK_END)
            self._broken = os.write(self._file, line) != len(line)
        except OSError:
            self._broken = True
        if self._broken and self._file >= 0:
            os.ftruncate(self._file, end)

    def begin(self, write: Write) -> _Child:
        """Have a forked child write the state of this instant; `finish` waits for it.

        A fork and not a thread: all services are seen at one instant, and no request waits
        meanwhile. Raises SnapshotError.
        """
        self._lock.acquire()
        try:
            self._number += 1
            self._next_journal()
            reports, reporter = os.pipe()
            pid = os.fork()
        except OSError as failed:
            self._lock.release()
            raise SnapshotError(str(failed)) from failed
        if pid == 0:
            self._in_child(write, reporter)
        os.close(reporter)
        return _Child(pid, reports, self._number)

    def finish(self, child: _Child) -> None:
        """Wait for the child and make its snapshot the newest. Raises SnapshotError."""
        try:
            reason = _await(child, self._standstill_s)
            if reason:
                raise SnapshotError(reason)
            self._publish(child.number)
        except OSError as failed:
            raise SnapshotError(str(failed)) from failed
        finally:
            self._lock.release()

    def _in_child(self, write: Write, reporter: int) -> None:
        status = 1
        try:
            part = self._folder / f"snapshot-{self._number}.part"
            part.mkdir(mode=0o700)
            for path in self.services.glob("*"):
                if path.is_file():
                    os.link(path, part / path.name)  # of services that have not been used since
            write(part)
            part.rename(part.with_suffix(""))
            status = 0
        except BaseException as failed:  # noqa: BLE001 - the parent reports it
            os.write(reporter, f"{type(failed).__name__}: {failed}".encode()[:4000])
        finally:
            os._exit(status)

    def _publish(self, number: int) -> None:
        link = self._folder / "services.new"
        link.unlink(missing_ok=True)
        link.symlink_to(f"snapshot-{number}")
        link.replace(self.services)
        for old in self._numbers("snapshot"):
            if old < number:
                shutil.rmtree(self._folder / f"snapshot-{old}", ignore_errors=True)
        for old in self._numbers("journal"):
            if old < number:
                self._journal(old).unlink()

    def _next_journal(self) -> None:
        """Start a journal; it says so when the one before lacks something."""
        gap, self._broken = self._broken, True
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        self._file = os.open(self._journal(self._number), flags, 0o600)
        self._broken = False
        if gap:
            self.append(_GAP)

    def _adopt(self) -> None:
        """Start from nothing, or from the folder that earlier versions wrote when stopped."""
        if self.services.is_symlink():
            return
        first = self._folder / "snapshot-0"
        if self.services.is_dir():
            self.services.rename(first)
        first.mkdir(mode=0o700, exist_ok=True)
        self.services.symlink_to(first.name)

    def _base(self) -> int:
        return int(self.services.readlink().name.rpartition("-")[2])

    def _journal(self, number: int) -> Path:
        return self._folder / f"journal-{number}"

    def _numbers(self, kind: str) -> list[int]:
        names = [path.name.rpartition("-")[2] for path in self._folder.glob(f"{kind}-*")]
        return sorted(int(name) for name in names if name.isdigit())


def _await(child: _Child, standstill_s: float) -> str:
    """Return why the child failed, empty if it did not."""
    message, before = b"", ""
    while True:
        if select.select([child.reports], [], [], standstill_s)[0]:
            piece = os.read(child.reports, 4096)
            if not piece:
                break
            message += piece
            continue
        used = _processor_time(child.pid)
        if used == before:
            os.kill(child.pid, signal.SIGKILL)
            message = f"The process that writes it stood still for {standstill_s:.0f} s".encode()
            break
        before = used
    os.close(child.reports)
    _, status = os.waitpid(child.pid, 0)
    return message.decode() or ("" if status == 0 else "The process that writes it was killed")


def _processor_time(pid: int) -> str:
    """Return how much of a processor a process has used, empty where that does not show."""
    stat = Path(f"/proc/{pid}/stat")
    return " ".join(stat.read_text().rpartition(")")[2].split()[11:13]) if stat.exists() else ""
