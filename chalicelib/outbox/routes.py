"""The outbox over HTTP, for operators: what waits, what is dead and why, and trying it again."""

from typing import Annotated, NamedTuple

from chalice import Response
from pydantic import Field

from chalicelib.core.errors import ConflictError
from chalicelib.core.http import json_list, ok
from chalicelib.core.outbox.store import OvertakenError
from chalicelib.core.paging import Pages
from chalicelib.core.routing import Routes
from chalicelib.outbox.models import (
    EffectLine,
    EffectQuery,
    EffectsQuery,
    EffectView,
    KindView,
    RetryBody,
)
from chalicelib.outbox.wiring import desk

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
    """List the effects by kind, the newest of each first: all, or those in a state, of a kind."""
    start = _EFFECTS.start(query)
    found, more = desk().page(
        state=query.state, kind=query.kind, before=start and start.place, limit=query.limit
    )
    following = _EFFECTS.following(query, Position(more) if more else None)
    return json_list(map(EffectLine.of, found), next_page=following)


@bp.on(
    "GET",
    "/outbox/effect",
    access="operate",
    query=EffectQuery,
    response=EffectView,
    errors=(404,),
)
def get_effect(query: EffectQuery) -> Response:
    """Show an effect whole, and why its kind stands still if it does."""
    return ok(EffectView.whole(*desk().show(query.id)))


@bp.on("GET", "/outbox/kinds", access="operate", response=KindView, as_list=True)
def list_kinds() -> Response:
    """List the kinds of effects: which go on, which stand still, and why."""
    return json_list(KindView.of(kind, pause) for kind, pause in desk().kinds())


@bp.on(
    "POST",
    "/outbox/retry",
    access="operate",
    body=RetryBody,
    response=EffectView,
    errors=(404, 409, 422),
)
def retry_effect(body: RetryBody) -> Response:
    """Have an effect tried now, a dead one too; what may be done is looked up first."""
    try:
        return ok(EffectView.whole(*desk().retry(body.id)))
    except OvertakenError as overtaken:
        raise ConflictError(
            f"Effect {body.id} is being processed right now; try again."
        ) from overtaken
