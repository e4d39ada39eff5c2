"""Summing up orders: one line per ingredient and unit, and each line back to its orders."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from chalicelib.bakery.amounts import Amount, Unit
from chalicelib.bakery.records import Batch, Gathering, Ingredient, Line, Order

CUTOFF = time(6, tzinfo=UTC)

_Key = tuple[str, Unit]


def cutoff_of(day: date) -> datetime:
    """Return when the day's batch closes: whatever comes at that instant is tomorrow's."""
    return datetime.combine(day, CUTOFF)


def day_of(at: datetime) -> date:
    """Return the day whose cut-off was the latest by ``at``."""
    return (at.astimezone(UTC) - timedelta(hours=CUTOFF.hour)).date()


def sealed(gathering: Gathering, members: Sequence[Order], *, at: datetime) -> Batch:
    """Return the batch of ``members``, which are in the order of their ids."""
    return Batch(
        day=gathering.day,
        number=gathering.number,
        cutoff=gathering.cutoff,
        by=gathering.by,
        sealed_at=at,
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
