"""What the provider reads: the tickets, their comments, and their labels.

Names and amounts are text nodes of Jira's document format, so nothing in them can be taken for
markup.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from chalicelib.bakery.batching import as_lines
from chalicelib.bakery.names import fold, title
from chalicelib.bakery.records import Batch, BatchId, Line, Order
from chalicelib.core.values import dataclass
from chalicelib.integrations import adf, limits

GREETING = "Hello dear provider, we would like to order:"
CLOSING = "Thank you very much, and kind regards from your bakery."
SHORT = "missing-ingredients"
"""The label by which the provider reports that something is unavailable."""

_OURS = "backroom"
_NAMES_ONE = "missing-"
_DUE = timedelta(days=1)
# Orders beyond these are counted. Ingredients never are: they continue in comments.
_MOST_LINKED = 100
_MOST_NAMED = 10
_MARGIN = 1_000
"""Characters of a part that its heading, its own number and the mark of its effect may take."""
_ROOM = limits.JIRA_TEXT - _MARGIN
_LINK_TEXT = 30
"""Characters of the node around the comma between two links."""


@dataclass(frozen=True)
class Draft:
    """A ticket before it has a key; ``more`` are the comments that continue its description."""

    summary: str
    description: adf.Node
    more: Sequence[adf.Node]
    labels: tuple[str, ...]
    due: date
    properties: Mapping[str, object]


@dataclass(frozen=True)
class Shortage:
    """What a ticket reports as missing: the ingredients by id, or everything when none is named."""

    ingredients: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """Return it in plain words."""
        names = [title(each).lower() for each in sorted(self.ingredients)]
        rest = len(names) - _MOST_NAMED
        shown = ", ".join(names[:_MOST_NAMED]) or "ingredients"
        return f"{shown} and {rest} more" if rest > 0 else shown


def batch_label(batch: BatchId) -> str:
    """Return the label by which a batch's ticket is found."""
    name = batch.isoformat()
    return f"order-batch-{name.replace('#', '-')}"


def order_label(order_id: int) -> str:
    """Return the label by which the ticket of one order is found."""
    return f"order-{order_id}"


def of_batch(batch: Batch, *, home: str) -> Draft:
    """Return the ticket of a day; ``home`` is the address under which we answer."""
    day, count = batch.day.isoformat(), len(batch.orders)
    name = _batch_name(batch)
    description, more = _letter(batch.lines, _batch_links(batch, home), of=f"batch {name}")
    return Draft(
        summary=f"Ingredients for {name} ({count} order{'' if count == 1 else 's'})",
        description=description,
        more=more,
        labels=(_OURS, batch_label(batch.id)),
        due=batch.day + _DUE,
        properties={
            "backroom.batch": {
                "day": day,
                "count": count,
                "orders": _as_many_as_fit(map(str, batch.orders), limits.JIRA_PROPERTY),
            }
        },
    )


def of_order(order: Order, *, home: str) -> Draft:
    """Return the ticket of a single order (B8)."""
    links = [_order_link(order.id, home)]
    description, more = _letter(as_lines(order.needs), links, of=f"order {order.id}")
    return Draft(
        summary=f"Order #{order.id}",
        description=description,
        more=more,
        labels=(_OURS, order_label(order.id)),
        due=order.created_at.date() + _DUE,
        properties={"backroom.order": {"order": str(order.id)}},
    )


def no_longer_needed(order: Order) -> Sequence[adf.Node]:
    """Return the comments on an order that was cancelled after its ticket; mostly it is one."""
    opening = f"Order {order.id} was cancelled. These are no longer needed for it:"
    closing = "Thank you, and sorry for the trouble."
    return [
        adf.document(
            adf.paragraph(f"{opening}{_part(number, total)}"), _table(lines), adf.paragraph(closing)
        )
        for number, total, lines in _parts(as_lines(order.needs), room=_ROOM)
    ]


def shortage(labels: Iterable[str], *, closed: bool) -> Shortage | None:
    """Return what a ticket in this state lacks; None unless it is both labelled and closed.

    ``missing-ingredients`` is about all of it, unless ``missing-eggs`` and the like name some.
    """
    missing = {label.lower() for label in labels if label.lower().startswith(_NAMES_ONE)}
    if not missing or not closed:
        return None
    named = {fold(label.removeprefix(_NAMES_ONE)) for label in missing - {SHORT}}
    return Shortage(frozenset(named - {""}))


def _letter(
    lines: Sequence[Line], links: Sequence[adf.Node | str], *, of: str
) -> tuple[adf.Node, Sequence[adf.Node]]:
    """Return a ticket's description, and the comments that continue a long list."""
    linked = adf.paragraph(*links)
    room = _ROOM - limits.json_length(linked)
    (_, total, first), *rest = _parts(lines, room=room)
    onward = [adf.paragraph(f"The list goes on in the comments, {total} parts in all.")]
    description = adf.document(
        adf.paragraph(GREETING),
        _table(first),
        *(onward if rest else ()),
        linked,
        adf.paragraph(CLOSING),
    )
    more = [
        adf.document(adf.paragraph(f"Ingredients for {of}{_part(number, total)}"), _table(some))
        for number, _, some in rest
    ]
    return description, more


def _parts(lines: Iterable[Line], *, room: int) -> list[tuple[int, int, list[Line]]]:
    """Return lines in parts that fit into ``room`` characters, each with its number and theirs."""
    parts: list[list[Line]] = [[]]
    left = room
    for line in lines:
        length = limits.json_length(_table([line])) - limits.json_length(_table([])) + 2
        if length > left:
            parts.append([])
            left = room
        parts[-1].append(line)
        left -= length
    return [(number, len(parts), part) for number, part in enumerate(parts, start=1)]


def _part(number: int, total: int) -> str:
    return f" (part {number} of {total})" if total > 1 else ""


def _as_many_as_fit(names: Iterable[str], most_bytes: int) -> list[str]:
    """Return the first names, as many as fit into a property beside its other content."""
    fitting: list[str] = []
    left = most_bytes - _MARGIN
    for name in names:
        left -= limits.json_length(name) + 2
        if left < 0:
            break
        fitting.append(name)
    return fitting


def _table(lines: Iterable[Line]) -> adf.Node:
    return adf.table(["Ingredient"], ([f"{_upper(line.name)}: {line.amount}"] for line in lines))


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]


def _batch_links(batch: Batch, home: str) -> list[adf.Node | str]:
    """Return links to the orders, comma separated, or to the batch where they are too many."""
    longest = limits.json_length([", ", _order_link(10**15, home)]) + _LINK_TEXT
    most = min(_MOST_LINKED, 2 * _ROOM // 3 // longest)
    rest = len(batch.orders) - most
    links: list[adf.Node | str] = ["For the orders "]
    for number, order in enumerate(batch.orders[:most]):
        links += [", "] * bool(number) + [_order_link(order, home)]
    more = f" and {rest} more" if rest > 0 else ""
    address = f"{home}/batches/{batch.day.isoformat()}"
    if batch.number > 1:
        address += f"?ticket={batch.number}"
    return [*links, f"{more}, all in ", adf.link(f"batch {_batch_name(batch)}", address)]


def _batch_name(batch: Batch) -> str:
    extra = f", ticket {batch.number}" if batch.number > 1 else ""
    return f"{batch.day.isoformat()}{extra}"


def _order_link(order_id: int, home: str) -> adf.Node:
    return adf.link(f"Order {order_id}", f"{home}/orders/{order_id}")
