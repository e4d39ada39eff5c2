"""One ticket a day with what all open orders need (B9, 5c 7-9).

A run claims the open orders from before the cut-off, some at a time, then sums up and seals. Every
step is one transaction that holds what it rests on, so runs may come twice, at once, late, or die
anywhere: whoever comes next goes on from what is stored, and the one transaction that seals the
batch asks for its one ticket.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from chalicelib.bakery import batching, effects
from chalicelib.bakery.amounts import Amount, Unit
from chalicelib.bakery.ports import Batches
from chalicelib.bakery.records import Batch, Gathering, Line, Order
from chalicelib.core.errors import NotFoundError, UnavailableError

# Steps in a row that others were faster at; they make progress by them.
_MOST_LOST = 100


@dataclass(frozen=True)
class Run:
    """What a run came to: the day's batch, None without orders; ``new`` when this run sealed it.

    ``waiting`` are the orders that are still open: they go into the next day's batch.
    """

    day: date
    batch: Batch | None
    new: bool = False
    waiting: int = 0


Shares = Mapping[tuple[str, Unit], Sequence[tuple[int, Amount]]]
"""Which order needs how much, by ingredient and unit."""


@dataclass(frozen=True)
class Expanded:
    """A batch with the share of each order in each of its lines."""

    batch: Batch
    shares: Shares


@dataclass(frozen=True)
class Upcoming:
    """What the waiting orders need, and the next batch of the schedule that takes them."""

    day: date
    cutoff: datetime
    orders: tuple[int, ...]
    lines: tuple[Line, ...]
    shares: Shares


@dataclass(frozen=True)
class Batching:
    """Runs batches and shows them."""

    batches: Batches
    now: Callable[[], datetime]

    def run_scheduled(self, at: datetime) -> Run:
        """Run the batch of the day whose cut-off was the latest by ``at``, the schedule's time."""
        day = batching.day_of(at)
        return self._run(day, batching.cutoff_of(day), by="schedule")

    def run_by_hand(self) -> Run:
        """Run today's batch with the orders until now, or return it if it was run before."""
        now = self.now()
        run = self._run(now.astimezone(UTC).date(), now, by="hand")
        return replace(run, waiting=self.batches.count_waiting())

    def finish(self) -> Sequence[date]:
        """Finish the batches that a crash left unsealed, and return their days."""
        return [self._finish(begun).day for begun in self.batches.unsealed()]

    def show(self, day: date) -> Expanded:
        """Return a day's batch, each line expanded to its orders. Raises NotFoundError."""
        batch = self.batches.batch(day)
        if batch is None:
            raise NotFoundError(
                f"There is no batch for {day}: no order was waiting, or the batch has not run yet."
            )
        return Expanded(batch, batching.shares(self.batches.members(day)))

    def upcoming(self) -> Upcoming:
        """Return what the waiting orders need before their ticket goes."""
        day = batching.day_of(self.now()) + timedelta(days=1)
        while self.batches.batch(day):  # sealed by hand before its time
            day += timedelta(days=1)
        waiting = self.batches.open_orders()
        return Upcoming(
            day=day,
            cutoff=batching.cutoff_of(day),
            orders=tuple(order.id for order in waiting),
            lines=batching.lines(waiting),
            shares=batching.shares(waiting),
        )

    def recent(self, *, before: date | None) -> Iterator[Batch]:
        """Yield batches, newest first, those of days before ``before``."""
        return self.batches.batches(before)

    def _run(self, day: date, cutoff: datetime, *, by: str) -> Run:
        for begun in self.batches.unsealed():
            if begun.day < day:
                self._finish(begun)
        return self._finish(Gathering(day=day, cutoff=cutoff, by=by, version=0))

    def _finish(self, wanted: Gathering) -> Run:
        """Gather and seal the batch of a day as ``wanted``, or as somebody began it before."""
        lost = 0
        while lost < _MOST_LOST:
            sealed = self.batches.batch(wanted.day)
            if sealed:
                return Run(wanted.day, sealed)
            begun = self.batches.gathering(wanted.day) or wanted
            waiting = self.batches.waiting(begun.cutoff)
            if waiting:
                lost += not self.batches.claim(begun, self._joining(begun, waiting))
            elif begun.version == 0:
                return Run(wanted.day, None)
            else:
                batch = self._summed(begun)
                if self.batches.seal(begun, batch, effects.batch_ticket(batch.day)):
                    return Run(wanted.day, batch, new=True)
                lost += 1
        raise UnavailableError(f"The batch of {wanted.day} could not be sealed; try again.")

    def _joining(self, begun: Gathering, orders: Sequence[Order]) -> list[tuple[Order, Order]]:
        at, why = self.now(), f"joined the batch of {begun.day}"
        return [
            (order, order.changed("ticketed", at=at, by=begun.by, reason=why, batch=begun.day))
            for order in orders
        ]

    def _summed(self, begun: Gathering) -> Batch:
        return batching.sealed(begun, self.batches.members(begun.day), at=self.now())


def already_sealed(batch: Batch, waiting: int) -> str:
    """Return what a repeated run says: when the ticket went, and how many orders are left."""
    left = f"{waiting} order{'s wait' if waiting > 1 else ' waits'} for tomorrow"
    rest = left if waiting else "no orders are waiting"
    return f"already sealed at {batch.sealed_at.astimezone(UTC):%H:%M} UTC; {rest}"
