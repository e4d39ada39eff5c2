"""The stand-ins refuse what the real vendors would refuse, and say what arrived."""

import json
import smtplib
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from infra.standins import credentials
from infra.standins.server import Standins
from tests.support.integrations.vendors import DOCUMENT, Desk, letter
from tests.support.patience import CLIENT_S
from tests.support.plain import NO_TLS

BASIC = b64encode(f"{credentials.JIRA_USER}:{credentials.JIRA_TOKEN}".encode()).decode()
TOKENS = {
    "jira": f"Basic {BASIC}",
    "slack": f"Bearer {credentials.SLACK_TOKEN}",
    "github": f"Bearer {credentials.GITHUB_TOKEN}",
}
FIELDS: dict[str, Any] = {
    "project": {"key": "ING"},
    "issuetype": {"name": "Task"},
    "summary": "Ingredients",
    "labels": ["backroom"],
    "description": DOCUMENT,
}
COLLABORATOR = f"/github/repos/{credentials.GITHUB_REPOSITORY}/collaborators/ada"

Send = Callable[..., httpx.Response]


@pytest.fixture
def send(standins: Standins, desk: Desk) -> Iterator[Send]:
    """Send a request by hand, with the right credentials; contracts are not asked."""
    form = {
        "grant_type": "refresh_token",
        "client_id": credentials.GOOGLE_CLIENT_ID,
        "client_secret": credentials.GOOGLE_CLIENT_SECRET,
        "refresh_token": credentials.GOOGLE_REFRESH_TOKEN,
    }
    contracts, standins.office.contracts = standins.office.contracts, None
    with httpx.Client(
        base_url=standins.url, trust_env=False, timeout=CLIENT_S, verify=NO_TLS
    ) as client:
        token = client.post("/google/token", data=form).json()["access_token"]
        known = {**TOKENS, "google": f"Bearer {token}", "control": ""}

        def sent(method: str, path: str, **told: Any) -> httpx.Response:
            headers = {"Authorization": known[path.split("/")[1]], **told.pop("headers", {})}
            return client.request(method, path, headers=headers, **told)

        yield sent
    standins.office.contracts = contracts


def ticket(**changed: Any) -> dict[str, Any]:
    return {"fields": {**FIELDS, **changed}}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "fields"),
        ([], ""),
        (ticket(project={"key": "NO"}), "project"),
        (ticket(issuetype={"name": "Cake"}), "issuetype"),
        (ticket(summary=""), "summary"),
        (ticket(summary="a\nb"), "summary"),
        (ticket(summary="x" * 256), "summary"),
        (ticket(labels=["two words"]), "labels"),
        (ticket(duedate="tomorrow"), "duedate"),
        (ticket(duedate=None), "duedate"),
        (ticket(description="plain text"), "description"),
        (ticket(description={"type": "doc", "version": 1, "content": [{"type": "text"}]}), "desc"),
        (ticket(colour="red"), "colour"),
        ({**ticket(), "properties": [{"key": "a"}]}, "properties"),
        ({**ticket(), "properties": {"a": 1}}, "properties"),
    ],
)
def test_jira_refuses_a_ticket_that_it_could_not_keep(send: Send, body: Any, named: str) -> None:
    answer = send("POST", "/jira/rest/api/3/issue", json=body)

    assert answer.status_code == 400
    assert named in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "",
        "order by created",
        "labels",
        'labels = "x',
        "colour = red",
        "labels >= x",
        "updated >= x",
    ],
)
def test_jira_refuses_a_search_that_is_none(send: Send, query: str) -> None:
    answer = send("POST", "/jira/rest/api/3/search/jql", json={"jql": query})

    assert answer.status_code == 400


def test_jira_gives_ids_only_unless_fields_are_named(send: Send, desk: Desk) -> None:
    desk.ticket("x")

    answer = send("POST", "/jira/rest/api/3/search/jql", json={"jql": "project = ING"})

    assert answer.json()["issues"] == [{"id": "10001"}]


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("chat.postMessage", {"channel": "D404", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "D000000001"}, "no_text"),
        ("chat.postMessage", {"channel": "D000000001", "text": "x" * 40_001}, "msg_too_long"),
        (
            "chat.postMessage",
            {"channel": "D000000001", "text": "x", "metadata": {}},
            "invalid_metadata",
        ),
        ("conversations.open", {}, "users_list_not_supplied"),
        ("conversations.open", {"users": "U00BACKROOM"}, "cannot_dm_bot"),
        ("chat.shout", {}, "unknown_method"),
    ],
)
def test_slack_refuses_under_http_200(
    send: Send, desk: Desk, path: str, body: Any, word: str
) -> None:
    desk.slack.open_dm("U01")

    answer = send("POST", f"/slack/{path}", json=body)

    assert answer.status_code == 200
    assert answer.json()["ok"] is False
    assert word in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "told", "status"),
    [
        ("GET", "/google/drive/v3/about", {}, 400),
        ("GET", "/google/drive/v3/files", {"params": {"q": "colour = 'red'"}}, 400),
        ("POST", "/google/drive/v3/files", {"json": {"mimeType": "text/plain"}}, 400),
        ("POST", "/google/drive/v3/files", {"json": {"parents": ["gone"]}}, 400),
        ("GET", "/google/docs/v1/documents/gone", {}, 404),
        ("GET", "/google/sheets", {}, 404),
    ],
)
def test_google_refuses(send: Send, method: str, path: str, told: Any, status: int) -> None:
    assert send(method, path, **told).status_code == status


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [{}],
        [{"deleteEverything": {}}],
        [{"insertText": {"location": {"index": 0}, "text": "x"}}],
        [{"insertText": {"location": {"index": 99}, "text": "x"}}],
        [{"insertText": {"location": {"index": 2}, "text": "in the middle of a cake"}}],
        [{"insertText": {"location": {"index": 1}, "text": "\x01"}}],
        [{"createNamedRange": {"name": "", "range": {"startIndex": 1, "endIndex": 2}}}],
        [{"createNamedRange": {"name": "a", "range": {"startIndex": 2, "endIndex": 2}}}],
        [{"createNamedRange": {"name": "a", "range": {"startIndex": 1, "endIndex": 99}}}],
    ],
)
def test_a_batch_with_one_fault_changes_nothing(send: Send, desk: Desk, requests: Any) -> None:
    document = desk.document()
    desk.office.google.type_into(document, "🎂")
    good = {"insertText": {"location": {"index": 1}, "text": "good"}}
    path = f"/google/docs/v1/documents/{document}:batchUpdate"

    answer = send("POST", path, json={"requests": [*requests[:1], *([good] if requests else [])]})

    assert answer.status_code == 400
    assert desk.held("google", "files")[-1]["text"] == "🎂\n"


