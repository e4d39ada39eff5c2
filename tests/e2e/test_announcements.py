"""New causes are told once, whoever judges at the same time."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.deployed import Deployed
from tests.support.patience import eventually
from tests.support.vending.crew import MORNING, Crew, hired, log, put

SCHEDULED = Path(__file__).parent.parent / "events" / "scheduled.json"
# Nobody else's sites are there. In one of them it is between eight in the morning and midnight.
ZONES = ("Pacific/Fiji", "Asia/Karachi", "America/Bogota")


def messages(stack: Deployed, serial: str) -> list[dict[str, Any]]:
    """Return what Slack holds about a machine."""
    held = stack.standins.office.shown()["slack"]["messages"]
    return [each for each in held if serial in each["text"]]


def worn(serial: str) -> str:
    """Return a log of which each fourth credit gave nothing."""
    lines = log(serial, rows=60).splitlines(keepends=True)
    return "".join(
        line.replace("|1\n", "|0\n") if number % 4 == 3 else line
        for number, line in enumerate(lines)
    )


def test_a_dead_machine_is_announced_at_once_and_once_however_many_logs_tell_of_it(
    stack: Deployed,
) -> None:
    crew = hired(stack)
    texts = [
        log(crew.machine, MORNING + timedelta(hours=8 * n), rows=40, faulty=40) for n in range(6)
    ]

    def upload(number: int) -> int:
        at = f"2020-04-01T12:00:{number:02d}"
        return crew.upload(texts[number], downloaded_at=at).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(upload, range(6))) == {201}

    eventually(partial(messages, stack, crew.machine), within_s=60)
    eventually(stack.calm, within_s=60)
    [message] = messages(stack, crew.machine)
    assert "is out of service" in message["text"]
    assert f"Technician: {crew.technician}" in message["text"]


def test_the_digest_of_a_zone_goes_out_once_though_four_look_at_the_same_time(
    stack: Deployed,
) -> None:
    crew = _at_a_site_where_it_is_day(stack)
    assert crew.upload(worn(crew.machine)).is_success
    eventually(stack.calm, within_s=60)
    look = partial(stack.invoke, "vending-digests", json.loads(SCHEDULED.read_text()))

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(look) for _ in range(4)]:
            done.result()

    eventually(partial(messages, stack, crew.machine), within_s=60)
    look()
    [message] = messages(stack, crew.machine)
    assert message["text"].startswith("1 machine needs attention")


def _at_a_site_where_it_is_day(stack: Deployed) -> Crew:
    zone = next(zone for zone in ZONES if datetime.now(UTC).astimezone(ZoneInfo(zone)).hour >= 8)
    crew = hired(stack)
    put(stack, "/sites/far-away", name="Far away", time_zone=zone)
    put(stack, f"/machines/{crew.machine}", technician=crew.technician, site="far-away")
    return crew
