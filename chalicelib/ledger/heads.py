"""Where accounts stood when this process posted to them: what a post can do without reading first.

It is a guess. The condition on the account's number holds for it as for one that was read, so a
wrong guess stores nothing; but it costs a transaction in vain, and so it is made only for a
few seconds, and for a while not at all where another writer was first.
"""

from datetime import datetime, timedelta
from typing import TypeVar

from chalicelib.ledger.models import Entry
from chalicelib.ledger.ports import Contention

MOST = 1_000
"""Accounts that are remembered: about a megabyte."""

T = TypeVar("T")

_FRESH = timedelta(seconds=10)
_WARY = timedelta(minutes=1)


class Heads:
    """The last entries that were posted, and the accounts to which others post, too."""

    def __init__(self) -> None:
        self._last: dict[str, Entry] = {}
        self._missed: dict[str, datetime] = {}
        self._contention: dict[str, Contention] = {}

    def guess(self, account_id: str, now: datetime) -> Entry | None:
        """Return what is probably the account's last entry, None where a read has to tell."""
        last = self._last.get(account_id)
        return last if last and now - last.created_at < _FRESH else None

    def posted(self, entry: Entry) -> None:
        """Remember the entry as its account's last one."""
        missed = self._missed.get(entry.account_id)
        if missed is None or entry.created_at - missed > _WARY:
            _keep(self._last, entry.account_id, entry)

    def missed(self, account_id: str, now: datetime) -> None:
        """Forget the account's last entry: somebody else was first."""
        self._last.pop(account_id, None)
        _keep(self._missed, account_id, now)

    def contended(self, account_id: str, contention: Contention) -> None:
        """Remember what is known of those who post to an account."""
        _keep(self._contention, account_id, contention)

    def contention(self, account_id: str) -> Contention:
        """Return what was remembered of that."""
        return self._contention.get(account_id, Contention())


def _keep(kept: dict[str, T], account_id: str, value: T) -> None:
    """Keep a value as the newest of `MOST`."""
    kept.pop(account_id, None)
    kept[account_id] = value
    if len(kept) > MOST:
        del kept[next(iter(kept))]