@pytest.mark.parametrize(
    ("method", "told", "status"),
    [
        ("PUT", {"json": {"permission": "emperor"}}, 422),
        ("PUT", {"json": []}, 400),
        ("PUT", {"content": "{"}, 400),
        ("PUT", {"headers": {"User-Agent": ""}}, 403),
        ("GET", {}, 404),
        ("PUT", {}, 201),
    ],
)
def test_github_refuses(send: Send, method: str, told: Any, status: int) -> None:
    assert send(method, COLLABORATOR, **told).status_code == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/jira/rest/api/3/myself", 401),
        ("/slack/auth.test", 200),
        ("/google/drive/v3/about?fields=user", 401),
        (COLLABORATOR, 401),
    ],
)
@pytest.mark.parametrize("token", ["", "Bearer wrong", "Basic d3Jvbmc6d3Jvbmc="])
def test_nobody_gets_in_with_wrong_credentials(
    send: Send, path: str, status: int, token: str
) -> None:
    answer = send("GET", path, headers={"Authorization": token})

    assert answer.status_code == status
    assert status != 200 or answer.json()["error"] in {"not_authed", "invalid_auth"}


def test_the_mail_server_demands_encryption_then_a_login(desk: Desk) -> None:
    mail = desk.mail()
    with smtplib.SMTP(mail.host, mail.port) as connection:
        assert connection.mail("a@b.example")[0] == 530
        connection.starttls(context=ssl.create_default_context(cadata=mail.trust))
        connection.ehlo()
        assert connection.mail("a@b.example")[0] == 530


def test_a_fault_happens_as_often_as_was_requested(send: Send) -> None:
    send("POST", "/control/faults", json={"vendor": "jira", "kind": "status", "times": 2})

    statuses = [send("GET", "/jira/rest/api/3/myself").status_code for _ in range(4)]

    assert statuses == [500, 500, 200, 200]


def test_chance_is_decided_by_its_seed(send: Send) -> None:
    fault = {"vendor": "jira", "kind": "status", "times": None, "chance": 0.3, "seed": 7}

    def run() -> list[int]:
        send("DELETE", "/control/faults")
        send("POST", "/control/faults", json=fault)
        return [send("GET", "/jira/rest/api/3/myself").status_code for _ in range(40)]

    first = run()
    assert first == run()
    assert set(first) == {200, 500}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"vendor": "jira", "kind": "earthquake"}),
        ("faults", {"vendor": "jira", "kind": "drop", "path": "("}),
        ("faults", {}),
        ("lag", {"slack": 1}),
        ("clock", {}),
        ("jira/issues/ING-404", {"labels": ["x"]}),
        ("google/delete", {"id": "gone"}),
        ("github/ada/accept", {}),
        ("nonsense", {}),
    ],
)
def test_a_control_that_makes_no_sense_is_refused(send: Send, path: str, body: Any) -> None:
    assert send("POST", f"/control/{path}", json=body).status_code in {400, 404}


def test_the_page_and_the_json_show_what_arrived(send: Send, desk: Desk) -> None:
    desk.jira.create("<b>Ingredients</b>", DOCUMENT, labels=["backroom"])
    desk.slack.post(desk.slack.open_dm("U01"), "Order 21 is ready", effect_id="ready#21")
    desk.document()
    desk.github.grant("ada")
    desk.mail().send(letter(text="<script>"))

    page = send("GET", "/control/../").text
    state = send("GET", "/control/state").json()

    for words in ("&lt;b&gt;Ingredients", "Order 21 is ready", "mr_cakelover", "ada", "&lt;script"):
        assert words in page
    assert "<script" not in page
    assert [issue["key"] for issue in state["jira"]["issues"]] == ["ING-1"]
    json.dumps(state)


def test_doubles_are_counted(send: Send, desk: Desk) -> None:
    for _ in range(3):
        desk.ticket("batch")
        desk.document("twice")
    desk.ticket("other batch".replace(" ", "-"))

    doubles = send("GET", "/control/doubles").json()

    assert (len(doubles["jira"]), len(doubles["google"]), doubles["slack"]) == (2, 2, [])
