"""The embedded AWS translates SAM templates without the order that dictionaries had in Python 2."""

import copy
import importlib
import json
import re
import sys
from typing import Any

import pytest

from infra.local.plain_templates import TRANSLATOR, translate_plainly

_GET = {"responses": {}, "x-amazon-apigateway-integration": {"type": "mock"}}
_API = {
    "StageName": "api",
    "DefinitionBody": {
        "swagger": "2.0",
        "paths": {f"/{name}": {"get": _GET} for name in ("ping", "health", "a", "b")},
    },
}
_TEMPLATE = {"Resources": {"Api": {"Type": "AWS::Serverless::Api", "Properties": _API}}}
_ID = re.compile(r"(ApiDeployment|RestApi deployment id: )([0-9a-f]+)")


@pytest.fixture(autouse=True)
def _translator(monkeypatch: pytest.MonkeyPatch) -> None:
    """The translator as it is when nobody has loaded it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setitem(sys.modules, TRANSLATOR, None)  # what is there then goes afterwards
    monkeypatch.delitem(sys.modules, TRANSLATOR)


def test_all_but_the_id_of_a_deployment_is_as_it_was() -> None:
    as_it_was = translated()
    translate_plainly(sys.modules)
    first, second = translated(), translated()

    assert first == second
    assert _ID.sub(r"\1", first) == _ID.sub(r"\1", as_it_was)
    assert first != as_it_was, "the order of Python 2 is imitated"


def test_the_translator_is_loaded_with_the_first_template() -> None:
    translate_plainly(sys.modules)
    assert not hasattr(sys.modules[TRANSLATOR], "__file__")

    translated()

    assert importlib.import_module(TRANSLATOR).__file__


def translated() -> str:
    """Return the template as MiniStack has it translated."""
    from samtranslator.translator.transform import transform  # noqa: PLC0415 - as MiniStack does

    done: Any = transform(copy.deepcopy(_TEMPLATE), {}, None)
    return json.dumps(done, sort_keys=True)
