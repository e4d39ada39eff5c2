"""The routes of the ledger as typed calls, one method a route."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter

from backroom.core.connection import Answer, Connection
from backroom.core.requests import given
from chalicelib.ledger.models import Account, AccountState, Entry, Transaction

T = TypeVar("T")

_TRANSACTION = TypeAdapter(Transaction)
_TRANSACTIONS = TypeAdapter(tuple[Transaction, ...])
_ACCOUNT = TypeAdapter(Account)
_ACCOUNTS = TypeAdapter(tuple[AccountState, ...])
_ENTRIES = TypeAdapter(tuple[Entry, ...])


@dataclass(frozen=True)
class Told:
    """What an answer says in its headers, beside its body."""

    balance: str
    sequence: str
    replayed: bool
    reverses: str | None
    reversed_by: str | None
    transaction_id: str | None

    @classmethod
    def by(cls, headers: httpx.Headers) -> "Told":
        """Return what ``headers`` tell."""
        return cls(
            balance=headers.get("Ledger-Balance", "?"),
            sequence=headers.get("Ledger-Sequence", "?"),
            replayed="Idempotent-Replayed" in headers,
            reverses=headers.get("Ledger-Reverses"),
            reversed_by=headers.get("Ledger-Reversed-By"),
            transaction_id=headers.get("Ledger-Transaction"),
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
    ) -> tuple[Answer[Transaction], Told]:
        """Post a transaction; with the same id again the answer is the same, nothing changes."""
        body = {"account_id": account_id, "amount": amount, "transaction_id": transaction_id}
        headers = given({"Idempotency-Key": key, "Balance-Floor": floor})
        return self._told(_TRANSACTION, "POST", "/transactions", json=body, headers=headers)

    def reverse(
        self, transaction_id: str, *, floor: int | None = None
    ) -> tuple[Answer[Transaction], Told]:
        """Take a transaction back; 200 when it was taken back before."""
        path, headers = f"/transactions/{transaction_id}/reversal", given({"Balance-Floor": floor})
        return self._told(_TRANSACTION, "POST", path, headers=headers)

    def transaction(self, transaction_id: str) -> tuple[Answer[Transaction], Told]:
        """Return a transaction."""
        return self._told(_TRANSACTION, "GET", f"/transactions/{transaction_id}")

    def transactions(
        self, *, account_id: str | None = None, limit: int | None = None
    ) -> Answer[tuple[Transaction, ...]]:
        """Return the newest transactions, of all accounts or of one."""
        query = given({"account_id": account_id, "limit": limit})
        return self._connection.answer(_TRANSACTIONS, "GET", "/transactions", params=query)

    def account(self, account_id: str, *, at: str | None = None) -> tuple[Answer[Account], Told]:
        """Return an account, now or at an instant."""
        return self._told(_ACCOUNT, "GET", f"/accounts/{account_id}", params=given({"at": at}))

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
    ) -> tuple[Answer[T], Told]:
        answer = self._connection.answer(kind, method, path, **options)
        return answer, Told.by(answer.headers)

    def _pages(self, kind: TypeAdapter[T], path: str) -> Iterator[T]:
        return (page.value for page in self._connection.pages(kind, path))
