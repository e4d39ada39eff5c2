"""How a statement is laid out as a table."""

from collections.abc import Iterator

from chalicelib.core.instants import precise
from chalicelib.core.spreadsheets import as_csv
from chalicelib.ledger.models import Entry, StoredAccount
from chalicelib.ledger.service.statements import StatementPage

_COLUMNS = (
    *("line", "created_at", "transaction_id", "amount", "balance", "sequence"),
    *("reverses", "counterpart_account_id", "account_id", "account_name", "unit", "decimals"),
)


def statement_csv(statement: StatementPage, *, first: bool) -> str:
    """Return a page of a statement: the closing balance, entries, the opening balance.

    The closing balance is on the ``first`` page, the opening balance on the last one.
    """
    return as_csv(_COLUMNS, _lines(statement, first=first))


def _lines(statement: StatementPage, *, first: bool) -> Iterator[tuple[object, ...]]:
    account = statement.account
    if first:
        yield _balance("closing_balance", statement.closing_balance, account)
    for entry in statement.page.rows:
        yield _entry(entry, account)
    if statement.page.next is None:
        yield _balance("opening_balance", statement.opening_balance, account)


def _balance(line: str, balance: int, account: StoredAccount) -> tuple[object, ...]:
    return (line, None, None, None, balance, None, None, None, *_account(account))


def _entry(entry: Entry, account: StoredAccount) -> tuple[object, ...]:
    return (
        "entry",
        precise(entry.created_at),
        entry.transaction_id,
        entry.amount,
        entry.balance,
        entry.sequence,
        entry.reverses,
        entry.counterpart_account_id,
        *_account(account),
    )


def _account(account: StoredAccount) -> tuple[object, ...]:
    details = account.details
    return account.last.account_id, details.name, details.unit, details.decimals
