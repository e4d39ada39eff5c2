"""The local gateway before an AWS that, like the embedded one, answers everybody."""

import asyncio
import base64
import hashlib
import re
from typing import Any

import httpx
import pytest

from infra.local.gateway import WORKERS, Gateway
from infra.reference import FILES

AWS, API = 4566, 8000
PAGE = f"http://localhost:{API}"
PRESIGNED = (
    "/bucket/key?X-Amz-Credential=t%2F20200101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=0"
)


class EmbeddedAws:
    """Answers with its path and with CORS headers for everybody."""

    def __init__(self) -> None:
        self.at_work = self.most = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        await asyncio.sleep(0)
        headers = [(b"Access-Control-Allow-Origin", b"*"), (b"etag", b"1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": scope["path"].encode()})
        self.at_work -= 1


class Disk:
    """The state; it cannot be saved while ``full``."""

    saved_at, changed, full = 0.0, False, False

    async def save(self) -> None:
        if self.full:
            raise OSError("No space left on device")


def request(
    method: str, url: str, *, deployed: bool = True, state: Any = None, **headers: str
) -> httpx.Response:
    return asyncio.run(requests([(method, url)], EmbeddedAws(), deployed, state, headers))[0]


class LongAnswers:
    """Answers with JSON of 2 kB, and lets the origin read it that the API was told of."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"2000")]
        headers += [(b"access-control-allow-origin", b"https://shop.example")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for more in (True, False):
            await send({"type": "http.response.body", "body": b"7" * 1000, "more_body": more})


@pytest.mark.parametrize("told", ["gzip", "br, GZIP;q=0.5", "*"])
def test_long_texts_of_the_api_are_compressed_for_who_takes_it(told: str) -> None:
    url = [("GET", f"http://localhost:{API}/fleet")]
    [answer] = asyncio.run(requests(url, LongAnswers(), True, None, {"accept_encoding": told}))

    assert answer.text == "7" * 2000
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 100
    assert answer.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("told", ["identity", "gzip;q=0", "br"])
def test_who_takes_no_gzip_gets_none(told: str) -> None:
    url = [("GET", f"http://localhost:{API}/fleet")]
    [answer] = asyncio.run(requests(url, LongAnswers(), True, None, {"accept_encoding": told}))

    assert (answer.text, answer.headers["content-length"]) == ("7" * 2000, "2000")
    assert "content-encoding" not in answer.headers


def test_pages_of_listed_origins_reach_the_api_and_nothing_else() -> None:
    listed = {"origin": "https://shop.example", "sec_fetch_site": "cross-site"}
    urls = [("POST", f"http://localhost:{port}/orders") for port in (API, AWS)]
    api, aws = asyncio.run(requests(urls, LongAnswers(), True, None, listed, SHOP))
    [other] = asyncio.run(
        requests(urls[:1], LongAnswers(), True, None, {"origin": "https://evil.example"}, SHOP)
    )

    assert api.headers["access-control-allow-origin"] == "https://shop.example"
    assert (aws.status_code, other.status_code) == (403, 403)


def test_a_listed_origin_may_ask_before_it_sends_a_token() -> None:
    """The embedded AWS would answer ``*``, which browsers do not take for Authorization."""
    asked = {
        "origin": "https://shop.example",
        "access_control_request_method": "POST",
        "access_control_request_headers": "authorization,idempotency-key",
    }
    url = [("OPTIONS", f"http://localhost:{API}/orders")]
    [answer] = asyncio.run(requests(url, EmbeddedAws(), True, None, asked, SHOP))
    [other] = asyncio.run(
        requests(url, EmbeddedAws(), True, None, {**asked, "origin": "https://evil.example"}, SHOP)
    )

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert answer.headers["access-control-allow-headers"] == "authorization,idempotency-key"
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert other.status_code == 403
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("deployed", [True, False])
def test_a_listed_origin_may_read_what_does_not_come_from_the_api(deployed: bool) -> None:
    """The embedded AWS's own answers, as where a function broke down; and that nothing is there."""
    told = {"origin": "https://shop.example"}
    url = [("GET", f"http://localhost:{API}/orders")]
    [answer] = asyncio.run(requests(url, EmbeddedAws(), deployed, None, told, SHOP))

    assert answer.headers.get_list("access-control-allow-origin") == ["https://shop.example"]
    assert "Retry-After" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"


SHOP = frozenset({"https://shop.example"})


async def requests(
    asked: list[tuple[str, str]],
    aws: Any,
    deployed: bool,
    state: Any,
    headers: Any,
    origins: frozenset[str] = frozenset(),
) -> list[httpx.Response]:
    found = ("id", "api", "") if deployed else None
    gateway = Gateway(aws, AWS, API, lambda *_: found, state, lambda: origins)

    async def served(scope: Any, receive: Any, send: Any) -> None:
        await gateway({**scope, "server": ("127.0.0.1", scope["server"][1])}, receive, send)

    named = {name.replace("_", "-"): text for name, text in headers.items()}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served)) as client:
        return await asyncio.gather(*(client.request(*each, headers=named) for each in asked))


