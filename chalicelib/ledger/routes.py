"""The ledger over HTTP. Bodies are those of the contract; what else is known is in headers."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial

from chalice import Response

from chalicelib.core import log
from chalicelib.core.errors import Fault, InvalidInputError
from chalicelib.core.http import ok, respond
from chalicelib.core.instants import sortable
from chalicelib.core.models import KeyHeader, Model
from chalicelib.core.paging import Pages, cut
from chalicelib.core.routing import Routes
from chalicelib.core.spreadsheets import MEDIA_TYPE
from chalicelib.core.totals import Total
from chalicelib.ledger.models import (
    Account,
    AccountBody,
    AccountQuery,
    AccountState,
    Entry,
    FloorHeader,
    ListQuery,
    PostedBatch,
    PostedTransaction,
    PostHeaders,
    Statement,
    StatementQuery,
    StatementRow,
    StoredAccount,
    Transaction,
    TransactionBatchBody,
    TransactionBody,
    TransactionsQuery,
    Transfer,
    TransferBody,
    TransferFloors,
    Uuid,
)
from chalicelib.ledger.ports import (
    AccountPosition,
    EntryPosition,
    ListPosition,
    StatementPosition,
)
from chalicelib.ledger.screens import statement_csv
from chalicelib.ledger.service.rules import Receipt
from chalicelib.ledger.service.statements import StatementPage
from chalicelib.ledger.service.transfers import TransferReceipt
from chalicelib.ledger.wiring import ledger

bp = Routes(__name__)

_TRANSACTIONS = Pages("/transactions", ListPosition)
_ACCOUNTS = Pages("/accounts", AccountPosition)
_ENTRIES = Pages("/accounts/{account_id}/entries", EntryPosition)
_STATEMENT = Pages("/accounts/{account_id}/statement", StatementPosition)
_BODY_LIMIT = 4_096
_STATE = {
    "Ledger-Balance": "The account's balance after this transaction",
    "Ledger-Sequence": "The place of this transaction in its account: 1, 2, 3, ...",
    "Ledger-Hash": "The hash of its entry, which chains it to the entry before",
}
_ACCOUNT_STATE = _STATE | {"Ledger-Transaction": "The transaction that the balance rests on"}
_LINKS = {
    "Ledger-Reverses": "The transaction that this one takes back",
    "Ledger-Reversed-By": "The transaction that took this one back",
    "Ledger-Transfer": "The transfer that this transaction is half of",
}
_REPLAYED = {"Idempotent-Replayed": "true: this was answered before, and nothing was posted now"}
_MORE = {"X-Truncated": "true: there is more than this answer holds"}


class _TransactionPath(Model):
    transaction_id: Uuid
    """The id of the transaction."""


class _TransferPath(Model):
    transfer_id: Uuid
    """The id of the transfer."""


class _AccountPath(Model):
    account_id: Uuid
    """The account."""


@bp.on(
    "POST",
    "/transactions",
    access="ledger:write",
    body=TransactionBody,
    body_limit=_BODY_LIMIT,
    headers=PostHeaders,
    response=Transaction,
    status=201,
    errors=(409, 422),
    response_headers=_STATE | _REPLAYED,
)
def create_transaction(body: TransactionBody, headers: PostHeaders) -> Response:
    """Post a transaction; repeats with its transaction_id or Idempotency-Key change nothing."""
    receipt = ledger().post(body, key=headers.key, floor=headers.floor)
    return _receipt(receipt, status=201)


@bp.on(
    "GET",
    "/transactions",
    access="ledger:read",
    query=TransactionsQuery,
    response=Transaction,
    as_list=True,
    response_headers=_MORE,
)
def list_transactions(query: TransactionsQuery) -> Response:
    """List transactions, newest first, of all accounts or one."""
    books = ledger()
    found = books.transactions(
        account_id=query.account_id,
        before=_TRANSACTIONS.start(query),
        limit=query.limit + 1,
    )
    page = cut(
        found,
        query.limit,
        lambda last: ListPosition(sortable(last.created_at), last.transaction_id),
    )
    total = partial(books.count_transactions, query.account_id)
    return _answer(page.rows, _TRANSACTIONS.headers(query, page, total))


@bp.on(
    "GET",
    "/transactions/{transaction_id}",
    access="ledger:read",
    path_values=_TransactionPath,
    response=Transaction,
    errors=(404,),
    response_headers=_STATE | _LINKS,
)
def get_transaction(path: _TransactionPath) -> Response:
    """Show a transaction."""
    stored = ledger().transaction(path.transaction_id)
    headers = _links(stored.entry)
    if stored.reversed_by:
        headers["Ledger-Reversed-By"] = stored.reversed_by
    return ok(Transaction.of(stored.entry), headers=_state(stored.entry) | headers)


@bp.on(
    "POST",
    "/transactions/{transaction_id}/reversal",
    access="ledger:write",
    path_values=_TransactionPath,
    body_limit=_BODY_LIMIT,
    headers=FloorHeader,
    response=Transaction,
    also_answers=(201,),
    errors=(404, 422),
    response_headers=_STATE | _LINKS | _REPLAYED,
)
def reverse_transaction(path: _TransactionPath, headers: FloorHeader) -> Response:
    """Reverse a transaction: 201 with the reversal, 200 for a repeat."""
    receipt = ledger().reverse(path.transaction_id, floor=headers.floor)
    return _receipt(receipt, status=200 if receipt.replayed else 201)


@bp.on(
    "POST",
    "/transactions/batch",
    access="ledger:write",
    body=TransactionBatchBody,
    headers=KeyHeader,
    response=PostedBatch,
    status=201,
    errors=(409, 422),
    response_headers=_REPLAYED,
)
def create_transaction_batch(body: TransactionBatchBody, headers: KeyHeader) -> Response:
    """Post several transactions, all or none; those that were posted before do not change."""
    receipts = ledger().batches.post(body.transactions, key=headers.key)
    _count(receipts, lost_races=receipts[0].lost_races)
    extra = {"Idempotent-Replayed": "true"} if all(each.replayed for each in receipts) else None
    posted = [PostedTransaction.at(each.entry, replayed=each.replayed) for each in receipts]
    return ok(PostedBatch(transactions=tuple(posted)), status=201, headers=extra)


@bp.on(
    "POST",
    "/transfers",
    access="ledger:write",
    body=TransferBody,
    body_limit=_BODY_LIMIT,
    headers=KeyHeader,
    response=Transfer,
    status=201,
    errors=(409, 422),
    response_headers=_REPLAYED,
)
def create_transfer(body: TransferBody, headers: KeyHeader) -> Response:
    """Transfer an amount between two accounts; both entries are posted, or none."""
    return _transferred(ledger().transfers.send(body, key=headers.key), status=201)


@bp.on(
    "GET",
    "/transfers/{transfer_id}",
    access="ledger:read",
    path_values=_TransferPath,
    response=Transfer,
    errors=(404,),
)
def get_transfer(path: _TransferPath) -> Response:
    """Show a transfer with both entries and its reversal."""
    return ok(ledger().transfers.transfer(path.transfer_id))


@bp.on(
    "POST",
    "/transfers/{transfer_id}/reversal",
    access="ledger:write",
    path_values=_TransferPath,
    body=TransferFloors,
    body_optional=True,
    body_limit=_BODY_LIMIT,
    response=Transfer,
    also_answers=(201,),
    errors=(404, 422),
    response_headers=_REPLAYED,
)
def reverse_transfer(path: _TransferPath, body: TransferFloors) -> Response:
    """Reverse a whole transfer: 201 with the reversal, 200 for a repeat."""
    receipt = ledger().transfers.reverse(path.transfer_id, body)
    return _transferred(receipt, status=200 if receipt.replayed else 201)


@bp.on(
    "GET",
    "/accounts",
    access="ledger:read",
    query=ListQuery,
    response=AccountState,
    as_list=True,
    response_headers=_MORE,
)
def list_accounts(query: ListQuery) -> Response:
    """List accounts with their balances, by id."""
    start = _ACCOUNTS.start(query)
    found = ledger().accounts(after=start and start.account_id, limit=query.limit + 1)
    page = cut(found, query.limit, lambda each: AccountPosition(each.last.account_id))
    headers = _ACCOUNTS.headers(query, page, ledger().count_accounts)
    return _answer(map(AccountState.of, page.rows), headers)


@bp.on(
    "GET",
    "/accounts/{account_id}",
    access="ledger:read",
    path_values=_AccountPath,
    query=AccountQuery,
    response=Account,
    errors=(404,),
    response_headers=_ACCOUNT_STATE,
)
def get_account(path: _AccountPath, query: AccountQuery) -> Response:
    """Show an account's balance, now or at an instant, and the last entry by then."""
    books = ledger()
    account = (
        books.account_at(path.account_id, query.at) if query.at else books.account(path.account_id)
    )
    return _account(account, query.at)


