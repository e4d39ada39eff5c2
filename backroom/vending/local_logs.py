"""Logs on this disk, read and judged by the rules of the service, without it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from backroom.core import show
from backroom.core.errors import UnreadableFileError
from backroom.vending.screens.machine_table import RowsByDay
from backroom.vending.sending import name_of
from chalicelib.vending import reports, rows
from chalicelib.vending.anomalies import Keys, Thresholds
from chalicelib.vending.archives import UnreadableLogError, open_log
from chalicelib.vending.files import RefusedLine
from chalicelib.vending.history import History
from chalicelib.vending.models import Weekday
from chalicelib.vending.names import DownloadTime, StoredName
from chalicelib.vending.parsing import Batch, parse
from chalicelib.vending.rollups import MOST_ROWS

_TEXT_LIMIT_BYTES = 4 * 1024 * 1024 * 1024
_CLOCK_SKEW = timedelta(days=1)
_FIRST_REFUSALS = 5


@dataclass
class LocalLog:
    """What a file holds: packed rows by machine and UTC day, and its refused lines.

    ``corrupt`` has 4 bytes a refused line by machine, ``downloaded_at`` the latest instant that a
    technician's file can have been read from its machine.
    """

    name: str
    accepted: int = 0
    refused: int = 0
    rows: dict[tuple[str, date], bytearray] = field(default_factory=dict)
    corrupt: dict[str, bytearray] = field(default_factory=dict)
    refusals: list[RefusedLine] = field(default_factory=list)
    downloaded_at: datetime | None = None
    read_from: datetime | None = None
    """The earliest instant that it can have been read at; the latest is ``downloaded_at``."""
    corrupt_day: date = date.min
    """The UTC day that its refused lines count for."""

    def add(self, batch: Batch) -> None:
        """Take in what parsing gave."""
        self.accepted += batch.accepted
        self.refused += batch.refused
        for place, packed in batch.rows.items():
            self.rows.setdefault(place, bytearray()).extend(packed)
        for serial, lines in batch.corrupt.items():
            self.corrupt.setdefault(serial, bytearray()).extend(lines)
        for line, reason, text, _ in batch.refusals[: _FIRST_REFUSALS - len(self.refusals)]:
            self.refusals.append(RefusedLine(line=line, reason=reason, text=text))


@dataclass(frozen=True)
class Known:
    """Metadata of the logs: their machine, and when they were downloaded.

    ``closed`` and ``closed_weekly`` are days without trade at all machines.
    """

    zone: str | None = None
    closed: tuple[date, ...] = ()
    closed_weekly: tuple[Weekday, ...] = ()
    downloaded_at: DownloadTime | None = None


def read_log(path: Path, now: datetime, known: Known = Known()) -> LocalLog:
    """Read one file as the service would. Raises UnreadableFileError."""
    log = LocalLog(name_of(path))
    machine, read_at = _origin(path, known)
    latest = now + _CLOCK_SKEW
    if read_at:
        log.downloaded_at = latest = min(read_at.latest_instant(known.zone), latest)
        log.read_from = min(read_at.earliest_instant(known.zone), latest)
    try:
        with path.open("rb") as file:
            blocks = open_log(file, max_bytes=_TEXT_LIMIT_BYTES)
            for batch in parse(blocks, machine=machine, not_after=latest):
                log.add(batch)
    except UnreadableLogError as wrong:
        raise UnreadableFileError(wrong.detail) from wrong
    except OSError as wrong:
        raise UnreadableFileError(f"it cannot be read: {wrong.strerror}") from wrong
    if not log.accepted:
        first = log.refusals[0]
        raise UnreadableFileError(
            f"not one of {show.plural(log.refused, 'line')} could be read; "
            f"line {first.line}: {first.reason}"
        )
    newest = max(day for _, day in log.rows)
    log.corrupt_day = StoredName.parse(path.name).wall.date() if machine else newest
    return log


def _origin(path: Path, known: Known) -> tuple[str | None, DownloadTime | None]:
    """Return the machine that a file is of, if it is of one, and when it was read, if known."""
    try:
        stored = StoredName.parse(path.name)
    except ValueError:
        return None, known.downloaded_at
    return stored.machine, DownloadTime(stored.wall)


def histories(
    logs: Sequence[LocalLog], thresholds: Thresholds, known: Known = Known()
) -> Iterable[History]:
    """Yield what all files together say of each machine."""
    days: defaultdict[str, defaultdict[date, list[bytes]]] = defaultdict(lambda: defaultdict(list))
    for log in logs:
        for (serial, day), packed in log.rows.items():
            days[serial][day].append(bytes(packed))
    starts = {log.name: _usual_start(log) for log in logs}
    named = {serial for log in logs for serial in log.corrupt}
    for serial in sorted(named | set(days)):
        keys, beyond = Keys("Q"), {}
        for day in sorted(days[serial]):
            union = rows.union(day, days[serial][day])
            keys.extend(union[:MOST_ROWS])
            if len(union) > MOST_ROWS:
                beyond[day] = len(union) - MOST_ROWS
        oldest = max(days[serial], default=date.max) - timedelta(days=thresholds.window_days)
        own = [log for log in logs if _is_of(log, serial)]
        yield History(
            serial,
            keys,
            corrupt_lines=_corrupt_lines(own, serial, oldest),
            last_download_at=_latest(log.downloaded_at for log in own),
            beyond=beyond,
            read_until=_latest(log.read_from for log in own),
            file_starts_at=_latest(starts[log.name] for log in own),
            closed=known.closed,
            closed_weekly=known.closed_weekly,
        )


def _usual_start(log: LocalLog) -> datetime | None:
    """Return where the logs of the machines in a file usually begin, if it has several."""
    first: dict[str, date] = {}
    for serial, day in log.rows:
        first[serial] = min(day, first.get(serial, day))
    return reports.usual_start(first.values())


def _is_of(log: LocalLog, serial: str) -> bool:
    return serial in log.corrupt or any(machine == serial for machine, _ in log.rows)


def _latest(instants: Iterable[datetime | None]) -> datetime | None:
    return max((each for each in instants if each), default=None)


def _corrupt_lines(logs: Iterable[LocalLog], serial: str, oldest: date) -> int:
    return rows.union_size(
        [
            bytes(log.corrupt[serial])
            for log in logs
            if serial in log.corrupt and log.corrupt_day >= oldest
        ]
    )


def rows_by_day(keys: Keys) -> RowsByDay:
    """Return how many rows each UTC day has."""
    counts: defaultdict[int, int] = defaultdict(int)
    for key in keys:
        counts[key // 864_000] += 1
    epoch = date(1970, 1, 1)
    return {epoch + timedelta(days=days): count for days, count in counts.items()}
