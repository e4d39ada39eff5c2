"""The examples of the OpenAPI document are what the API answers."""

import json
from typing import Any

import pytest

from infra import openapi
from tests.support.examples import SHOWN, UNSHOWN, recorded, steady

DOCUMENT = json.loads(openapi.text())
OPERATIONS = {
    operation["operationId"]: operation
    for verbs in DOCUMENT["paths"].values()
    for operation in verbs.values()
}


def contents(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is said of an operation's bodies: one of the kinds that it reads, each answer."""
    asked = operation.get("requestBody", {}).get("content", {})
    answered = [each.get("content", {}) for each in operation["responses"].values()]
    best = sorted(asked.values(), key=lambda each: "example" not in each)[:1]
    return best + [kinds[kind] for kinds in answered for kind in SHOWN if kind in kinds]


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - UNSHOWN))
def test_every_body_and_every_answer_has_an_example(name: str) -> None:
    assert all("example" in each for each in contents(OPERATIONS[name]))


def test_every_example_is_what_the_api_answers_now() -> None:
    """After a change that is meant: python -m tests.support.examples."""
    written = json.loads(openapi.EXAMPLES.read_text())

    told = recorded()

    assert told.keys() == written.keys() == OPERATIONS.keys() - UNSHOWN
    for name, example in told.items():
        assert steady(example) == steady(written[name]), name
