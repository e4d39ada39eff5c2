"""The routes of the ledger as typed calls, one method a route."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter

from backroom.core.connection import Answer, Connection
from backroom.core.requests import given, keyed
from chalicelib.ledger.models import (
    Account,
    AccountState,
    Entry,
    PostedBatch,
    Statement,
    Transaction,
    Transfer,
)

T = TypeVar("T")

_TRANSACTION = TypeAdapter(Transaction)
_TRANSACTIONS = TypeAdapter(tuple[Transaction, ...])
_ACCOUNT = TypeAdapter(Account)
_ACCOUNTS = TypeAdapter(tuple[AccountState, ...])
_ENTRIES = TypeAdapter(tuple[Entry, ...])
_BATCH = TypeAdapter(PostedBatch)
_TRANSFER = TypeAdapter(Transfer)
_STATEMENT = TypeAdapter(Statement)


@dataclass(frozen=True)
class LedgerHeaders:
    """The headers of an answer."""

    balance: str
    sequence: str
    replayed: bool
    reverses: str | None
    reversed_by: str | None
    transaction_id: str | None
    transfer_id: str | None

    @classmethod
    def by(cls, headers: httpx.Headers) -> "LedgerHeaders":
        """Return the state that ``headers`` contain."""
        return cls(
            balance=headers.get("Ledger-Balance", "?"),
            sequence=headers.get("Ledger-Sequence", "?"),
            replayed="Idempotent-Replayed" in headers,
            reverses=headers.get("Ledger-Reverses"),
            reversed_by=headers.get("Ledger-Reversed-By"),
            transaction_id=headers.get("Ledger-Transaction"),
            transfer_id=headers.get("Ledger-Transfer"),
        )


class LedgerApi:
    """What the API does with transactions and accounts. Raises ApiError or UnreachableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def post(
        self,
        account_id: str,
        amount: int,
        *,
        transaction_id: str,
        key: str | None = None,
        floor: int | None = None,
    ) -> tuple[Answer[Transaction], LedgerHeaders]:
        """Post a transaction; with the same id again the answer is the same, nothing changes."""
        body = {"account_id": account_id, "amount": amount, "transaction_id": transaction_id}
        headers = given({"Idempotency-Key": key, "Balance-Floor": floor})
        return self._told(
            _TRANSACTION, "POST", "/transactions", repeatable=True, json=body, headers=headers
        )

    def reverse(
        self, transaction_id: str, *, floor: int | None = None
    ) -> tuple[Answer[Transaction], LedgerHeaders]:
        """Take a transaction back; 200 when it was taken back before."""
        path, headers = f"/transactions/{transaction_id}/reversal", given({"Balance-Floor": floor})
        return self._told(_TRANSACTION, "POST", path, repeatable=True, headers=headers)

    def post_batch(
        self, posts: Sequence[Mapping[str, object]], *, key: str | None = None
    ) -> Answer[PostedBatch]:
        """Post up to 33 transactions, all or none; those that were posted before stay."""
        known = all("transaction_id" in each for each in posts)
        return self._connection.answer(
            _BATCH,
            "POST",
            "/transactions/batch",
            repeatable=known,
            json={"transactions": list(posts)},
            headers=given({"Idempotency-Key": key}) if known else keyed(key),
        )

    def transfer(
        self, wanted: Mapping[str, object], *, key: str | None = None
    ) -> tuple[Answer[Transfer], LedgerHeaders]:
        """Move an amount between accounts; with the same transfer_id again nothing changes."""
        known = "transfer_id" in wanted
        headers = given({"Idempotency-Key": key}) if known else keyed(key)
        return self._told(
            _TRANSFER, "POST", "/transfers", repeatable=known, json=dict(wanted), headers=headers
        )

    def shown_transfer(self, transfer_id: str) -> Answer[Transfer]:
        """Return a transfer."""
        return self._connection.answer(_TRANSFER, "GET", f"/transfers/{transfer_id}")

    def reverse_transfer(
        self, transfer_id: str, *, floor: int | None = None
    ) -> tuple[Answer[Transfer], LedgerHeaders]:
        """Take a transfer back; ``floor`` is that of the account which pays it back."""
        body = {} if floor is None else {"from_balance_floor": floor}
        path = f"/transfers/{transfer_id}/reversal"
        return self._told(_TRANSFER, "POST", path, repeatable=True, json=body)

    def transaction(self, transaction_id: str) -> tuple[Answer[Transaction], LedgerHeaders]:
        """Return a transaction."""
        return self._told(_TRANSACTION, "GET", f"/transactions/{transaction_id}")

    def transactions(
        self, *, account_id: str | None = None, limit: int | None = None
    ) -> Answer[tuple[Transaction, ...]]:
        """Return the newest transactions, of all accounts or of one."""
        query = given({"account_id": account_id, "limit": limit})
        return self._connection.listed(_TRANSACTIONS, "/transactions", query, counted=True)

    def account(
        self, account_id: str, *, at: str | None = None
    ) -> tuple[Answer[Account], LedgerHeaders]:
        """Return an account, now or at an instant."""
        return self._told(_ACCOUNT, "GET", f"/accounts/{account_id}", params=given({"at": at}))

    def describe(self, account_id: str, details: Mapping[str, object]) -> Answer[Account]:
        """Set an account's name, unit and decimals; omitted values stay."""
        return self._connection.answer(
            _ACCOUNT, "PUT", f"/accounts/{account_id}", json=dict(details)
        )

    def statement(
        self, account_id: str, *, since: str | None, until: str | None, limit: int
    ) -> Answer[Statement]:
        """Return the newest entries of a span, and the balances before and after it."""
        query = given({"from": since, "to": until, "limit": limit})
        path = f"/accounts/{account_id}/statement"
        return self._connection.listed(_STATEMENT, path, query, counted=True)

    def statement_csv(
        self, account_id: str, *, since: str | None, until: str | None
    ) -> Iterator[str]:
        """Yield a whole statement as CSV, page by page, under one line of names."""
        query = given({"from": since, "to": until, "format": "csv", "limit": 10_000})
        return self._connection.csv(f"/accounts/{account_id}/statement", params=query)

    def all_transactions(self) -> Iterator[tuple[Transaction, ...]]:
        """Yield all transactions page by page, newest first."""
        return self._pages(_TRANSACTIONS, "/transactions")

    def all_accounts(self) -> Iterator[tuple[AccountState, ...]]:
        """Yield all accounts page by page, in the order of their ids."""
        return self._pages(_ACCOUNTS, "/accounts")

    def entries(self, account_id: str) -> Iterator[Entry]:
        """Yield an account's entries from the first."""
        for page in self._pages(_ENTRIES, f"/accounts/{account_id}/entries"):
            yield from page

    def _told(
        self, kind: TypeAdapter[T], method: str, path: str, **options: Any
    ) -> tuple[Answer[T], LedgerHeaders]:
        answer = self._connection.answer(kind, method, path, **options)
        return answer, LedgerHeaders.by(answer.headers)

    def _pages(self, kind: TypeAdapter[T], path: str) -> Iterator[T]:
        return (page.value for page in self._connection.pages(kind, path))
