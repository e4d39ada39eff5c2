"""Routes that say what they read and answer, so that the OpenAPI document can't drift from them.

A view is called with what its route names, read and checked: ``path``, ``query``, ``body``
(models) or ``content`` (bytes). One that has an argument ``caller`` gets who calls. Nothing is
read before the caller was let in.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError
from chalice import Blueprint, Chalice, Response
from chalice.app import Request
from pydantic import BaseModel

from chalicelib.core import http, log
from chalicelib.core.access import Access, Caller, scopes_of
from chalicelib.core.audit.recording import READING, recording
from chalicelib.core.auth import guard
from chalicelib.core.auth.settings import AuthSettings
from chalicelib.core.errors import (
    BackroomError,
    MethodNotAllowedError,
    NotFoundError,
    UnavailableError,
)
from chalicelib.core.etags import conditional
from chalicelib.core.models import PageQuery
from chalicelib.core.settings import from_env
from chalicelib.core.values import dataclass

View = Callable[..., Response]

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
ANY_MEDIA_TYPE = ["*/*"]
_BUSY = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "SlowDown",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
}


@dataclass(frozen=True)
class Upload:
    """Bytes in a request body: their media types, how many at most, and what to do with more."""

    media_types: Sequence[str]
    limit: int
    hint: str = ""


@dataclass(frozen=True)
class Route:
    """Who may call a route, what it reads and what it answers.

    ``operation_id`` and ``tag`` are its name and its chapter in the OpenAPI document.
    ``response`` is the model of the body, ``as_list`` says that the body is a bare array of it, and
    ``also_produces`` names other media types. ``status`` is the usual success status and
    ``also_answers`` are others; with ``no_content`` the success status is 204 and there is no body.
    ``errors`` are the error statuses besides those of every route. ``response_headers`` maps the
    headers that a client may need to what they mean. ``on_invalid`` is called with the error before
    an invalid request is answered.
    """

    path: str
    method: str
    access: Access
    summary: str
    operation_id: str
    tag: str
    path_values: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    headers: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    body_limit: int = 16_384
    body_optional: bool = False
    upload: Upload | None = None
    response: type[BaseModel] | None = None
    as_list: bool = False
    also_produces: tuple[str, ...] = ()
    status: int = 200
    also_answers: tuple[int, ...] = ()
    no_content: bool = False
    errors: tuple[int, ...] = ()
    response_headers: Mapping[str, str] = field(default_factory=dict)
    on_invalid: Callable[[BackroomError], None] | None = None

    @property
    def paged(self) -> bool:
        """Return whether the route answers page by page, each with a link to the next."""
        return bool(self.query and issubclass(self.query, PageQuery))

    @property
    def methods(self) -> tuple[str, ...]:
        """Return the verbs that the view answers: HEAD is a GET without its body."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)

    @property
    def versioned(self) -> bool:
        """Return whether responses carry an ETag that a client may send with its next request."""
        return self.method == "GET"

    def read(self, request: Request, path_values: dict[str, str]) -> dict[str, Any]:
        """Return the view's arguments, read in the order path, query, body, headers."""
        found: dict[str, Any] = {}
        if self.path_values:
            values = http.checked(self.path_values, dict(path_values), place="path")
            found["path"] = values
            log.add(path_values=_shown(values))
        if self.query:
            found["query"] = http.query(request, self.query)
        if self.upload:
            found["content"] = http.raw_body(
                request, self.upload.media_types, limit=self.upload.limit, hint=self.upload.hint
            )
        if self.body and self.body_optional and not request.raw_body:
            found["body"] = self.body()
        elif self.body:
            found["body"] = http.json_body(request, self.body, limit=self.body_limit)
        if self.headers:
            found["headers"] = http.headers(request, self.headers)
        return found


def _shown(values: BaseModel) -> dict[str, Any]:
    """Return the values of a path that may be in a log: all but those that have no ``repr``."""
    hidden = {name for name, field in type(values).model_fields.items() if not field.repr}
    found: dict[str, Any] = values.model_dump(mode="json", exclude=hidden)
    return found


