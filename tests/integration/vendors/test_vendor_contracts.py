"""What our clients send is what the vendors' own contracts describe.

The contracts are not part of this repository; `VENDOR_CONTRACTS` names their folder.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.integrations import adf
from infra.standins.contracts import Contracts
from infra.standins.vendor import Reply, Request, Vendor
from tests.support.integrations.vendors import DOCUMENT, Desk, tour

FOUND = Contracts.find()
pytestmark = pytest.mark.skipif(
    FOUND is None, reason="the vendors' contracts are not here; VENDOR_CONTRACTS names their folder"
)
ISSUE = "/rest/api/3/issue"
FIELDS = {"project": {"key": "ING"}, "issuetype": {"name": "Task"}, "summary": "x"}


@pytest.fixture
def contracts() -> Contracts:
    assert FOUND is not None
    return FOUND


def test_b19_every_request_that_we_know_is_in_the_contracts(desk: Desk) -> None:
    tour(desk)

    state = desk.office.shown()
    assert state["violations"] == []
    sent = {(each["vendor"], each["method"]) for each in state["arrived"]}
    assert len(sent) == 9, sent


def test_b19_the_stand_ins_answer_what_the_contracts_describe(
    desk: Desk, contracts: Contracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong: list[str] = []
    for vendor in desk.office.vendors.values():
        monkeypatch.setattr(vendor, "handle", checked(desk, contracts, vendor, wrong))

    tour(desk)
    desk.github.grant("ada")
    desk.jira.issue("ING-404")

    assert not wrong, "\n".join(sorted(set(wrong)))


def checked(desk: Desk, contracts: Contracts, vendor: Vendor, wrong: list[str]) -> Any:
    """Return the vendor's way to handle requests, with its answers held against its contract."""
    handle = vendor.handle

    def handled(request: Request) -> Reply:
        reply = handle(request)
        api, path = desk.office.contract_of(vendor, request.path)
        if api and reply.status < 400:
            faults = contracts.answer_faults(api, request.method, path, reply.status, reply.body)
            wrong.extend(f"{request.method} {request.path} {each}" for each in faults)
        return reply

    return handled


@pytest.mark.parametrize(
    ("api", "method", "path", "query", "body"),
    [
        ("jira", "POST", ISSUE, {}, b'{"fields": {}}'),
        ("jira", "POST", ISSUE, {"silently": "true"}, b""),
        ("jira", "GET", "/rest/api/2/issue/ING-1", {}, b""),
        ("jira", "POST", "/rest/api/3/search/jql", {}, b'{"maxResults": "many", "jql": "x"}'),
        ("jira", "GET", f"{ISSUE}/ING-1/comment", {"startAt": "first"}, b""),
        ("slack", "POST", "/chat.postMessage", {}, b'{"text": "no channel"}'),
        ("slack", "POST", "/chat.postMessage", {}, b'{"channel": "D1", "shout": true}'),
        ("slack", "GET", "/users.list", {"page": "2"}, b""),
        ("github", "PUT", "/repos/o/r/collaborators/ada", {}, b'{"permission": 7}'),
        ("drive", "POST", "/files", {}, b'{"colour": "red"}'),
        ("docs", "POST", "/v1/documents/x:batchUpdate", {}, b'{"requests": [{"shout": {}}]}'),
        (
            "docs",
            "POST",
            "/v1/documents/x:batchUpdate",
            {},
            b'{"requests": [{"insertText": {"location": {"index": "E-1"}, "text": "x"}}]}',
        ),
    ],
)
def test_what_is_against_a_contract_is_noticed(
    contracts: Contracts, api: str, method: str, path: str, query: dict[str, str], body: bytes
) -> None:
    assert contracts.faults(api, method, path, query, body, "application/json")


@settings(max_examples=20)  # the schema has many branches, and is slow
@given(st.lists(st.tuples(st.text(), st.text()), max_size=3), st.text())
def test_b18_any_text_makes_a_document_that_jira_takes(
    rows: list[tuple[str, str]], words: str
) -> None:
    assert FOUND is not None
    document = adf.document(
        adf.paragraph(words, adf.link(words or "x", "https://backroom.example/orders/21")),
        adf.table(["Ingredient", words], rows),
        adf.bullets([words]),
    )

    assert FOUND.document_faults(document) == []
    assert [text for row in rows for text in row if text] == [
        text for text in adf.words(document["content"][1]) if text
    ][1 + bool(words) :]


@pytest.mark.parametrize(
    "document",
    [
        "plain text",
        {"type": "doc", "version": 1},
        {**DOCUMENT, "version": 2},
        adf.document({"type": "paragraph", "content": [{"type": "text", "text": ""}]}),
        adf.document({"type": "shout"}),
    ],
)
def test_what_is_no_document_is_noticed(contracts: Contracts, document: Any) -> None:
    assert contracts.document_faults(document)
