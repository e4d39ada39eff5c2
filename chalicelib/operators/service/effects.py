"""What operators do with effects: list and retry them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from chalicelib.core.errors import ConflictError, NotFoundError, UnprocessableError
from chalicelib.core.instants import iso
from chalicelib.core.log import logger
from chalicelib.core.outbox.effects import EffectState
from chalicelib.core.outbox.rows import EffectRow, Pause
from chalicelib.core.totals import Total


class Effects(Protocol):
    """One effect at a time, and the kinds that stand still."""

    def get(self, effect_id: str) -> EffectRow | None: ...
    def change(self, read: EffectRow, to: EffectRow) -> EffectRow: ...
    def pauses(self) -> dict[str, Pause]: ...
    def hasten_probe(self, kind: str, now: datetime) -> None: ...


class Lists(Protocol):
    """Effects by state, kind and time."""

    def page(
        self,
        *,
        state: EffectState | None,
        kind: str | None,
        before: str | None,
        limit: int,
        now: datetime,
    ) -> tuple[list[EffectRow], str | None]: ...
    def count(self, *, state: EffectState | None, kind: str | None, now: datetime) -> Total: ...


class Naming(Protocol):
    """The queues of the kinds that have one."""

    @property
    def kinds(self) -> Iterable[str]: ...
    def send(self, kind: str, effect_ids: Sequence[str], *, delay_s: int = 0) -> list[str]: ...


class EffectService:
    """Lists effects and retries them."""

    def __init__(
        self, effects: Effects, lists: Lists, queues: Naming, *, now: Callable[[], datetime]
    ) -> None:
        self._effects = effects
        self._lists = lists
        self._queues = queues
        self._now = now

    def page(
        self, *, state: EffectState | None, kind: str | None, before: str | None, limit: int
    ) -> tuple[list[EffectRow], str | None]:
        """Return effects by kind, the newest of each first, and what the next page comes before."""
        return self._lists.page(state=state, kind=kind, before=before, limit=limit, now=self._now())

    def count(self, *, state: EffectState | None, kind: str | None) -> Total:
        """Return how many effects there are, in a state or of a kind."""
        return self._lists.count(state=state, kind=kind, now=self._now())

    def show(self, effect_id: str) -> tuple[EffectRow, Pause | None]:
        """Return an effect, and why its kind is paused, if it is. Raises NotFoundError."""
        row = self._effects.get(effect_id)
        if row is None:
            raise NotFoundError(f"There is no effect {effect_id}.")
        return row, self._effects.pauses().get(row.effect.kind)

    def kinds(self) -> list[tuple[str, Pause | None]]:
        """Return the kinds that have a queue or stand still, in order."""
        pauses = self._effects.pauses()
        return [(kind, pauses.get(kind)) for kind in sorted({*self._queues.kinds, *pauses})]

    def retry(self, effect_id: str) -> tuple[EffectRow, Pause | None]:
        """Retry an effect now; a dead one gets all its attempts again.

        One that may be done is looked up first, as always. Raises NotFoundError; ConflictError
        when it is done, claimed by a worker, or was changed meanwhile; UnprocessableError
        when its row can't be read.
        """
        row, _ = self.show(effect_id)
        now = self._now()
        if row.fault:
            raise UnprocessableError(f"{effect_id} cannot be tried: {row.fault}")
        if row.state == "done":
            raise ConflictError(f"{effect_id} is done, and nothing is done twice.")
        if row.state == "sending" and row.lease_until and not row.ready(now):
            raise ConflictError(f"A worker is at {effect_id} until {iso(row.lease_until)}.")
        tried = self._effects.change(row, _anew(row, now))
        self._effects.hasten_probe(row.effect.kind, now)
        self._name(tried)
        return self.show(effect_id)

    def _name(self, row: EffectRow) -> None:
        """Name the effect to its worker; the sweeper does it where that fails."""
        if row.effect.kind not in self._queues.kinds:
            return
        try:
            self._queues.send(row.effect.kind, [row.effect.id])
        except Exception:  # noqa: BLE001 - whatever it is
            logger.exception("not named again", extra={"effect_id": row.effect.id})


def _anew(row: EffectRow, now: datetime) -> EffectRow:
    """Return an effect as it is when it may be tried at once."""
    due = replace(row, due_at=now, wake_at=now)
    if row.state != "dead":
        return due
    return replace(
        due,
        state="unsure" if row.unsure_at else "pending",
        since=now,
        attempts=0,
        denials=0,
        last_error=row.answer or row.last_error,
        answer=None,
        concluded_at=None,
    )
