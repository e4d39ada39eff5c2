"""What follows when the provider lacks something (B10, 5c 12): reports, and cancelled orders.

A ticket counts by its state, labelled and closed, in any order; a webhook only triggers a
read of it. Repeated reads cancel nothing twice.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Literal

from chalicelib.bakery import batching, effects, tickets
from chalicelib.bakery.ports import Batches, Issue, Orders, TicketDesk, Tickets
from chalicelib.bakery.records import BatchId, Order
from chalicelib.bakery.service.orders import Ordering, WrongStateError
from chalicelib.bakery.tickets import Shortage
from chalicelib.core.errors import UnauthorizedError
from chalicelib.core.outbox.effects import NotConfiguredError
from chalicelib.core.values import dataclass

# Jira repeats unanswered reports for half an hour; its clock and ours may differ a little.
_OLDEST = timedelta(hours=1)
_SKEW = timedelta(minutes=5)
_RECENT_DAYS = 3

Verdict = Literal["taken", "repeated", "nothing to do", "not ours"]


@dataclass(frozen=True)
class Report:
    """A webhook's report about a ticket; ``occasion`` distinguishes reports."""

    key: str
    labels: Sequence[str]
    closed: bool
    at: datetime
    occasion: str
    issue_id: str | None = None


@dataclass(frozen=True)
class Shortages:
    """Reads tickets, and cancels the orders that cannot be baked.

    ``desk`` gives the vendor's client, and ``secrets`` what it shares with us, two while one is
    replaced; both raise NotConfiguredError where there is none, and then no webhook is genuine.
    """

    tickets: Tickets
    batches: Batches
    orders: Orders
    ordering: Ordering
    desk: Callable[[], TicketDesk]
    now: Callable[[], datetime]
    secrets: Callable[[], Sequence[bytes]]

    def verify(self, body: bytes, signature: str) -> None:
        """Return when Jira signed these bytes. Raises UnauthorizedError."""
        try:
            secrets = self.secrets()
        except NotConfiguredError as off:
            detail = "This stage takes no webhooks: it has no secret to check them with."
            raise UnauthorizedError(detail) from off
        if not any(_signs(secret, body, signature) for secret in secrets):
            raise UnauthorizedError("The signature is not that of this body.")

    def take(self, report: Report) -> Verdict:
        """Request a read of the ticket if the report concerns it. Raises UnauthorizedError."""
        age = self.now() - report.at
        if not -_SKEW <= age <= _OLDEST:
            raise UnauthorizedError("The report is too old, or from the future: send it again.")
        by_id, by_key = report.issue_id, self.tickets.owner(report.key)
        if by_key is None and self.tickets.owner(report.key, by_id) is None:
            return "not ours"
        if tickets.shortage(report.labels, closed=report.closed) is None:
            return "nothing to do"
        inspection = effects.inspection(report.key, report.occasion, issue_id=report.issue_id)
        new = self.tickets.request(inspection)
        return "taken" if new else "repeated"

    def inspect(self, key: str, issue_id: str | None = None) -> Sequence[int]:
        """Read a ticket as it is now; return the orders that were cancelled for it.

        It is ours by its id, whatever its key is now, or else by the stored key.
        """
        ours = self.tickets.issue_id(key)
        if issue_id and self.tickets.owner(key, issue_id) is not None:
            ours = issue_id
        issue = self.desk().issue(ours or key)
        short = issue and tickets.shortage(issue.labels, closed=issue.closed)
        return self._cancel(issue, short) if issue and short else ()

    def reconcile(self) -> Sequence[int]:
        """Read all tickets that were closed short lately; return the orders cancelled for them.

        Replaces lost webhooks.
        """
        found: list[int] = []
        for issue in self.desk().closed_with(tickets.SHORT, within_days=_RECENT_DAYS):
            short = tickets.shortage(issue.labels, closed=issue.closed)
            found += self._cancel(issue, short) if short else ()
        return found

    def _cancel(self, issue: Issue, short: Shortage) -> list[int]:
        concerned = self._on(self.tickets.owner(issue.key, issue.id))
        if short.ingredients:
            concerned = batching.needing(concerned, short.ingredients)
        found: list[int] = []
        for order in concerned:
            if order.status == "cancelled":
                continue
            with suppress(WrongStateError):  # it is ready, so nothing was missing
                self.ordering.cancel_short(
                    order.id,
                    by=f"provider, {issue.key}",
                    reason=f"missing {short}",
                    missing=short.ingredients,
                )
                found.append(order.id)
        return found

    def _on(self, owner: int | BatchId | None) -> Sequence[Order]:
        """Return the orders on a ticket."""
        if owner is None:
            return []
        if not isinstance(owner, int):
            return self.batches.members(owner)
        order = self.orders.order(owner)
        return [order] if order else []


def report_time(timestamp_ms: int) -> datetime:
    """Return the time of a report from Jira's milliseconds since 1970."""
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC)


def _signs(secret: bytes, body: bytes, signature: str) -> bool:
    digest = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"sha256={digest}".encode(), signature.encode())
