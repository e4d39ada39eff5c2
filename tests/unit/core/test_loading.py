"""Functions look for garbage once they are loaded, and never before."""

import json
import os
import subprocess
import sys

import pytest

_REQUEST = """
import app
states = [gc.isenabled()]
with contextlib.redirect_stdout(sys.stderr):
    app.app({"path": "/ping", "requestContext": {"resourcePath": "/ping", "httpMethod": "GET",
        "requestId": "1"}, "headers": {}, "multiValueQueryStringParameters": None,
        "pathParameters": None, "stageVariables": None, "body": None, "isBase64Encoded": False}, 0)
"""
_EVENT = """
from chalicelib.outbox import events
states = [gc.isenabled()]
with contextlib.redirect_stdout(sys.stderr):
    events.relay({"Records": []}, None)
"""
_SHOWN = "states.append(gc.isenabled()); print(json.dumps([states, gc.get_freeze_count() > 0]))"


def told(script: str, **environment: str) -> list[object]:
    stage = {"AUTH": "open", "OUTBOX_TABLE": "t", "AWS_DEFAULT_REGION": "us-east-1"}
    shown = subprocess.check_output(
        [sys.executable, "-c", f"import contextlib, gc, json, sys\n{script}\n{_SHOWN}"],
        env={**os.environ, **stage, **environment},
        text=True,
    )
    answer: list[object] = json.loads(shown)
    return answer


@pytest.mark.parametrize("script", [_REQUEST, _EVENT], ids=["a request", "an event"])
def test_a_function_looks_for_garbage_from_its_first_invocation_on(script: str) -> None:
    assert told(script, AWS_LAMBDA_FUNCTION_NAME="x") == [[False, True], True]


def test_other_programs_look_for_garbage_at_any_time() -> None:
    assert told("import chalicelib; states = [gc.isenabled()]; chalicelib.loaded()") == [
        [True, True],
        False,
    ]
