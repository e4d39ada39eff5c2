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
    kind: Kind | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS), FROM_TEXT] = 50


class EffectQuery(Model):
    """Which effect: its id has characters that a path can't carry."""

    id: EffectId


class RetryBody(Model):
    """Which effect is to be tried now."""

    id: EffectId


class EffectLine(Model):
    """An effect in a list.

    ``due_at`` is when it may be tried next; ``unsure_at`` when a try ended that may have done it;
    ``reference`` what the vendor calls it; ``answer`` why it is dead.
    """

    id: str
    kind: str
    state: EffectState
    attempts: int
    asked_at: Instant
    due_at: Instant | None = None
    lease_until: Instant | None = None
    unsure_at: Instant | None = None
    last_error: str | None = None
    reference: str | None = None
    answer: str | None = None
    concluded_at: Instant | None = None

    @classmethod
    def of(cls, kept: "EffectRow") -> "EffectLine":
        """Return how an effect is listed."""
        return cls(**_line(kept))


class EffectView(EffectLine):
    """An effect whole: ``payload`` is what its handler is given.

    ``stands_still`` is the reason why its kind is paused or disabled.
    """

    payload: dict[str, Any]
    stands_still: str | None = None

    @classmethod
    def whole(cls, kept: "EffectRow", pause: "Pause | None") -> "EffectView":
        """Return how an effect is shown."""
        stands_still = f"{pause.state}: {pause.reason}" if pause and not kept.over else None
        return cls(**_line(kept), payload=dict(kept.effect.payload), stands_still=stands_still)


class KindView(Model):
    """A kind of effects: whether it works, and if not, why and when it is probed."""

    kind: str
    state: Literal["working", "paused", "disabled"]
    since: Instant | None = None
    reason: str | None = None
    probe_at: Instant | None = None

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


def _line(kept: "EffectRow") -> dict[str, Any]:
    return {
        "id": kept.effect.id,
        "kind": kept.effect.kind,
        "state": kept.state,
        "attempts": kept.attempts,
        "asked_at": kept.asked_at,
        "due_at": None if kept.over or kept.state == "sending" else kept.due_at,
        "lease_until": kept.lease_until,
        "unsure_at": kept.unsure_at,
        "last_error": kept.fault or kept.last_error,
        "reference": kept.reference,
        "answer": kept.answer,
        "concluded_at": kept.concluded_at,
    }
