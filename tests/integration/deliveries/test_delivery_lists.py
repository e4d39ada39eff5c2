"""Lists, batches and the filling of the list over HTTP and on DynamoDB."""

import json
from itertools import product
from typing import Any
from urllib.parse import urlencode

import pytest
from chalice.test import Client, HTTPResponse

from chalicelib.deliveries.ports import Wanted
from chalicelib.deliveries.records import decided
from chalicelib.deliveries.service.listing import _position
from tests.support.deliveries.fakes import BOX, NOON, package
from tests.support.deliveries.table import RealStore
from tests.support.dynamodb import items, spending

JSON = {"Content-Type": "application/json"}
DECLINED = {"timestamp": 100, "preferences": {"marketing": False}}


def ask(client: Client, method: str, path: str, body: object = None) -> HTTPResponse:
    raw = json.dumps(body).encode() if body is not None else b""
    return client.http.request(method, path, headers=JSON, body=raw)


def send(client: Client, package_id: str, **said: object) -> None:
    answer = ask(client, "POST", "/packages", {**BOX, "package_id": package_id, **said})
    assert answer.status_code == 201


def listed(client: Client, **query: object) -> list[str]:
    answer = ask(client, "GET", f"/packages?{urlencode(query)}")
    assert answer.status_code == 200, answer.body
    return [row["package_id"] for row in answer.json_body]


@pytest.fixture
def some(client: Client) -> Client:
    """Packages of two senders to two recipients, who want no advertisements."""
    for recipient in ("mars", "venus"):
        ask(client, "PUT", f"/recipients/{recipient}/preferences", DECLINED)
    for recipient, sender, kind in product(
        ("mars", "venus"), ("earth", "moon"), ("personal", "marketing")
    ):
        name = f"{recipient[0]}-{sender[0]}-{kind[0]}"
        send(client, name, recipient_id=recipient, sender_id=sender, package_type=kind)
    return client


@pytest.mark.parametrize(
    ("query", "fitting"),
    [
        ({}, "..."),
        ({"recipient": "mars"}, "m.."),
        ({"sender": "moon"}, ".m."),
        ({"recipient": "venus", "sender": "earth"}, "ve."),
        ({"outcome": "dropped"}, "..m"),
        ({"type": "personal"}, "..p"),
        ({"recipient": "mars", "outcome": "delivered"}, "m.p"),
        ({"sender": "earth", "type": "marketing", "recipient": "mars"}, "mem"),
        ({"outcome": "dropped", "type": "personal"}, "x.."),
        ({"recipient": "Mars"}, "x.."),
        ({"recipient": "mars#x"}, "x.."),
    ],
    ids=str,
)
def test_packages_are_found_by_whatever_is_known_as_soon_as_they_are_sent(
    some: Client, query: dict[str, str], fitting: str
) -> None:
    sent = [f"{recipient}-{sender}-{kind}" for recipient, sender, kind in product("mv", "em", "pm")]
    wanted = [
        name
        for name in reversed(sent)
        if all(want in {".", has} for want, has in zip(fitting, name[::2], strict=True))
    ]

    assert listed(some, **query) == wanted
    found, path = [], f"/packages?{urlencode({**query, 'limit': 1})}"
    while path:
        page = ask(some, "GET", path)
        found += [row["package_id"] for row in page.json_body]
        path = page.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert found == wanted


def test_a_row_shows_the_outcome_of_the_package_and_why(client: Client) -> None:
    ask(client, "PUT", "/recipients/mars/preferences", DECLINED)
    body = {**BOX, "package_type": "marketing"}
    answer = ask(client, "POST", "/packages", body).json_body

    (row,) = ask(client, "GET", "/packages?recipient=mars").json_body

    del answer["duplicate"]
    assert row == answer


def test_a_span_includes_its_first_instant_and_not_its_last(client: Client) -> None:
    for name in "abc":
        send(client, name)
    times = {
        row["package_id"]: row["decided_at"] for row in ask(client, "GET", "/packages").json_body
    }

    assert listed(client, **{"from": times["b"]}) == ["c", "b"]
    assert listed(client, to=times["b"]) == ["a"]
    assert listed(client, **{"from": times["b"], "to": times["c"]}) == ["b"]
    assert listed(client, **{"from": times["b"], "to": times["b"]}) == []


