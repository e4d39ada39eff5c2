"""Every route says who may call it, and the document, the check and the guide say the same."""

import importlib
import inspect
import json
import re
from pathlib import Path

import pytest

from app import ROUTES, app
from chalicelib.core.access import SCOPES, scopes_of
from chalicelib.core.routing import Route, Routes

ROOT = Path(__file__).parents[2]
CONTRACTS = app.contracts()
# What nobody needs to be known for; whoever adds to it opens a door.
PUBLIC = {
    ("GET", "/"),
    ("GET", "/auth"),
    ("GET", "/health"),
    ("GET", "/openapi.json"),
    ("GET", "/ping"),
    ("GET", "/web/{file}"),
    ("GET", "/web/{version}/{file}"),
    ("POST", "/webhooks/jira"),
}


def test_a_route_cannot_be_made_without_saying_who_may_call_it() -> None:
    access = inspect.signature(Routes.on).parameters["access"]

    assert access.default is inspect.Parameter.empty
    with pytest.raises(TypeError):
        Routes("x").on("GET", "/x")  # type: ignore[call-arg]


def test_every_route_takes_known_scopes_or_is_one_of_the_public_ones() -> None:
    public = {(each.method, each.path) for each in CONTRACTS if each.access == "public"}
    unknown = {scope for each in CONTRACTS for scope in scopes_of(each.access)} - SCOPES.keys()
    silent = [each.path for each in CONTRACTS if each.access != "public" if not each.access]

    assert (public, unknown, silent) == (PUBLIC, set(), [])


def test_every_scope_is_good_for_something() -> None:
    assert {scope for each in CONTRACTS for scope in scopes_of(each.access)} == SCOPES.keys()


def test_no_route_is_registered_beside_the_contracts() -> None:
    """What has no contract is not checked by anybody."""
    for module in ROUTES:
        routes: Routes = importlib.import_module(module).bp
        with_contract = {(each.path, each.method) for each in routes.contracts}
        source = Path(inspect.getfile(importlib.import_module(module))).read_text()

        assert with_contract
        assert not re.search(r"\bbp\.route\(|\bapp\.route\(", source), module


def test_who_reads_another_one_s_things_is_asked_who_they_are() -> None:
    """A view that a technician may call has to ask whose things to show, but for the sites."""
    blind = [
        f"{each.method} {each.path}"
        for module in ("routes", "registry_routes", "file_routes")
        for each, view in _views(f"chalicelib.vending.{module}")
        if "vending:technician" in scopes_of(each.access) and "caller" not in view.__annotations__
    ]

    assert blind == ["GET /sites", "GET /sites/{site_id}"]


def _views(module: str) -> list[tuple[Route, object]]:
    loaded = importlib.import_module(module)
    by_summary = {
        (view.__doc__ or "").partition("\n")[0]: view
        for view in vars(loaded).values()
        if inspect.isfunction(view)
    }
    return [(each, by_summary[each.summary]) for each in loaded.bp.contracts]


def test_the_document_names_the_scopes_that_are_checked() -> None:
    told = json.loads((ROOT / "docs" / "openapi.json").read_text())

    for each in CONTRACTS:
        operation = told["paths"][each.path][each.method.lower()]
        named = [scope for entry in operation["security"] for scope in entry["bearer"]]
        assert named == list(scopes_of(each.access))
        if each.access != "public":
            assert {"401", "403"} <= operation["responses"].keys()
    assert told["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
