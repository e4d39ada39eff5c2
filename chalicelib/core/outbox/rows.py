"""How effects are stored, and their state.

``EFFECT#<id>/EFFECT``  the effect; its id is its permanent identity, so its row is never deleted,
                        except for kinds whose effects have a ``retention`` (``expires_at``)
``EFFECT#<id>/BEFORE``  what is known of an effect from before its table was restored
``SCHEDULES/<name>``    when a schedule's function ran last (`chalicelib.core.schedules`)
``KINDS/<kind>``        why a kind is paused or disabled, and when to probe; absent while it works
``LISTS/all``           whether the index ``all`` has the effects of older versions (`listing`)

Three indexes are keys-only. ``open`` has unfinished effects, by ``open_shard`` and ``wake``
(``<kind>#<wake_at>``): when the sweeper is to send it; finished effects leave it. ``listed`` has
everything by ``list_shard`` (``<group>#<shard>``) and ``list_place`` (``<kind>#<asked_at>#<id>``);
pending and sending are one group there, so that taking a lease moves nothing. ``all`` has
everything at the same places by ``all_shard``, where nothing moves; rows that versions before 0.2.0
wrote enter it later.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypedDict, cast, get_args

from chalicelib.core import shards
from chalicelib.core.audit import entries
from chalicelib.core.instants import sortable
from chalicelib.core.outbox.effects import Effect, EffectState, Ending
from chalicelib.core.table import Condition, Index, Item, key
from chalicelib.core.values import dataclass

OPEN = Index("open", "open_shard", "wake")
LISTED = Index("listed", "list_shard", "list_place")
ALL = Index("all", "all_shard", "list_place")
# A partition takes 1,000 write units a second, and an effect on its way writes 3 to each index.
SHARDS = 8
GRACE = timedelta(minutes=2)
"""How long a message may take before the sweeper believes that it was lost."""

STATES: tuple[EffectState, ...] = get_args(EffectState)
OVER: frozenset[EffectState] = frozenset(("done", "dead"))
EFFECT = "EFFECT"
BEFORE = "BEFORE"
KINDS = "KINDS"
_UNCHANGED = "#state = :read_state AND "


@dataclass(frozen=True)
class EffectRow:
    """An effect and its state.

    ``token`` is of the last claim, which lasts until ``lease_until``. ``unsure_at`` is
    when a try ended that may have done it. ``due_at`` is when it may be tried, ``wake_at`` when
    the sweeper checks it. Patience is counted from ``since``. ``ended`` is how it ended
    while its context has not been notified. ``fault`` is why the row cannot be read. ``denials``
    counts how often its refusal paused its kind.
    """

    effect: Effect
    state: EffectState
    requested_at: datetime
    since: datetime
    due_at: datetime
    wake_at: datetime | None
    attempts: int = 0
    denials: int = 0
    token: str | None = None
    lease_until: datetime | None = None
    unsure_at: datetime | None = None
    ended: Ending | None = None
    last_error: str | None = None
    reference: str | None = None
    answer: str | None = None
    concluded_at: datetime | None = None
    fault: str | None = None

    @property
    def over(self) -> bool:
        """Return whether it is finished: done or dead."""
        return self.state in OVER

    def ready(self, now: datetime) -> bool:
        """Return whether it may be claimed: it is due and not leased."""
        if self.state == "sending":
            return self.lease_until is None or self.lease_until <= now
        return not self.over and self.due_at <= now

    def doubtful_since(self) -> datetime | None:
        """Return when a try ended that may have done it; a lease that ran out is such a try."""
        if self.ended:
            return None
        return self.lease_until if self.state == "sending" else self.unsure_at


@dataclass(frozen=True)
class Pause:
    """Why a kind is paused or disabled; one effect is tried at ``probe_at``.

    ``refused`` is the effect that was refused last; versions before 0.2.0 did not store it.
    """

    kind: str
    state: Literal["paused", "disabled"]
    since: datetime
    reason: str
    probe_at: datetime
    refused: str | None = None


class Replacement(TypedDict):
    """An update of a row, as `Table.update` and `Table.updating` take it."""

    expression: str
    values: Mapping[str, Any]
    names: Mapping[str, str]
    condition: Condition


def requested(effect: Effect, now: datetime) -> EffectRow:
    """Return an effect that was never tried."""
    due_at = now + timedelta(seconds=effect.delay_s)
    return EffectRow(
        effect, "pending", requested_at=now, since=now, due_at=due_at, wake_at=due_at + GRACE
    )


# --- items ----------------------------------------------------------------------------------------


def item(row: EffectRow) -> Item:
    """Return the row of an effect."""
    written = {
        **key(*place(row.effect.id)),
        "kind": {"S": row.effect.kind},
        "payload": {"S": json.dumps(row.effect.payload, allow_nan=False)},
        "asked_at": {"S": sortable(row.requested_at)},
        LISTED.range_key: {"S": list_place(row)},
        ALL.hash_key: {"S": str(shard(row.effect.id))},
    }
    if row.effect.retention:
        expires = row.requested_at + row.effect.retention
        written["expires_at"] = {"N": str(int(expires.timestamp()))}
    return written | {name: value for name, value in changing(row).items() if value}


def changing(row: EffectRow) -> dict[str, dict[str, str] | None]:
    """Return the attributes that may change, None for those that the row does not have."""
    return {
        "state": {"S": row.state},
        "since": _time(row.since),
        "due_at": _time(row.due_at),
        "attempts": {"N": str(row.attempts)},
        "denials": {"N": str(row.denials)} if row.denials else None,
        "token": _text(row.token),
        "lease_until": _time(row.lease_until),
        "unsure_at": _time(row.unsure_at),
        "ended": _text(_conclusion_text(row.ended)),
        "last_error": _text(row.last_error),
        "reference": _text(row.reference),
        "answer": _text(row.answer),
        "concluded_at": _time(row.concluded_at),
        OPEN.hash_key: _text(None if row.wake_at is None else str(shard(row.effect.id))),
        OPEN.range_key: _text(wake(row.effect.kind, row.wake_at)),
        LISTED.hash_key: {"S": list_shard(row.state, shard(row.effect.id))},
    }


def replacing(read: EffectRow, to: EffectRow) -> Replacement | None:
    """Return how ``to`` is stored in the place of ``read``; None where nothing changes."""
    before, after = changing(read), changing(to)
    changed = {name: value for name, value in after.items() if value != before[name]}
    if not changed:
        return None
    return {
        "expression": _expression(changed),
        "values": {f":{name}": value for name, value in changed.items() if value},
        "names": {f"#{name}": name for name in {*changed, "state", "token"}},
        "condition": _as_read(read),
    }


def read(row: Item) -> EffectRow:
    """Return the effect of a row; an unreadable row has a ``fault``."""
    try:
        return _read(row)
    except (KeyError, TypeError, ValueError, AttributeError) as odd:
        return _unreadable(row, f"the row cannot be read: {odd!r}")


def _read(row: Item) -> EffectRow:
    texts = {name: value["S"] for name, value in row.items() if "S" in value}
    payload = json.loads(texts["payload"])
    if not isinstance(payload, dict):
        raise TypeError("the payload is no object")
    requested_at = _instant(texts["asked_at"])
    if texts["state"] not in STATES:
        raise ValueError(f"there is no state {texts['state']!r}")
    return EffectRow(
        Effect(effect_id(texts["pk"]), texts["kind"], payload),
        cast(EffectState, texts["state"]),
        requested_at=requested_at,
        since=_maybe_instant(texts, "since") or requested_at,
        due_at=_maybe_instant(texts, "due_at") or requested_at,
        wake_at=_wake_at(texts.get(OPEN.range_key)),
        attempts=int(row["attempts"]["N"]) if "attempts" in row else 0,
        denials=int(row["denials"]["N"]) if "denials" in row else 0,
        token=texts.get("token"),
        lease_until=_maybe_instant(texts, "lease_until"),
        unsure_at=_maybe_instant(texts, "unsure_at"),
        ended=_conclusion(texts.get("ended")),
        last_error=texts.get("last_error"),
        reference=texts.get("reference"),
        answer=texts.get("answer"),
        concluded_at=_maybe_instant(texts, "concluded_at"),
    )


def _unreadable(row: Item, fault: str) -> EffectRow:
    state, kind, token = (row.get(name, {}).get("S") for name in ("state", "kind", "token"))
    never = datetime.fromtimestamp(0, UTC)
    return EffectRow(
        Effect(effect_id(row["pk"]["S"]), kind or "?", {}),
        state if state in STATES else "pending",
        requested_at=never,
        since=never,
        due_at=never,
        wake_at=None,
        token=token,
        answer=row.get("answer", {}).get("S"),
        fault=fault,
    )


def _expression(changed: dict[str, dict[str, str] | None]) -> str:
    assigned = [f"#{name} = :{name}" for name, value in changed.items() if value]
    gone = [f"#{name}" for name, value in changed.items() if not value]
    parts = [f"SET {', '.join(assigned)}"] if assigned else []
    return " ".join(parts + ([f"REMOVE {', '.join(gone)}"] if gone else []))


def _as_read(read: EffectRow) -> Condition:
    values = {":read_state": {"S": read.state}}
    if read.token is None:
        return Condition(_UNCHANGED + "attribute_not_exists(#token)", values)
    return Condition(
        _UNCHANGED + "#token = :read_token", values | {":read_token": {"S": read.token}}
    )


# --- before a restore -----------------------------------------------------------------------------


def remembered(id_: str, at: datetime, ended: Ending | None) -> Item:
    """Return what to remember of an effect whose row was restored, or will be written again.

    How it ``ended`` before ``at``; None where it may have been executed by then.
    """
    values = {"at": _time(at), "ended": _text(_conclusion_text(ended))}
    return {**key(*place_before(id_)), **{name: value for name, value in values.items() if value}}


def reminded(row: EffectRow, before: Item | None) -> EffectRow:
    """Return an effect with what is remembered from before its table was restored.

    One that was done is not executed again, and one that may have been is looked up.
    """
    if before is None or row.over or row.fault:
        return row
    if ended := _conclusion(before.get("ended", {}).get("S")):
        return replace(row, ended=row.ended or ended)
    return replace(row, unsure_at=row.unsure_at or _instant(before["at"]["S"]))


# --- keys -----------------------------------------------------------------------------------------


def place(id_: str) -> tuple[str, str]:
    """Return the keys of an effect's row."""
    return f"{EFFECT}#{id_}", EFFECT


