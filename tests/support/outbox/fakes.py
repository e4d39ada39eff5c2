"""The outbox in memory: its table, its queues, a vendor, and the many ways in which they fail."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from chalicelib.core.outbox import rows
from chalicelib.core.outbox.effects import (
    CredentialsError,
    Effect,
    EffectState,
    Ending,
    NotConfiguredError,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.core.outbox.index import Waiting
from chalicelib.core.outbox.rows import GRACE, EffectRow, Pause
from chalicelib.core.outbox.rules import Rules
from chalicelib.core.outbox.store import OvertakenError
from chalicelib.core.outbox.sweeper import Sweeper
from chalicelib.core.outbox.worker import Worker
from chalicelib.core.totals import Total
from tests.support.clock import Clock

NOON = datetime(2142, 3, 1, 12, tzinfo=UTC)
KIND = "letters"


class MemoryStore:
    """The store and the index; ``step`` is called before and after each change."""

    def __init__(self, step: Callable[[], None] = lambda: None) -> None:
        self.rows: dict[str, EffectRow] = {}
        self.stopped: dict[str, Pause] = {}
        self._step = step

    def add(self, effect: Effect, now: datetime) -> None:
        assert effect.id not in self.rows
        self.rows[effect.id] = rows.requested(effect, now)

    # --- as the store ---

    def read_with_pause(self, effect_id: str, kind: str) -> tuple[EffectRow | None, Pause | None]:
        self._step()
        return self.rows.get(effect_id), self.stopped.get(kind)

    def get(self, effect_id: str) -> EffectRow | None:
        return self.rows.get(effect_id)

    def change(self, read: EffectRow, to: EffectRow) -> EffectRow:
        self._step()
        stands = self.rows[to.effect.id]
        if (stands.state, stands.token) != (read.state, read.token):
            if to.token is None or (stands.state, stands.token) != (to.state, to.token):
                raise OvertakenError(to.effect.id)
            return to
        changed = {
            each.name: getattr(to, each.name)
            for each in fields(EffectRow)
            if getattr(to, each.name) != getattr(read, each.name)
        }
        self.rows[to.effect.id] = replace(stands, **changed)
        self._step()
        return to

    def bury(self, unreadable: EffectRow, answer: str, now: datetime) -> None:
        row = self.rows[unreadable.effect.id]
        if row.state != "done":
            self.rows[unreadable.effect.id] = replace(
                row, state="dead", answer=answer, wake_at=None, concluded_at=now
            )

    def put_off_waking(self, effect_id: str, place: str, to: str) -> bool:
        row = self.rows[effect_id]
        if rows.wake(row.effect.kind, row.wake_at) != place:
            return False
        at = datetime.fromisoformat(to.partition("#")[2])
        self.rows[effect_id] = replace(row, wake_at=at)
        return True

    def pause(self, pause: Pause) -> bool:
        row = self.stopped.get(pause.kind)
        since = row.since if row else pause.since
        self.stopped[pause.kind] = replace(pause, since=since)
        return row is None or row.state != pause.state

    def take_probe(self, pause: Pause, next_at: datetime) -> bool:
        row = self.stopped.get(pause.kind)
        if row is None or row.probe_at != pause.probe_at:
            return False
        self.stopped[pause.kind] = replace(row, probe_at=next_at)
        return True

    def resume(self, kind: str) -> None:
        self.stopped.pop(kind, None)

    def pauses(self) -> dict[str, Pause]:
        return dict(self.stopped)

    def hasten_probe(self, kind: str, now: datetime) -> None:
        if kind in self.stopped:
            self.stopped[kind] = replace(self.stopped[kind], probe_at=now)

    # --- as the index ---

    def kinds(self) -> list[str]:
        return sorted({row.effect.kind for row in self.rows.values() if row.wake_at})

    def waiting(self, kind: str, now: datetime, limit: int) -> list[Waiting]:
        found = [
            (row.effect.id, rows.wake(kind, row.wake_at) or "")
            for row in self.rows.values()
            if row.effect.kind == kind and row.wake_at and row.wake_at <= now
        ]
        return sorted(found, key=lambda each: each[1])[:limit]

    def oldest(self, kind: str) -> datetime | None:
        mine = [row for row in self.rows.values() if row.effect.kind == kind and not row.over]
        return min((row.requested_at for row in mine), default=None)

    def count(self, *, state: EffectState | None, kind: str | None, now: datetime) -> Total:
        found, _ = self.page(state=state, kind=kind, before=None, limit=len(self.rows), now=now)
        return Total(len(found))

    def page(
        self,
        *,
        state: EffectState | None,
        kind: str | None,
        before: str | None,
        limit: int,
        now: datetime,
    ) -> tuple[list[EffectRow], str | None]:
        del now
        found = [
            row
            for row in self.rows.values()
            if state in (None, row.state)
            and kind in (None, row.effect.kind)
            and (before is None or rows.list_place(row) < before)
        ]
        found.sort(key=rows.list_place, reverse=True)
        page = found[:limit]
        return page, rows.list_place(page[-1]) if len(found) > limit else None


class MemoryQueues:
    """Messages, each with when it comes; those of kinds without a queue can't be sent."""

    def __init__(self, now: Callable[[], datetime], *kinds: str) -> None:
        self._now = now
        self.kinds: Iterable[str] = kinds or (KIND,)
        self.messages: list[tuple[datetime, str, str]] = []
        self.down = False

    def __contains__(self, kind: str) -> bool:
        return kind in self.kinds

    def send(self, kind: str, effect_ids: Sequence[str], *, delay_s: int = 0) -> list[str]:
        assert kind in self
        if self.down:
            return list(effect_ids)
        at = self._now() + timedelta(seconds=delay_s)
        self.messages += [(at, kind, effect_id) for effect_id in effect_ids]
        return []

    def waiting(self, kind: str) -> int:
        return sum(each == kind for _, each, _ in self.messages)

    def due(self) -> list[tuple[str, str]]:
        """Take the messages that have come."""
        now = self._now()
        come = [(kind, effect_id) for at, kind, effect_id in self.messages if at <= now]
        self.messages = [message for message in self.messages if message[0] > now]
        return come


