"""What was counted so far and which lines it was counted from, in one SQLite file.

Figures and the lines that they come from are written in one transaction: a line is counted once,
however often it is read and whenever the exporter dies.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import Metric

from monitoring.exporter import lines
from monitoring.exporter.lines import Figure

# More label sets than this of one metric mean that a label is not bounded after all.
MOST_LABEL_SETS = 1_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS began (at_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS reached (log_group TEXT PRIMARY KEY, at_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS line (
    log_group TEXT, id TEXT, at_ms INTEGER NOT NULL, PRIMARY KEY (log_group, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS line_age ON line (log_group, at_ms);
CREATE TABLE IF NOT EXISTS sample (
    family TEXT, kind TEXT, name TEXT, labels TEXT, value REAL NOT NULL, at_ms INTEGER NOT NULL,
    PRIMARY KEY (family, name, labels)
) WITHOUT ROWID;
"""
_ADD = """
INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET value = value + excluded.value
"""
_SET = """
INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET value = excluded.value, at_ms = excluded.at_ms
WHERE excluded.at_ms >= sample.at_ms
"""

_Sample = tuple[str, str, str, str]
"""Family, kind, name and labels (JSON) of a sample."""


@dataclass(frozen=True)
class Line:
    """A line of a log: what names it within its group, when it was written, and its text."""

    id: str
    at_ms: int
    message: str


class Books:
    """The figures at ``path``; lines from before ``began_ms`` are none of a new one's business."""

    def __init__(self, path: Path, *, began_ms: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._db = sqlite3.connect(path, isolation_level="IMMEDIATE")
        self._db.execute("PRAGMA journal_mode = WAL")  # scrapes read while lines are entered
        # A power cut may take the last transactions whole: their lines are then read again.
        self._db.execute("PRAGMA synchronous = NORMAL")
        with self._db:
            self._db.executescript(_SCHEMA)
            if self._db.execute("SELECT 1 FROM began").fetchone() is None:
                self._db.execute("INSERT INTO began VALUES (?)", (began_ms,))
        self._label_sets: dict[str, set[str]] = defaultdict(set)
        for family, labels in self._db.execute("SELECT family, labels FROM sample"):
            told = json.loads(labels)
            told.pop("le", None)
            self._label_sets[family].add(json.dumps(told))

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @property
    def began_ms(self) -> int:
        """Return since when lines count."""
        at_ms: int = self._db.execute("SELECT at_ms FROM began").fetchone()[0]
        return at_ms

    def reached_ms(self, group: str) -> int:
        """Return the time of the newest line up to which a log has been read whole."""
        query = "SELECT at_ms FROM reached WHERE log_group = ?"
        found = self._db.execute(query, (group,)).fetchone()
        return found[0] if found else self.began_ms

    def enter(self, group: str, function: str, read: Iterable[Line]) -> int:
        """Count the lines that were not counted before, all or none; return how many."""
        added: dict[_Sample, float] = defaultdict(float)
        stood: dict[_Sample, tuple[int, float]] = {}
        fresh = 0
        with self._db:
            for line in read:
                if lines.silent(line.message) or not self._first_time(group, line):
                    continue
                fresh += 1
                for figure in lines.figures(function, line.message, line.at_ms / 1000):
                    if figure.kind == "gauge":
                        sample = self._sample(figure, figure.name)
                        if line.at_ms >= stood.get(sample, (0, 0.0))[0]:
                            stood[sample] = (line.at_ms, figure.value)
                    else:
                        for sample, value in self._parts(figure):
                            added[sample] += value
            self._db.executemany(_ADD, ((*sample, value, 0) for sample, value in added.items()))
            self._db.executemany(
                _SET, ((*sample, value, at_ms) for sample, (at_ms, value) in stood.items())
            )
        return fresh

    def reach(self, group: str, at_ms: int) -> None:
        """Note that a log has been read whole up to its line of ``at_ms``."""
        with self._db:
            self._db.execute(
                "INSERT INTO reached VALUES (?, ?) "
                "ON CONFLICT DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)",
                (group, at_ms),
            )

    def forget(self, group: str, before_ms: int) -> None:
        """Forget the names of lines that nobody will read again."""
        with self._db:
            self._db.execute(
                "DELETE FROM line WHERE log_group = ? AND at_ms < ?", (group, before_ms)
            )

    def families(self) -> Iterator[Metric]:
        """Yield all that was counted, as it stands in the file; safe from any thread."""
        with closing(sqlite3.connect(self._path)) as db:
            rows = db.execute(
                "SELECT family, kind, name, labels, value FROM sample ORDER BY family, labels, name"
            ).fetchall()
        family: Metric | None = None
        for name, kind, sample, labels, value in rows:
            if family is None or family.name != _base(name, kind):
                if family:
                    yield family
                family = Metric(
                    _base(name, kind), "Told by the logs of the stack's functions", kind
                )
            family.add_sample(sample, json.loads(labels), value)
        if family:
            yield family

    def _first_time(self, group: str, line: Line) -> bool:
        entry = (group, line.id, line.at_ms)
        return self._db.execute("INSERT OR IGNORE INTO line VALUES (?, ?, ?)", entry).rowcount == 1

    def _parts(self, figure: Figure) -> Iterator[tuple[_Sample, float]]:
        """Yield what is to be added for a figure: a histogram has a sample per bucket."""
        if figure.kind == "counter":
            yield self._sample(figure, figure.name), figure.value
            return
        yield self._sample(figure, f"{figure.name}_sum"), figure.value
        yield self._sample(figure, f"{figure.name}_count"), 1
        for limit in (*lines.BUCKETS, float("inf")):
            bucket = self._sample(figure, f"{figure.name}_bucket", le=_limit(limit))
            yield bucket, float(figure.value <= limit)  # empty ones stand there, too

    def _sample(self, figure: Figure, name: str, **more: str) -> _Sample:
        labels = json.dumps(dict(figure.labels))
        known = self._label_sets[figure.name]
        if labels not in known and len(known) >= MOST_LABEL_SETS:
            labels = json.dumps({label: "other" for label, _ in figure.labels})
        known.add(labels)
        text = json.dumps({**json.loads(labels), **more}) if more else labels
        return figure.name, figure.kind, name, text


def _base(family: str, kind: str) -> str:
    return family.removesuffix("_total") if kind == "counter" else family


def _limit(limit: float) -> str:
    return "+Inf" if limit == float("inf") else repr(limit)
