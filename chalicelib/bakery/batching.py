"""Summing up orders: one line per ingredient and unit, and each line back to its orders."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile

from chalicelib.bakery.amounts import Amount, Unit
from chalicelib.bakery.records import Batch, Gathering, Ingredient, Line, Order
from chalicelib.core.values import dataclass
from chalicelib.integrations import limits

CUTOFF = time(6, tzinfo=UTC)

_Key = tuple[str, Unit]

# At most: an order's id; a line but for its name; and what an order needs of it, in a text in JSON.
_ID_BYTES, _LINE_BYTES, _SHARE_BYTES = 17, 120, 64


def cutoff_of(day: date) -> datetime:
    """Return when the day's batch closes: whatever comes at that instant is tomorrow's."""
    return datetime.combine(day, CUTOFF)


def day_of(at: datetime) -> date:
    """Return the day whose cut-off was the latest by ``at``."""
    return (at.astimezone(UTC) - timedelta(hours=CUTOFF.hour)).date()


@dataclass(frozen=True)
class Room:
    """The most bytes of a batch, as it is stored and as its answer lists the orders of each line.

    DynamoDB stores 400 kB in an item, and a Lambda answers 6 MB.
    """

    stored: int = 350_000
    answered: int = 5_000_000


class Filling:
    """What the members of a batch take of its room; ``full`` once there was none for an order."""

    def __init__(self, room: Room, members: Iterable[Order] = ()) -> None:
        self.full = False
        self._room = room
        self._stored = self._answered = 0
        self._lines: dict[_Key, int] = {}
        for order in members:
            self._take(order)

    def fitting(self, orders: Iterable[Order]) -> list[Order]:
        """Return the first of some orders, as many as there is room for, and count them in.

        There is room for the first order of a batch, whatever it needs.
        """
        return list(takewhile(self._fits, orders))

    def _fits(self, order: Order) -> bool:
        before = self._stored, self._answered, self._lines
        self._take(order)
        if not before[0] or (
            self._stored <= self._room.stored and self._answered <= self._room.answered
        ):
            return True
        self._stored, self._answered, self._lines = before
        self.full = True
        return False

    def _take(self, order: Order) -> None:
        """Count an order; a line is as long as the longest of its names."""
        lines = {
            (need.id, need.amount.unit): _LINE_BYTES + limits.json_length(need.name)
            for need in order.needs
        }
        longer = {key: size for key, size in lines.items() if size > self._lines.get(key, 0)}
        more = _ID_BYTES + sum(size - self._lines.get(key, 0) for key, size in longer.items())
        self._lines = self._lines | longer if longer else self._lines
        self._stored += more
        self._answered += more + _SHARE_BYTES * len(lines)


def sealed(
    gathering: Gathering, members: Sequence[Order], *, at: datetime, full: bool = False
) -> Batch:
    """Return the batch of ``members``, which are in the order of their ids."""
    return Batch(
        day=gathering.day,
        number=gathering.number,
        cutoff=gathering.cutoff,
        by=gathering.by,
        sealed_at=at,
        full=full,
        orders=tuple(order.id for order in members),
        lines=lines(members),
    )


def lines(orders: Iterable[Order]) -> tuple[Line, ...]:
    """Return what ``orders`` need in all, by name; units are summed apart and never converted.

    An ingredient is called what the first order that needs it calls it.
    """
    found: dict[_Key, Line] = {}
    for need in (need for order in orders for need in order.needs):
        key = need.id, need.amount.unit
        known = found.get(key)
        found[key] = Line(
            name=known.name if known else need.name,
            amount=known.amount + need.amount if known else need.amount,
            orders=known.orders + 1 if known else 1,
        )
    return tuple(found[key] for key in sorted(found))


def shares(orders: Iterable[Order]) -> Mapping[_Key, list[tuple[int, Amount]]]:
    """Return, by ingredient and unit, which order needs how much of it."""
    found: dict[_Key, list[tuple[int, Amount]]] = {}
    for order in orders:
        for need in order.needs:
            found.setdefault((need.id, need.amount.unit), []).append((order.id, need.amount))
    return found


def needing(orders: Iterable[Order], ingredients: frozenset[str]) -> list[Order]:
    """Return those of ``orders`` that need any of the ingredients, by id."""
    return [order for order in orders if ingredients & {need.id for need in order.needs}]


def as_lines(needs: Iterable[Ingredient]) -> tuple[Line, ...]:
    """Return what one order needs in the form of a batch."""
    return tuple(Line(name=need.name, amount=need.amount, orders=1) for need in needs)
