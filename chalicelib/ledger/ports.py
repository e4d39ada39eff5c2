"""What the ledger needs from its store; tests implement it in memory.

What a method promises is documented in the stores.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Annotated, NamedTuple, Protocol

from pydantic import Field

from chalicelib.core.totals import Total
from chalicelib.core.values import dataclass
from chalicelib.ledger.models import (
    AccountBody,
    Entry,
    Intent,
    Reservation,
    StoredAccount,
    StoredTransaction,
    Transaction,
    Uuid,
)

Keyed = Entry | Reservation | None
"""What an Idempotency-Key identifies: a transaction, a transfer (its debit), a batch."""


@dataclass(frozen=True)
class Contention:
    """What is known of those who post to an account at once.

    Until ``until`` posts had better wait beside the account than race; ``posts`` is how many were
    posted together last.
    """

    until: str = ""
    posts: int = 0


@dataclass(frozen=True)
class Snapshot:
    """What is stored where a transaction is to be posted, as of one read.

    ``last`` is the account's last entry; ``named`` the entry that has the transaction's id;
    ``keyed`` the one that its Idempotency-Key made.
    """

    last: Entry | None = None
    named: Entry | None = None
    keyed: Keyed = None
    contention: Contention = Contention()


@dataclass(frozen=True)
class IntentStatus:
    """The state of an intent: whether it still ``waits``, and what is stored there.

    ``led_until`` is until when a leader may post what waits after the account's last entry.
    """

    waits: bool
    snapshot: Snapshot
    led_until: str = ""


@dataclass(frozen=True)
class Waiting:
    """An account's last entry, and the intents beside it whose ids and keys are free."""

    last: Entry | None
    intents: Sequence[Intent]


@dataclass(frozen=True)
class BatchSnapshot:
    """What is stored where several transactions are to be posted, as of one read.

    ``last`` holds the last entries of those accounts that have one, ``named`` the entries of those
    transactions that exist, both by id.
    """

    last: Mapping[str, Entry] = field(default_factory=dict)
    named: Mapping[str, Entry] = field(default_factory=dict)
    keyed: Keyed = None


Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$")]
"""An instant as keys have it."""


class ListPosition(NamedTuple):
    """A position in the list of all transactions: that of one of them."""

    created_at: Time
    transaction_id: Uuid


class EntryPosition(NamedTuple):
    """A position among an account's entries."""

    created_at: Time


class StatementPosition(NamedTuple):
    """A position in a statement, and the time of the entry that its closing balance is that of."""

    created_at: Time
    closed_at: Time


class AccountPosition(NamedTuple):
    """A position in the list of accounts."""

    account_id: Uuid


class Store(Protocol):
    """The ledger's records. Everything is read as of now, nothing from a copy that lags."""

    def read_snapshot(
        self, account_id: str, *, transaction_id: str | None = None, key: str | None = None
    ) -> Snapshot: ...
    def read_all(
        self,
        account_ids: Collection[str],
        transaction_ids: Collection[str],
        key: str | None = None,
    ) -> BatchSnapshot: ...
    def append(
        self, *entries: Entry, key: str | None = None, contention: Contention | None = None
    ) -> bool: ...
    def bind(self, key: str, entry: Entry) -> bool: ...
    def leave(self, intent: Intent) -> None: ...
    def intent_status(self, intent: Intent) -> IntentStatus: ...
    def lead(self, account_id: str, *, after: int, now: str, until: str) -> bool: ...
    def waiting(self, first: Intent) -> Waiting: ...
    def settle(
        self, posts: Sequence[tuple[Intent, Entry]], contention: Contention | None
    ) -> bool: ...
    def withdraw(self, intent: Intent) -> bool: ...
    def reserve(self, key: str, wanted: Reservation) -> Entry | Reservation: ...
    def describe(self, account_id: str, wanted: AccountBody) -> StoredAccount | None: ...
    def transaction(self, transaction_id: str) -> StoredTransaction | None: ...
    def account(self, account_id: str) -> StoredAccount | None: ...
    def account_at(self, account_id: str, at: datetime) -> Entry | None: ...
    def accounts(self, *, after: str | None, limit: int) -> Sequence[StoredAccount]: ...
    def count_accounts(self) -> Total: ...
    def count_entries(self) -> Total: ...
    def entries(self, account_id: str, *, after: str | None, limit: int) -> Sequence[Entry]: ...
    def newest(
        self, account_id: str, *, since: str | None, before: str | None, limit: int
    ) -> Sequence[Entry]: ...
    def transactions(self, *, before: ListPosition | None, limit: int) -> Sequence[Transaction]: ...
    def of_account(
        self, account_id: str, *, before: str | None, limit: int
    ) -> Sequence[Transaction]: ...
