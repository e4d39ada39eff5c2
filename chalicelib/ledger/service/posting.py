"""The rules of the ledger: posting, reversing, and looking at what was posted.

Writers do not wait for each other. Each reads the account, or guesses where it stands (`heads`),
makes the entry that comes next and stores it on the condition that it still comes next; who loses
that race reads again. A post that loses a few waits beside the account instead (`crowds`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from datetime import datetime

from chalicelib.core.errors import NotFoundError
from chalicelib.core.idempotency import check_same
from chalicelib.core.instants import precise
from chalicelib.core.totals import Total
from chalicelib.core.values import dataclass
from chalicelib.ledger import chain
from chalicelib.ledger.heads import Heads
from chalicelib.ledger.models import (
    AccountBody,
    Entry,
    Reservation,
    StoredAccount,
    StoredTransaction,
    Transaction,
    TransactionBody,
)
from chalicelib.ledger.ports import ListPosition, Store
from chalicelib.ledger.service.batches import Batches
from chalicelib.ledger.service.crowds import RACES, Crowd, after_races, crowded
from chalicelib.ledger.service.rules import (
    NotReversibleError,
    Receipt,
    check_floor,
    check_transaction,
    key_of_another_kind,
    no_account,
    too_busy,
)
from chalicelib.ledger.service.statements import Statements
from chalicelib.ledger.service.transfers import Transfers


@dataclass(frozen=True)
class Ledger:
    """Posts transactions, each at most once, to accounts whose balances always add up.

    ``tries`` yields once for each try to store an entry, waits in between, and ends when the time
    for it is up. After ``races`` lost ones a post waits beside its account. ``heads`` are those of
    this process.
    """

    store: Store
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    tries: Callable[..., Iterable[int]]
    races: int = RACES
    heads: Heads = field(default_factory=Heads)

    @property
    def transfers(self) -> Transfers:
        """Return the transfers between accounts."""
        return Transfers(self.store, self.now, self.new_id, self.tries)

    @property
    def batches(self) -> Batches:
        """Return the posts of several transactions at once."""
        return Batches(self.store, self.now, self.new_id, self.tries)

    @property
    def statements(self) -> Statements:
        """Return the accounts' statements."""
        return Statements(self.store)

    @property
    def _crowd(self) -> Crowd:
        return Crowd(self.store, self.heads, self.now, self.new_id, self.tries)

    # --- writing ---

    def post(
        self, wanted: TransactionBody, *, key: str | None = None, floor: int | None = None
    ) -> Receipt:
        """Post a transaction, or return the one that its id or ``key`` posted already.

        ``floor`` is the least balance that the account may have after it. Raises
        TransactionIdTakenError, KeyReusedError, BelowFloorError; UnavailableError when too many
        others write to the account.
        """
        begun, account_id = self.now(), wanted.account_id
        transaction_id = wanted.transaction_id or self.new_id()
        if unread := self._post_by_guess(wanted, transaction_id, key, floor) or (
            self._post_in_crowd(wanted, transaction_id, key, floor)
        ):
            return unread
        for lost in self.tries():
            snapshot = self.store.read_snapshot(
                account_id, transaction_id=wanted.transaction_id, key=key
            )
            if snapshot.keyed:
                posted = _check_key(snapshot.keyed, wanted)
                return Receipt(posted, replayed=True, lost_races=lost)
            if snapshot.named:
                check_transaction(snapshot.named, wanted.model_dump(exclude_none=True))
                if key is None or self.store.bind(key, snapshot.named):
                    return Receipt(snapshot.named, replayed=True, lost_races=lost)
                continue
            now = self.now()
            entry = chain.following(
                snapshot.last,
                account_id=account_id,
                amount=wanted.amount,
                transaction_id=transaction_id,
                now=now,
            )
            check_floor(entry, floor)
            if lost >= self.races or crowded(snapshot.contention, now):
                self.heads.contended(account_id, snapshot.contention)
                waited = self._crowd.post(
                    wanted, transaction_id, key=key, floor=floor, lost_races=lost
                )
                if waited:
                    return waited
            elif self.store.append(entry, key=key, contention=after_races(lost, begun, now)):
                if not lost:
                    self.heads.posted(entry)
                return Receipt(entry, lost_races=lost)
        raise too_busy("This one", account_id)

    def _post_by_guess(
        self, wanted: TransactionBody, transaction_id: str, key: str | None, floor: int | None
    ) -> Receipt | None:
        """Post without a read; None where a read has to tell what is to be done."""
        now = self.now()
        last = self.heads.guess(wanted.account_id, now)
        if last is None:
            return None
        entry = chain.following(
            last,
            account_id=wanted.account_id,
            amount=wanted.amount,
            transaction_id=transaction_id,
            now=now,
        )
        if floor is not None and entry.balance < floor:  # others may have added to it
            return None
        if not self.store.append(entry, key=key):
            self.heads.missed(wanted.account_id, now)
            return None
        self.heads.posted(entry)
        return Receipt(entry)

    def _post_in_crowd(
        self, wanted: TransactionBody, transaction_id: str, key: str | None, floor: int | None
    ) -> Receipt | None:
        """Post with others without a read; None where a read has to tell what is to be done."""
        if key or wanted.transaction_id:  # may be posted already
            return None
        if not crowded(self.heads.contention(wanted.account_id), self.now()):
            return None
        return self._crowd.post(wanted, transaction_id, key=key, floor=floor)

    def reverse(self, transaction_id: str, *, floor: int | None = None) -> Receipt:
        """Take a transaction back by one that posts the opposite, or return the one that did.

        A transaction is reversed once, however often that is requested. Raises NotFoundError,
        NotReversibleError, BelowFloorError; UnavailableError as `post` does.
        """
        reversal_id = self.new_id()
        for lost in self.tries():
            stored = self.transaction(transaction_id)
            original = stored.entry
            if stored.reversed_by:
                reversal = self.transaction(stored.reversed_by)
                return Receipt(reversal.entry, replayed=True, lost_races=lost)
            if original.reverses:
                raise NotReversibleError(
                    f"{transaction_id} is itself a reversal, of {original.reverses}. To post its "
                    f"amount again, post a new transaction."
                )
            if original.transfer_id:
                raise NotReversibleError(
                    f"{transaction_id} is half of the transfer {original.transfer_id}, which is "
                    f"reversed as a whole: POST /transfers/{original.transfer_id}/reversal."
                )
            account = self.store.account(original.account_id)
            entry = chain.following(
                account.last if account else None,
                account_id=original.account_id,
                amount=-original.amount,
                transaction_id=reversal_id,
                now=self.now(),
                reverses=original.transaction_id,
            )
            check_floor(entry, floor)
            if self.store.append(entry):
                self.heads.posted(entry)
                return Receipt(entry, lost_races=lost)
        raise too_busy("This one", stored.entry.account_id)

    # --- looking ---

    def transaction(self, transaction_id: str) -> StoredTransaction:
        """Return a transaction. Raises NotFoundError."""
        stored = self.store.transaction(transaction_id)
        if stored is None:
            raise NotFoundError(f"There is no transaction {transaction_id}.")
        return stored

    def account(self, account_id: str) -> StoredAccount:
        """Return the account with its last entry.

        Raises NotFoundError: an account exists from its first transaction.
        """
        found = self.store.account(account_id)
        if found is None:
            raise no_account(account_id)
        return found

    def account_at(self, account_id: str, at: datetime) -> StoredAccount:
        """Return the account with the last entry that it had ``at`` an instant.

        Raises NotFoundError when it had none.
        """
        account = self.account(account_id)
        last = self.store.account_at(account_id, at)
        if last is None:
            raise NotFoundError(f"There is no account {account_id} at {precise(at)}.")
        return account.model_copy(update={"last": last})

    def describe(self, account_id: str, wanted: AccountBody) -> StoredAccount:
        """Say what an account is called and how its amounts read; what is left out stays.

        Raises NotFoundError.
        """
        found = self.store.describe(account_id, wanted)
        if found is None:
            raise no_account(account_id)
        return found

    def accounts(self, *, after: str | None, limit: int) -> Sequence[StoredAccount]:
        """Return accounts in the order of their ids."""
        return self.store.accounts(after=after, limit=limit)

    def entries(self, account_id: str, *, after: str | None, limit: int) -> Sequence[Entry]:
        """Return an account's entries in order. Raises NotFoundError for an unknown account."""
        found = self.store.entries(account_id, after=after, limit=limit)
        if not found and after is None:
            raise no_account(account_id)
        return found

    def transactions(
        self, *, account_id: str | None, before: ListPosition | None, limit: int
    ) -> Sequence[Transaction]:
        """Return transactions, newest first: of all accounts, or of one."""
        if account_id is None:
            return self.store.transactions(before=before, limit=limit)
        since = before.created_at if before else None
        return self.store.of_account(account_id, before=since, limit=limit)

    def count_accounts(self) -> Total:
        """Return how many accounts there are."""
        return self.store.count_accounts()

    def count_transactions(self, account_id: str | None) -> Total:
        """Return how many transactions an account has, or all have: their entries are numbered."""
        if account_id is None:
            return self.store.count_entries()
        account = self.store.account(account_id)
        return Total(account.last.sequence if account else 0)


def _check_key(stored: Entry | Reservation, wanted: TransactionBody) -> Entry:
    """Return the transaction that a key identifies. Raises KeyReusedError."""
    if isinstance(stored, Reservation) or stored.counterpart_id:
        what = "batch" if isinstance(stored, Reservation) else "transfer"
        raise key_of_another_kind(what, "transaction")
    check_same("transaction", dict(stored), wanted.model_dump(exclude_none=True))
    return stored
