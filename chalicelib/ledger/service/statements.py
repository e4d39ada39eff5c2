"""Statements: an account's entries of a span, between its balances before and after it."""

from datetime import datetime

from chalicelib.core.instants import sortable
from chalicelib.core.paging import Page, cut
from chalicelib.core.values import dataclass
from chalicelib.ledger.models import Entry, StoredAccount
from chalicelib.ledger.ports import StatementPosition, Store
from chalicelib.ledger.service.rules import no_account


@dataclass(frozen=True)
class StatementPage:
    """A page of a statement, newest first; balances and ``entries`` are of the whole span."""

    account: StoredAccount
    opening_balance: int
    closing_balance: int
    entries: int
    page: Page[Entry, StatementPosition]


@dataclass(frozen=True)
class Statements:
    """Writes statements, all pages of one up to the entry that the first page began with."""

    store: Store

    def page(
        self,
        account_id: str,
        *,
        since: datetime | None,
        until: datetime | None,
        start: StatementPosition | None,
        limit: int,
    ) -> StatementPage:
        """Return the entries from ``since`` on and before ``until``. Raises NotFoundError."""
        account = self.store.account(account_id)
        if account is None:
            raise no_account(account_id)
        opening = self._last_before(account_id, since)
        first = sortable(since) if since else None
        end = sortable(until) if until else None
        before = start.created_at if start else end
        found = self.store.newest(account_id, since=first, before=before, limit=limit + 1)
        closing = self._closed_at(account_id, start) or next(iter(found), None)
        page = cut(
            found,
            limit,
            lambda last: StatementPosition(
                sortable(last.created_at), sortable((closing or last).created_at)
            ),
        )
        balance, entries = (opening.balance, opening.sequence) if opening else (0, 0)
        return StatementPage(
            account,
            opening_balance=balance,
            closing_balance=closing.balance if closing else balance,
            entries=closing.sequence - entries if closing else 0,
            page=page,
        )

    def _last_before(self, account_id: str, at: datetime | None) -> Entry | None:
        if at is None:
            return None
        found = self.store.newest(account_id, since=None, before=sortable(at), limit=1)
        return next(iter(found), None)

    def _closed_at(self, account_id: str, start: StatementPosition | None) -> Entry | None:
        if start is None:
            return None
        return self.store.account_at(account_id, datetime.fromisoformat(start.closed_at))
