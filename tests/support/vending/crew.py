"""A technician with machines of their own on a deployed stack, and logs as machines write them."""

import itertools
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx

from chalicelib.vending import parsing, reports, rows
from chalicelib.vending.anomalies import Thresholds
from chalicelib.vending.history import History, Region
from tests.support.deployed import Deployed
from tests.support.patience import eventually

PENDING = {"awaiting_upload", "received"}
COUNTED = {"processed", "suspect"}
# What downloads, and the others of its region, have a say in.
_OF_OTHERS = {"due_at", "state", "silences", "urgency"}
MORNING = datetime(2020, 3, 2, 8, tzinfo=UTC)

# Below GM100 and T5000 is for tests that name their own.
_serials = (f"GM{number}" for number in itertools.count(100))
_technicians = (f"T{number}" for number in itertools.count(5000))


def log(
    serial: str, start: datetime = MORNING, *, rows: int = 10, every_s: int = 600, faulty: int = 0
) -> str:
    """Return a machine's log; the first ``faulty`` rows gave no gumball, the rest gave one."""
    return "".join(
        f"{serial}|{start + timedelta(seconds=every_s * n):%Y-%m-%dT%H:%M:%SZ}|{int(n >= faulty)}\n"
        for n in range(rows)
    )


@dataclass(frozen=True)
class Crew:
    """A technician and the machines assigned to them."""

    stack: Deployed
    technician: str
    machines: Sequence[str]

    @property
    def machine(self) -> str:
        return self.machines[0]

    def upload(
        self,
        content: str | bytes,
        *,
        machine: str | None = None,
        downloaded_at: str = "2020-04-01T12:00:00",
        media_type: str = "text/plain",
        **parameters: str,
    ) -> httpx.Response:
        """Send a log as the technician does."""
        named = {"technician": self.technician, "machine": machine or self.machine}
        return self.stack.api.post(
            "/files",
            params={**named, "downloaded_at": downloaded_at, **parameters},
            content=content,
            headers={"Content-Type": media_type},
        )

    def files(self) -> list[dict[str, Any]]:
        """List the technician's files."""
        found: list[dict[str, Any]] = get(self.stack, "/files", technician=self.technician)
        return found

    def delete(self, file_id: int) -> httpx.Response:
        """Take a file back."""
        return self.stack.api.delete(f"/files/{file_id}", params={"technician": self.technician})

    def drop(self, name: str, content: str | bytes) -> str:
        """Put an object straight into the share; return its key."""
        return drop(self.stack, f"incoming/{name}", content)


def hired(stack: Deployed, machines: int = 1) -> Crew:
    """Register a new technician and new machines of theirs."""
    technician = next(_technicians)
    crew = Crew(stack, technician, [next(_serials) for _ in range(machines)])
    put(stack, f"/technicians/{technician}", name="Robin")
    for serial in crew.machines:
        put(stack, f"/machines/{serial}", technician=technician)
    return crew


def drop(stack: Deployed, key: str, content: str | bytes) -> str:
    """Put an object straight into the share; return its key."""
    stack.client("s3").put_object(Bucket=stack.bucket, Key=key, Body=content)
    return key


def dropped(stack: Deployed, key: str) -> dict[str, Any]:
    """Return the dispatcher's file that was dropped at ``key``, once it is noticed."""
    name = key.rpartition("/")[2]

    found: list[dict[str, Any]] = eventually(
        lambda: [file for file in get(stack, "/imports") if file["name"] == name]
    )
    return found[0]


def get(stack: Deployed, path: str, **query: str) -> Any:
    """Return what stands at a path."""
    answer = stack.api.get(path, params=query)
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()


def put(stack: Deployed, path: str, **body: Any) -> Any:
    """Create or change what stands at a path."""
    answer = stack.api.put(path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


def settled(stack: Deployed, file_id: int, within_s: float = 30) -> dict[str, Any]:
    """Return a file once it has been read, and its machines have been judged by it."""

    def file() -> dict[str, Any] | None:
        found: dict[str, Any] = get(stack, f"/files/{file_id}")
        assert found["state"] not in PENDING, found
        assert found["state"] not in COUNTED or found["judged"], found
        return found

    return eventually(file, within_s) or {}


def transactions(stack: Deployed, serial: str) -> list[dict[str, Any]]:
    """Return all rows of a machine, page after page."""
    found, path = [], f"/machines/{serial}/transactions?limit=10000"
    while path:
        answer = stack.api.get(path)
        assert answer.status_code == httpx.codes.OK, answer.text
        found += answer.json()
        path = answer.links.get("next", {}).get("url", "")
    return found


def replayed(serial: str, texts: Iterable[str]) -> History:
    """Return what a machine did by exactly these files, worked out by the rules alone."""
    files = [_by_day(serial, text) for text in texts]
    keys = array("Q")
    for day in sorted({day for file in files for day in file}):
        keys.extend(rows.union(day, [bytes(file[day]) for file in files if day in file]))
    return History(serial, keys)


def agrees(stack: Deployed, serial: str, texts: Iterable[str]) -> bool:
    """Assert that a machine's report and its rows are those of exactly these files."""
    history = replayed(serial, texts)
    listed = [(row["id"], row["at"], row["gumballs"]) for row in transactions(stack, serial)]
    assert listed == [
        (number, f"{rows.instant(key):%Y-%m-%dT%H:%M:%SZ}", rows.gumballs(key))
        for number, key in enumerate(history.keys, 1)
    ]
    expected = reports.summarise(history, Region(), Thresholds()).model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    report = get(stack, f"/machines/{serial}")
    assert _by_its_rows(report, expected) == _by_its_rows(expected, expected)
    return True


def _by_its_rows(report: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return what of a report follows from the machine's rows alone."""
    found = {name: report.get(name) for name in names if name not in _OF_OTHERS}
    faults = [each for each in report["verdicts"] if each["kind"] in {"under", "over"}]
    bursts = [each for each in report.get("notes", ()) if each["kind"] == "burst"]
    return {**found, "verdicts": faults, "notes": bursts}


def _by_day(serial: str, text: str) -> dict[date, bytearray]:
    found: dict[date, bytearray] = defaultdict(bytearray)
    forever = datetime.max.replace(tzinfo=UTC)
    for batch in parsing.parse([text.encode()], machine=serial, not_after=forever):
        for (_, day), packed in batch.rows.items():
            found[day] += packed
    return found
