"""The ledger over HTTP. Bodies are those of the contract; what else is known is in headers."""

from collections.abc import Iterable

from chalice import Response

from chalicelib.core import log
from chalicelib.core.http import link, ok, respond
from chalicelib.core.instants import sortable
from chalicelib.core.models import Model
from chalicelib.core.paging import Pages, cut
from chalicelib.core.routing import Routes
from chalicelib.ledger.models import (
    Account,
    AccountQuery,
    AccountState,
    Entry,
    FloorHeader,
    ListQuery,
    PostHeaders,
    Transaction,
    TransactionBody,
    TransactionsQuery,
    Uuid,
)
from chalicelib.ledger.ports import AccountPosition, EntryPosition, ListPosition
from chalicelib.ledger.service import Receipt
from chalicelib.ledger.wiring import ledger

bp = Routes(__name__)

_TRANSACTIONS = Pages("/transactions", ListPosition)
_ACCOUNTS = Pages("/accounts", AccountPosition)
_ENTRIES = Pages("/accounts/{account_id}/entries", EntryPosition)
_BODY_LIMIT = 4_096
_STATE = {
    "Ledger-Balance": "The account's balance after this transaction",
    "Ledger-Sequence": "The place of this transaction in its account: 1, 2, 3, ...",
    "Ledger-Hash": "The hash of its entry, which chains it to the entry before",
}
_LINKS = {
    "Ledger-Reverses": "The transaction that this one takes back",
    "Ledger-Reversed-By": "The transaction that took this one back",
}
_REPLAYED = {"Idempotent-Replayed": "true: this was answered before, and nothing was posted now"}
_MORE = {"X-Truncated": "true: there is more than this answer holds"}


class _TransactionPath(Model):
    transaction_id: Uuid


class _AccountPath(Model):
    account_id: Uuid


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
def post_transaction(body: TransactionBody, headers: PostHeaders) -> Response:
    """Post a transaction; with a transaction_id or an Idempotency-Key, a repeat changes nothing."""
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
    """List the transactions, newest first: all, or those of one account."""
    found = ledger().transactions(
        account_id=query.account_id,
        before=_TRANSACTIONS.start(query),
        limit=query.limit + 1,
    )
    page = cut(
        found,
        query.limit,
        lambda last: ListPosition(sortable(last.created_at), last.transaction_id),
    )
    return _answer(page.rows, _TRANSACTIONS.following(query, page.next))


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
    kept = ledger().transaction(path.transaction_id)
    told = _links(kept.entry)
    if kept.reversed_by:
        told["Ledger-Reversed-By"] = kept.reversed_by
    return ok(Transaction.of(kept.entry), headers=_state(kept.entry) | told)


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
    """Take a transaction back, once: 201 with the reversal, 200 with the same one ever after."""
    receipt = ledger().reverse(path.transaction_id, floor=headers.floor)
    return _receipt(receipt, status=200 if receipt.replayed else 201)


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
    """List the accounts with their balances, in the order of their ids."""
    start = _ACCOUNTS.start(query)
    found = ledger().accounts(after=start and start.account_id, limit=query.limit + 1)
    page = cut(found, query.limit, lambda last: AccountPosition(last.account_id))
    return _answer(map(AccountState.of, page.rows), _ACCOUNTS.following(query, page.next))


@bp.on(
    "GET",
    "/accounts/{account_id}",
    access="ledger:read",
    path_values=_AccountPath,
    query=AccountQuery,
    response=Account,
    errors=(404,),
    response_headers=_STATE | {"Ledger-Transaction": "The transaction that the balance rests on"},
)
def get_account(path: _AccountPath, query: AccountQuery) -> Response:
    """Show an account's balance, now or at an instant, and the entry that it rests on."""
    last = ledger().account(path.account_id, query.at)
    told = {**_state(last), "Ledger-Transaction": last.transaction_id}
    return ok(Account.of(last, query.at), headers=told)


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
    """List an account's entries from the first, with balances and hashes, for whoever checks."""
    start = _ENTRIES.start(query, account_id=path.account_id)
    after = start and start.created_at
    found = ledger().entries(path.account_id, after=after, limit=query.limit + 1)
    page = cut(found, query.limit, lambda last: EntryPosition(sortable(last.created_at)))
    following = _ENTRIES.following(query, page.next, account_id=path.account_id)
    return _answer(page.rows, following)


def _receipt(receipt: Receipt, *, status: int) -> Response:
    log.count("LedgerReplays" if receipt.replayed else "LedgerEntries")
    if receipt.lost_races:
        log.count("LedgerLostRaces", receipt.lost_races)
    entry = receipt.entry
    told = {"Location": f"/transactions/{entry.transaction_id}", **_state(entry), **_links(entry)}
    if receipt.replayed:
        told["Idempotent-Replayed"] = "true"
    return ok(Transaction.of(entry), status=status, headers=told)


def _state(entry: Entry) -> dict[str, str]:
    """Return what an entry says of its account."""
    return {
        "Ledger-Balance": str(entry.balance),
        "Ledger-Sequence": str(entry.sequence),
        "Ledger-Hash": entry.hash,
    }


def _links(entry: Entry) -> dict[str, str]:
    return {"Ledger-Reverses": entry.reverses} if entry.reverses else {}


def _answer(rows: Iterable[Model], following: str | None) -> Response:
    """Answer a bare array, and say where it goes on if it does."""
    body = f"[{','.join([row.json_text() for row in rows])}]"
    return respond(body, headers={**link(following), "X-Truncated": "true"} if following else None)
