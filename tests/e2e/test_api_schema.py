"""Whatever is sent, no 5xx comes back; every refusal is a problem document, and every answer is
what the OpenAPI document says (S1).
"""

import json
import os
import string
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chalicelib.core.routing import VERBS
from infra import openapi
from tests.e2e.test_errors import CONTRACTS, problem
from tests.support.deployed import Deployed
from tests.support.patience import eventually
from tests.support.vending.crew import PENDING, get, log

# HYPOTHESIS_PROFILE=fuzz looks ten times as long.
TIMES = 10 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 1
PATIENT = (HealthCheck.too_slow, HealthCheck.filter_too_much)
looking = partial(settings, deadline=None, suppress_health_check=PATIENT)

DOCUMENT = schemathesis.openapi.from_dict(json.loads(openapi.text()))
OPERATIONS = {
    found.ok().label: found.ok() for found in DOCUMENT.get_all_operations() if isinstance(found, Ok)
}
CONFORMANCE = [status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_what_the_document_says(
    stack: Deployed, label: str, mode: GenerationMode
) -> None:
    """Asked as the document allows, and asked otherwise."""

    @looking(max_examples=8 * TIMES)
    @given(OPERATIONS[label].as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case[Any]) -> None:
        answer = case.call(base_url=stack.aws.api)
        assert answer.status_code < 500, answer.text
        case.validate_response(answer, checks=CONFORMANCE)

    with suppress(*[Unsatisfiable] if mode is GenerationMode.NEGATIVE else []):
        check()  # where nothing is asked for, nothing can be wrong


# --- as no document would describe it -----------------------------------------------------------

NAMES = sorted({name for c in CONTRACTS if c.query for name in c.query.model_fields} | {"from"})
FIELDS = sorted({name for c in CONTRACTS if c.body for name in c.body.model_fields})
GOOD = ["T0001", "#1", "GM001", "1", "2020-02-20T11:29:44Z", "9/21/2018 9:34:48 AM", "open", "json"]
MEDIA_TYPES = ["application/json", "application/json; charset=utf-8", "text/plain"]
LOG_TYPES = ["application/zip", "application/gzip", "application/octet-stream", "image/png", "x"]

values = st.one_of(st.sampled_from(GOOD), st.text(max_size=40), st.integers().map(str))
in_path = st.one_of(
    st.sampled_from(GOOD), st.text(string.ascii_letters + string.digits + "._-~#$é☃", max_size=30)
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(values, inner, max_size=3),
    max_leaves=6,
)
bodies = st.one_of(
    st.binary(max_size=200),
    json_values.map(json.dumps).map(str.encode),
    st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=6)
    .map(json.dumps)
    .map(str.encode),
    st.sampled_from([b"PK\x03\x04", b"\x1f\x8b\x08", b"GM001|2020-02-20T11:29:44Z|1\n"]).flatmap(
        lambda start: st.binary(max_size=100).map(lambda rest: start + rest)
    ),
)


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a request to a path that exists, everything else about it is up to chance."""
    path = draw(st.sampled_from(sorted({contract.path for contract in CONTRACTS})))
    while "{" in path:
        head, _, tail = path.partition("{")
        path = f"{head}{quote(draw(in_path), safe='')}{tail.partition('}')[2]}"
    return {
        "method": draw(st.sampled_from(VERBS)),
        "url": path,
        "params": draw(st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=5)),
        "headers": {"Content-Type": draw(st.sampled_from(MEDIA_TYPES + LOG_TYPES))},
        "content": draw(bodies),
    }


def test_no_request_however_strange_ever_is_a_5xx(stack: Deployed) -> None:
    @looking(max_examples=300 * TIMES)
    @given(requests())
    def check(asked: dict[str, Any]) -> None:
        answer = stack.api.request(**asked)
        assert answer.status_code < 500, answer.text
        if answer.status_code >= HTTPStatus.BAD_REQUEST and asked["method"] != "HEAD":
            problem(answer, answer.status_code)

    check()


HOSTILE_LOGS = {
    "no line ending": b"GM001|2020-02-20T11:29:44Z|1",
    "one endless line": b"x" * 3_000_000,
    "NULs": b"\0" * 1_000_000,
    "long lines of NULs": (b"\0" * 990 + b"\n") * 1_200,
    "broken UTF-8": (b"\xff\xfe\x80" * 300 + b"\n") * 1_200,
    "emoji": ("🍬" * 240 + "\n").encode() * 1_200,
    "backslashes": (b"\\" * 990 + b"\n") * 1_200,
    "carriage returns": b"\r" * 100_000 + b"\n",
    "bars": b"|" * 500_000,
    "every day there is": b"".join(
        b"GM097|%04d-01-01T00:00:00Z|1\n" % year for year in range(1, 10_000)
    ),
    "the same row": b"GM097|2020-02-20T11:29:44Z|1\n" * 60_000,
    "a row of every machine": "".join(log(f"GM{n:03d}", rows=1) for n in range(100)).encode(),
}


def test_every_log_however_strange_ends_in_a_state(stack: Deployed) -> None:
    """Nothing that can be sent keeps the functions busy for ever or kills them."""
    sent = {}
    for name, content in HOSTILE_LOGS.items():
        answer = stack.api.post(
            "/imports",
            params={"filename": name},
            content=content,
            headers={"Content-Type": "text/plain"},
        )
        assert answer.status_code in {201, 400, 415, 422}, f"{name}: {answer.text}"
        if answer.status_code == HTTPStatus.CREATED:
            sent[answer.json()["id"]] = name

    def all_done() -> bool:
        states = {name: get(stack, f"/files/{file}")["state"] for file, name in sent.items()}
        assert not {n: s for n, s in states.items() if s in PENDING | {"failed"}}, states
        return True

    assert eventually(all_done, within_s=90)
    for file in sent:
        stack.api.delete(f"/imports/{file}")
