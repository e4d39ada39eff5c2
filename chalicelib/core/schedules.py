"""When the functions of schedules ran last: rows ``SCHEDULES/<function>`` in the outbox's table.

All of these functions may put into that table, and operators read it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from chalicelib.core.instants import sortable
from chalicelib.core.log import logger
from chalicelib.core.table import Table, key

SCHEDULES = "SCHEDULES"
EVERY: Mapping[str, timedelta] = {
    "bakery_daily_batch": timedelta(days=1),
    "outbox_sweeper": timedelta(minutes=5),
    "vending_daily_sweep": timedelta(days=1),
}
"""How far apart their runs are."""


class Schedules:
    """The last run of each."""

    def __init__(self, table: Table, *, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def ran(self, name: str) -> None:
        """Enter that a function has done its work; where that fails, the next run enters again."""
        try:
            self._table.put({**key(SCHEDULES, name), "at": {"S": sortable(self._now())}})
        except Exception:  # noqa: BLE001 - the work is done
            logger.exception("run not entered", extra={"schedule": name})

    def last(self) -> dict[str, datetime]:
        """Return when each that has run did so last."""
        return {
            row["sk"]["S"]: datetime.fromisoformat(row["at"]["S"])
            for row in self._table.query(SCHEDULES)
        }
