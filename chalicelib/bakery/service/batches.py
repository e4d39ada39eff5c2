"""One ticket a day with what all open orders need (B9, 5c 7-9).

A run claims the open orders from before the cut-off, some at a time, then sums up and seals. A
batch that is full goes on as an extra ticket of its day. Every step is one transaction with
conditions, so runs may be repeated, concurrent, late, or crash anywhere: the next run continues
from what is stored, and the one transaction that seals a batch requests its one ticket.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from operator import attrgetter

from chalicelib.bakery import batching, effects
from chalicelib.bakery.amounts import Amount, Unit
from chalicelib.bakery.batching import Filling, Room
from chalicelib.bakery.ports import Batches
from chalicelib.bakery.records import (
    MOST_TICKETS,
    Batch,
    BatchId,
    Gathering,
    Line,
    Order,
    batch_id,
)
from chalicelib.core.errors import ConflictError, NotFoundError, UnavailableError
from chalicelib.core.values import dataclass

# Lost races in a row; each of them is progress of another run.
_MOST_LOST = 100
# The version of a batch whose members are to be counted anew.
_UNKNOWN = -1


class TicketTooEarlyError(ConflictError):
    """An extra ticket was requested before the one that it follows."""

    type = "/problems/ticket-too-early"
    title = "Ticket too early"


@dataclass(frozen=True)
class Run:
    """The result of a run: the batch, None without orders; ``new`` when this run sealed it.

    ``waiting`` are the orders that are still open: they go into the next day's batch, or on the
    extra ticket with the number ``next_ticket``. ``message`` describes that of an older batch.
    """

    day: date
    batch: Batch | None
    new: bool = False
    waiting: int = 0
    next_ticket: int | None = None
    message: str | None = None


Shares = Mapping[tuple[str, Unit], Sequence[tuple[int, Amount]]]
"""Which order needs how much, by ingredient and unit."""


@dataclass(frozen=True)
class Expanded:
    """A batch with the share of each order in each of its lines."""

    batch: Batch
    shares: Shares


@dataclass(frozen=True)
class Upcoming:
    """The next batch of the schedule, and what the orders need that it takes.

    ``waiting`` counts all that wait: more than ``orders`` when they fill it.
    """

    day: date
    cutoff: datetime
    orders: tuple[int, ...]
    lines: tuple[Line, ...]
    shares: Shares
    waiting: int


@dataclass(frozen=True)
class Batching:
    """Runs batches and shows them."""

    batches: Batches
    now: Callable[[], datetime]
    room: Room = Room()

    def run_scheduled(self, at: datetime) -> Run:
        """Run the batch of the day whose cut-off was the latest by ``at``, the schedule's time."""
        day = batching.day_of(at)
        cutoff = batching.cutoff_of(day)
        return self._run(Gathering(day=day, cutoff=cutoff, by="schedule", version=0))

    def run_by_hand(self, ticket: int = 1) -> Run:
        """Run today's batch with the orders until now, or return it if it was run before.

        ``ticket`` 2 and so on are extra tickets, each with the orders since the one before. The
        number makes repeated and concurrent requests one ticket. Raises TicketTooEarlyError unless
        the one before is sealed.
        """
        now = self.now()
        day = now.astimezone(UTC).date()
        if ticket > 1 and self.batches.batch(batch_id(day, ticket - 1)) is None:
            raise TicketTooEarlyError(
                f"Ticket {ticket} of {day} comes after ticket {ticket - 1}, which is not sealed."
            )
        run = self._run(Gathering(day=day, number=ticket, cutoff=now, by="hand", version=0))
        waiting = self.batches.count_waiting()
        if run.batch is None or (run.new and not run.batch.full):
            return replace(run, waiting=waiting)
        latest = self._latest(run.batch)
        return replace(
            run,
            waiting=waiting,
            next_ticket=latest.number + 1 if waiting and latest.number < MOST_TICKETS else None,
            message=_went_on(run.batch, latest) if run.new else _already_sealed(latest, waiting),
        )

    def _latest(self, batch: Batch) -> Batch:
        """Return the last sealed batch of a batch's day."""
        while following := self.batches.batch(batch_id(batch.day, batch.number + 1)):
            batch = following
        return batch

    def finish(self) -> Sequence[date]:
        """Finish what a crash left behind, and return the days of batches that were begun.

        They are unsealed, or the last one was full and the next, which takes the rest, not begun.
        """
        days = [self._finish_all(begun).day for begun in self.batches.unsealed()]
        for latest in islice(self.batches.batches(None), 1):
            self._go_on_from(latest)
        return days

    def seal_again(self, was: Batch) -> None:
        """Seal a batch that was sealed since its orders were restored, with those that are known.

        There may be none. Its ticket exists, and must not become that of orders that come later.
        """
        lost, members = 0, frozenset(was.orders)
        while lost < _MOST_LOST and self.batches.batch(was.id) is None:
            begun = self.batches.gathering(was.id) or Gathering(
                day=was.day, number=was.number, cutoff=was.cutoff, by=was.by, version=0
            )
            known = self.batches.waiting(was.cutoff, among=members)
            if known:
                lost += not self.batches.claim(begun, self._joining(begun, known))
            else:
                lost += self._sealed(begun, full=was.full) is None
        if lost == _MOST_LOST:
            raise UnavailableError(f"The batch of {was.day} could not be sealed; try again.")

    def show(self, day: date, ticket: int = 1) -> Expanded:
        """Return a day's batch, each line expanded to its orders. Raises NotFoundError."""
        batch = self.batches.batch(batch_id(day, ticket))
        if batch is None:
            which = f"ticket {ticket} of {day}" if ticket > 1 else f"batch for {day}"
            raise NotFoundError(
                f"There is no {which}: no order was waiting, or the batch has not run yet."
            )
        return Expanded(batch, batching.shares(self.batches.members(batch.id)))

    def upcoming(self) -> Upcoming:
        """Return what the waiting orders need before their ticket goes."""
        day = batching.day_of(self.now()) + timedelta(days=1)
        while self.batches.batch(day):  # sealed by hand before its time
            day += timedelta(days=1)
        filling = Filling(self.room)
        joining = sorted(filling.fitting(self.batches.open_orders()), key=attrgetter("id"))
        return Upcoming(
            day=day,
            cutoff=batching.cutoff_of(day),
            orders=tuple(order.id for order in joining),
            lines=batching.lines(joining),
            shares=batching.shares(joining),
            waiting=self.batches.count_waiting() if filling.full else len(joining),
        )

    def recent(self, *, before: BatchId | None) -> Iterator[Batch]:
        """Yield batches, newest first, those before ``before``."""
        return self.batches.batches(before)

    def _run(self, wanted: Gathering) -> Run:
        for begun in self.batches.unsealed():
            if begun.day < wanted.day:
                self._finish_all(begun)
        return self._finish_all(wanted)

    def _finish_all(self, wanted: Gathering) -> Run:
        """Finish a batch, and the extra ones that it had no room for; return the result of it."""
        run = self._finish(wanted)
        if run.batch:
            self._go_on_from(run.batch)
        return run

    def _go_on_from(self, batch: Batch) -> None:
        """Finish the extra batches with the orders that a full one had no room for."""
        following: Batch | None = batch
        while following and following.full and following.number < MOST_TICKETS:
            following = self._finish(
                Gathering(
                    day=following.day,
                    number=following.number + 1,
                    cutoff=following.cutoff,
                    by=following.by,
                    version=0,
                )
            ).batch

    def _finish(self, wanted: Gathering) -> Run:
        """Gather and seal the batch of a day as ``wanted``, or as it was begun before."""
        lost, version, filling = 0, 0, Filling(self.room)
        while lost < _MOST_LOST:
            sealed = self.batches.batch(wanted.id)
            if sealed:
                return Run(wanted.day, sealed)
            begun = self.batches.gathering(wanted.id) or wanted
            if begun.version != version:
                version, filling = begun.version, Filling(self.room, self.batches.members(begun.id))
            waiting = self.batches.waiting(begun.cutoff)
            joining = filling.fitting(waiting)
            if joining and self.batches.claim(begun, self._joining(begun, joining)):
                version += 1
            elif joining:
                lost, version = lost + 1, _UNKNOWN
            elif begun.version == 0:
                return Run(wanted.day, None)
            elif batch := self._sealed(begun, full=bool(waiting)):
                return Run(wanted.day, batch, new=True)
            else:
                lost += 1
        raise UnavailableError(f"The batch of {wanted.day} could not be sealed; try again.")

    def _joining(self, begun: Gathering, orders: Sequence[Order]) -> list[tuple[Order, Order]]:
        at, why = self.now(), f"joined the batch of {begun.day}"
        if begun.number > 1:
            why = f"joined ticket {begun.number} of {begun.day}"
        return [
            (
                order,
                order.changed(
                    "ticketed",
                    at=at,
                    by=begun.by,
                    reason=why,
                    batch=begun.day,
                    batch_number=begun.number,
                ),
            )
            for order in orders
        ]

    def _sealed(self, begun: Gathering, *, full: bool) -> Batch | None:
        """Seal a batch; return None when it has changed meanwhile."""
        members = self.batches.members(begun.id)
        batch = batching.sealed(begun, members, at=self.now(), full=full)
        done = self.batches.seal(begun, batch, effects.batch_ticket(batch.id))
        return batch if done else None


def _went_on(batch: Batch, latest: Batch) -> str | None:
    """Return the message of a run whose batch was full: where its other orders are."""
    first, last = batch.number + 1, latest.number
    if last < first:
        return None
    others = f"tickets {first} to {last}" if last > first else f"ticket {first}"
    return f"full; further orders are on {others}"


def _already_sealed(batch: Batch, waiting: int) -> str:
    """Return the message of a repeated run: when the batch was sealed, how many orders wait."""
    left = f"{waiting} order{'s wait' if waiting > 1 else ' waits'} for tomorrow"
    rest = left if waiting else "no orders are waiting"
    return f"already sealed at {batch.sealed_at.astimezone(UTC):%H:%M} UTC; {rest}"
