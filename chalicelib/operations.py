"""Is the service there, and can it work."""

import json

from chalice import Response
from pydantic import BaseModel

from chalicelib import __version__
from chalicelib.core.http import ok, text
from chalicelib.core.routing import Contract, Routes
from chalicelib.vending.wiring import vending

bp = Routes(__name__)

_contracts: list[Contract] = []


class _Answer(BaseModel):
    def json_text(self) -> str:
        return self.model_dump_json()


class Index(_Answer):
    """What this is and where to look next."""

    name: str = "backroom"
    version: str = __version__
    links: tuple[str, ...] = (
        "/health",
        "/openapi.json",
        "/fleet",
        "/worklist",
        "/machines",
        "/technicians",
        "/sites",
        "/dispatches",
        "/warranties",
        "/plans",
    )


class Ping(_Answer):
    """A sign of life."""

    ping: str = "pong"


class Health(_Answer):
    """The service can do its work."""

    status: str = "ok"
    version: str = __version__


def publish(contracts: list[Contract]) -> None:
    """Name the routes that the OpenAPI document describes."""
    _contracts[:] = contracts


@bp.on("GET", "/", answers=Index)
def index() -> Response:
    """Say what this is and where to look next."""
    return ok(Index())


@bp.on("GET", "/ping", answers=Ping)
def ping() -> Response:
    """Answer without touching anything."""
    return ok(Ping())


@bp.on("GET", "/health", answers=Health)
def health() -> Response:
    """Answer 200 when the database can be read; 503 with Retry-After when it can't."""
    vending().verdicts.fleet.changes()
    return ok(Health())


@bp.on("GET", "/openapi.json")
def openapi() -> Response:
    """Describe this API (OpenAPI 3.1)."""
    from chalicelib.core.openapi import document  # noqa: PLC0415 - no cold start pays for it

    return text(json.dumps(document(_contracts, version=__version__)))
