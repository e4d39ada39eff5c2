"""Is the service there, and can it work."""

import json
import math
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

from chalice import Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib import __version__
from chalicelib.core import aws
from chalicelib.core.access import SCOPES
from chalicelib.core.auth.settings import AuthSettings
from chalicelib.core.etags import etag_of
from chalicelib.core.http import ok, respond
from chalicelib.core.models import Model
from chalicelib.core.routing import Route, Routes
from chalicelib.core.settings import from_env
from chalicelib.core.table import Table

bp = Routes(__name__)

_BY_ACCEPT = {"Vary": "Accept"}

DOCUMENTS = {
    True: Path(__file__).with_name("openapi.json"),
    False: Path(__file__).with_name("openapi-open.json"),
}
"""The documents that packaging renders: of a stage that takes tokens, and of an open one."""

HEALTHY_S = 1.0
"""Seconds that a good answer of ``/health`` holds."""
_good_until = [-math.inf]

_contracts: list[Callable[[], list[Route]]] = []


class HealthSettings(BaseModel):
    """Which table has to be readable (upper-case name in the environment)."""

    model_config = ConfigDict(frozen=True)

    vending_table: str


class _Answer(Model):
    nulls = True


class Index(_Answer):
    """The name of the service, and its links."""

    name: str = "backroom"
    """The name of the service."""
    version: str = __version__
    """The version of the service."""
    links: tuple[str, ...]
    """The paths of all lists and documents."""


class Ping(_Answer):
    """A sign of life."""

    ping: str = "pong"
    """Always "pong"."""


class Health(_Answer):
    """The service can do its work."""

    status: str = "ok"
    """Always "ok"; a service that cannot work answers 503."""
    version: str = __version__


class SignIn(_Answer):
    """How a caller of this stage shows who they are; ``open`` takes nothing.

    ``scopes`` are spelled as a client requests them from the issuer.
    """

    auth: Literal["jwt", "open"]
    """Whether the stage takes bearer tokens (jwt) or lets everybody in (open)."""
    issuer: str | None = None
    """The OpenID Connect issuer whose tokens the stage takes."""
    audience: str | None = None
    """Whom a token has to be meant for."""
    client_id: str | None = None
    """The public client that people sign in with."""
    technician_claim: str | None = None
    """The claim of a token that holds a technician's number."""
    scope_prefix: str = ""
    """What the issuer puts before the scopes."""
    scopes: dict[str, str] = Field(default_factory=dict)
    """Each scope as the issuer spells it, and what it allows."""


def publish(contracts: Callable[[], list[Route]]) -> None:
    """Name what returns the contracts of all routes, for the documents that tell of them."""
    _contracts[:] = [contracts]


def _all() -> list[Route]:
    return [each for contracts in _contracts for each in contracts()]


@bp.on("GET", "/", access="public", response=Index, also_produces=("text/html",))
def get_index() -> Response:
    """Show the service's name and links; browsers get the page."""
    from chalicelib.web import routes as web  # noqa: PLC0415 - needed only here

    if web.wants_page(bp.current_request):
        return web.page(_stage(), _BY_ACCEPT)
    links = {each.path for each in _all() if each.method == "GET" and "{" not in each.path}
    return ok(Index(links=tuple(sorted(links - {"/"}))), headers=_BY_ACCEPT)


@bp.on("GET", "/ping", access="public", response=Ping)
def ping() -> Response:
    """Check that the API responds."""
    return ok(Ping())


@bp.on("GET", "/auth", access="public", response=SignIn)
def get_auth() -> Response:
    """Show whether the stage requires bearer tokens, their issuer, and all scopes."""
    return ok(_sign_in())


def _sign_in() -> SignIn:
    settings = from_env(AuthSettings)
    if settings.auth == "open":
        return SignIn(auth="open")
    return SignIn(
        auth="jwt",
        issuer=settings.auth_issuer,
        audience=settings.audiences[0],
        client_id=settings.auth_client_id or None,
        technician_claim=settings.auth_technician_claim,
        scope_prefix=settings.auth_scope_prefix,
        scopes={f"{settings.auth_scope_prefix}{scope}": SCOPES[scope] for scope in SCOPES},
    )


@bp.on("GET", "/health", access="public", response=Health)
def get_health() -> Response:
    """Check that the database can be read: 200, or 503 with Retry-After.

    A container reads once a second at most, however many ask.
    """
    if time.monotonic() >= _good_until[0]:
        Table(aws.dynamodb(), from_env(HealthSettings).vending_table).get("HEALTH", "HEALTH")
        _good_until[0] = time.monotonic() + HEALTHY_S
    return ok(Health())


@bp.on("GET", "/openapi.json", access="public")
def get_openapi() -> Response:
    """Get the OpenAPI 3.1 document of this API."""
    takes_tokens = from_env(AuthSettings).auth == "jwt"
    version = {"ETag": _version(takes_tokens=takes_tokens)}
    return respond(_document(takes_tokens=takes_tokens), headers=version)


def _stage() -> dict[str, Any]:
    """Return what the page has to know before it can show anything."""
    stage = _sign_in()
    return {
        "auth": stage.model_dump(mode="json"),
        "contract": _contract(takes_tokens=stage.auth == "jwt"),
    }


@cache
def _contract(*, takes_tokens: bool) -> dict[str, Any]:
    from chalicelib.web import contract  # noqa: PLC0415 - needed only here

    return contract.cut(json.loads(_document(takes_tokens=takes_tokens)))


@cache
def _version(*, takes_tokens: bool) -> str:
    """Return the entity tag of the document, which is too long to be read for each request."""
    return etag_of(_document(takes_tokens=takes_tokens), "")


@cache
def _document(*, takes_tokens: bool) -> str:
    """Return the document as it was packaged; sources that are not packaged are rendered."""
    packaged = DOCUMENTS[takes_tokens]
    if packaged.exists():
        return packaged.read_text()
    from chalicelib.core import openapi as rendering  # noqa: PLC0415 - 90 ms, once

    return rendering.text(_all(), version=__version__, takes_tokens=takes_tokens)
