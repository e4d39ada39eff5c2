"""What the provider reads: the tickets, their comments, and what their labels say.

Names and amounts are text nodes of Jira's document format, so nothing in them can be taken for
markup.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from chalicelib.bakery.batching import as_lines
from chalicelib.bakery.names import fold, title
from chalicelib.bakery.records import Batch, Line, Order
from chalicelib.integrations import adf

GREETING = "Hello dear provider, we would like to order:"
CLOSING = "Thank you very much, and kind regards from your bakery."
SHORT = "missing-ingredients"
"""The label by which the provider says that something cannot be had."""

_OURS = "backroom"
_NAMES_ONE = "missing-"
_DUE = timedelta(days=1)
# A description takes 32,767 characters and a property 32,768 bytes: what is more is counted.
_MOST_LINKED = 100
_MOST_NAMED = 2_000


@dataclass(frozen=True)
class Draft:
    """A ticket before it has a key."""

    summary: str
    description: adf.Node
    labels: tuple[str, ...]
    due: date
    properties: Mapping[str, object]


@dataclass(frozen=True)
class Shortage:
    """What a ticket says is missing: the ingredients by id, or everything when none is named."""

    ingredients: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """Return it in plain words."""
        names = (title(each).lower() for each in sorted(self.ingredients))
        return ", ".join(names) or "ingredients"


def batch_label(day: date) -> str:
    """Return the label by which a batch's ticket is found."""
    return f"order-batch-{day.isoformat()}"


def order_label(order_id: int) -> str:
    """Return the label by which the ticket of one order is found."""
    return f"order-{order_id}"


def of_batch(batch: Batch, *, home: str) -> Draft:
    """Return the ticket of a day; ``home`` is the address under which we answer."""
    day, count = batch.day.isoformat(), len(batch.orders)
    return Draft(
        summary=f"Ingredients for {day} ({count} order{'' if count == 1 else 's'})",
        description=_letter(batch.lines, _batch_links(batch, home)),
        labels=(_OURS, batch_label(batch.day)),
        due=batch.day + _DUE,
        properties={
            "backroom.batch": {
                "day": day,
                "count": count,
                "orders": [str(order) for order in batch.orders[:_MOST_NAMED]],
            }
        },
    )


def of_order(order: Order, *, home: str) -> Draft:
    """Return the ticket of a single order (B8)."""
    return Draft(
        summary=f"Order #{order.id}",
        description=_letter(as_lines(order.needs), [_order_link(order.id, home)]),
        labels=(_OURS, order_label(order.id)),
        due=order.created_at.date() + _DUE,
        properties={"backroom.order": {"order": str(order.id)}},
    )


def no_longer_needed(order: Order) -> adf.Node:
    """Return the comment on an order that was cancelled after its ticket."""
    return adf.document(
        adf.paragraph(f"Order {order.id} was cancelled. These are no longer needed for it:"),
        _table(as_lines(order.needs)),
        adf.paragraph("Thank you, and sorry for the trouble."),
    )


def shortage(labels: Iterable[str], *, closed: bool) -> Shortage | None:
    """Return what a ticket in this state lacks; None unless it is both labelled and closed.

    ``missing-ingredients`` is about all of it, unless ``missing-eggs`` and the like name some.
    """
    missing = {label.lower() for label in labels if label.lower().startswith(_NAMES_ONE)}
    if not missing or not closed:
        return None
    named = {fold(label.removeprefix(_NAMES_ONE)) for label in missing - {SHORT}}
    return Shortage(frozenset(named - {""}))


def _letter(lines: Sequence[Line], links: Sequence[adf.Node | str]) -> adf.Node:
    return adf.document(
        adf.paragraph(GREETING), _table(lines), adf.paragraph(*links), adf.paragraph(CLOSING)
    )


def _table(lines: Iterable[Line]) -> adf.Node:
    return adf.table(["Ingredient"], ([f"{_upper(line.name)}: {line.amount}"] for line in lines))


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]


def _batch_links(batch: Batch, home: str) -> list[adf.Node | str]:
    """Return links to the orders, comma separated, or to the batch where they are too many."""
    rest = len(batch.orders) - _MOST_LINKED
    links: list[adf.Node | str] = ["For the orders "]
    for number, order in enumerate(batch.orders[:_MOST_LINKED]):
        links += [", "] * bool(number) + [_order_link(order, home)]
    more = f" and {rest} more" if rest > 0 else ""
    day = batch.day.isoformat()
    return [*links, f"{more}, all in ", adf.link(f"batch {day}", f"{home}/batches/{day}")]


def _order_link(order_id: int, home: str) -> adf.Node:
    return adf.link(f"Order {order_id}", f"{home}/orders/{order_id}")
