"""The OpenAPI document says what everything is, and calls nothing by two names."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from app import app
from chalicelib import __version__
from chalicelib.core.descriptions import description
from chalicelib.core.facts import EventKind
from chalicelib.core.models import PageQuery
from chalicelib.core.openapi import document
from chalicelib.vending.models import Cash, FleetGap, Totals
from infra.openapi import EVENTS, EXAMPLES
from tests.support.examples import SHOWN, UNSHOWN

TOLD = json.loads(EXAMPLES.read_text())
DOCUMENT = document(app.contracts(), version=__version__, examples=TOLD, events=EVENTS)
OPERATIONS = [each for verbs in DOCUMENT["paths"].values() for each in verbs.values()]
WEBHOOKS = [each["post"] for each in DOCUMENT["webhooks"].values()]


def properties(node: object, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all properties of all schemas below ``node``, each with its place."""
    if isinstance(node, dict):
        for name, told in node.items():
            if name == "properties":
                yield from ((f"{place}.{each}", schema) for each, schema in told.items())
            yield from properties(told, f"{place}.{name}")
    elif isinstance(node, list):
        for each in node:
            yield from properties(each, place)


def test_every_parameter_and_every_property_is_described() -> None:
    """By a docstring below the field; in one context a name that means one thing needs one."""
    silent = [place for place, told in properties(DOCUMENT) if "description" not in told]
    silent += [
        f"{operation['operationId']}.{each['name']}"
        for operation in OPERATIONS
        for each in operation.get("parameters", [])
        if "description" not in each
    ]

    assert silent == []


def test_operations_have_names_that_programs_can_call_them_by() -> None:
    ids = Counter(each["operationId"] for each in OPERATIONS)

    assert all(re.fullmatch("[a-z]+([A-Z][a-z]+)*", each) for each in ids)
    assert {name for name, count in ids.items() if count > 1} == set()
    assert DOCUMENT["paths"]["/orders"]["get"]["operationId"] == "listOrders"


def test_each_operation_belongs_to_a_described_tag() -> None:
    described = {each["name"] for each in DOCUMENT["tags"] if each["description"]}

    assert {tag for each in OPERATIONS for tag in each["tags"]} == described


def test_schemas_are_called_by_their_own_names() -> None:
    assert [name for name in DOCUMENT["components"]["schemas"] if not name.isalnum()] == []
    assert "title" not in DOCUMENT["components"]["schemas"]["OrderAnswer"]


def contents(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is said of an operation's bodies: one of the kinds that it reads, each answer."""
    asked = operation.get("requestBody", {}).get("content", {})
    answered = [each.get("content", {}) for each in operation["responses"].values()]
    best = sorted(asked.values(), key=lambda each: "example" not in each)[:1]
    return best + [kinds[kind] for kinds in answered for kind in SHOWN if kind in kinds]


def test_every_body_and_every_answer_has_an_example() -> None:
    """A new operation needs a line in the story: python -m tests.support.examples."""
    all_of_them = {each["operationId"]: each for each in (*OPERATIONS, *WEBHOOKS)}
    shown = {name: each for name, each in all_of_them.items() if name not in UNSHOWN}
    without = [
        name
        for name, operation in shown.items()
        if any(each.get("example") in (None, []) for each in contents(operation))
    ]

    assert shown.keys() == TOLD.keys()
    assert without == []


def test_two_things_of_one_name_are_refused() -> None:
    contracts = app.contracts()

    with pytest.raises(ValueError, match=f"called {contracts[0].operation_id}"):
        document([*contracts, contracts[0]], version="1")


def test_every_kind_of_event_is_a_webhook_of_the_document() -> None:
    assert DOCUMENT["webhooks"].keys() == set(get_args(EventKind))


def test_the_document_names_the_server_that_serves_it() -> None:
    assert [each["url"] for each in DOCUMENT["servers"]] == ["."]


def test_a_field_reads_as_its_namesakes_unless_they_differ() -> None:
    assert description(Totals, "credits_cents") == "What customers paid, in cents."
    assert description(Cash, "why") != description(FleetGap, "why")
    assert description(FleetGap, "nothing") is None
    assert "rows at most" in str(description(PageQuery, "limit"))