class Routes(Blueprint):
    """A Blueprint whose routes have contracts, and may let AWS's outages through.

    Chalice checks media types and turns exceptions into a plain 500 before middleware runs; here
    the route decides on the former, and a busy or absent dependency becomes a 503.
    """

    def __init__(self, import_name: str) -> None:
        super().__init__(import_name)
        self.contracts: list[Route] = []
        self._tag = import_name.removeprefix("chalicelib.").partition(".")[0]

    def on(self, method: str, path: str, *, access: Access, **route: Any) -> Callable[[View], View]:
        """Register a view for one method and path; the rest as in `Route`.

        ``access`` has no default: who adds a route says who may call it.
        """

        def decorate(view: View) -> View:
            summary = (view.__doc__ or "").partition("\n")[0]
            head, *rest = view.__name__.split("_")
            operation_id = head + "".join(map(str.title, rest))
            agreed = Route(path, method, access, summary, operation_id, self._tag, **route)
            self.contracts.append(agreed)
            reading = _reading(self, agreed, view)
            methods = list(agreed.methods)
            self.route(path, methods=methods, content_types=ANY_MEDIA_TYPE)(reading)
            return view

        return decorate


def _reading(routes: Routes, route: Route, view: View) -> View:
    asks_who = "caller" in view.__annotations__

    @functools.wraps(view)
    def reading(**path_values: str) -> Response:
        caller = guard.admit(routes.current_request, route.access)
        known = {"caller": caller} if asks_who else {}
        try:
            arguments = _arguments(routes, route, path_values)
            with _recording(routes.current_request, route, caller):
                response = view(**known, **arguments)
        except (BotoConnectionError, HTTPClientError) as down:
            raise UnavailableError("A service that this request needs does not respond.") from down
        except ClientError as refused:
            if refused.response["Error"]["Code"] in _BUSY:
                raise UnavailableError(
                    "A service that this request needs is too busy."
                ) from refused
            raise
        except BotoCoreError as odd:
            raise RuntimeError(f"AWS client: {odd}") from odd
        return conditional(routes.current_request, response) if route.versioned else response

    return reading


def _recording(request: Request, route: Route, caller: Caller) -> AbstractContextManager[None]:
    """Enter what the request changes in the audit trail, on a stage that knows its callers."""
    if route.method in READING or from_env(AuthSettings).auth == "open":
        return nullcontext()
    return recording(
        caller.subject,
        scopes=[scope for scope in scopes_of(route.access) if caller.may(scope)],
        technician=caller.technician,
        method=route.method,
        route=route.path,
        request_id=request.context.get("requestId"),
    )


def _arguments(routes: Routes, route: Route, path_values: dict[str, str]) -> dict[str, Any]:
    try:
        return route.read(routes.current_request, path_values)
    except BackroomError as faulty:
        if route.on_invalid:
            route.on_invalid(faulty)
        raise


def refuse_other_verbs(app: Chalice, contracts: Iterable[Route]) -> None:
    """Answer 405 with Allow on the verbs that the paths of ``contracts`` do not take, OPTIONS 204.

    API Gateway itself answers 403 (aws/chalice #12, #945), so they are registered.
    """
    for path in dict.fromkeys(route.path for route in contracts):
        entries = app.routes[path]
        allow = sorted({*entries, "OPTIONS"})
        rest = [verb for verb in VERBS if verb not in entries]
        app.route(path, methods=rest, content_types=ANY_MEDIA_TYPE)(_closed(app, allow))


def refuse_unknown_paths(app: Chalice) -> None:
    """Answer 404 on every path that nothing else is registered for."""
    app.route("/{proxy+}", methods=list(VERBS), content_types=ANY_MEDIA_TYPE)(_unknown(app))


def _closed(app: Chalice, allow: Sequence[str]) -> View:
    def other_verb(**_: str) -> Response:
        method = _current(app).method
        if method == "OPTIONS":
            return Response(body="", status_code=204, headers={"Allow": ", ".join(allow)})
        raise MethodNotAllowedError(method, allow)

    return other_verb


def _unknown(app: Chalice) -> View:
    def unknown_path(**_: str) -> Response:
        raise NotFoundError(f"There is no route {http.instance(_current(app))}.")

    return unknown_path


def _current(app: Chalice) -> Request:
    assert app.current_request is not None  # noqa: S101 - a view runs only for a request
    return app.current_request
