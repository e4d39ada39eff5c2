"""How entries follow each other: sequence, balance, time and hash; and the proof that they do.

Pure rules. The ledger makes entries with them, and clients that do not trust it check what
it answers with the same ones (``backroom ledger verify``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from chalicelib.core import canonical
from chalicelib.core.instants import precise, sortable
from chalicelib.ledger.models import Entry

BEGINNING = "0" * 64
"""The hash before an account's first entry."""

_TICK = timedelta(microseconds=1)


class Counterpart(NamedTuple):
    """The other half of a transfer."""

    transaction_id: str
    account_id: str


def following(
    last: Entry | None,
    *,
    account_id: str,
    amount: int,
    transaction_id: str,
    now: datetime,
    reverses: str | None = None,
    counterpart: Counterpart | None = None,
) -> Entry:
    """Return the entry that comes after ``last`` (None: the account's first).

    Its time is ``now``, or a microsecond after the last entry's where a clock lags behind: within
    within an account times strictly increase.
    """
    open_entry = Entry.model_construct(
        transaction_id=transaction_id,
        account_id=account_id,
        sequence=last.sequence + 1 if last else 1,
        amount=amount,
        balance=(last.balance if last else 0) + amount,
        created_at=max(now, last.created_at + _TICK) if last else now,
        previous_hash=last.hash if last else BEGINNING,
        hash="",
        reverses=reverses,
        counterpart_id=counterpart and counterpart.transaction_id,
        counterpart_account_id=counterpart and counterpart.account_id,
    )
    return open_entry.model_copy(update={"hash": digest(open_entry)})


def earliest(lasts: Iterable[Entry | None], now: datetime) -> datetime:
    """Return the first time from ``now`` on that is after all of these entries."""
    return max([now, *(last.created_at + _TICK for last in lasts if last)])


def following_all(
    lasts: Mapping[str, Entry], posts: Iterable[tuple[str, int, str]], *, now: datetime
) -> list[Entry]:
    """Return the entries of posts (account, amount, transaction id) that are made at once.

    ``lasts`` holds the last entries of their accounts, those that have one. The first post of each
    account has one time for all accounts, the second one a microsecond more, and so on.
    """
    latest = dict(lasts)
    start = earliest(latest.values(), now)
    made = []
    for account_id, amount, transaction_id in posts:
        entry = following(
            latest.get(account_id),
            account_id=account_id,
            amount=amount,
            transaction_id=transaction_id,
            now=start,
        )
        latest[account_id] = entry
        made.append(entry)
    return made


def digest(entry: Entry) -> str:
    """Return what the hash of ``entry`` has to be: SHA-256 in hexadecimal over these lines.

    The hash before it, then account, sequence, transaction, amount, balance, time (``+00:00``, six
    digits) and the transaction that it reverses (empty for most), joined by line feeds. Half of a
    transfer has two lines more: the other half's transaction and account.
    """
    other_half = (entry.counterpart_id, entry.counterpart_account_id)
    lines = (
        entry.previous_hash,
        entry.account_id,
        str(entry.sequence),
        entry.transaction_id,
        str(entry.amount),
        str(entry.balance),
        sortable(entry.created_at),
        entry.reverses or "",
        *(line or "" for line in other_half if other_half != (None, None)),
    )
    return canonical.sha256("\n".join(lines).encode())


@dataclass
class Chain:
    """An account's entries, verified one after the other from the first.

    ``amounts`` remembers what was posted, for the reversals to come; ``reversed`` what was taken
    back.
    """

    account_id: str
    last: Entry | None = None
    amounts: dict[str, int] = field(default_factory=dict)
    reversed: set[str] = field(default_factory=set)

    def misfit(self, entry: Entry) -> str | None:
        """Return why ``entry`` does not fit after the last one; None when it does.

        An entry that fits is the last one from then on.
        """
        why = self._misplaced(entry) or self._unbalanced(entry) or self._unfounded(entry)
        if why is None:
            self.last = entry
            if entry.reverses:
                self.reversed.add(entry.reverses)
            else:
                self.amounts[entry.transaction_id] = entry.amount
        return why

    def _misplaced(self, entry: Entry) -> str | None:
        sequence = self.last.sequence + 1 if self.last else 1
        if entry.account_id != self.account_id:
            return f"it belongs to the account {entry.account_id}"
        if entry.sequence != sequence:
            return f"its sequence is {entry.sequence}, but {sequence} comes next"
        if self.last and entry.created_at <= self.last.created_at:
            return f"its time {precise(entry.created_at)} is not after that of the entry before it"
        return None

    def _unbalanced(self, entry: Entry) -> str | None:
        balance = (self.last.balance if self.last else 0) + entry.amount
        if entry.balance != balance:
            return f"its balance is {entry.balance}, but the amounts until here add up to {balance}"
        if entry.previous_hash != (self.last.hash if self.last else BEGINNING):
            return "it does not hold the hash of the entry before it"
        if entry.hash != digest(entry):
            return "its hash is not that of its fields"
        return None

    def _unfounded(self, entry: Entry) -> str | None:
        if entry.transaction_id in self.amounts:
            return f"the transaction {entry.transaction_id} is in the account twice"
        if entry.reverses is None:
            return None
        if entry.reverses in self.reversed:
            return f"it reverses {entry.reverses}, which was reversed before"
        if self.amounts.get(entry.reverses) != -entry.amount:
            return f"it reverses {entry.reverses}, which did not post {-entry.amount} here before"
        return None
