"""What the client sends again by itself: what a repeat cannot double, for a while, with pauses."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from backroom.bakery.api import BakeryApi
from backroom.core import connection as module
from backroom.core.connection import Connection
from backroom.core.errors import ApiError, ClientError, UnreachableError
from backroom.deliveries.api import DeliveriesApi
from backroom.ledger.api import LedgerApi
from backroom.vending.api import LogDetails, VendingApi
from backroom.warranties.api import WarrantiesApi
from backroom.webhooks.api import WebhooksApi
from tests.support.backroom.desk import Desk, fleet
from tests.support.ids import uuid

ACCOUNT, OTHER = uuid(1), uuid(2)


class Unreliable(BaseHTTPRequestHandler):
    """Does what it is asked, and fails afterwards as often as it is to, in one way."""

    ways: Iterator[str]
    asked: list[tuple[str, str | None]]

    def do(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.headers.get("Idempotency-Key")))
        way = next(self.ways, "")
        if way == "hangs":
            time.sleep(0.5)
        if way in ("hangs", "hangs up"):
            self.close_connection = True
            return
        if way == "breaks off":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            self.close_connection = True
            return
        self.send_response(int(way) if way else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do  # noqa: N815 - as the library calls them

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def unreliable(*ways: str) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Run a server that fails in these ways, one after the other; yield address and requests."""
    asked: list[tuple[str, str | None]] = []
    handler = type("Handler", (Unreliable,), {"ways": iter(ways), "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", httpx.Timeout(0.25))


def ask(address: str, method: str, **options: Any) -> httpx.Response:
    with closing(Connection(address, sleep=lambda _: None)) as to:
        return to.response(method, "/x", **options)


WAYS = ["503", "429", "hangs", "hangs up", "breaks off"]
KEY = {"headers": {"Idempotency-Key": "k"}}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("GET", {}),
        ("PUT", {}),
        ("DELETE", {}),
        ("POST", KEY),
        ("POST", {"repeatable": True}),
    ],
    ids=str,
)
def test_what_cannot_be_doubled_is_sent_again(
    way: str, method: str, options: dict[str, Any]
) -> None:
    with unreliable(way, way) as (address, asked):
        answer = ask(address, method, **options)

    assert answer.status_code == 200
    assert len(asked) == 3
    assert len(set(asked)) == 1  # with the same key


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_could_be_doubled_is_sent_once(way: str, method: str) -> None:
    with unreliable(way) as (address, asked), pytest.raises(ClientError):
        ask(address, method)

    assert len(asked) == 1


@pytest.mark.parametrize("status", ["400", "404", "409", "422", "500", "501"])
def test_what_was_refused_is_sent_once(status: str) -> None:
    with unreliable(status) as (address, asked), pytest.raises(ApiError):
        ask(address, "GET")

    assert len(asked) == 1


def test_a_server_that_comes_back_is_found() -> None:
    """As after a restart: nobody listens for a while."""
    tried: list[float] = []

    def flaky(request: httpx.Request) -> httpx.Response:
        tried.append(0)
        if len(tried) < 3:
            raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
        return httpx.Response(200, json={})

    slept: list[float] = []
    to = Connection("http://api.test", transport=httpx.MockTransport(flaky), sleep=slept.append)
    to.response("GET", "/x")

    assert len(slept) == 2


# --- pauses ---------------------------------------------------------------------------------------


def slept(*answers: httpx.Response, clock_s: Callable[[], float] = lambda: 0.0) -> list[float]:
    """Return the pauses until an answer that is no failure, or until the client gives up."""
    desk = Desk().on("GET", "/fleet", *answers)
    to = Connection(
        "http://api.test",
        transport=httpx.MockTransport(desk),
        sleep=desk.slept_s.append,
        clock_s=clock_s,
    )
    if answers[-1].is_success:
        to.response("GET", "/fleet")
    else:
        with pytest.raises(ApiError, match="Too busy"):
            to.response("GET", "/fleet")
    return desk.slept_s


def busy(asked: str | None = None, status: int = 503) -> httpx.Response:
    named = [] if asked is None else [(b"Retry-After", asked.encode("latin-1"))]
    return httpx.Response(status, json={"title": "Busy", "detail": "Too busy."}, headers=named)


OK = httpx.Response(200, json=fleet())


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_is_as_long_as_the_answer_asks(status: int) -> None:
    assert slept(busy("2", status), busy("0", status), OK) == [2, 0]


def test_a_pause_lasts_until_the_date_that_the_answer_names() -> None:
    at = datetime.now(UTC) + timedelta(seconds=20)
    [pause_s] = slept(busy(format_datetime(at, usegmt=True)), OK)

    assert 15 < pause_s <= 20


