"""The rules of the ledger: posting, reversing, and looking at what was posted.

Writers do not wait for each other. Each reads the account, makes the entry that comes next and
stores it on the condition that it still comes next; who loses that race reads again.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.core.errors import (
    ConflictError,
    NotFoundError,
    UnavailableError,
    UnprocessableError,
)
from chalicelib.core.idempotency import check_same, differences
from chalicelib.core.instants import precise
from chalicelib.ledger import chain
from chalicelib.ledger.models import Entry, StoredTransaction, Transaction, TransactionBody
from chalicelib.ledger.ports import ListPosition, Store


class TransactionIdTakenError(ConflictError):
    """The transaction_id names another transaction."""

    type = "/problems/transaction-id-taken"
    title = "Transaction id taken"


class BelowFloorError(UnprocessableError):
    """The balance would be under the floor that the request set."""

    type = "/problems/below-floor"
    title = "Below the floor"


class NotReversibleError(UnprocessableError):
    """A reversal cannot be reversed."""

    type = "/problems/not-reversible"
    title = "Not reversible"


@dataclass(frozen=True)
class Receipt:
    """What became of a post or a reversal.

    ``replayed`` tells that the entry was there before; ``lost_races`` how many other writers were
    first.
    """

    entry: Entry
    replayed: bool = False
    lost_races: int = 0


@dataclass(frozen=True)
class Ledger:
    """Posts transactions, each at most once, to accounts whose balances always add up.

    ``tries`` yields once for each try to store an entry, waits in between, and ends when the time
    for it is up.
    """

    store: Store
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    tries: Callable[[], Iterable[int]]

    # --- writing ---

    def post(
        self, wanted: TransactionBody, *, key: str | None = None, floor: int | None = None
    ) -> Receipt:
        """Post a transaction, or return the one that its id or ``key`` posted already.

        ``floor`` is the least balance that the account may have after it. Raises
        TransactionIdTakenError, KeyReusedError, BelowFloorError; UnavailableError when too many
        others write to the account.
        """
        account_id = wanted.account_id
        transaction_id = wanted.transaction_id or self.new_id()
        for lost in self.tries():
            snapshot = self.store.read_snapshot(
                account_id, transaction_id=wanted.transaction_id, key=key
            )
            if snapshot.keyed:
                _check_key(snapshot.keyed, wanted)
                return Receipt(snapshot.keyed, replayed=True, lost_races=lost)
            if snapshot.named:
                _check_id(snapshot.named, wanted)
                if key is None or self.store.bind(key, snapshot.named):
                    return Receipt(snapshot.named, replayed=True, lost_races=lost)
                continue
            entry = chain.following(
                snapshot.last,
                account_id=account_id,
                amount=wanted.amount,
                transaction_id=transaction_id,
                now=self.now(),
            )
            _check_floor(entry, floor)
            if self.store.append(entry, key=key):
                return Receipt(entry, lost_races=lost)
        raise _too_busy(account_id)

    def reverse(self, transaction_id: str, *, floor: int | None = None) -> Receipt:
        """Take a transaction back by one that posts the opposite, or return the one that did.

        A transaction is reversed once, whoever asks and however often. Raises NotFoundError,
        NotReversibleError, BelowFloorError; UnavailableError as `post` does.
        """
        reversal_id = self.new_id()
        for lost in self.tries():
            kept = self.transaction(transaction_id)
            original = kept.entry
            if kept.reversed_by:
                reversal = self.transaction(kept.reversed_by)
                return Receipt(reversal.entry, replayed=True, lost_races=lost)
            if original.reverses:
                raise NotReversibleError(
                    f"{transaction_id} is itself a reversal, of {original.reverses}. To post its "
                    f"amount again, post a new transaction."
                )
            entry = chain.following(
                self.store.account(original.account_id),
                account_id=original.account_id,
                amount=-original.amount,
                transaction_id=reversal_id,
                now=self.now(),
                reverses=original.transaction_id,
            )
            _check_floor(entry, floor)
            if self.store.append(entry):
                return Receipt(entry, lost_races=lost)
        raise _too_busy(kept.entry.account_id)

    # --- looking ---

    def transaction(self, transaction_id: str) -> StoredTransaction:
        """Return a transaction. Raises NotFoundError."""
        kept = self.store.transaction(transaction_id)
        if kept is None:
            raise NotFoundError(f"There is no transaction {transaction_id}.")
        return kept

    def account(self, account_id: str, at: datetime | None = None) -> Entry:
        """Return the account's last entry, or the last one that it had ``at`` an instant.

        Raises NotFoundError: an account exists from its first transaction.
        """
        found = self.store.account_at(account_id, at) if at else self.store.account(account_id)
        if found is None:
            when = f" at {precise(at)}" if at else ""
            raise NotFoundError(f"There is no account {account_id}{when}.")
        return found

    def accounts(self, *, after: str | None, limit: int) -> Sequence[Entry]:
        """Return accounts by their last entries, in the order of their ids."""
        return self.store.accounts(after=after, limit=limit)

    def entries(self, account_id: str, *, after: str | None, limit: int) -> Sequence[Entry]:
        """Return an account's entries in order. Raises NotFoundError for an unknown account."""
        found = self.store.entries(account_id, after=after, limit=limit)
        if not found and after is None:
            raise NotFoundError(f"There is no account {account_id}.")
        return found

    def transactions(
        self, *, account_id: str | None, before: ListPosition | None, limit: int
    ) -> Sequence[Transaction]:
        """Return transactions, newest first: of all accounts, or of one."""
        if account_id is None:
            return self.store.transactions(before=before, limit=limit)
        since = before.created_at if before else None
        return self.store.of_account(account_id, before=since, limit=limit)


def _check_key(stored: Entry, wanted: TransactionBody) -> None:
    asked = wanted.model_dump(exclude_none=True)
    check_same("transaction", dict(stored), asked)


def _check_id(stored: Entry, wanted: TransactionBody) -> None:
    differing = differences(dict(stored), wanted.model_dump(exclude_none=True))
    if differing:
        raise TransactionIdTakenError(
            f"The transaction {stored.transaction_id} was posted with another "
            f"{' and another '.join(differing)}. A new transaction needs a new id."
        )


def _check_floor(entry: Entry, floor: int | None) -> None:
    if floor is not None and entry.balance < floor:
        raise BelowFloorError(
            f"The balance would be {entry.balance}, under the floor of {floor}. Nothing was posted."
        )


def _too_busy(account_id: str) -> UnavailableError:
    return UnavailableError(
        f"Too many transactions are being posted to the account {account_id}. This one was not."
    )
