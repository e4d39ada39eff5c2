"""Which schedules run, and which should have run by now."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.operators.models.schedules import ScheduleView

_LEAST_PATIENCE = timedelta(minutes=10)


class Runs(Protocol):
    """When the functions of schedules ran last."""

    def last(self) -> Mapping[str, datetime]: ...


class ScheduleService:
    """Where operators see that schedules run."""

    def __init__(
        self, runs: Runs, every: Mapping[str, timedelta], *, now: Callable[[], datetime]
    ) -> None:
        self._runs = runs
        self._every = every
        self._now = now

    def all(self) -> list[ScheduleView]:
        """Return the schedules in the order of their names."""
        last, now = self._runs.last(), self._now()
        return [
            ScheduleView(
                name=name,
                every_s=int(every.total_seconds()),
                ran_at=last.get(name),
                overdue=name in last and now - last[name] > every + _patience(every),
            )
            for name, every in sorted(self._every.items())
        ]


def _patience(every: timedelta) -> timedelta:
    """Return how late a run may be: an hour of a day, ten minutes at least."""
    return max(_LEAST_PATIENCE, every / 24)