@dataclass
class Vendor:
    """Performs effects as configured, and records what was done.

    Each of ``says`` is what happens to the next call: "done", "dropped" (not done, no response),
    "lost" (done, no response), "busy", "refused", "denied", "off", "broken" (done, then a bug). Its
    own search shows a deed ``lag_s`` after it.
    """

    now: Callable[[], datetime]
    search_lag_s: float = 900
    lag_s: float = 0
    step: Callable[[], None] = lambda: None
    says: list[str] = field(default_factory=list)
    search_says: list[str] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    """Effects for which it denies us access, whatever ``says`` has."""
    telling_fails: int = 0
    retry_after_s: float | None = None
    calls: Counter[str] = field(default_factory=Counter)
    made: dict[str, list[datetime]] = field(default_factory=dict)
    endings: dict[str, list[Ending]] = field(default_factory=dict)

    def handle(self, effect: Effect, /) -> str | None:
        self.step()
        denied = "denied" if effect.id in self.refuses else "done"
        outcome = self.says.pop(0) if self.says else denied
        self.calls["perform"] += 1
        if outcome in ("done", "lost", "broken"):
            self.made.setdefault(effect.id, []).append(self.now() + timedelta(seconds=self.lag_s))
        self.step()
        return self._answer(outcome, effect)

    def find(self, effect: Effect, /) -> str | None:
        self.step()
        self.calls["find"] += 1
        outcome = self.search_says.pop(0) if self.search_says else "done"
        shown = [at for at in self.made.get(effect.id, []) if at <= self.now()]
        self.step()
        if outcome != "done":
            return self._answer(outcome, effect)
        return f"ref-{effect.id}" if shown else None

    def on_finished(self, effect: Effect, conclusion: Ending, /) -> None:
        self.step()
        if self.telling_fails:
            self.telling_fails -= 1
            raise RuntimeError("the context's table is away")
        self.endings.setdefault(effect.id, []).append(conclusion)
        self.step()

    def _answer(self, outcome: str, effect: Effect) -> str:
        errors: dict[str, Exception] = {
            "dropped": OutcomeUnknownError("timeout"),
            "lost": OutcomeUnknownError("connection reset"),
            "busy": NotExecutedError("429", retry_after_s=self.retry_after_s),
            "refused": RejectedError("400: no such address"),
            "denied": CredentialsError("401: token expired"),
            "off": NotConfiguredError("no credentials are set"),
            "broken": ZeroDivisionError("a bug"),
        }
        if outcome in errors:
            raise errors[outcome]
        return f"ref-{effect.id}"


class Office:
    """The whole outbox in memory: one kind, one vendor, a worker, the sweeper."""

    def __init__(self, *, search_lag_s: float = 900, lag_s: float = 0, **rules: Any) -> None:
        self.clock = Clock(NOON)
        self.step: Callable[[], None] = lambda: None
        self.store = MemoryStore(self._step)
        self.queues = MemoryQueues(self.clock)
        self.vendor = Vendor(self.clock, search_lag_s, lag_s, self._step)
        self._tokens = count(1)
        store: Any = self.store
        queues: Any = self.queues
        settings: dict[str, Any] = {"jitter": lambda ceiling_s: ceiling_s, **rules}
        self.worker = Worker(
            KIND,
            self.vendor,
            store,
            queues,
            now=self.clock,
            new_id=lambda: f"token-{next(self._tokens)}",
            rules=Rules(**settings),
        )
        self.sweeper = Sweeper(store, store, queues, now=self.clock)

    def _step(self) -> None:
        self.step()

    def ask(self, effect_id: str = "a", *, relayed: bool = True) -> EffectRow:
        """Ask for an effect, and name it to the worker unless its message is lost."""
        self.store.add(Effect(effect_id, KIND, {"to": "mars"}), self.clock())
        if relayed:
            self.queues.send(KIND, [effect_id])
        return self.store.rows[effect_id]

    def work(self, effect_id: str = "a") -> str:
        return self.worker.work(effect_id)

    def run(self, seconds: float, *, every_s: float = 60) -> None:
        """Let time pass: messages are worked on as they come, the sweeper comes every 5 minutes."""
        end = self.clock() + timedelta(seconds=seconds)
        ticks = count()
        while self.clock() < end:
            for _, effect_id in self.queues.due():
                self.worker.work(effect_id)
            if next(ticks) % 5 == 0:
                self.sweeper.sweep()
            self.clock.forward(seconds=every_s)

    def row(self, effect_id: str = "a") -> EffectRow:
        return self.store.rows[effect_id]

    @property
    def times_made(self) -> dict[str, int]:
        return {effect_id: len(times) for effect_id, times in self.vendor.made.items()}


SWEEP_S = GRACE.total_seconds() + 300
"""By then the sweeper has named what no message did."""
