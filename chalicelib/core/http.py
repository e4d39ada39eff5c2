"""The HTTP edge: reading requests, writing answers, and the one place that writes problems.

Problem documents follow RFC 9457 (``application/problem+json``), also where Chalice would write
its own ``{"Code", "Message"}`` body.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, get_args

from chalice import Response
from chalice.app import Request
from pydantic import BaseModel, ValidationError

from chalicelib.core import cors, holding, log, strict_json
from chalicelib.core.errors import (
    BackroomError,
    Fault,
    ForbiddenError,
    InvalidInputError,
    MediaTypeError,
    MethodNotAllowedError,
    ParameterLocation,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
    unknown_field,
)

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)


class Jsonable(Protocol):
    """Anything that serialises itself to JSON."""

    def json_text(self) -> str:
        """Return the JSON text of this value."""


# The texts for pydantic's types of errors; a rule's own words come as they are.
_WORDS = {
    "missing": "is required",
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    "int_parsing_size": "must be a smaller number",
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "must be an object"),
    **dict.fromkeys(("decimal_type", "float_type", "float_parsing"), "must be a number"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type"), "must be an array"),
    "string_type": "must be a text",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "string_too_short": "must have a length of {min_length} or more",
    "string_too_long": "must have a length of {max_length} or less",
    "too_short": "must have {min_length} or more of them",
    "too_long": "must have {max_length} or fewer of them",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
}
_ENCODINGS = {"", "identity", "gzip"}  # gzip is a log's own, and JSON says itself what it is
_OTHERWISE = "is not valid here"


# --- reading ------------------------------------------------------------------------------------


def json_body(request: Request, model: type[M], *, limit: int = 16_384) -> M:
    """Return the JSON body as ``model``.

    Raises MediaTypeError, TooLargeError (over ``limit`` bytes) or InvalidInputError with every
    fault at once.
    """
    return json_value(raw_body(request, ["application/json"], limit=limit), model)


def json_value(raw: bytes, model: type[M]) -> M:
    """Return JSON text as ``model``. Raises InvalidInputError with every fault at once."""
    try:
        value = strict_json.loads(raw)
    except strict_json.JSONError as broken:
        raise InvalidInputError([fault("body", "(body)", str(broken))]) from broken
    if not isinstance(value, dict):
        raise InvalidInputError([fault("body", "(body)", "must be a JSON object")])
    return checked(model, value, place="body", strict=True)


def raw_body(request: Request, media_types: Sequence[str], *, limit: int, hint: str = "") -> bytes:
    """Return the body's bytes. Raises MediaTypeError or TooLargeError (with ``hint``)."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in media_types:
        sent = f"not {media_type}" if media_type else "none was named"
        raise MediaTypeError(f"Content-Type must be {' or '.join(media_types)}; {sent}.")
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise MediaTypeError("Content-Encoding is not read here: send the body as it is.")
    raw = request.raw_body
    content = raw if isinstance(raw, bytes) else raw.encode()
    if len(content) > limit:
        raise TooLargeError(f"The body has {len(content)} bytes; at most {limit} go here.{hint}")
    return content


def query(request: Request, model: type[M]) -> M:
    """Return the query values as ``model``; a repeated or wrong value is a fault of its own."""
    values: dict[str, str] = {}
    faults: list[Fault] = []
    params = request.query_params
    for name in params or ():
        given = params.getlist(name) if params is not None else []
        if len(given) > 1:
            faults.append(fault("query", name, "must be given once"))
        values[name] = given[-1]
    try:
        found = checked(model, values, place="query")
    except InvalidInputError as invalid:
        known = {entry["field"] for entry in faults}
        rest = [entry for entry in invalid.faults if entry["field"] not in known]
        raise InvalidInputError(faults + rest) from invalid
    names = {field.alias or name for name, field in model.model_fields.items()}
    repeated = [entry for entry in faults if entry["field"] in names]
    if repeated:
        raise InvalidInputError(repeated)
    return found


def headers(request: Request, model: type[M]) -> M:
    """Return the headers that ``model`` names (by alias) as ``model``."""
    names = [field.alias or name for name, field in model.model_fields.items()]
    values = {name: request.headers[name] for name in names if name in request.headers}
    return checked(model, values, place="header")


def checked(
    model: type[M], values: dict[str, Any], *, place: ParameterLocation, strict: bool | None = None
) -> M:
    """Return ``values`` as ``model``, or raise InvalidInputError naming every fault."""
    try:
        return model.model_validate(values, strict=strict)
    except ValidationError as invalid:
        faults = [
            fault(place, ".".join(map(str, error["loc"])) or "(body)", _plain(error, model))
            for error in invalid.errors(include_url=False)
        ]
        raise InvalidInputError(faults) from invalid


def _plain(error: "ErrorDetails", model: type[BaseModel]) -> str:
    """Return what is wrong, in the words of the rule where it has its own."""
    if error["type"] == "extra_forbidden":
        return unknown_field(str(error["loc"][-1]), _known(model, error["loc"][:-1]))
    words = _WORDS.get(error["type"])
    if words:
        return words.format_map(error.get("ctx", {}))
    if error["type"] in _pydantics_own():
        return _OTHERWISE
    return error["msg"].removeprefix("Value error, ")


