"""Batches: several transactions in one, all of them or none.

Each post of a batch is a transaction of its own, with the id that it was given. A key is reserved
for a batch before anything is posted, together with the ids of its posts; so a repeat of the
batch continues with the same ids, wherever the first caller got to.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from chalicelib.core import canonical
from chalicelib.core.idempotency import check_same
from chalicelib.core.values import dataclass
from chalicelib.ledger import chain
from chalicelib.ledger.models import BatchPost, Entry, Reservation
from chalicelib.ledger.ports import Store
from chalicelib.ledger.service.rules import (
    Receipt,
    check_floor,
    check_transaction,
    key_of_another_kind,
    too_busy,
)


@dataclass(frozen=True)
class Batches:
    """Posts several transactions at once, each at most once."""

    store: Store
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    tries: Callable[[], Iterable[int]]

    def post(self, posts: Sequence[BatchPost], *, key: str | None = None) -> list[Receipt]:
        """Post all of ``posts`` in their order, or none of them.

        Those whose transactions exist already are replayed, and the rest is posted. Raises
        TransactionIdTakenError, KeyReusedError, BelowFloorError; UnavailableError when too many
        others write to one of the accounts.
        """
        ids = [post.transaction_id or self.new_id() for post in posts]
        if key:
            ids = self._reserved(key, posts, ids)
        looked_up = ids if key else [post.transaction_id for post in posts if post.transaction_id]
        accounts = list(dict.fromkeys(post.account_id for post in posts))
        for lost in self.tries():
            snapshot = self.store.read_all(accounts, looked_up)
            fresh = _fresh(posts, ids, snapshot.named)
            entries = _entries(fresh, snapshot.last, now=self.now())
            for (post, _), entry in zip(fresh, entries, strict=True):
                check_floor(entry, post.balance_floor)
            if not entries or self.store.append(*entries):
                return _receipts(ids, snapshot.named, entries, lost)
        raise too_busy("This batch", *accounts)

    def _reserved(self, key: str, posts: Sequence[BatchPost], ids: list[str]) -> list[str]:
        """Return the ids of the batch that ``key`` identifies. Raises KeyReusedError."""
        wanted = Reservation(digest=digest(posts), transaction_ids=tuple(ids))
        stored = self.store.reserve(key, wanted)
        if not isinstance(stored, Reservation):
            raise key_of_another_kind("transfer" if stored.transfer_id else "transaction", "batch")
        check_same("batch", {"content": stored.digest}, {"content": wanted.digest})
        return list(stored.transaction_ids)


def digest(posts: Sequence[BatchPost]) -> str:
    """Return the identity of a batch: its posts in their order, but no floors."""
    return canonical.digest([_asked(post) for post in posts])


def _asked(post: BatchPost) -> dict[str, object]:
    return post.model_dump(exclude_none=True, exclude={"balance_floor"})


def _fresh(
    posts: Sequence[BatchPost], ids: Sequence[str], named: Mapping[str, Entry]
) -> list[tuple[BatchPost, str]]:
    """Return the posts whose transactions do not exist yet. Raises TransactionIdTakenError."""
    fresh = []
    for post, transaction_id in zip(posts, ids, strict=True):
        if stored := named.get(transaction_id):
            check_transaction(stored, _asked(post))
        else:
            fresh.append((post, transaction_id))
    return fresh


def _entries(
    fresh: Sequence[tuple[BatchPost, str]], lasts: Mapping[str, Entry], *, now: datetime
) -> list[Entry]:
    wanted = [(post.account_id, post.amount, transaction_id) for post, transaction_id in fresh]
    return chain.following_all(lasts, wanted, now=now)


def _receipts(
    ids: Sequence[str], named: Mapping[str, Entry], entries: Sequence[Entry], lost: int
) -> list[Receipt]:
    made = {entry.transaction_id: entry for entry in entries}
    return [
        Receipt(made[each], lost_races=lost)
        if each in made
        else Receipt(named[each], replayed=True, lost_races=lost)
        for each in ids
    ]
