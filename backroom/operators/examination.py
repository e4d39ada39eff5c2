"""What the doctor checks: vendors, outbox, dead letters, queues, schedules, this machine's clock.

What the caller may not see, or an older API does not have, is unknown and no fault.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Literal

from backroom.core import show
from backroom.core.errors import ApiError
from backroom.operators.api import OperatorsApi
from chalicelib.operators.models.dead_letters import DeadLetters
from chalicelib.operators.models.effects import EffectLine

State = Literal["ok", "off", "unknown", "failed"]

LONG = timedelta(hours=1)
"""So long an effect may wait; the alarm on the oldest effect has the same bound."""
APART = timedelta(seconds=60)
"""So far two clocks may be apart: tokens and signed requests allow for no more than minutes."""

_VENDORS: dict[str, State] = {"ok": "ok", "off": "off"}
_SCHEDULES = {
    "bakery_daily_batch": "daily batch",
    "outbox_sweeper": "outbox sweeper",
    "vending_daily_sweep": "daily sweep",
}
_A_MOMENT_S = 2
"""So long a queue's messages may wait without a function that takes them."""
_UNSEEN = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


@dataclass(frozen=True)
class Finding:
    """How one thing is, and what to do about it."""

    area: str
    name: str
    state: State
    detail: str
    next_step: str = ""

    def facts(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def examine(
    api: OperatorsApi, now: Callable[[], datetime], sleep: Callable[[float], None]
) -> list[Finding]:
    """Return all findings. Raises UnreachableError, and ApiError when one has to sign in."""
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("vendors", lambda: _vendors(api)),
        ("outbox", lambda: _outbox(api, now)),
        ("queues", lambda: _queues(api, sleep)),
        ("schedules", lambda: _schedules(api)),
        ("clock", lambda: _clock(api, now)),
    )
    return [finding for area, check in checks for finding in _seen(area, check)]


def _seen(area: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except ApiError as refused:
        if refused.status == HTTPStatus.UNAUTHORIZED:
            raise
        state: State = "unknown" if refused.status in _UNSEEN else "failed"
        return [
            Finding(
                area, area, state, refused.detail, "" if state == "unknown" else refused.next_step
            )
        ]


def _vendors(api: OperatorsApi) -> Iterator[Finding]:
    for each in api.check_results().value:
        state = _VENDORS.get(each.state, "failed")
        yield Finding("vendors", each.integration, state, each.detail, each.next_step)


def _outbox(api: OperatorsApi, now: Callable[[], datetime]) -> Iterator[Finding]:
    kinds = api.kinds().value
    for kind in kinds:
        if kind.state == "paused":
            text = f"paused {show.moment(kind.since)}: {kind.reason}"
            yield Finding("outbox", kind.kind, "failed", text, "backroom outbox kinds")
    switched_off = {kind.kind for kind in kinds if kind.state == "disabled"}
    found = (each for state in ("pending", "unsure") for each in api.all_effects(state=state))
    yield _waiting([each for each in found if each.kind not in switched_off], now())
    dead = Counter(each.kind for each in api.all_effects(state="dead"))
    for name, count in sorted(dead.items()):
        text = show.plural(count, "effect is dead", "effects are dead")
        step = f"backroom outbox list --state dead --kind {name}"
        yield Finding("outbox", name, "failed", text, step)
    if not dead:
        yield Finding("outbox", "dead", "ok", "No effect is dead.")


def _waiting(waiting: list[EffectLine], now: datetime) -> Finding:
    if not waiting:
        return Finding("outbox", "waiting", "ok", "No effect waits.")
    oldest = min(waiting, key=lambda each: each.asked_at)
    count = show.plural(len(waiting), "effect waits", "effects wait")
    text = f"{count}, the oldest was requested {show.moment(oldest.asked_at)}: {oldest.id}"
    if now - oldest.asked_at <= LONG:
        return Finding("outbox", "waiting", "ok", text)
    return Finding("outbox", "waiting", "failed", text, f"backroom outbox show '{oldest.id}'")


def _queues(api: OperatorsApi, sleep: Callable[[float], None]) -> Iterator[Finding]:
    queues = api.dead_letters().value
    yield from _dead_letters(queues)
    if idle := _idle(queues):
        sleep(_A_MOMENT_S)
        queues = api.dead_letters().value
        idle &= _idle(queues)
    yield from _messages(queues, idle)


def _dead_letters(queues: Sequence[DeadLetters]) -> Iterator[Finding]:
    for each in queues:
        if each.depth:
            text = show.plural(each.depth, "dead letter")
            yield Finding("dead letters", each.queue, "failed", text, "backroom dlq list")
    if not any(each.depth for each in queues):
        text = f"{show.plural(len(queues), 'queue')}, no dead letters."
        yield Finding("dead letters", "queues", "ok", text)


def _messages(queues: Sequence[DeadLetters], idle: Set[str]) -> Iterator[Finding]:
    for each in queues:
        if each.queue in idle:
            count = show.plural(each.waiting or 0, "message waits", "messages wait")
            text = f"{count}, and no function takes any"
            step = "see that the stack is not held: docs/operations.md"
            yield Finding("queues", each.queue, "failed", text, step)
    if not idle:
        messages = sum((each.waiting or 0) + (each.in_process or 0) for each in queues)
        several = show.plural(messages, "message waits or is", "messages wait or are")
        text = f"{several} being processed." if messages else "No message waits."
        yield Finding("queues", "messages", "ok", text)


def _idle(queues: Iterable[DeadLetters]) -> set[str]:
    """Return the queues with messages of which no function has any."""
    return {each.queue for each in queues if each.waiting and not each.in_process}


def _schedules(api: OperatorsApi) -> Iterator[Finding]:
    for each in api.schedules().value:
        name = _SCHEDULES.get(each.name, each.name)
        if each.ran_at is None:
            yield Finding("schedules", name, "unknown", "has not run yet")
            continue
        text = f"ran {show.moment(each.ran_at)}"
        if each.overdue:
            step = "make logs, or the function's log: docs/operations.md"
            yield Finding("schedules", name, "failed", f"{text}; it is overdue", step)
        else:
            yield Finding("schedules", name, "ok", text)


def _clock(api: OperatorsApi, now: Callable[[], datetime]) -> Iterator[Finding]:
    begun = now()
    at = _instant(api.date())
    if at is None:
        yield Finding("clock", "this machine", "unknown", "The API does not say what time it is.")
        return
    # The API's clock was read at some time between the two readings of this one; its second began
    # up to a second before.
    ahead, behind = begun - at - timedelta(seconds=1), at - now()
    if max(ahead, behind) <= APART:
        yield Finding("clock", "this machine", "ok", "The clock agrees with the API's.")
        return
    way = "ahead of" if ahead > behind else "behind"
    text = f"The clock is {show.span(max(ahead, behind))} {way} the API's."
    step = "set this machine's clock, by NTP if you can: timedatectl set-ntp true"
    yield Finding("clock", "this machine", "failed", text, step)


def _instant(date: str | None) -> datetime | None:
    """Return what a ``Date`` header says, None if it cannot be read."""
    try:
        return parsedate_to_datetime(date) if date else None
    except ValueError:
        return None
