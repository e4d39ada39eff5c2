"""The examples of the OpenAPI document are what the API answers."""

import json

from infra import openapi
from tests.support.examples import recorded, steady


def test_every_example_is_what_the_api_answers_now() -> None:
    """After a change that is meant: python -m tests.support.examples."""
    written = json.loads(openapi.EXAMPLES.read_text())

    told = recorded()

    assert told.keys() == written.keys()
    for name, example in told.items():
        assert steady(example) == steady(written[name]), name
