"""The outbox over HTTP, for operators: what waits, what is dead and why, and trying it again."""

import re
from urllib.parse import urlencode

from chalice import Response

from chalicelib.core import cursors
from chalicelib.core.errors import ConflictError, InvalidInputError
from chalicelib.core.http import fault, json_list, ok
from chalicelib.core.outbox.store import OvertakenError
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

_PLACE = re.compile("[!-~]{1,400}")
_MORE = {"Link": 'The next page, rel="next" (RFC 8288)'}


@bp.on(
    "GET",
    "/outbox",
    access="operate",
    query=EffectsQuery,
    response=EffectLine,
    as_list=True,
    response_headers=_MORE,
)
def list_effects(query: EffectsQuery) -> Response:
    """List the effects by kind, the newest of each first: all, or those in a state, of a kind."""
    found, more = desk().page(
        state=query.state, kind=query.kind, before=_place(query.cursor), limit=query.limit
    )
    following = None
    if more:
        asked = query.model_dump(exclude_none=True) | {"cursor": cursors.write("outbox", more)}
        following = f"/outbox?{urlencode(asked)}"
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
        raise ConflictError(f"Somebody is at {body.id} just now; look again.") from overtaken


def _place(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    parts = cursors.read(cursor)
    if len(parts) != 2 or parts[0] != "outbox" or not _PLACE.fullmatch(parts[1]):
        raise InvalidInputError([fault("query", "cursor", "must be a cursor that this list gave")])
    return parts[1]