@pytest.mark.parametrize("asked", [None, "\u00b2", "1e9", "", "soon", "-1"])
def test_where_no_time_is_named_pauses_grow_with_full_jitter(
    monkeypatch: pytest.MonkeyPatch, asked: str | None
) -> None:
    bounds: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return high / 2

    monkeypatch.setattr(random, "uniform", uniform)

    assert slept(busy(asked)) == [0.125, 0.25, 0.5]
    assert bounds == [(0, 0.25), (0, 0.5), (0, 1)]


@pytest.mark.parametrize("asked", ["31", "3600", "999999999"])
def test_who_is_asked_to_wait_for_long_is_told_at_once(asked: str) -> None:
    assert slept(busy(asked)) == []


def test_nothing_is_sent_again_when_patience_has_ended() -> None:
    times = iter([0.0, 60.0, 120.0])

    assert slept(busy("1"), clock_s=lambda: next(times)) == [1]


# --- calls ----------------------------------------------------------------------------------------


TOLD = LogDetails("T0001", "GM001", "2018-09-21T09:34:48", "log.txt")
SAFE: dict[str, Callable[[Connection], object]] = {
    "POST /transactions": lambda to: LedgerApi(to).post(ACCOUNT, 1, transaction_id=uuid(3)),
    "POST /transactions/batch": lambda to: LedgerApi(to).post_batch([{"account_id": ACCOUNT}]),
    "POST /transfers": lambda to: LedgerApi(to).transfer({"amount": 1}),
    "POST /transactions/1/reversal": lambda to: LedgerApi(to).reverse("1"),
    "POST /transfers/1/reversal": lambda to: LedgerApi(to).reverse_transfer("1"),
    "POST /orders": lambda to: BakeryApi(to).place({"customer": "Ann"}),
    "POST /orders/1/ready": lambda to: BakeryApi(to).ready(1),
    "POST /batches": lambda to: BakeryApi(to).run_batch(),
    "POST /warranties": lambda to: WarrantiesApi(to).sell({"item_sku": "sofa"}),
    "POST /warranties/1/cancellation": lambda to: WarrantiesApi(to).cancel("1"),
    "POST /packages": lambda to: DeliveriesApi(to).send({"package_id": "box-7"}),
    "POST /packages/batch": lambda to: DeliveriesApi(to).send_batch([]),
    "POST /package-list": lambda to: list(DeliveriesApi(to).filled()),
    "POST /files": lambda to: VendingApi(to).upload(TOLD, b"", "text/plain"),
    "POST /imports": lambda to: VendingApi(to).take_import("log.txt", b"", "text/plain"),
    "POST /subscriptions/1/replay": lambda to: WebhooksApi(to).replay("1", {}),
}
KEYED = ("transactions/batch", "transfers", "orders", "warranties", "subscriptions/1/replay")
UNSAFE: dict[str, Callable[[Connection], object]] = {
    "POST /subscriptions/1/secret": lambda to: WebhooksApi(to).rotate("1", overlap_hours=1),
    "POST /subscriptions/1/test": lambda to: WebhooksApi(to).test("1"),
    "POST /dispatches": lambda to: VendingApi(to).open_dispatch("GM001", "go"),
    "POST /cakes": lambda to: BakeryApi(to).add_cake({}),
    "PATCH /employees/1": lambda to: BakeryApi(to).change(1, {}),
}


def sent(call: Callable[[Connection], object]) -> list[httpx.Request]:
    """Return what a call sends to who never answers."""
    requests: list[httpx.Request] = []

    def hang(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        raise httpx.ReadTimeout("no", request=request)

    to = Connection("http://api.test", transport=httpx.MockTransport(hang), sleep=lambda _: None)
    with pytest.raises(UnreachableError, match="took too long"):
        call(to)
    return requests


@pytest.mark.parametrize("named", SAFE)
def test_a_call_that_its_id_or_key_makes_once_is_sent_again(named: str) -> None:
    requests = sent(SAFE[named])

    assert Counter(f"{each.method} {each.url.path}" for each in requests) == {named: 4}
    assert len({(each.content, each.headers.get("Idempotency-Key")) for each in requests}) == 1


@pytest.mark.parametrize("named", UNSAFE)
def test_a_call_without_either_is_sent_once(named: str) -> None:
    requests = sent(UNSAFE[named])

    assert [f"{each.method} {each.url.path}" for each in requests] == [named]


@pytest.mark.parametrize("named", KEYED)
def test_the_client_makes_a_key_of_its_own_for_each_call(named: str) -> None:
    one, other = (sent(SAFE[f"POST /{named}"])[0].headers["Idempotency-Key"] for _ in range(2))

    assert one != other
