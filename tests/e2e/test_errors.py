"""What the API refuses, through the gateway: always a problem document, never a 5xx (S1 to S5)."""

import io
import json
import zipfile
from collections.abc import Iterable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.deployed import Deployed
from tests.support.patience import CLIENT_S
from tests.support.routes import PATHS, REGISTERED, WRONG_VERBS, example, one_of_each_part
from tests.support.vending.crew import Crew, hired, log

# What the requirements name; more may be there.
PROMISED = {
    "/health": {"GET"},
    "/ping": {"GET"},
    "/sites": {"GET"},
    "/sites/{site_id}": {"GET", "PUT"},
    "/technicians": {"GET"},
    "/technicians/{technician_id}": {"GET", "PUT"},
    "/machines": {"GET"},
    "/machines/{serial}": {"GET", "PUT"},
    "/machines/{serial}/transactions": {"GET"},
    "/files": {"GET", "POST"},
    "/files/presigned": {"POST"},
    "/files/{file_id}": {"GET", "DELETE"},
    "/imports": {"GET", "POST"},
    "/imports/presigned": {"POST"},
    "/imports/{file_id}": {"DELETE"},
    "/fleet": {"GET"},
    "/worklist": {"GET"},
    "/dispatches": {"GET", "POST"},
    "/dispatches/{dispatch_id}/close": {"POST"},
    "/warranties": {"GET", "POST"},
    "/warranties/{warranty_id}": {"GET"},
    "/warranties/{warranty_id}/cancellation": {"POST"},
    "/plans": {"GET"},
    "/plans/refusals": {"GET"},
}


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Return the problem document that ``answer`` must be (RFC 9457)."""
    assert answer.status_code == status, f"{answer.request.method} {answer.url}: {answer.text}"
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert {"type", "title", "detail", "instance"} <= set(document)
    return document


def faults(answer: httpx.Response) -> set[tuple[str, str]]:
    """Return where the faults are that a 400 lists."""
    errors = problem(answer, 400)["errors"]
    assert all(error["detail"] for error in errors)
    return {(error["in"], error["field"]) for error in errors}


def archive(*members: str, content: bytes = b"GM001|2020-02-20T11:29:44Z|1\n") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
        for member in members:
            zipped.writestr(member, content)
    return packed.getvalue()


def encrypted() -> bytes:
    """Return a zip whose member claims to be encrypted."""
    packed = bytearray(archive("a.txt"))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(signature) + flags] |= 1
    return bytes(packed)


# --- 404 and 405 --------------------------------------------------------------------------------


def test_every_promised_route_is_there() -> None:
    """HEAD stands beside each GET, and OPTIONS beside all."""
    assert {path: REGISTERED.get(path, set()) - {"HEAD"} for path in PROMISED} == PROMISED


@pytest.mark.parametrize("path", one_of_each_part(PATHS))
def test_a_known_path_with_another_verb_is_405_with_allow(stack: Deployed, path: str) -> None:
    """Of each part that a function loads by itself; test_every_path.py has every path and verb."""
    wrong = next(verb for verb, at in WRONG_VERBS if at == path and verb != "HEAD")
    refused = stack.api.request(wrong, example(path))
    told = stack.api.options(example(path))

    assert problem(refused, 405)["instance"] == example(path)
    assert told.status_code == 204
    for answer in (refused, told):
        allowed = {name.strip() for name in answer.headers["Allow"].split(",")}
        assert allowed == REGISTERED[path] | {"OPTIONS"}


@pytest.mark.parametrize("path", ["/nothing", "/fleet/nothing", "/files/1/rows", "/_ministack"])
def test_an_unknown_path_is_404(stack: Deployed, path: str) -> None:
    problem(stack.api.get(path), 404)
    problem(stack.api.delete(path), 404)


@pytest.mark.parametrize(
    "path",
    [
        "/sites/nowhere",
        "/technicians/T99999",
        "/machines/GM9876543",
        "/machines/GM9876543/transactions",
        "/files/999999999",
        "/files?technician=T99999",
        "/worklist?technician=T99999",
        "/dispatches/999999999",
    ],
)
def test_what_is_not_stored_is_404(stack: Deployed, path: str) -> None:
    problem(stack.api.get(path), 404)


# --- 400 ----------------------------------------------------------------------------------------


def test_a_400_names_every_fault_at_once(stack: Deployed) -> None:
    told = {"technician": "abc", "machine": "GM1", "downloaded_at": "yesterday"}
    text = {"Content-Type": "text/plain"}

    missing = stack.api.post("/files", content=b"x", headers=text)
    wrong = stack.api.post("/files", params=told, content=b"x", headers=text)
    body = stack.api.post("/files/presigned", json={**told, "downloaded_at": 1})

    names = ("technician", "machine", "downloaded_at")
    assert faults(missing) == faults(wrong) == {("query", name) for name in names}
    assert faults(body) == {("body", name) for name in names}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/machines/GM1", "serial"),
        ("/machines/gm001", "serial"),
        ("/machines/GM01/transactions", "serial"),
        ("/technicians/abc", "technician_id"),
        ("/files/abc", "file_id"),
        ("/files/0", "file_id"),
        ("/files/1.5", "file_id"),
        ("/files/99999999999999999999", "file_id"),
        ("/dispatches/-1", "dispatch_id"),
    ],
)
def test_a_path_value_of_the_wrong_form_is_400(stack: Deployed, path: str, field: str) -> None:
    assert faults(stack.api.get(path)) == {("path", field)}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/files", "technician"),
        ("/files?technician=", "technician"),
        ("/files?technician=T0001&technician=T0002", "technician"),
        ("/worklist?technician=x", "technician"),
        ("/dispatches?state=ajar", "state"),
        ("/dispatches?machine=GM1", "machine"),
        ("/machines/GM001/transactions?limit=0", "limit"),
        ("/machines/GM001/transactions?limit=10001", "limit"),
        ("/machines/GM001/transactions?limit=ten", "limit"),
        ("/machines/GM001/transactions?from=2020-02-30T00:00:00Z", "from"),
        ("/machines/GM001/transactions?to=2020-02-20T00:00:00", "to"),
        ("/machines/GM001/transactions?format=xml", "format"),
    ],
)
def test_a_query_value_of_the_wrong_form_is_400(stack: Deployed, path: str, field: str) -> None:
    assert faults(stack.api.get(path)) == {("query", field)}


@pytest.mark.parametrize("cursor", ["x", "!", "W10", "é", "bnVsbA", "W251bGwsMCwwXQ", ""])
def test_a_foreign_cursor_is_400(crew: Crew, cursor: str) -> None:
    answer = crew.stack.api.get(f"/machines/{crew.machine}/transactions", params={"cursor": cursor})

    assert faults(answer) == {("query", "cursor")}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"name"',
        b'{"name": NaN}',
        b'{"name": 1e400}',
        b'{"name": "a", "name": "b"}',
        b'{"name": "\\ud800"}',
        b"\xff\xfe",
        b"[" * 100_00,
        b'{"name": true}',
        b'{"name": ["a"]}',
        b'{"name": " "}',
        b'{"name": "a\\u0000b"}',
        json.dumps({"name": "n" * 201}).encode(),
    ],
    ids=lambda body: body[:24].decode("latin-1"),
)
def test_a_json_body_of_the_wrong_form_is_400(stack: Deployed, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}

    answer = stack.api.put("/technicians/T4999", content=body, headers=headers)

    assert {place for place, _ in faults(answer)} == {"body"}
    assert stack.api.get("/technicians/T4999").status_code == 404


def test_an_empty_log_is_400(crew: Crew) -> None:
    assert faults(crew.upload(b"")) == {("body", "(body)")}
    assert faults(crew.upload(b" \r\n\n")) == {("body", "(body)")}
    assert crew.files() == []


def test_a_download_in_the_future_is_400(crew: Crew) -> None:
    answer = crew.upload(log(crew.machine), downloaded_at="2142-01-01T00:00:00")

    assert faults(answer) == {("query", "downloaded_at")}


# --- 403, 409, 413, 415, 422 --------------------------------------------------------------------


def test_v1_a_machine_of_a_colleague_is_403_with_ones_own(stack: Deployed) -> None:
    one, other = hired(stack, machines=2), hired(stack)

    answer = one.upload(log(other.machine), machine=other.machine)

    assert problem(answer, 403)["assigned"] == list(one.machines)


def test_an_unknown_machine_or_technician_is_404(crew: Crew) -> None:
    answer = crew.upload(log("GM099"), machine="GM099")

    problem(answer, 404)


def test_other_bytes_under_the_same_name_are_409(crew: Crew) -> None:
    crew.upload(log(crew.machine))

    problem(crew.upload(log(crew.machine, rows=3)), 409)


def test_another_note_on_an_open_dispatch_is_409(crew: Crew) -> None:
    body = {"machine": crew.machine, "note": "bring the ladder"}
    first = crew.stack.api.post("/dispatches", json=body)

    again = crew.stack.api.post("/dispatches", json=body)
    other = crew.stack.api.post("/dispatches", json={**body, "note": "no ladder"})

    assert (first.status_code, again.status_code) == (201, 200)
    assert problem(other, 409)["dispatch"] == first.json()["id"] == again.json()["id"]


def test_too_large_a_body_is_413(crew: Crew) -> None:
    file = problem(crew.upload(b"x" * (4 * 1024 * 1024 + 1)), 413)
    problem(crew.upload(b"x" * 11_000_000), 413)
    name = crew.stack.api.put("/sites/hall", json={"name": "x" * 20_000})

    assert "/files/presigned" in file["detail"]
    problem(name, 413)


@pytest.mark.parametrize("media_type", ["", "application/xml", "image/png", "multipart/form-data"])
def test_a_media_type_that_is_not_read_is_415(crew: Crew, media_type: str) -> None:
    headers = {"Content-Type": media_type} if media_type else {}

    log_ = crew.upload(log(crew.machine), media_type=media_type)
    body = crew.stack.api.put("/sites/hall", content=b"{}", headers=headers)

    problem(log_, 415)
    problem(body, 415)


@pytest.mark.parametrize(
    "content",
    [b"%PDF-1.7 and so on", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff\xe0\0\x10JFIF"],
    ids=["pdf", "png", "jpeg"],
)
def test_what_is_no_log_is_415(crew: Crew, content: bytes) -> None:
    answer = crew.upload(content, media_type="application/octet-stream")

    problem(answer, 415)


@pytest.mark.parametrize(
    "content",
    [
        archive("one.txt", "two.txt"),
        archive(),
        archive("../up.txt"),
        archive("nested.zip", content=archive("a.txt")),
        archive("bomb.txt", content=b"\0" * 8_000_000),
        archive("cut.txt", content=bytes(range(256)) * 40)[:-30],
        encrypted(),
    ],
    ids=["two members", "none", "../", "nested", "bomb", "cut", "encrypted"],
)
def test_an_archive_that_cannot_be_opened_is_422(crew: Crew, content: bytes) -> None:
    answer = crew.upload(content, media_type="application/zip")

    problem(answer, 422)
    assert crew.files() == []


def test_an_unknown_reference_is_422(stack: Deployed) -> None:
    machine = stack.api.put("/machines/GM098", json={"technician": "T98765", "site": None})
    place = stack.api.put("/machines/GM098", json={"site": "nowhere"})
    dispatch = stack.api.post("/dispatches", json={"machine": "GM098"})

    for answer in (machine, place, dispatch):
        problem(answer, 422)
    assert stack.api.get("/machines/GM098").status_code == 404


# --- paths from hell ----------------------------------------------------------------------------

HOSTILE = [
    "%2e%2e/%2e%2e/etc/passwd",
    "..%2f..%2fetc",
    "%00",
    "%0d%0aX-Evil:1",
    "%ff%fe",
    "%C3%A9",
    "%F0%9F%8D%AC",
    "%",
    "%zz",
    "GM001%20",
    "GM001%2Ftransactions",
    "GM001;v=1",
    "GM001/",
    "/GM001",
    "*",
    "'%20OR%201=1--",
    "<script>",
    "{serial}",
    "$%7Bjndi:ldap://x%7D",
    "x" * 2_000,
    "x" * 7_000,
    quote("ü" * 1_000),
    "a/" * 500,
]


def hostile_paths() -> Iterable[str]:
    for value in HOSTILE:
        for path in PATHS:
            if "{" in path:
                head, _, tail = path.partition("{")
                yield f"{head}{value}{tail.partition('}')[2]}"
        yield f"/{value}"


def as_it_is(stack: Deployed, path: str) -> tuple[int, str, bytes]:
    """Send a path unchanged, which a client of good manners would encode first."""
    connection = HTTPConnection("127.0.0.1", stack.aws.api_port, timeout=CLIENT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    finally:
        connection.close()


def test_no_path_however_strange_ever_is_a_5xx(stack: Deployed) -> None:
    wrong = []
    for path in hostile_paths():
        status, kind, body = as_it_is(stack, path)
        if status >= 500 or (status >= 400 and kind != "application/problem+json"):
            wrong.append((path[:60], status, kind, body[:100]))

    assert wrong == []


def test_a_trailing_slash_is_no_5xx(stack: Deployed) -> None:
    for path in PATHS:
        answer = stack.api.get(f"{example(path)}/")
        assert answer.status_code < 500, path


def test_a_problem_names_the_path_that_was_requested(stack: Deployed) -> None:
    assert (
        problem(stack.api.get("/machines/GM9876543?x=1"), 404)["instance"] == "/machines/GM9876543"
    )


def test_a_problem_never_shows_the_inside(stack: Deployed) -> None:
    for path in ("/machines/GM9876543", "/nothing", "/files/abc"):
        text = stack.api.get(path).text
        assert "Traceback" not in text
        assert "chalicelib" not in text
