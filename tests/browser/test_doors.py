"""What a page of somebody else can do to the stack from the developer's browser: nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import boto3
import httpx
import pytest
from playwright.sync_api import Browser, Page, Request, Response

from infra.local.aws import REGION
from tests.support.deployed import Deployed
from tests.support.patience import CLIENT_S, eventually
from tests.support.vending.crew import hired, log

# Each leaves the browser without a preflight, with or without an Origin.
SENDINGS: dict[str, str] = {
    "a script's POST": "url => fetch(url, {method: 'POST', mode: 'no-cors', body: '{}'})",
    "a script's GET": "url => fetch(url, {mode: 'no-cors'})",
    "a request that wants a preflight": "url => fetch(url, {method: 'PUT'})",
    "an image": "url => { const image = new Image(); image.src = url; }",
    "a form": """url => { const form = document.createElement('form');
        form.action = url; form.method = 'POST'; form.enctype = 'text/plain';
        const field = document.createElement('input'); field.name = '{"x"'; field.value = '1}';
        form.append(field); document.body.append(form); form.submit(); }""",
}


@dataclass
class ForeignSite:
    """A web server of somebody else: serves a page, and takes whatever is sent to it."""

    arrived: list[str] = field(default_factory=list)
    port: int = 0

    def pages(self) -> list[str]:
        """Return its page's addresses: another site, another site by number, another port."""
        names = ("evil.example", "127.0.0.1", "localhost")
        return [f"http://{name}:{self.port}/" for name in names]


@pytest.fixture(scope="module")
def foreign() -> Iterator[ForeignSite]:
    site = ForeignSite()

    class Connection(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.arrived.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Free cakes</title><body>")

        do_POST = do_PUT = do_OPTIONS = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Connection)
    site.port = server.server_address[1]
    Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    yield site
    server.shutdown()
    server.server_close()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(bypass_csp=True)
    yield context.new_page()
    context.close()


def doors(stack: Deployed) -> dict[str, str]:
    """Return an address at each port that a request would do most harm at."""
    return {
        "the API": f"{stack.aws.api}/batches",
        "AWS's APIs": f"http://localhost:{stack.aws.aws_port}/2015-03-31/functions",
        "the state": f"http://localhost:{stack.aws.aws_port}/_ministack/reset",
        "the vendors": f"http://localhost:{stack.standins.http_port}/control/reset",
    }


def sent(tab: Page, how: str, url: str) -> Response | None:
    """Have the page send a request; return the answer that the browser got, if it got any."""
    answers: list[Response | None] = []

    def answered(answer: Response) -> None:
        if answer.url == url:
            answers.append(answer)

    def failed(request: Request) -> None:
        if request.url == url:
            answers.append(None)

    tab.on("response", answered)
    tab.on("requestfailed", failed)
    # Later, as a page that goes elsewhere takes the call with it.
    tab.evaluate(
        f"url => {{ setTimeout(() => Promise.resolve(({how})(url)).catch(() => 0)); }}", url
    )
    for _ in range(30):
        if answers:
            break
        tab.wait_for_timeout(50)
    tab.remove_listener("response", answered)
    tab.remove_listener("requestfailed", failed)
    answer = answers[0] if answers else None
    if answer and answer.request.is_navigation_request():
        tab.wait_for_url(url)  # whoever leaves a page on its way elsewhere may wait for ever
    return answer


@pytest.mark.parametrize("sending", SENDINGS)
def test_a_foreign_page_finds_every_door_shut(
    stack: Deployed, tab: Page, foreign: ForeignSite, sending: str
) -> None:
    before = stack.api.get("/batches").json()
    for page in foreign.pages():
        for door, url in doors(stack).items():
            tab.goto(page)
            answer = sent(tab, SENDINGS[sending], url)
            assert answer is None or answer.status == 403, (page, door, answer)
    assert stack.api.get("/batches").json() == before


@pytest.mark.parametrize("sending", SENDINGS)
def test_a_door_that_nobody_guards_is_open_to_such_a_page(
    tab: Page, foreign: ForeignSite, sending: str
) -> None:
    """The browser itself keeps nothing from leaving, so that the refusals above are ours."""
    tab.goto(foreign.pages()[2])
    path = f"/{sending.replace(' ', '-')}"

    sent(tab, SENDINGS[sending], f"http://127.0.0.1:{foreign.port}{path}")

    assert path in foreign.arrived


def test_a_name_that_was_pointed_to_this_machine_opens_nothing(stack: Deployed, tab: Page) -> None:
    for port in (stack.aws.api_port, stack.aws.aws_port, stack.standins.http_port):
        answer = tab.goto(f"http://rebound.example:{port}/")
        assert answer
        assert answer.status == 403
        assert "rebound.example" in answer.json()["detail"]


def test_the_page_sends_a_file_to_the_presigned_url_that_it_was_given(
    stack: Deployed, tab: Page
) -> None:
    crew = hired(stack)
    tab.goto(stack.aws.api)
    query = {
        "technician": crew.technician,
        "machine": crew.machine,
        "downloaded_at": "2021-02-01T12:00:00Z",
        "filename": "large.txt",
    }

    status = tab.evaluate(
        """async ([query, text]) => {
          const json = {'Content-Type': 'application/json'};
          const asked = await fetch('/files/presigned',
            {method: 'POST', headers: json, body: JSON.stringify(query)});
          const {url, method, headers} = (await asked.json()).upload;
          const sent = await fetch(url, {method, headers, body: text});
          return [asked.status, sent.status, sent.headers.get('etag') !== null];
        }""",
        [query, log(crew.machine)],
    )

    assert status == [201, 200, True]
    eventually(lambda: [file["state"] for file in crew.files()] == ["processed"])


def test_programs_go_on_as_before(stack: Deployed) -> None:
    assert httpx.get(f"{stack.aws.api}/health", timeout=CLIENT_S).status_code == 200
    for name in ("localhost", "127.0.0.1"):
        session: Any = boto3.session.Session("test", "test", region_name=REGION)
        endpoint = f"http://{name}:{stack.aws.aws_port}"
        functions = session.client("lambda", endpoint_url=endpoint).list_functions()["Functions"]
        assert stack.function("api") in [each["FunctionName"] for each in functions]
