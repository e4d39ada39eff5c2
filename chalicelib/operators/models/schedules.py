"""The shape of a schedule for operators."""

from chalicelib.core.instants import Instant
from chalicelib.core.models import Model


class ScheduleView(Model):
    """A function that runs by itself, and whether it does."""

    name: str
    """The name of the function."""
    every_s: int
    """How many seconds its runs are apart."""
    ran_at: Instant | None = None
    """When it ran last; absent before its first run."""
    overdue: bool
    """Whether it should have run again by now."""