def test_the_api_s_port_leads_to_the_stage_and_the_other_to_aws() -> None:
    assert (
        request("GET", f"http://localhost:{API}/health").text == "/_aws/execute-api/id/api/health"
    )
    assert request("GET", f"http://localhost:{AWS}/health").text == "/health"


@pytest.mark.parametrize("path", FILES)
def test_the_reference_is_files_of_the_api_s_port_alone(path: str) -> None:
    asked = request("GET", f"http://localhost:{API}{path}", deployed=False, accept_encoding="gzip")
    head = request("HEAD", f"http://localhost:{API}{path}")
    posted = request("POST", f"http://localhost:{API}{path}")

    assert (asked.status_code, asked.content) == (200, FILES[path].path.read_bytes())
    assert asked.headers["content-type"] == FILES[path].content_type
    assert asked.headers.get("content-encoding") == "gzip" or len(asked.content) < 1024
    assert (head.status_code, head.content) == (200, b"")
    assert (posted.status_code, posted.headers["allow"]) == (405, "GET, HEAD")
    assert request("GET", f"http://localhost:{AWS}{path}").text == path


def test_the_reference_s_scripts_are_those_that_its_page_asks_for() -> None:
    page = FILES["/docs"].path.read_text()

    assert set(re.findall('src="([^"]+)"', page)) == {path[1:] for path in FILES} - {"docs"}
    [(script, told)] = re.findall('src="docs/([^"]+)" integrity="sha384-([^"]+)"', page)
    digest = hashlib.sha384(FILES[f"/docs/{script}"].path.read_bytes()).digest()
    assert base64.b64encode(digest).decode() == told


def test_before_a_deployment_the_api_s_port_says_what_to_do() -> None:
    answer = request("GET", f"http://localhost:{API}/health", deployed=False)
    assert (answer.status_code, answer.json()["detail"]) == (503, "Run: make up")


@pytest.mark.parametrize("port", [AWS, API])
@pytest.mark.parametrize(
    "path", ["/", "/docs", "/health", "/_backroom/save", PRESIGNED, "/2015-03-31/functions"]
)
@pytest.mark.parametrize(
    "foreign",
    [
        {"host": "evil.example"},
        {"origin": "http://evil.example"},
        {"sec_fetch_site": "cross-site"},
    ],
    ids=str,
)
def test_foreign_pages_get_a_problem_document_on_every_path(
    port: int, path: str, foreign: dict[str, Any]
) -> None:
    answer = request("POST", f"http://localhost:{port}{path}", **foreign)
    assert (answer.status_code, answer.json()["status"]) == (403, 403)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("port", [AWS, API])
def test_no_cors_header_of_the_embedded_aws_leaves(port: int) -> None:
    answer = request("GET", f"http://localhost:{port}/")
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_our_page_may_use_presigned_urls_and_read_the_answer() -> None:
    asked: dict[str, Any] = {"origin": PAGE, "access_control_request_headers": "content-type"}
    preflight = request("OPTIONS", f"http://localhost:{AWS}{PRESIGNED}", **asked)
    upload = request("PUT", f"http://localhost:{AWS}{PRESIGNED}", origin=PAGE)

    assert preflight.headers["access-control-allow-headers"] == "content-type"
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert upload.text == "/bucket/key"
    assert {answer.headers["access-control-allow-origin"] for answer in (preflight, upload)} == {
        PAGE
    }


def test_a_link_to_a_presigned_url_may_be_followed() -> None:
    link: dict[str, Any] = {"sec_fetch_site": "same-site", "sec_fetch_mode": "navigate"}
    assert request("GET", f"http://localhost:{AWS}{PRESIGNED}", **link).status_code == 200
    assert request("GET", f"http://localhost:{AWS}/?Action=ListUsers", **link).status_code == 403


@pytest.mark.parametrize("path", ["/2015-03-31/functions", f"{PRESIGNED}&Action=CreateUser"])
def test_our_page_may_use_nothing_else_of_aws(path: str) -> None:
    assert request("POST", f"http://localhost:{AWS}{path}", origin=PAGE).status_code == 403


def test_the_stage_s_own_address_serves_its_page() -> None:
    stage = f"http://localhost:{AWS}/_aws/execute-api/id/api"
    asked: dict[str, Any] = {"origin": f"http://localhost:{AWS}", "sec_fetch_site": "same-origin"}
    assert request("POST", f"{stage}/orders", **asked).status_code == 200


def test_a_burst_takes_no_more_workers_than_the_machine_carries() -> None:
    aws = EmbeddedAws()
    burst = [("GET", f"http://localhost:{API}/health")] * (4 * WORKERS)
    answers = asyncio.run(requests(burst, aws, True, None, {}))
    assert {answer.status_code for answer in answers} == {200}
    assert aws.most == WORKERS


def test_saving_answers_whether_it_was_done() -> None:
    disk = Disk()
    assert request("POST", f"http://localhost:{AWS}/_backroom/save", state=disk).status_code == 204
    disk.full = True
    answer = request("POST", f"http://localhost:{AWS}/_backroom/save", state=disk)
    assert answer.status_code == 507
    assert answer.json()["detail"] == "No space left on device"
    assert answer.json()["saved_at"] == "1970-01-01T00:00:00+00:00"
