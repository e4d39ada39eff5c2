"""Posts to a crowded account: they wait beside it, and one of those who wait posts them together.

Whoever lost a few races leaves what it wants as an intent and looks after it from time to time.
A writer that finds no leader posts its own intent and the oldest others in one transaction,
each as an entry of its own; the others find their entries. The account's number guards the
transaction, and an intent goes with its entry: so it is posted once, or withdrawn by the one who
left it, or is never posted because it is too old.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from chalicelib.core.instants import sortable
from chalicelib.core.values import dataclass
from chalicelib.ledger import chain
from chalicelib.ledger.heads import Heads
from chalicelib.ledger.models import Entry, Intent, TransactionBody
from chalicelib.ledger.ports import Contention, Snapshot, Store, Waiting
from chalicelib.ledger.service.rules import Receipt, check_floor, too_busy

RACES = 3
"""How many races a post loses before it waits."""
CROWDED = timedelta(seconds=10)
"""How long others wait from the start, after several were posted together."""
SEVERAL = 4
"""Fewer posts at once do better by racing (measured by bench/ledger.py)."""
_LEADS = timedelta(seconds=3)
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.005, 1.0
_WAITED_FOR = timedelta(seconds=30)
"""A gateway answers within 29 seconds: no client waits for an older intent."""


@dataclass(frozen=True)
class Crowd:
    """Posts that wait beside their account."""

    store: Store
    heads: Heads
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    tries: Callable[..., Iterable[int]]

    def post(
        self,
        wanted: TransactionBody,
        transaction_id: str,
        *,
        key: str | None,
        floor: int | None,
        lost_races: int = 0,
    ) -> Receipt | None:
        """Have a transaction posted, or post it with others.

        None when its id or key has come to stand for a transaction meanwhile. Raises
        BelowFloorError; UnavailableError when it was not its turn for too long.
        """
        begun = self.now()
        intent = self._left(wanted, transaction_id, key, floor)
        for turn in self.tries(**self._pauses(wanted.account_id, self.now() - begun)):
            if turn == 0:  # the current leader read the waiting intents before this one
                continue
            found = self.store.intent_status(intent)
            if not found.waits:
                self.heads.contended(wanted.account_id, found.snapshot.contention)
                return self._settled(intent, found.snapshot.named, lost_races)
            if _known(found.snapshot):
                if self.store.withdraw(intent):
                    return None
                continue
            if _falls_short(found.snapshot.last, intent):
                if self.store.withdraw(intent):
                    check_floor(self._entry(found.snapshot.last, intent), floor)
                continue
            if self._leads(found.snapshot.last, intent, found.led_until):
                self._settle(self.store.waiting(intent))
        if self.store.withdraw(intent):
            raise too_busy("This one", intent.account_id)
        return self._settled(intent, None, lost_races)

    def _pauses(self, account_id: str, call: timedelta) -> dict[str, float]:
        """Return how long to wait between looks where a call takes so long.

        The more contend, the longer, so that all of them look twice in the time of a call: what
        waits is read and posted by four calls, and who looks more often only adds to them.
        """
        contention = self.heads.contention(account_id)
        contending = contention.posts if crowded(contention, self.now()) else 0
        pause_s = max(contending, SEVERAL) * call.total_seconds()
        longest_s = min(max(pause_s, _SHORTEST_PAUSE_S), _LONGEST_PAUSE_S)
        return {"first_s": longest_s, "longest_s": longest_s}

    def _left(
        self, wanted: TransactionBody, transaction_id: str, key: str | None, floor: int | None
    ) -> Intent:
        now = self.now()
        intent = Intent(
            place=f"{sortable(now)}#{transaction_id}#{self.new_id()}",
            account_id=wanted.account_id,
            amount=wanted.amount,
            transaction_id=transaction_id,
            key=key,
            floor=floor,
            until=now + _WAITED_FOR,
        )
        self.store.leave(intent)
        return intent

    def _settled(self, intent: Intent, entry: Entry | None, lost_races: int) -> Receipt | None:
        """Return the entry of an intent that is gone; None when it was too old."""
        if entry is None:  # a read of several items is not atomic: perhaps it was too early
            stored = self.store.transaction(intent.transaction_id)
            entry = stored.entry if stored else None
        return Receipt(entry, lost_races=lost_races) if entry else None

    def _leads(self, last: Entry | None, intent: Intent, led_until: str) -> bool:
        now = self.now()
        if sortable(now) < led_until:
            return False
        return self.store.lead(
            intent.account_id,
            after=last.sequence if last else 0,
            now=sortable(now),
            until=sortable(now + _LEADS),
        )

    def _settle(self, found: Waiting) -> None:
        """Post what waits, but for what is too old and what is under its floor.

        Who left the latter reads the balance and declines it.
        """
        now, last, posts = self.now(), found.last, []
        for intent in found.intents:
            if intent.until < now:
                self.store.withdraw(intent)
            elif not _falls_short(last, intent):
                last = self._entry(last, intent, now)
                posts.append((intent, last))
        if posts:
            contention = Contention(sortable(now + CROWDED), len(posts))
            self.store.settle(posts, contention if len(posts) >= SEVERAL else None)

    def _entry(self, last: Entry | None, intent: Intent, now: datetime | None = None) -> Entry:
        return chain.following(
            last,
            account_id=intent.account_id,
            amount=intent.amount,
            transaction_id=intent.transaction_id,
            now=now or self.now(),
        )


def crowded(contention: Contention, now: datetime) -> bool:
    """Return whether a post had better wait from the start."""
    return sortable(now) < contention.until


def after_races(lost_races: int, begun: datetime, now: datetime) -> Contention | None:
    """Return what a post notes that nearly had to wait: others wait for as long as it took.

    Without that, those who race would always be before one who posts what waits.
    """
    return Contention(sortable(now + (now - begun))) if lost_races >= RACES - 1 else None


def _known(snapshot: Snapshot) -> bool:
    return snapshot.named is not None or snapshot.keyed is not None


def _falls_short(last: Entry | None, intent: Intent) -> bool:
    balance = (last.balance if last else 0) + intent.amount
    return intent.floor is not None and balance < intent.floor