@bp.on(
    "PUT",
    "/accounts/{account_id}",
    access="ledger:write",
    path_values=_AccountPath,
    body=AccountBody,
    body_limit=_BODY_LIMIT,
    response=Account,
    errors=(404,),
    response_headers=_ACCOUNT_STATE,
)
def put_account(path: _AccountPath, body: AccountBody) -> Response:
    """Set an account's name and how its amounts are shown; null removes a value."""
    return _account(ledger().describe(path.account_id, body))


@bp.on(
    "GET",
    "/accounts/{account_id}/statement",
    access="ledger:read",
    path_values=_AccountPath,
    query=StatementQuery,
    response=Statement,
    errors=(404,),
    also_produces=("text/csv",),
    response_headers=_MORE,
)
def get_statement(path: _AccountPath, query: StatementQuery) -> Response:
    """Show an account's statement: entries of a period, newest first, and both balances."""
    if query.from_ and query.to and query.to < query.from_:
        raise InvalidInputError(
            [Fault(place="query", field="to", detail="must not be before from")]
        )
    start = _STATEMENT.start(query, account_id=path.account_id)
    statement = ledger().statements.page(
        path.account_id, since=query.from_, until=query.to, start=start, limit=query.limit
    )
    headers = _truncated(
        _STATEMENT.headers(
            query, statement.page, lambda: Total(statement.entries), account_id=path.account_id
        )
    )
    if query.format == "json":
        return ok(_statement(statement, query), headers=headers)
    text = statement_csv(statement, first=start is None)
    return respond(text, media_type=MEDIA_TYPE, headers=headers)


