"""The typed client: what it sends, what it makes of answers, what it says without one."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from backroom.bakery.api import BakeryApi
from backroom.core.advice import next_step_after
from backroom.core.connection import Connection
from backroom.core.errors import ApiError, UnreachableError
from backroom.deliveries.api import DeliveriesApi
from backroom.vending.api import LogDetails, VendingApi
from backroom.warranties.api import WarrantiesApi
from backroom.webhooks.api import WebhooksApi
from chalicelib.vending.files import Upload
from infra.package import ROOT
from tests.support.backroom.desk import NOW, Desk, file, fleet, machine, problem

TOLD = LogDetails("T0001", "GM001", "2018-09-21T09:34:48", "log.txt")


def api(
    handler: Callable[[httpx.Request], httpx.Response], url: str = "http://api.test"
) -> VendingApi:
    sleep = handler.slept_s.append if isinstance(handler, Desk) else lambda _: None
    return VendingApi(Connection(url, transport=httpx.MockTransport(handler), sleep=sleep))


def failing(error: type[httpx.TransportError]) -> Callable[[httpx.Request], httpx.Response]:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error("no", request=request)

    return fail


def test_an_answer_is_typed_and_word_for_word(desk: Desk) -> None:
    desk.on("GET", "/machines/GM001", '{"serial":  "GM001", "state": "healthy"' + REST)

    answer = api(desk).machine("GM001")

    assert answer.value.serial == "GM001"
    assert answer.text.startswith('{"serial":  "GM001"')


REST = (
    ', "transactions": 1, "under": 0, "over": 0, "gumballs": 1, "credits_cents": 25,'
    ' "unserved_cents": 0, "given_away_cents": 0, "corrupt_lines": 0, "suspected_duplicates": 0,'
    ' "overdue": false}'
)


def test_a_problem_becomes_an_error_with_all_that_it_says(desk: Desk) -> None:
    faults = [{"in": "query", "field": "machine", "detail": "must be a serial"}]
    refusal = problem(403, "Not theirs.", "Not allowed", assigned=["GM002"], errors=faults)
    desk.on("GET", "/fleet", refusal)

    with pytest.raises(ApiError) as refused:
        api(desk).fleet()

    error = refused.value
    assert (error.status, error.title, error.detail) == (403, "Not allowed", "Not theirs.")
    assert error.facts["assigned"] == ["GM002"]
    assert [(fault.place, fault.field, fault.detail) for fault in error.errors] == [
        ("query", "machine", "must be a serial")
    ]


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (httpx.Response(502, json={"message": "Internal server error"}), "Internal server error"),
        (httpx.Response(500, text="<html>oops</html>"), "<html>oops</html>"),
        (httpx.Response(504), "no reason was given"),
    ],
)
def test_a_gateways_own_error_is_told_as_far_as_it_goes(
    desk: Desk, answer: httpx.Response, detail: str
) -> None:
    desk.on("GET", "/fleet", answer)

    with pytest.raises(ApiError) as refused:
        api(desk).fleet()

    assert refused.value.detail == detail
    assert "make logs" in refused.value.next_step


# Of gateways and of others: Cloudflare's 520 to 530, AWS's 460, 463 and 561, nginx's 499, 419.
@pytest.mark.parametrize("status", [*range(419, 600), 600, 999])
def test_every_status_has_a_title_also_one_without_a_name(desk: Desk, status: int) -> None:
    desk.on("GET", "/fleet", httpx.Response(status, text="odd"))

    with pytest.raises(ApiError) as refused:
        api(desk).fleet()

    assert (refused.value.status, refused.value.detail) == (status, "odd")
    assert refused.value.title
    assert bool(refused.value.next_step) == (status >= 500 or status == 422)


def test_a_body_that_is_not_the_gzip_it_says_is_reported_in_a_line() -> None:
    odd = httpx.Response(
        200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"not gzip")
    )

    with pytest.raises(UnreachableError, match="an invalid Content-Encoding"):
        api(lambda _: odd).fleet()


@pytest.mark.parametrize(
    "address",
    [
        f"http://{'a' * 64}.test",
        f"https://www.{'b' * 70}.example",
        "http://a..test",
        "http://localhost:99999",
        "http://localhost:port",
        "http://[::1",
        "http://ex ample.test",
        "http://" + "\u00e9" * 64 + ".test",
    ],
)
def test_what_is_no_address_is_reported_in_a_line(address: str) -> None:
    with pytest.raises(UnreachableError, match=r"is not an address|Nothing answers") as nowhere:
        VendingApi(Connection(address)).fleet()

    assert nowhere.value.next_step


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadError])
def test_without_a_response_the_next_step_is_make_up(error: type[httpx.TransportError]) -> None:
    with pytest.raises(UnreachableError) as gone:
        api(failing(error)).fleet()

    assert gone.value.exit_code == 3
    assert gone.value.next_step.startswith("make up")
    assert "http://api.test" in gone.value.detail


def test_a_slow_answer_is_no_refusal() -> None:
    with pytest.raises(UnreachableError, match="took too long"):
        api(failing(httpx.ReadTimeout)).fleet()


def test_another_service_at_the_address_is_not_mistaken_for_backroom(desk: Desk) -> None:
    desk.on("GET", "/fleet", "<html>Hello from something else</html>")

    with pytest.raises(UnreachableError, match="not as Backroom does"):
        api(desk).fleet()


@pytest.mark.parametrize("url", ["localhost:8000", "http://localhost:8000/"])
def test_an_address_may_lack_its_scheme(desk: Desk, url: str) -> None:
    desk.on("GET", "/fleet", fleet())

    api(desk, url).fleet()

    assert str(desk.requests[0].url) == "http://localhost:8000/fleet"


def test_an_address_that_is_none_says_so(desk: Desk) -> None:
    with pytest.raises(UnreachableError, match="not an address"):
        api(desk, "http://localhost:80x0")


def test_the_pages_of_a_list_are_followed_under_the_stage_of_the_api(desk: Desk) -> None:
    path = "/prod/machines/GM001/transactions"
    desk.on("GET", path, [row(1)], Link='</machines/GM001/transactions?cursor=x>; rel="next"')
    desk.on("GET", path, [row(2)])

    pages = list(api(desk, "http://api.test/prod").transactions("GM001", since="2020-02-01"))

    assert [each.id for page in pages for each in page.value] == [1, 2]
    assert dict(desk.requests[0].url.params)["from"] == "2020-02-01"
    assert dict(desk.requests[1].url.params) == {"cursor": "x"}


DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text())
LISTS: list[tuple[str, dict[str, str], Callable[[Connection], Iterator[Any]]]] = [
    ("/orders", {"status": "ready"}, lambda to: BakeryApi(to).all_orders(status="ready")),
    ("/batches", {}, lambda to: BakeryApi(to).all_batches()),
    ("/packages", {"sender": "a"}, lambda to: DeliveriesApi(to).all_packages(sender="a")),
    (
        "/warranties",
        {"match": "any-given", "sku": "a"},
        lambda to: WarrantiesApi(to).all_warranties({"sku": "a"}),
    ),
    ("/events", {"kind": "k"}, lambda to: WebhooksApi(to).all_events(kind="k")),
]


@pytest.mark.parametrize(("path", "query", "call"), LISTS, ids=[path for path, *_ in LISTS])
def test_a_list_is_gone_through_page_by_page_as_it_is_needed(
    desk: Desk, path: str, query: dict[str, str], call: Callable[[Connection], Iterator[Any]]
) -> None:
    answer = DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    example = answer["example"][0]
    desk.on("GET", path, [example, example], Link=f'<{path}?cursor=x>; rel="next"')
    desk.on("GET", path, [example])
    found = call(Connection("http://api.test", transport=httpx.MockTransport(desk)))

    assert desk.requests == []
    next(found), next(found)
    assert [dict(each.url.params) for each in desk.requests] == [query]
    assert len(list(found)) == 1
    assert [dict(each.url.params) for each in desk.requests] == [query, {"cursor": "x"}]


def row(number: int) -> dict[str, object]:
    return {"id": number, "machine": "GM001", "at": f"{NOW:%Y-%m-%dT%H:%M:%SZ}", "gumballs": 1}


def test_v2_an_upload_says_whose_it_is_and_when_it_was_downloaded(desk: Desk) -> None:
    desk.on("POST", "/files", file(), status=201)

    answer = api(desk).upload(TOLD, b"PK", "application/zip")

    request = desk.requests[0]
    assert dict(request.url.params) == {
        "technician": "T0001",
        "machine": "GM001",
        "downloaded_at": "2018-09-21T09:34:48",
        "filename": "log.txt",
    }
    assert request.headers["content-type"] == "application/zip"
    assert (answer.status, answer.value.id) == (201, 12)


def test_a_large_file_is_sent_with_its_length_and_the_headers_of_the_url(desk: Desk) -> None:
    desk.on("PUT", "/box", httpx.Response(200))
    upload = share_upload()

    api(desk).put_to_share(upload, io.BytesIO(b"rows"), 4)

    request = desk.requests[0]
    assert request.content == b"rows"
    assert request.headers["content-length"] == "4"
    assert "transfer-encoding" not in request.headers
    assert request.headers["content-type"] == "application/octet-stream"


def test_what_the_share_says_is_told(desk: Desk) -> None:
    desk.on(
        "PUT", "/box", httpx.Response(403, text="<E><Message>Request has expired</Message></E>")
    )

    with pytest.raises(ApiError, match="Request has expired") as refused:
        api(desk).put_to_share(share_upload(), io.BytesIO(b""), 0)

    assert refused.value.title == "The share refused the file"


def share_upload() -> Upload:
    return Upload(
        url="http://share.test/box?signature=1",
        headers={"Content-Type": "application/octet-stream"},
        expires_at=NOW,
    )


def test_a_machine_that_is_not_known_is_none(desk: Desk) -> None:
    desk.on("GET", "/machines/GM001", problem(404, "There is no machine GM001."))
    desk.on("GET", "/machines/GM002", machine("GM002"))

    found = api(desk)

    assert found.find_machine("GM001") is None
    assert found.find_machine("GM002")


@pytest.mark.parametrize(
    ("status", "detail", "step"),
    [
        (422, "There is no site mall.east; create it first.", "backroom sites put mall.east "),
        (404, "There is no technician T0009.", "backroom technicians put T0009 "),
        (404, "There is no machine GM009.", "backroom machines put GM009 "),
        (404, "There is no file 7 of T0001.", "backroom files list --technician T0001"),
        (404, "There is no file 7 of dispatcher.", "backroom imports list"),
        (404, "There is no file 7.", "backroom files list"),
        (404, "There is no dispatch 7.", "backroom dispatch list"),
        (403, "GM003 is not assigned to T0001.", "backroom machines put GM003 --technician T0001"),
        (409, "x.zip is here already, as file 7, with other bytes", "backroom files show 7"),
        (409, "Dispatch 4 to GM001 is open; close it first.", "backroom dispatch close 4"),
        (415, "this is a PDF document", "send the log itself"),
        (422, "the archive is encrypted", "download the log again"),
        (404, "There is no route /fleet.", "backroom status"),
        (500, "Something went wrong", "make logs"),
    ],
)
def test_every_refusal_has_its_next_step(status: int, detail: str, step: str) -> None:
    assert step in next_step_after(status, detail)