@cache
def _pydantics_own() -> frozenset[str]:
    """Return the errors whose words are pydantic's own, and for programmers."""
    from pydantic_core.core_schema import ErrorType  # noqa: PLC0415 - only for what is refused

    return frozenset(get_args(ErrorType)) - {"value_error"}


def _known(model: type[BaseModel], way: Sequence[str | int]) -> list[str]:
    """Return the names that the object at the end of ``way`` may have; places in arrays pass."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    if not way:
        return list(fields)
    if isinstance(way[0], int):
        return _known(model, way[1:])
    inner = fields[str(way[0])].annotation
    kinds = [kind for kind in (inner, *get_args(inner)) if isinstance(kind, type)]
    models = [kind for kind in kinds if issubclass(kind, BaseModel)]
    return _known(models[0], way[1:]) if models else []


def fault(place: ParameterLocation, field: str, detail: str) -> Fault:
    """Name one fault of a request."""
    return Fault(place=place, field=field, detail=detail)


# --- answering ----------------------------------------------------------------------------------


def ok(
    value: Jsonable, *, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer one value."""
    return respond(value.json_text(), status=status, headers=headers)


def created(value: Jsonable, *, location: str) -> Response:
    """Answer 201 with the new value and where it lives."""
    return ok(value, status=HTTPStatus.CREATED, headers={"Location": location})


def stored(value: Jsonable, new: bool, location: str) -> Response:
    """Answer 201 when the value is new, 200 when it was there."""
    return created(value, location=location) if new else ok(value)


def no_content() -> Response:
    """Answer 204: done, and nothing to tell."""
    return Response(body="", status_code=HTTPStatus.NO_CONTENT)


def json_list(values: Iterable[Jsonable], *, headers: Mapping[str, str] | None = None) -> Response:
    """Answer a bare array; the ``headers`` of a page lead to the rest."""
    return respond(f"[{','.join(value.json_text() for value in values)}]", headers=headers)


def respond(
    body: str,
    *,
    status: int = HTTPStatus.OK,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer ``body`` as it is. Never hand Chalice a dict: it would turn Decimals into floats."""
    named: dict[str, str | list[str]] = {"Content-Type": media_type, **(headers or {})}
    return Response(body=body, status_code=int(status), headers=named)


def problem(error: BackroomError, *, instance: str) -> Response:
    """Write the problem document of ``error`` (RFC 9457 section 3.1)."""
    document: dict[str, Any] = {
        "type": error.type,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        **error.facts,
    }
    headers: dict[str, str | list[str]] = {"Content-Type": "application/problem+json"}
    if isinstance(error, InvalidInputError):
        document["errors"] = [
            {"in": f["place"], "field": f["field"], "detail": f["detail"]} for f in error.faults
        ]
    if isinstance(error, MethodNotAllowedError):
        headers["Allow"] = error.allow
    if isinstance(error, UnavailableError):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, UnauthorizedError | ForbiddenError) and error.challenge:
        headers["WWW-Authenticate"] = error.challenge
    return Response(body=json.dumps(document), status_code=error.status, headers=headers)


# --- the app's one middleware ---------------------------------------------------------------------

# Of every answer that does not say otherwise: a browser takes it for what it is, keeps none of it,
# and gives it no camera (OWASP, "HTTP Headers Cheat Sheet").
_SECURITY: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Content-Type-Options": "nosniff",
}
_TLS_FOR_A_YEAR = "max-age=31536000"


def edge(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Answer every request in one form, with one line in the log."""
    watch = log.Stopwatch()
    here = instance(request)
    try:
        holding.refuse_changes(request)
        response = _rewritten(get_response(request), here)
    except BackroomError as error:
        response = problem(error, instance=here)
    response.headers = {**_security(request), **response.headers}
    response.headers |= cors.headers(request, response)
    if request.method == "HEAD":  # as a GET, without what it would send (RFC 9110 section 9.3.2)
        response.body = ""
    log.count("Requests")
    log.emit(
        "request",
        watch,
        {"request_id": request.context.get("requestId")},
        route=request.path,
        method=request.method,
        status=str(response.status_code),
    )
    return response


def _security(request: Request) -> dict[str, str]:
    """Return the headers of every answer. Callers over TLS must use TLS again (RFC 6797)."""
    if request.headers.get("x-forwarded-proto") != "https":
        return dict(_SECURITY)
    return {**_SECURITY, "Strict-Transport-Security": _TLS_FOR_A_YEAR}


def instance(request: Request) -> str:
    """Return the requested path."""
    event = request.to_original_event()
    # Chalice's local gateway has it in the context only.
    path: str = event.get("path") or event["requestContext"].get("path") or request.path
    return path


def _rewritten(response: Response, here: str) -> Response:
    """Turn Chalice's own error bodies into problem documents."""
    body = response.body
    if response.status_code < HTTPStatus.BAD_REQUEST or not isinstance(body, dict):
        return response
    status = HTTPStatus(response.status_code)
    error = BackroomError(
        "An internal error occurred; it was logged."
        if status is HTTPStatus.INTERNAL_SERVER_ERROR
        else str(body.get("Message", status.phrase))
    )
    error.status, error.title = int(status), status.phrase
    return problem(error, instance=here)