@bp.on(
    "GET",
    "/accounts/{account_id}/entries",
    access="ledger:read",
    path_values=_AccountPath,
    query=ListQuery,
    response=Entry,
    as_list=True,
    errors=(404,),
    response_headers=_MORE,
)
def list_entries(path: _AccountPath, query: ListQuery) -> Response:
    """List an account's entries, oldest first, with balances and hashes for verification."""
    start = _ENTRIES.start(query, account_id=path.account_id)
    after = start and start.created_at
    found = ledger().entries(path.account_id, after=after, limit=query.limit + 1)
    page = cut(found, query.limit, lambda last: EntryPosition(sortable(last.created_at)))
    total = partial(ledger().count_transactions, path.account_id)
    headers = _ENTRIES.headers(query, page, total, account_id=path.account_id)
    return _answer(page.rows, headers)


def _receipt(receipt: Receipt, *, status: int) -> Response:
    _count([receipt], lost_races=receipt.lost_races)
    entry = receipt.entry
    headers = {
        "Location": f"/transactions/{entry.transaction_id}",
        **_state(entry),
        **_links(entry),
    }
    if receipt.replayed:
        headers["Idempotent-Replayed"] = "true"
    return ok(Transaction.of(entry), status=status, headers=headers)


def _state(entry: Entry) -> dict[str, str]:
    """Return what an entry says of its account."""
    return {
        "Ledger-Balance": str(entry.balance),
        "Ledger-Sequence": str(entry.sequence),
        "Ledger-Hash": entry.hash,
    }


def _links(entry: Entry) -> dict[str, str]:
    links = {"Ledger-Reverses": entry.reverses, "Ledger-Transfer": entry.transfer_id}
    return {name: linked for name, linked in links.items() if linked}


def _count(receipts: Iterable[Receipt], *, lost_races: int) -> None:
    for receipt in receipts:
        log.count("LedgerReplays" if receipt.replayed else "LedgerEntries")
    if lost_races:
        log.count("LedgerLostRaces", lost_races)


def _transferred(receipt: TransferReceipt, *, status: int) -> Response:
    log.count("LedgerReplays" if receipt.replayed else "LedgerEntries", 2)
    if receipt.lost_races:
        log.count("LedgerLostRaces", receipt.lost_races)
    headers = {"Location": f"/transfers/{receipt.transfer.transfer_id}"}
    if receipt.replayed:
        headers["Idempotent-Replayed"] = "true"
    return ok(receipt.transfer, status=status, headers=headers)


def _account(account: StoredAccount, at: datetime | None = None) -> Response:
    last = account.last
    headers = {**_state(last), "Ledger-Transaction": last.transaction_id}
    return ok(Account.of(last, account.details, at), headers=headers)


def _statement(statement: StatementPage, query: StatementQuery) -> Statement:
    return Statement(
        account_id=statement.account.last.account_id,
        **dict(statement.account.details),
        from_=query.from_,
        to=query.to,
        opening_balance=statement.opening_balance,
        closing_balance=statement.closing_balance,
        entries=tuple(map(StatementRow.of, statement.page.rows)),
    )


def _answer(rows: Iterable[Model], headers: Mapping[str, str]) -> Response:
    """Answer a bare array, and say where it goes on if it does."""
    return respond(f"[{','.join([row.json_text() for row in rows])}]", headers=_truncated(headers))


def _truncated(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a page, with the contract's own word for that there is more."""
    return {**headers, **({"X-Truncated": "true"} if "Link" in headers else {})}
