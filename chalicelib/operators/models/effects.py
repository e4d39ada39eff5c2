"""The requests and answers of the outbox's routes."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from chalicelib.core.forms import Form
from chalicelib.core.instants import Instant
from chalicelib.core.models import Model, PageQuery
from chalicelib.core.numbers import FROM_TEXT
from chalicelib.core.outbox.effects import EffectState

if TYPE_CHECKING:  # the client has these models, and none of what keeps rows
    from chalicelib.core.outbox.rows import EffectRow, Pause

MOST_ROWS = 200

Kind = Annotated[str, Form("[a-z][a-z0-9_]{0,30}", "must be a kind of effect, such as jira")]
EffectId = Annotated[str, Form("[!-~]{1,255}", "must be the id of an effect, as a list gives it")]


class EffectsQuery(PageQuery):
    """A page of the effects: all, or those in a state or of a kind."""

    state: EffectState | None = None
    """Only effects in this state."""
    kind: Kind | None = None
    """Only effects of this kind, such as jira."""
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS), FROM_TEXT] = 50


class EffectQuery(Model):
    """Which effect: its id has characters that a path can't carry."""

    id: EffectId
    """The id of an effect, as a list gives it."""


class RetryBody(Model):
    """Which effect is to be tried now."""

    id: EffectId
    """The id of an effect, as a list gives it."""


class EffectLine(Model):
    """An effect in a list.

    ``due_at`` is when it may be tried next; ``unsure_at`` when a try ended that may have done it;
    ``reference`` what the vendor calls it; ``answer`` why it is dead.
    """

    id: str
    """The id of the effect, unique in the stage."""
    kind: str
    """Its kind, such as jira."""
    state: EffectState
    """Where it is in its life (docs/outbox.md)."""
    attempts: int
    """How often it was tried."""
    asked_at: Instant
    """When it was requested."""
    due_at: Instant | None = None
    """When it may be tried next."""
    lease_until: Instant | None = None
    """Until when a worker is at it."""
    unsure_at: Instant | None = None
    """When an attempt ended that may have done it."""
    last_error: str | None = None
    """Why the last attempt failed."""
    reference: str | None = None
    """What the vendor calls the result, such as an issue key."""
    answer: str | None = None
    """Why it is dead."""
    concluded_at: Instant | None = None
    """When it was done, or given up."""

    @classmethod
    def of(cls, row: "EffectRow") -> "EffectLine":
        """Return how an effect is listed."""
        return cls(**_line(row))


class EffectView(EffectLine):
    """An effect whole: ``payload`` is what its handler is given.

    ``stands_still`` is the reason why its kind is paused or disabled.
    """

    payload: dict[str, Any]
    """What its handler is given."""
    stands_still: str | None = None
    """Why its kind is paused or disabled."""

    @classmethod
    def whole(cls, row: "EffectRow", pause: "Pause | None") -> "EffectView":
        """Return how an effect is shown."""
        stands_still = f"{pause.state}: {pause.reason}" if pause and not row.over else None
        return cls(**_line(row), payload=dict(row.effect.payload), stands_still=stands_still)


class KindView(Model):
    """A kind of effects: whether it works, and if not, why and when it is probed."""

    kind: str
    """The name of the kind."""
    state: Literal["working", "paused", "disabled"]
    """Whether effects of the kind are performed."""
    since: Instant | None = None
    """When it was paused or disabled."""
    reason: str | None = None
    """Why it is paused or disabled."""
    probe_at: Instant | None = None
    """When the vendor is tried again."""

    @classmethod
    def of(cls, kind: str, pause: "Pause | None") -> "KindView":
        """Return how a kind is shown."""
        if pause is None:
            return cls(kind=kind, state="working")
        return cls(
            kind=kind,
            state=pause.state,
            since=pause.since,
            reason=pause.reason,
            probe_at=pause.probe_at,
        )


def _line(row: "EffectRow") -> dict[str, Any]:
    return {
        "id": row.effect.id,
        "kind": row.effect.kind,
        "state": row.state,
        "attempts": row.attempts,
        "asked_at": row.requested_at,
        "due_at": None if row.over or row.state == "sending" else row.due_at,
        "lease_until": row.lease_until,
        "unsure_at": row.unsure_at,
        "last_error": row.fault or row.last_error,
        "reference": row.reference,
        "answer": row.answer,
        "concluded_at": row.concluded_at,
    }
