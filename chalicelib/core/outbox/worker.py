"""Executes effects, each once, whatever fails.

claim (lease) > [may an earlier attempt have done it? wait for the search lag, look it up] > execute
> notify the context > close. Each step leaves a state from which the next message, or the sweeper,
continues. What is lost after the call is found in the vendor's own records before any second call.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, Protocol

from chalicelib.core.audit.recording import recording_function
from chalicelib.core.log import logger
from chalicelib.core.outbox import rows
from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectHandler,
    Ending,
    NotConfiguredError,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.core.outbox.queues import LONGEST_DELAY_S
from chalicelib.core.outbox.rows import EffectRow, Pause
from chalicelib.core.outbox.rules import Rules, vendor_wait
from chalicelib.core.outbox.store import EffectStore, OvertakenError, closed

Outcome = Literal["done", "dead", "pending", "unsure", "disabled", "paused", "left", "unknown"]
"""The outcome of a message: the state of its effect, or why nothing was tried.

``paused`` its kind is paused; ``left`` it is finished, not due, or claimed; ``unknown``
there is no such effect.
"""


class Later(Protocol):
    """Names effects to a worker again after a while."""

    def send(self, kind: str, effect_ids: list[str], *, delay_s: int = 0) -> list[str]:
        """Return those that could not be sent."""


class Worker:
    """Performs the effects of one kind, one at a time."""

    def __init__(
        self,
        kind: str,
        handler: EffectHandler,
        store: EffectStore,
        later: Later,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        rules: Rules = Rules(),  # noqa: B008 - it is frozen
    ) -> None:
        self.kind = kind
        self.handler = handler
        self._store = store
        self._later = later
        self._now = now
        self._new_id = new_id
        self._rules = rules
        self._settle = timedelta(seconds=handler.search_lag_s)

    def work(self, effect_id: str) -> Outcome:
        """Do what is to be done for an effect now; safe to repeat, at any time, by many at once."""
        row, pause = self._store.read_with_pause(effect_id, self.kind)
        if row is None:
            logger.error("unknown effect", extra={"effect_id": effect_id, "kind": self.kind})
            return "unknown"
        if row.fault and not row.over:
            self._store.bury(row, row.fault, self._now())
            return _logged(row, "dead", row.fault)
        if row.effect.kind != self.kind or not row.ready(self._now()):
            return _logged(row, "left")
        try:
            if pause is None or row.ended:
                return self._try(row)
            return self._probe(row, pause) if self._may_probe(pause) else self._leave(row, pause)
        except OvertakenError:
            return _logged(row, "left", "another worker has it")

    def _entering(self, claimed: EffectRow) -> AbstractContextManager[None]:
        """Enter what the handler changes in the audit trail; the effect's own row is no change."""
        kind = self.kind
        return recording_function(
            f"worker:{kind}", kind="EFFECT", route=kind, request_id=claimed.effect.id
        )

    # --- one try ----------------------------------------------------------------------------------

    def _try(self, row: EffectRow) -> Outcome:
        now, doubtful_since = self._now(), row.doubtful_since()
        if doubtful_since and now < doubtful_since + self._settle:
            waits = replace(row, state="unsure", unsure_at=doubtful_since)
            waits = self._again(row, waits, doubtful_since + self._settle - now)
            return _logged(waits, "unsure", "it may be done; it is looked up when that would show")
        claimed = replace(
            row,
            state="sending",
            token=self._new_id(),
            lease_until=now + self._rules.lease,
            unsure_at=doubtful_since or row.unsure_at,
            attempts=row.attempts + 1,
        )
        self._store.change(row, claimed)
        if claimed.ended:
            return self._close(claimed, claimed, claimed.ended)
        if claimed.unsure_at and self._settle:
            return self._look_up(claimed)
        return self._perform(claimed, claimed)

    def _look_up(self, claimed: EffectRow) -> Outcome:
        """Perform only when the vendor's own records show that no earlier try did it."""
        try:
            with self._entering(claimed):
                found = self.handler.find(claimed.effect)
        except (CredentialsError, NotConfiguredError) as error:
            return self._stop(claimed, claimed, error)
        except Exception as error:  # noqa: BLE001 - the outcome is unknown
            return self._not_looked_up(claimed, error)
        if found is not None:
            return self._close(claimed, claimed, Ending("done", found))
        known = replace(claimed, unsure_at=None)
        if self._given_up(known):
            return self._close(claimed, known, _giving_up(known, known.last_error))
        return self._perform(claimed, known)

    def _perform(self, claimed: EffectRow, known: EffectRow) -> Outcome:
        """Make the call; ``known`` is the effect as last read, ``claimed`` as it is stored."""
        try:
            with self._entering(claimed):
                reference = self.handler.handle(claimed.effect)
        except RejectedError as error:
            return self._close(claimed, known, Ending("dead", answer=_words(error)))
        except NotExecutedError as error:
            return self._not_done(claimed, known, error)
        except (CredentialsError, NotConfiguredError) as error:
            return self._stop(claimed, known, error)
        except OutcomeUnknownError as error:
            return self._unsure(claimed, error)
        except Exception as error:  # noqa: BLE001 - it may have been done before it broke
            logger.exception("effect broke", extra=_named(claimed))
            return self._unsure(claimed, error)
        return self._close(claimed, known, Ending("done", reference))

    # --- how a try ends ---------------------------------------------------------------------------

    def _close(self, claimed: EffectRow, known: EffectRow, ended: Ending) -> Outcome:
        """Notify the context, then close; if notifying fails, only that is repeated later.

        A dead effect that may have been done stays unsure, for a later retry.
        """
        known = replace(known, unsure_at=known.unsure_at if ended.state == "dead" else None)
        try:
            with self._entering(claimed):
                self.handler.on_finished(claimed.effect, ended)
        except Exception as error:  # noqa: BLE001 - the effect has ended all the same
            logger.exception("result not stored", extra=_named(claimed))
            not_stored = f"the result could not be stored: {_words(error)}"
            known = replace(known, ended=ended, last_error=not_stored)
            if not self._given_up(claimed):
                waits = replace(known, state="pending")
                return self._retry_later(claimed, waits, self._backoff(claimed))
        over = closed(known, ended, self._now())
        self._store.change(claimed, over)
        return _logged(over, "dead" if ended.state == "dead" else "done", ended.answer)

    def _not_done(self, claimed: EffectRow, known: EffectRow, error: NotExecutedError) -> Outcome:
        if self._given_up(known):
            return self._close(claimed, known, _giving_up(known, _words(error)))
        waits = replace(known, state="pending", last_error=_words(error))
        wait = max(self._backoff(claimed), vendor_wait(error.retry_after_s))
        return self._retry_later(claimed, waits, wait)

    def _unsure(self, claimed: EffectRow, error: Exception) -> Outcome:
        doubtful = replace(claimed, unsure_at=self._now(), last_error=_words(error))
        if not self._settle and self._given_up(claimed):
            return self._close(claimed, doubtful, _giving_up(claimed, _words(error)))
        waits = replace(doubtful, state="unsure")
        return self._retry_later(claimed, waits, max(self._settle, self._backoff(claimed)))

    def _not_looked_up(self, claimed: EffectRow, error: Exception) -> Outcome:
        """Look it up later, as its outcome is unknown; never execute it before that."""
        if isinstance(error, RejectedError) or self._given_up(claimed):
            answer = f"not known whether it was done: {_words(error)}"
            return self._close(claimed, claimed, Ending("dead", answer=answer))
        waits = replace(claimed, state="unsure", last_error=_words(error))
        return self._retry_later(claimed, waits, self._backoff(claimed))

    def _stop(
        self, claimed: EffectRow, known: EffectRow, error: CredentialsError | NotConfiguredError
    ) -> Outcome:
        """Pause the whole kind; the effect waits as it was before this attempt.

        One that is refused again and again, while others of its kind are done, is itself at fault.
        """
        now, off = self._now(), isinstance(error, NotConfiguredError)
        why = _words(error)
        if not off and self._store.read_with_pause(claimed.effect.id, self.kind)[1] is None:
            known = replace(known, denials=known.denials + 1)
            if known.denials >= self._rules.enough_denials:
                answer = f"refused {known.denials} times while others were done: {why}"
                return self._close(claimed, known, Ending("dead", answer=answer))
        state: Literal["disabled", "paused"] = "disabled" if off else "paused"
        probe_at = now + self._rules.probe_after
        pause = Pause(self.kind, state, now, why, probe_at, refused=claimed.effect.id)
        if self._store.pause(pause):
            (logger.warning if off else logger.error)(
                "kind paused",
                extra={"kind": self.kind, "state": state, "reason": pause.reason},
            )
        waits = replace(
            known,
            state="disabled" if off else "unsure" if known.unsure_at else "pending",
            lease_until=None,
            due_at=now,
            wake_at=probe_at,  # behind those that were not refused
            attempts=known.attempts - 1,
            last_error=pause.reason,
        )
        self._store.change(claimed, waits)
        return _logged(waits, state, pause.reason)

    # --- paused and disabled kinds ----------------------------------------------------------------

    def _may_probe(self, pause: Pause) -> bool:
        now = self._now()
        due = pause.probe_at <= now
        return due and self._store.take_probe(pause, now + self._rules.probe_after)

    def _probe(self, row: EffectRow, pause: Pause) -> Outcome:
        """Probe with one effect; the kind resumes when the vendor accepts it."""
        outcome = self._try(row)
        if outcome in rows.OVER:
            self._store.resume(self.kind)
            logger.warning("kind goes on", extra={"kind": self.kind, "stood": pause.state})
        return outcome

    def _leave(self, row: EffectRow, pause: Pause) -> Outcome:
        """Leave an effect until its kind resumes; the sweeper then sends it again."""
        if pause.state == "disabled" and row.state != "disabled":
            off = replace(
                row,
                state="disabled",
                unsure_at=row.doubtful_since(),
                lease_until=None,
                last_error=pause.reason,
            )
            self._store.change(row, off)
        return _logged(row, pause.state)

    # --- later ------------------------------------------------------------------------------------

    def _retry_later(self, claimed: EffectRow, waits: EffectRow, wait: timedelta) -> Outcome:
        waits = self._again(claimed, waits, wait)
        return _logged(waits, "unsure" if waits.state == "unsure" else "pending", waits.last_error)

    def _again(self, read: EffectRow, waits: EffectRow, wait: timedelta) -> EffectRow:
        """Have an effect tried after ``wait``: by a message if that is soon, or by the sweeper."""
        wait_s = wait.total_seconds()
        soon, due_at = wait_s <= LONGEST_DELAY_S, self._now() + wait
        wake_at = due_at + rows.GRACE if soon else due_at
        waits = replace(waits, lease_until=None, due_at=due_at, wake_at=wake_at)
        self._store.change(read, waits)
        if soon:
            self._send_later(waits, math.ceil(wait_s))
        return waits

    def _send_later(self, row: EffectRow, delay_s: int) -> None:
        try:
            self._later.send(self.kind, [row.effect.id], delay_s=delay_s)
        except Exception:  # noqa: BLE001 - the sweeper finds the effect
            logger.exception("not named again", extra=_named(row))

    def _backoff(self, claimed: EffectRow) -> timedelta:
        return self._rules.backoff(claimed.attempts)

    def _given_up(self, row: EffectRow) -> bool:
        return self._rules.given_up(row, self._now())


def _giving_up(row: EffectRow, why: str | None) -> Ending:
    return Ending("dead", answer=f"given up after {row.attempts} tries; the last: {why}")


def _logged(row: EffectRow, outcome: Outcome, why: str | None = None) -> Outcome:
    fields = {**_named(row), "outcome": outcome, "attempts": row.attempts, "why": why}
    (logger.error if outcome == "dead" else logger.info)("effect", extra=fields)
    return outcome


def _named(row: EffectRow) -> dict[str, str]:
    return {"effect_id": row.effect.id, "kind": row.effect.kind}


def _words(error: Exception) -> str:
    """Return the text of an error, short enough for a row."""
    return (str(error) or type(error).__name__)[:500]
