"""The side effects of the bakery, by the names that they have in the outbox.

An id permanently identifies what the effect is for, so a repeated request is one effect.
"""

from collections.abc import Sequence
from datetime import timedelta

from chalicelib.bakery.records import Access, BatchId, Order
from chalicelib.core.outbox.effects import Effect

_ERASING_RETENTION = timedelta(days=60)


def batch_ticket(batch: BatchId) -> Effect:
    """Ask the provider for what a batch needs."""
    named = {"task": "batch", "day": batch.isoformat()}
    return Effect(f"jira#batch#{batch.isoformat()}", "jira", named)


def order_ticket(order_id: int) -> Effect:
    """Ask the provider for what a single order needs."""
    return Effect(f"jira#order#{order_id}", "jira", {"task": "order", "order": order_id})


def comment(order_id: int) -> Effect:
    """Tell the provider what a cancelled order no longer needs."""
    return Effect(f"comment#{order_id}", "jira", {"task": "comment", "order": order_id})


def part(of: Effect, number: int) -> Effect:
    """Comment with a further part of what a ticket or a comment says; 2 is the first of them."""
    task = "comment" if of.payload["task"] == "comment" else "part"
    return Effect(f"{of.id}#part{number}", "jira", {**of.payload, "task": task, "part": number})


def inspection(key: str, occasion: str, *, issue_id: str | None = None) -> Effect:
    """Inspect a ticket that may report a shortage; ``occasion`` distinguishes calls."""
    named = {"task": "inspect", "key": key} | ({"id": issue_id} if issue_id else {})
    return Effect(f"jira#inspect#{key}#{occasion}", "jira", named)


def ready_notice(order_id: int, *, undone: int = 0, delay_s: float = 0) -> Effect:
    """Tell the customer that an order is ready, ``delay_s`` from now.

    ``undone`` is how often that was taken back before: each notice has a name of its own.
    """
    again = f"#{undone + 1}" if undone else ""
    return Effect(f"ready#{order_id}{again}", "notify", {"order": order_id}, delay_s=delay_s)


def shortage_notice(order_id: int) -> Effect:
    """Tell the customer that an order was cancelled for want of ingredients."""
    return Effect(f"short#{order_id}", "notify", {"order": order_id})


def filing(order_id: int) -> Effect:
    """File a cancelled order in its customer's document."""
    return Effect(f"cancelled#{order_id}", "google", {"order": order_id})


def about_customer(order: Order) -> Sequence[str]:
    """Return the ids of all effects that send the customer's data to a vendor, requested or not."""
    notices = [ready_notice(order.id, undone=undone) for undone in range(order.undone + 1)]
    return [each.id for each in (*notices, shortage_notice(order.id), filing(order.id))]


def message_erasure(order_id: int, message: str) -> Effect:
    """Delete a message to a customer; it is named as in its notice."""
    payload = {"task": "erase", "message": message}
    return Effect(f"erase#message#{order_id}", "notify", payload, retention=_ERASING_RETENTION)


def document_erasure(document_id: str) -> Effect:
    """Delete a customer's document."""
    payload = {"task": "erase", "document": document_id}
    return Effect(f"erase#document#{document_id}", "google", payload, retention=_ERASING_RETENTION)


def access(employee_id: int, version: int, after: Access) -> Effect:
    """Grant a user access to the repository, or remove it.

    ``version`` is that of the employee's record: a GitHub user's own starts anew with each user.
    """
    what = "grant" if after.wanted else "remove"
    named = {"login": after.login, "employee": employee_id, "version": after.version}
    return Effect(f"access#{employee_id}#{what}#v{version}", "github", named)
