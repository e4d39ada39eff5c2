"""Schedules: each enters its run once it is done, and is overdue when the next one is late."""

import re
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from app import app
from chalicelib.bakery import events as bakery
from chalicelib.core.schedules import EVERY
from chalicelib.operators.service.schedules import ScheduleService
from chalicelib.outbox import events as outbox
from chalicelib.vending import events as vending

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CONTEXT = SimpleNamespace(aws_request_id="8cf0c6c2", function_name="backroom-test")
EVENT = {
    **dict.fromkeys(("version", "account", "region", "source"), "x"),
    **{"detail": {}, "detail-type": "Scheduled Event", "id": "1", "resources": [], "time": ""},
}
HANDLERS: list[tuple[str, ModuleType, str, str]] = [
    ("bakery_daily_batch", bakery, "daily_batch", "bakery"),
    ("outbox_sweeper", outbox, "sweeper", "the_sweeper"),
    ("vending_daily_sweep", vending, "daily_sweep", "vending"),
]


class Runs(dict[str, datetime]):
    """Runs in memory."""

    def last(self) -> dict[str, datetime]:
        return self

    def ran(self, name: str) -> None:
        self[name] = NOW


def listed(runs: Runs, every: timedelta = timedelta(days=1)) -> Any:
    [view] = ScheduleService(runs, {"sweep": every}, now=lambda: NOW).all()
    return view


@pytest.mark.parametrize(
    ("every", "late_by", "overdue"),
    [
        (timedelta(days=1), timedelta(hours=1), False),
        (timedelta(days=1), timedelta(hours=1, seconds=1), True),
        (timedelta(minutes=5), timedelta(minutes=10), False),
        (timedelta(minutes=5), timedelta(minutes=10, seconds=1), True),
    ],
)
def test_a_schedule_is_overdue_when_its_next_run_is_late(
    every: timedelta, late_by: timedelta, *, overdue: bool
) -> None:
    ran_at = NOW - every - late_by

    view = listed(Runs(sweep=ran_at), every)

    assert (view.overdue, view.ran_at, view.every_s) == (overdue, ran_at, every.total_seconds())


def test_a_schedule_that_has_never_run_is_listed_and_not_overdue() -> None:
    view = listed(Runs())

    assert (view.name, view.ran_at, view.overdue) == ("sweep", None, False)


def test_what_is_no_schedule_any_more_is_not_listed() -> None:
    assert listed(Runs(gone=NOW)).name == "sweep"


def test_the_runs_are_as_far_apart_as_the_functions_declare() -> None:
    declared: dict[str, str] = {
        each.name: each.schedule_expression.to_string()
        for each in app.event_sources
        if hasattr(each, "schedule_expression")
    }

    assert {name: _apart(declared[name]) for name in EVERY} == EVERY


def _apart(expression: str) -> timedelta:
    if minutes := re.fullmatch(r"rate\((\d+) minutes\)", expression):
        return timedelta(minutes=int(minutes[1]))
    assert re.fullmatch(r"cron\(\d+ \d+ \* \* \? \*\)", expression), "once a day"
    return timedelta(days=1)


@pytest.mark.parametrize(("name", "module", "handler", "services"), HANDLERS)
@pytest.mark.parametrize("fails", [False, True])
def test_a_run_is_entered_once_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    module: ModuleType,
    handler: str,
    services: str,
    *,
    fails: bool,
) -> None:
    runs, service = Runs(), MagicMock()
    for work in (service().batching.run_scheduled, service().sweep, service().arrivals.sweep):
        work.side_effect = RuntimeError("no luck today") if fails else None
        work.return_value = SimpleNamespace(new=False, batch=None, day="2026-11-21")
    service().fleet.overdue.return_value = 0
    monkeypatch.setattr(module, services, service)
    monkeypatch.setattr(module, "schedules", lambda: runs)
    monkeypatch.setattr(
        module, "the_listing", MagicMock(), raising=False
    )  # the sweeper's other work
    monkeypatch.setattr("chalicelib.core.log.logger.info", lambda *_, **__: None)

    if fails:
        with pytest.raises(RuntimeError, match="no luck"):
            getattr(module, handler)(EVENT, CONTEXT)
    else:
        getattr(module, handler)(EVENT, CONTEXT)

    assert list(runs) == ([] if fails else [name])


def test_every_schedule_that_is_listed_enters_its_runs() -> None:
    assert {name for name, *_ in HANDLERS} == set(EVERY)