def place_before(id_: str) -> tuple[str, str]:
    """Return the keys of what is remembered of an effect."""
    return f"{EFFECT}#{id_}", BEFORE


def thing(pk: str, _: str) -> str | None:
    """Return the effect at a key, as the audit trail names it."""
    prefix, _, id_ = pk.partition("#")
    return entries.thing("effects", id_) if prefix == EFFECT else None


def effect_id(pk: str) -> str:
    """Return the effect of a partition key. Raises ValueError when it is no effect's."""
    prefix, _, id_ = pk.partition("#")
    if prefix != EFFECT or not id_:
        raise ValueError(f"{pk!r} is no effect")
    return id_


def shard(id_: str) -> int:
    """Return the shard of an effect, which never changes."""
    return shards.of(id_, SHARDS)


def wake(kind: str, at: datetime | None) -> str | None:
    """Return the place of an effect in its shard of open effects."""
    return None if at is None else f"{kind}#{sortable(at)}"


def group(state: EffectState) -> str:
    """Return the group that effects of a state are listed in."""
    return "pending" if state == "sending" else state


def states(group_: str) -> list[EffectState]:
    """Return the states whose effects are listed in a group."""
    return [each for each in STATES if group(each) == group_]


def list_shard(state: EffectState, number: int) -> str:
    """Return the shard that effects of a state are listed in."""
    return f"{group(state)}#{number}"


def list_place(row: EffectRow) -> str:
    """Return the place of an effect in the lists: by kind, then by time."""
    return f"{row.effect.kind}#{sortable(row.requested_at)}#{row.effect.id}"


def _time(at: datetime | None) -> dict[str, str] | None:
    return None if at is None else {"S": sortable(at)}


def _text(value: str | None) -> dict[str, str] | None:
    return None if value is None else {"S": value}


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return at


def _maybe_instant(texts: Mapping[str, str], name: str) -> datetime | None:
    return _instant(texts[name]) if name in texts else None


def _wake_at(waking: str | None) -> datetime | None:
    return None if waking is None else _instant(waking.partition("#")[2])


def _conclusion_text(ended: Ending | None) -> str | None:
    if ended is None:
        return None
    return json.dumps([ended.state, ended.reference, ended.answer])


def _conclusion(text: str | None) -> Ending | None:
    if text is None:
        return None
    state, reference, answer = cast("list[Any]", json.loads(text))
    return Ending(state, reference, answer)