def test_a_list_as_csv_has_no_cell_that_a_spreadsheet_evaluates(client: Client) -> None:
    send(client, "=1+1", sender_id="@x", recipient_id="-7")

    answer = ask(client, "GET", "/packages?format=csv")

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    names, row = answer.body.decode().splitlines()
    assert names.startswith("\ufeffpackage_id,status,reason,sender_id,recipient_id,")
    assert row.startswith("'=1+1,delivered,")
    assert ",'@x,'-7," in row


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("outcome=lost", "outcome"),
        ("type=freight", "type"),
        ("recipient=", "recipient"),
        ("from=yesterday", "from"),
        ("from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=abc", "cursor"),
        ("format=xml", "format"),
        ("package_id=box&recipient=mars", "recipient"),
        ("package_id=box&from=2026-01-01T00:00:00Z", "from"),
        ("recipient=a&recipient=b", "recipient"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(client: Client, query: str, field: str) -> None:
    answer = ask(client, "GET", f"/packages?{query}")

    assert answer.status_code == 400, answer.body
    assert [fault["field"] for fault in answer.json_body["errors"]] == [field]


def test_a_package_whose_id_is_batch_is_shown_as_any_other(client: Client) -> None:
    assert ask(client, "GET", "/packages/batch").status_code == 404
    send(client, "batch")

    assert ask(client, "GET", "/packages/batch").json_body["package_id"] == "batch"


# --- batches --------------------------------------------------------------------------------------


def test_packages_are_sent_at_once_and_again_safely(client: Client, table: Any) -> None:
    send(client, "the first of all")
    body = {"packages": [{**BOX, "package_id": number} for number in range(12)]}

    with spending(table) as spent:
        first = ask(client, "POST", "/packages/batch", body).json_body
    with spending(table) as repeated:
        again = ask(client, "POST", "/packages/batch", body).json_body

    assert (first["delivered"], first["duplicates"]) == (12, 0)
    assert (again["delivered"], again["duplicates"]) == (12, 12)
    assert [each["package_id"] for each in first["packages"]] == [str(n) for n in range(12)]
    assert spent.calls == {"BatchGetItem": 1, "TransactWriteItems": 12}
    assert repeated.calls == {"BatchGetItem": 1}
    assert ask(client, "GET", "/statistics").json_body["packages_delivered"] == 13


def test_what_is_no_package_is_said_and_counted_and_the_others_are_sent(client: Client) -> None:
    members = [BOX, {**BOX, "package_type": "freight"}, 7, None, {}, {**BOX, "package_id": "b"}]

    answer = ask(client, "POST", "/packages/batch", {"packages": members})

    assert answer.status_code == 200
    told = answer.json_body
    assert [each["verdict"] for each in told["packages"]] == [
        *("delivered", "malformed", "malformed", "malformed", "malformed", "delivered"),
    ]
    assert told["packages"][1]["errors"][0]["field"] == "package_type"
    assert len(told["packages"][4]["errors"]) == 5
    counts = ask(client, "GET", "/statistics").json_body
    assert (counts["packages_delivered"], counts["requests_malformed"]) == (2, 4)


@pytest.mark.parametrize(
    "body", [{}, {"packages": []}, {"packages": [BOX] * 501}, {"packages": BOX}, {"package": []}]
)
def test_what_is_no_batch_is_refused_and_counted_once(client: Client, body: object) -> None:
    assert ask(client, "POST", "/packages/batch", body).status_code == 400
    assert ask(client, "GET", "/statistics").json_body["requests_malformed"] == 1


# --- packages of before there was a list ----------------------------------------------------------


def test_packages_that_were_decided_before_are_listed_once_the_list_is_filled(
    client: Client, table: Any, table_name: str
) -> None:
    for number in range(120):
        send(client, f"p{number}")
    before = ask(client, "GET", "/packages?limit=1000").json_body
    rows = [item for item in items(table, table_name) if _is_row(item)]
    for row in rows:
        table.delete_item(TableName=table_name, Key={name: row[name] for name in ("pk", "sk")})
    assert ask(client, "GET", "/packages").json_body == []

    filled, path = 0, "/package-list"
    while path:
        page = ask(client, "POST", path).json_body
        filled += page["packages"]
        path = f"/package-list?cursor={page['cursor']}" if "cursor" in page else ""

    assert filled == 120
    assert ask(client, "GET", "/packages?limit=1000").json_body == before
    assert sorted(map(str, _rows(table, table_name))) == sorted(map(str, rows))


def _rows(table: Any, table_name: str) -> list[dict[str, Any]]:
    return [item for item in items(table, table_name) if _is_row(item)]


def _is_row(item: dict[str, Any]) -> bool:
    return str(item["pk"]["S"]).partition("#")[0] in {"RECEIVED", "SENT", "DECIDED"}


def test_ids_of_any_characters_are_listed_page_by_page(table: Any, table_name: str) -> None:
    store = RealStore(table, table_name)
    ids = ["\x00", "a", "\ue000", "\U0010ffff", "#", "a#b", "\ud7ff"]
    for name in ids:
        store.add(decided(package(package_id=name, recipient_id=name), None, at=NOON))

    found, before = [], None
    while True:
        rows = list(store.listed(Wanted(), before=before, page_size=2))[:2]
        if not rows:
            break
        found += [record.package.package_id for record in rows]
        before = _position(rows[-1])

    assert found == sorted(ids, reverse=True)
    for name in ids:
        (record,) = store.listed(Wanted(recipient=name), before=None, page_size=2)
        assert record.package.package_id == name
