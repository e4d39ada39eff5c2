"""The page as the API answers it: to whom, under which headers, from which files."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from chalice.test import Client

from app import app
from chalicelib.web import files
from chalicelib.web.accept import quality
from chalicelib.web.contract import cut
from chalicelib.web.routes import ShareSettings
from tests.support.api import Answer

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
STATIC = Path(files.__file__).parent / "static"
RUNBOOK = Path(__file__).parents[3] / "docs" / "operations.md"
RULES = Path(__file__).parents[3] / "monitoring" / "prometheus" / "rules.yml"
IMPORTED = re.compile(r'(?:from |import\()["`]\./(?P<name>[^"`]+)["`]')


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(app) as gateway:
        yield gateway


def get(client: Client, path: str, method: str = "GET", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client.http.request(method, path, headers=named)
    return Answer(answer.status_code, answer.headers, answer.body)


def test_b16_a_browser_gets_the_page_and_a_program_the_index(client: Client) -> None:
    page, index = get(client, "/", Accept=BROWSER), get(client, "/", Accept="*/*")

    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.body.startswith(b"<!doctype html>")
    assert index.json["name"] == "backroom"
    assert page.headers["Vary"] == index.headers["Vary"] == "Accept"


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (BROWSER, 1),
        ("TEXT/HTML ; q=0.5", 0.5),
        ("application/json, text/html;q=0.1", 0.1),
        ("*/*", 0),
        ("text/html;q=nonsense", 0),
        ("text/html;q=7", 1),
        ("text/html;q=-1", 0),
        ("", 0),
        (",;=,", 0),
    ],
)
def test_what_a_caller_would_rather_read_is_taken_by_its_quality(accept: str, html: float) -> None:
    assert quality(accept, "text/html") == html


def test_a_program_that_takes_both_and_prefers_json_gets_json(client: Client) -> None:
    assert get(client, "/", Accept="application/json, text/html;q=0.9").json["links"]


def test_only_our_own_files_may_run_and_nobody_may_frame_the_page(client: Client) -> None:
    headers = get(client, "/", Accept=BROWSER).headers

    policy = headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("told", "origins"),
    [
        ({}, ()),
        ({"presign_endpoint_url": "http://localhost:4566/"}, ("http://localhost:4566",)),
        (
            {"vending_bucket": "b", "aws_region": "eu-west-1"},
            ("https://b.s3.eu-west-1.amazonaws.com", "https://b.s3.amazonaws.com"),
        ),
    ],
)
def test_the_page_may_send_large_files_to_the_share_and_nowhere_else(
    told: dict[str, str], origins: tuple[str, ...]
) -> None:
    assert ShareSettings(**told).origins == origins


@pytest.mark.parametrize("name", sorted(files.names()))
def test_every_file_comes_with_its_type_and_its_etag_and_not_again_if_it_is_known(
    client: Client, name: str
) -> None:
    first = get(client, f"/web/{name}")
    again = get(client, f"/web/{name}", If_None_Match=f'"another", W/{first.headers["ETag"]}')

    assert first.status == 200
    written = RUNBOOK if name == "runbook.md" else STATIC / name
    assert first.body.decode() == written.read_text()
    assert first.headers["Content-Type"] == files.MEDIA_TYPES[Path(name).suffix]
    assert first.headers["Cache-Control"] == "no-cache"
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


def test_the_page_links_to_files_that_a_browser_keeps_for_ever(client: Client) -> None:
    page = get(client, "/", Accept=BROWSER)
    linked = re.findall(r'"(web/[^"]+)"', page.body.decode())

    assert page.headers["Cache-Control"] == "no-cache"
    assert len(linked) == 5
    for path in linked:
        answer = get(client, f"/{path}")
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    [version] = {path.split("/")[1] for path in linked}
    assert get(client, f"/web/{version}/api.js").status == 404  # it is a part of app.js
    assert get(client, f"/web/{version[::-1]}/app.js").status == 404


def test_the_page_knows_its_stage_and_what_the_api_takes(client: Client) -> None:
    page = get(client, "/", Accept=BROWSER).body.decode()
    [told] = re.findall(r'<script type="application/json" id="stage">(.*?)</script>', page)
    stage = json.loads(told)

    assert stage["auth"] == get(client, "/auth").json
    contract = stage["contract"]
    assert contract.keys() == get(client, "/openapi.json").json["paths"].keys()
    assert contract["/dispatches"]["POST"]["takes"]["note"] == {"maxLength": 1000}
    assert contract["/orders"]["POST"]["key"] is True
    assert "open" in contract["/orders"]["GET"]["takes"]["status"]["enum"]


def test_the_page_knows_who_may_call_what() -> None:
    document = json.loads((Path(__file__).parents[3] / "docs" / "openapi.json").read_text())

    assert cut(document)["/fleet"]["GET"]["scopes"] == ["vending:dispatch"]


def test_another_version_is_sent_whole(client: Client) -> None:
    assert get(client, "/web/app.js", If_None_Match='"another"').status == 200


@pytest.mark.parametrize(
    "name", ["nothing.js", "..", "..%2Froutes.py", "%2Fetc%2Fpasswd", "routes.py"]
)
def test_what_is_no_file_of_the_page_is_not_found(client: Client, name: str) -> None:
    answer = get(client, f"/web/{name}")

    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_s2_the_page_takes_no_other_verb(client: Client) -> None:
    answer = get(client, "/web/app.js", method="POST")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_every_file_that_the_page_names_is_there() -> None:
    texts = {name: files.read(name).text for name in files.names()}
    scripts = {found for text in texts.values() for found in IMPORTED.findall(text)}
    linked = set(re.findall(r'"web/([^"]+)"', texts["index.html"]))
    areas = {f"{name}.js" for name in re.findall(r'{ name: "(\w+)", title', texts["app.js"])}

    assert {name for name in scripts if "$" not in name} | linked | areas <= files.names()


def test_2d_no_script_writes_markup_or_runs_text() -> None:
    """The rules that keep what people type in from ever becoming part of the page."""
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\("
    )
    inline = re.compile(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|javascript:")

    for name in files.names():
        text = files.read(name).text
        assert not forbidden.search(text), name
        assert name.endswith((".js", ".css")) or not inline.search(text), name


def test_the_page_has_each_alarm_with_its_section_of_the_runbook() -> None:
    script = (STATIC / "operations.js").read_text() + (STATIC / "health.js").read_text()
    listed = dict(
        re.findall(r'^  \["(\w+)", "[^"]+", "([\w-]+)", (?:true|false)\],$', script, re.M)
    )
    headings = re.findall(r"^#+ (.+)$", RUNBOOK.read_text(), re.M)
    anchors = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}

    assert set(listed) == set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    assert set(listed.values()) <= anchors
    assert set(re.findall(r'runbook: "([\w-]+)"', script)) <= anchors
