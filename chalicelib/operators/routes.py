"""The operators' room over HTTP: effects and their kinds, dead letters, schedules, the vendors."""

from functools import partial
from typing import Annotated, NamedTuple

from chalice import Response
from pydantic import Field

from chalicelib.core.errors import ConflictError
from chalicelib.core.http import json_list, ok
from chalicelib.core.outbox.store import OvertakenError
from chalicelib.core.paging import Page, Pages
from chalicelib.core.routing import Routes
from chalicelib.operators.checks import CheckResult
from chalicelib.operators.models.dead_letters import DeadLetters, QueuePath, Redriven
from chalicelib.operators.models.effects import (
    EffectLine,
    EffectQuery,
    EffectsQuery,
    EffectView,
    KindView,
    RetryBody,
)
from chalicelib.operators.models.schedules import ScheduleView
from chalicelib.operators.wiring import check_vendors, operators

bp = Routes(__name__)


class Position(NamedTuple):
    """A position in the list of effects."""

    place: Annotated[str, Field(pattern=r"^[!-~]{1,400}$")]


_EFFECTS = Pages("/outbox", Position)


@bp.on(
    "GET",
    "/outbox",
    access="operate",
    query=EffectsQuery,
    response=EffectLine,
    as_list=True,
)
def list_effects(query: EffectsQuery) -> Response:
    """List effects by kind, newest first: all, or those of a state or a kind."""
    start, effects = _EFFECTS.start(query), operators().effects
    found, more = effects.page(
        state=query.state, kind=query.kind, before=start and start.place, limit=query.limit
    )
    page = Page(found, Position(more) if more else None)
    total = partial(effects.count, state=query.state, kind=query.kind)
    return json_list(map(EffectLine.of, found), headers=_EFFECTS.headers(query, page, total))


@bp.on(
    "GET",
    "/outbox/effect",
    access="operate",
    query=EffectQuery,
    response=EffectView,
    errors=(404,),
)
def get_effect(query: EffectQuery) -> Response:
    """Show an effect, and why its kind is paused, if it is."""
    return ok(EffectView.whole(*operators().effects.show(query.id)))


@bp.on("GET", "/outbox/kinds", access="operate", response=KindView, as_list=True)
def list_effect_kinds() -> Response:
    """List the kinds of effects: active or paused, and why."""
    return json_list(KindView.of(kind, pause) for kind, pause in operators().effects.kinds())


@bp.on(
    "POST",
    "/outbox/retry",
    access="operate",
    body=RetryBody,
    response=EffectView,
    errors=(404, 409, 422),
)
def retry_effect(body: RetryBody) -> Response:
    """Retry an effect now; one that may have been executed is looked up first."""
    try:
        return ok(EffectView.whole(*operators().effects.retry(body.id)))
    except OvertakenError as overtaken:
        raise ConflictError(
            f"Effect {body.id} is being processed right now; try again."
        ) from overtaken


# --- dead letters ---------------------------------------------------------------------------------


@bp.on("GET", "/dlq", access="operate", response=DeadLetters, as_list=True)
def list_dead_letters() -> Response:
    """List queues with the number of their dead letters, and the first few of each."""
    return json_list(operators().dead_letters.all())


@bp.on(
    "POST",
    "/dlq/{queue}/redrive",
    access="operate",
    path_values=QueuePath,
    response=Redriven,
    errors=(404, 409),
)
def redrive_dead_letters(path: QueuePath) -> Response:
    """Move dead letters back to their queue; a repeat continues with the rest."""
    return ok(operators().dead_letters.redrive(path.queue))


# --- schedules ------------------------------------------------------------------------------------


@bp.on("GET", "/schedules", access="operate", response=ScheduleView, as_list=True)
def list_schedules() -> Response:
    """List schedules with their last run, and whether they are overdue."""
    return json_list(operators().schedules.all())


# --- vendors --------------------------------------------------------------------------------------


@bp.on("GET", "/integrations", access="operate", response=CheckResult, as_list=True)
def list_integrations() -> Response:
    """Check whether each vendor is configured, reachable and authorized, and what to do."""
    return json_list(check_vendors())
