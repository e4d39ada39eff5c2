"""Screens of cakes, orders, batches and employees."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.text import Text

from backroom.core import show
from chalicelib.bakery.amounts import Amount, Unit
from chalicelib.bakery.answers import (
    BatchAnswer,
    BatchSummary,
    CakeAnswer,
    EmployeeAnswer,
    ErasureAnswer,
    LineView,
    NextBatchAnswer,
    NoticePreview,
    NoticeView,
    OrderAnswer,
    TicketView,
)

_STATUS = {"open": show.LATE, "ticketed": show.WARN, "ready": show.GOOD, "cancelled": show.CALM}
_ACCESS = {"failed": show.BAD, "granted": show.GOOD, "needs_username": show.WARN}
_MOST_SHARES = 8


def amount(number: Decimal | int, unit: Unit) -> str:
    """Return an amount as the provider reads it."""
    return str(Amount(value=Decimal(number), unit=unit))


def cakes(found: Iterable[CakeAnswer]) -> RenderableType:
    """Return cakes in a table."""
    table = show.listing()
    for heading in ("Id", "Name", "Ingredients for one"):
        table.add_column(heading)
    for cake in found:
        table.add_row(*map(show.plain, (cake.id, cake.name, _recipe(cake))))
    return table


def cake(found: CakeAnswer) -> RenderableType:
    """Return a recipe."""
    table = show.grid(2)
    for name, number in found.ingredients.items():
        table.add_row(show.plain(name), _as_written(number))
    return Group(Text(f"{show.plain(found.name)} ({found.id}), for one"), show.indented(table))


def orders(found: Sequence[OrderAnswer]) -> RenderableType:
    """Return orders in a table."""
    table = show.listing()
    for heading in ("Order", "Status", "Customer", "Cake", "For", "Placed", "Why"):
        table.add_column(heading)
    for order in found:
        table.add_row(
            str(order.id),
            Text(order.status, style=_STATUS[order.status]),
            show.plain(order.customer),
            show.plain(order.recipe_name),
            f"{order.persons} x {order.quantity}",
            show.moment(order.created_at),
            show.plain(order.reason),
        )
    return table


def order(found: OrderAnswer) -> RenderableType:
    """Return an order with its ingredients and history."""
    facts = show.facts(
        [
            ("order", str(found.id)),
            ("status", Text(found.status, style=_STATUS[found.status])),
            ("because", show.plain(found.reason)),
            ("customer", show.plain(found.customer)),
            ("cake", show.plain(f"{found.quantity} x {found.recipe_name} for {found.persons}")),
            ("due", show.moment(found.due_at) if found.due_at else ""),
            ("phone", show.plain(found.phone or "")),
            ("note", show.plain(found.note or "")),
            ("batch", found.batch.isoformat() if found.batch else ""),
            ("ticket", _ticket(found.ticket)),
            ("notice", _notice(found.notice)),
            ("filed", "yes" if found.filed else ""),
        ]
    )
    needs = show.grid(2)
    for need in found.ingredients:
        needs.add_row(show.plain(need.name), amount(need.amount, need.unit))
    steps = show.grid(3)
    for change in found.history:
        state = Text(change.status, style=_STATUS[change.status])
        steps.add_row(show.moment(change.at), state, show.plain(f"{change.by}: {change.reason}"))
    return Group(
        *(facts, Text("\nIt needs"), show.indented(needs)),
        *(Text("\nIts life"), show.indented(steps)),
    )


def notice_preview(found: NoticePreview) -> RenderableType:
    """Return how a customer is notified, and the message."""
    to = f"{found.channel or 'not now'} {found.to or ''}".strip()
    facts = show.facts(
        [
            ("notice", show.plain(f"{to} (a guess: check it)" if found.guessed else to)),
            ("because", show.plain(found.reason or "")),
        ]
    )
    lines = "\n".join(show.plain(line) for line in found.text.splitlines())
    return Group(facts, Text(), show.indented(Text(lines)))


def erasure(found: ErasureAnswer) -> RenderableType:
    """Return what was erased of a customer, or would be, and what has to wait."""
    would = " (nothing was changed)" if found.dry_run else ""
    table = show.facts(
        [
            ("Orders", ", ".join(map(str, found.orders)) or "none"),
            ("Documents in Drive", f"{found.documents}, deleted in a minute"),
            ("Messages in Slack", f"{found.messages}, deleted in a minute"),
            ("Letters", f"{found.letters} were sent and stay in the customer's mailbox"),
        ]
    )
    waiting = [
        Text(f"Order {each.order} waits: {show.plain(each.reason)}", style=show.WARN)
        for each in found.waiting
    ]
    return Group(Text(f"Erased{would}"), show.indented(table), *waiting)


def batches(found: Iterable[BatchSummary]) -> RenderableType:
    """Return batches in a table."""
    table = show.listing()
    for heading in ("Day", "Orders", "Ticket", "Sealed", "By"):
        table.add_column(heading)
    for batch in found:
        table.add_row(
            _day(batch.date, batch.number),
            show.number(batch.orders),
            _ticket(batch.ticket),
            show.moment(batch.sealed_at),
            batch.by,
        )
    return table


def batch(found: BatchAnswer) -> RenderableType:
    """Return a batch, each line with the orders behind it."""
    count = show.plural(len(found.orders), "order")
    ticket = _ticket(found.ticket)
    title = Text(f"{_day(found.date, found.number)}: {count}; its ticket: {ticket}")
    return Group(title, _lines(found.lines))


def _day(day: date, number: int) -> str:
    return f"{day.isoformat()}, ticket {number}" if number > 1 else day.isoformat()


def next_batch(found: NextBatchAnswer) -> RenderableType:
    """Return what the waiting orders need, each line with the orders behind it."""
    rest = found.waiting - len(found.orders)
    more = f", and {rest:,} more on further tickets of the day" if rest else ""
    count = show.plural(len(found.orders), "order")
    closes = f"{count}{more}; the ticket closes {show.moment(found.cutoff)}"
    return Group(Text(closes), _lines(found.lines))


def _lines(lines: Iterable[LineView]) -> RenderableType:
    table = show.listing()
    for heading in ("Ingredient", "Amount", "Of the orders"):
        table.add_column(heading)
    for line in lines:
        shares = [
            f"{share.order} ({amount(share.amount, line.unit)})"
            for share in line.orders[:_MOST_SHARES]
        ]
        rest = len(line.orders) - _MOST_SHARES
        more = [f"{rest} more"] if rest > 0 else []
        orders = ", ".join([*shares, *more])
        table.add_row(show.plain(line.name), amount(line.amount, line.unit), orders)
    return table


def employees(found: Iterable[EmployeeAnswer]) -> RenderableType:
    """Return employees in a table."""
    table = show.listing()
    for heading in ("Id", "Name", "Developer", "On GitHub", "Access", ""):
        table.add_column(heading)
    for each in found:
        table.add_row(
            str(each.id),
            show.plain(f"{each.first_name} {each.last_name}"),
            "yes" if each.permissions.developer else show.NOTHING,
            show.plain(each.github_username or "") or show.NOTHING,
            Text(each.access.replace("_", " "), style=_ACCESS.get(each.access, "")),
            show.plain(each.access_reason or ""),
        )
    return table


def employee(found: EmployeeAnswer) -> str:
    """Return an employee in a line."""
    name = show.plain(f"{found.first_name} {found.last_name}")
    why = f" ({show.plain(found.access_reason)})" if found.access_reason else ""
    return f"{found.id} is {name}; access: {found.access.replace('_', ' ')}{why}."


def _recipe(cake: CakeAnswer) -> str:
    return ", ".join(f"{name} {_as_written(number)}" for name, number in cake.ingredients.items())


def _as_written(number: Decimal | int) -> str:
    return amount(number, "unit" if isinstance(number, int) else "g")


def _ticket(ticket: TicketView | None) -> str:
    if ticket is None:
        return ""
    words = [ticket.key or ticket.state.replace("_", " "), ticket.reason or ""]
    return show.plain(": ".join(filter(None, words)))


def _notice(notice: NoticeView | None) -> str:
    if notice is None:
        return ""
    way = f" by {notice.channel} to {notice.to}" if notice.channel else ""
    why = f" ({notice.reason})" if notice.reason else ""
    return show.plain(f"{notice.state}{way}{why}")
