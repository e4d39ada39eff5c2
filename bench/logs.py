"""Logs to measure with: random rows in random order, one line in 10,000 of them bad."""

import random
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

MACHINES = 1_000
LOG_DENSITY = 16
"""Rows a machine and day in a real log."""

FIRST_DAY = date(2020, 1, 1)
NOT_AFTER = datetime(2024, 1, 1, tzinfo=UTC)
BAD_LINES = (
    "",
    "GM006",
    "GM006|2020-02-20T11:29:44Z",
    "GM006|2020-02-20T11:29:44Z|1|1",
    "GM06|2020-02-20T11:29:44Z|1",
    "GMX06|2020-02-20T11:29:44Z|1",
    "GM006|2020-02-30T11:29:44Z|1",
    "GM006|2020-02-20T24:29:44Z|1",
    "GM006|2020-02-20 11:29:44|1",
    "GM006|2024-02-20T11:29:44Z|1",
    "GM006|2020-02-20T11:29:44Z|x",
    "GM006|2020-02-20T11:29:44Z|-1",
    "GM006|2020-02-20T11:29:44Z|1.5",
    "GM006|2020-02-20T11:29:44Z|10",
    "GM006|2020-02-20T11:29:44Z|\udcff",
    "GM006|2020-02-20T11:29:44Z|" + "1" * 2_000,
)
_STRETCH = 10_000


def write_log(path: Path, *, rows: int, days: int) -> None:
    """Write a zipped log of ``rows`` lines over 1,000 machines and ``days`` days.

    Equal arguments give equal lines.
    """
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("log.txt", "w", force_zip64=True) as file,
    ):
        for text in _stretches(rows, days):
            file.write(text.encode(errors="surrogateescape"))


def _stretches(rows: int, days: int) -> Iterator[str]:
    chance = random.Random(rows + days)
    serials = [f"GM{number:03}" for number in range(MACHINES)]
    dates = [f"{FIRST_DAY + timedelta(days=number)}" for number in range(days)]
    times = [
        f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}" for second in range(86_400)
    ]
    for stretch in range(rows // _STRETCH):
        lines = [
            f"{serial}|{day}T{time}Z|{gumballs}"
            for serial, day, time, gumballs in zip(
                chance.choices(serials, k=_STRETCH),
                chance.choices(dates, k=_STRETCH),
                chance.choices(times, k=_STRETCH),
                chance.choices((1, 0, 2), (96, 3, 1), k=_STRETCH),
                strict=True,
            )
        ]
        lines[chance.randrange(_STRETCH)] = BAD_LINES[stretch % len(BAD_LINES)]
        yield "\n".join(lines) + "\n"
