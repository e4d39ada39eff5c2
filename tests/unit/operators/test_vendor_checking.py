"""The vendors are looked at by a function of its own: what the API makes of its answer."""

import io
import json
from typing import Any

import pytest

from chalicelib.core.errors import UnavailableError
from chalicelib.operators.checking import RemoteChecks
from chalicelib.operators.checks import CheckResult

FOUND = CheckResult(integration="jira", state="off", configured=False, detail="It is off.")


class Functions:
    """Lambda, with one function that answers as it is told."""

    def __init__(self, answer: Any, **told: str) -> None:
        self.answer, self.told = answer, told
        self.asked: list[dict[str, Any]] = []

    def invoke(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        return {"Payload": io.BytesIO(json.dumps(self.answer).encode()), **self.told}


def test_what_the_function_found_is_passed_on() -> None:
    functions: Any = Functions([FOUND.model_dump(mode="json")])

    assert list(RemoteChecks(functions, "checks").results()) == [FOUND]
    assert functions.asked[0]["FunctionName"] == "checks"


def test_a_function_that_fails_is_503_and_its_words_stay_here() -> None:
    functions: Any = Functions({"errorMessage": "a token"}, FunctionError="Unhandled")

    with pytest.raises(UnavailableError) as failed:
        RemoteChecks(functions, "checks").results()
    assert "token" not in failed.value.detail
