"""The deployed API answers what the OpenAPI document says, and survives every log (S1).

Of each kind of operation one is asked here; tests/integration/test_every_operation.py asks every
operation many times, in process.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from infra import openapi
from tests.e2e.test_errors import problem
from tests.support.api import Answer
from tests.support.api_cases import CONFORMANCE, OPERATIONS, TIMES, looking, requests
from tests.support.deployed import Deployed
from tests.support.examples import Teller
from tests.support.patience import eventually
from tests.support.size import grows
from tests.support.vending.crew import PENDING, get, log

# Of each context one operation of each method.
ONE_OF_EACH_KIND = sorted(
    {
        (*(each.tags or ()), label.partition(" ")[0]): label
        for label, each in sorted(OPERATIONS.items())
    }.values()
)


@grows
@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("label", OPERATIONS if TIMES > 1 else ONE_OF_EACH_KIND)
def test_every_answer_is_what_the_document_says(
    stack: Deployed, label: str, mode: GenerationMode
) -> None:
    """Asked as the document allows, and asked otherwise."""

    @looking(max_examples=TIMES)
    @given(OPERATIONS[label].as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case[Any]) -> None:
        answer = case.call(base_url=stack.aws.api)
        assert answer.status_code < 500, answer.text
        case.validate_response(answer, checks=CONFORMANCE)

    with suppress(*[Unsatisfiable] if mode is GenerationMode.NEGATIVE else []):
        check()  # where nothing is asked for, nothing can be wrong


@grows
def test_no_request_however_strange_ever_is_a_5xx(stack: Deployed) -> None:
    @looking(max_examples=30 * TIMES)
    @given(requests())
    def check(asked: dict[str, Any]) -> None:
        answer = stack.api.request(**asked)
        assert answer.status_code < 500, answer.text
        if answer.status_code >= HTTPStatus.BAD_REQUEST and asked["method"] != "HEAD":
            problem(answer, answer.status_code)

    check()


# One of each kind: creates, changes, posts a file, reads one and many, as CSV, deletes.
SHOWN = (
    *("putSite", "putTechnician", "putMachine", "uploadFile", "createCake", "putPreferences"),
    "sendPackage",
    *("getCake", "listSites", "listPackages", "getQuote", "deleteCake"),
)


def test_examples_of_each_kind_are_what_the_deployed_stack_answers(stack: Deployed) -> None:
    """All are replayed in process: tests/integration/test_examples.py."""
    written = json.loads(openapi.EXAMPLES.read_text())

    for name in SHOWN:
        example = written[name]
        told = Teller(partial(_sent, stack))
        told(
            name,
            next(iter(example["body"].values()), None),
            media_type=next(iter(example["body"]), "application/json"),
            path=example["parameters"].get("path"),
            headers=example["parameters"].get("header"),
            **example["parameters"].get("query", {}),
        )
        for status, kinds in told.examples[name].answers.items():
            for kind, answer in kinds.items():
                form = written[name]["answers"][status][kind]
                assert type(answer) is type(form)
                if isinstance(form, dict):
                    assert answer.keys() == form.keys()


def _sent(
    stack: Deployed, method: str, url: str, headers: Mapping[str, str], content: bytes
) -> Answer:
    answer = stack.api.request(method, url, headers=dict(headers), content=content)
    return Answer(answer.status_code, answer.headers, answer.content)


def test_the_gateway_passes_head_on_and_compresses_what_is_long(stack: Deployed) -> None:
    got, head = (stack.api.request(verb, "/openapi.json") for verb in ("GET", "HEAD"))
    known = stack.api.head("/openapi.json", headers={"If-None-Match": got.headers["ETag"]})

    assert (got.status_code, got.headers["Content-Encoding"]) == (200, "gzip")
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", got.headers["ETag"])
    assert known.status_code == 304


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
