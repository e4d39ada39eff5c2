"""What the ledger needs from its store; tests implement it in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, NamedTuple, Protocol

from pydantic import Field

from chalicelib.ledger.models import Entry, StoredTransaction, Transaction, Uuid


@dataclass(frozen=True)
class Snapshot:
    """What stands already where a transaction is to be posted, as of one read.

    ``last`` is the account's last entry; ``named`` the entry that has the transaction's id;
    ``keyed`` the one that its Idempotency-Key made.
    """

    last: Entry | None = None
    named: Entry | None = None
    keyed: Entry | None = None


Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$")]
"""An instant as keys have it."""


class ListPosition(NamedTuple):
    """A position in the list of all transactions: that of one of them."""

    created_at: Time
    transaction_id: Uuid


class EntryPosition(NamedTuple):
    """A position among an account's entries."""

    created_at: Time


class AccountPosition(NamedTuple):
    """A position in the list of accounts."""

    account_id: Uuid


class Store(Protocol):
    """The ledger's records. Everything is read as of now, nothing from a copy that lags."""

    def read_snapshot(
        self, account_id: str, *, transaction_id: str | None = None, key: str | None = None
    ) -> Snapshot:
        """Return what stands where a transaction of ``account_id`` is to be posted: one read."""

    def append(self, entry: Entry, *, key: str | None = None) -> bool:
        """Store ``entry`` with all that refers to it, or nothing: one transaction.

        Returns False, and has stored nothing, when the account has moved on, when the transaction
        or the key is there already, or when what it reverses was reversed.
        """

    def bind(self, key: str, entry: Entry) -> bool:
        """Store that ``key`` stands for ``entry``; return False when it is taken."""

    def transaction(self, transaction_id: str) -> StoredTransaction | None:
        """Return the transaction: one read."""

    def account(self, account_id: str) -> Entry | None:
        """Return the account's last entry: one read."""

    def account_at(self, account_id: str, at: datetime) -> Entry | None:
        """Return the last entry that the account had at an instant: one read."""

    def accounts(self, *, after: str | None, limit: int) -> Sequence[Entry]:
        """Return accounts by their last entries, in the order of their ids."""

    def entries(self, account_id: str, *, after: str | None, limit: int) -> Sequence[Entry]:
        """Return the account's entries in order, those later than the time ``after``."""

    def transactions(self, *, before: ListPosition | None, limit: int) -> Sequence[Transaction]:
        """Return transactions of all accounts, newest first, those before a place."""

    def of_account(
        self, account_id: str, *, before: str | None, limit: int
    ) -> Sequence[Transaction]:
        """Return the account's transactions, newest first, those before a time."""
