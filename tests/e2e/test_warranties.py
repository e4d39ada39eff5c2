"""Warranties end to end: the brief's example, many stores at once, deaths, what calls cost, IAM.

Each test uses stores and items of its own; the list of all warranties is everybody's.
"""

import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count, product
from typing import Any
from uuid import uuid4

import httpx
import pytest

from chalicelib.core.outbox import queues
from chalicelib.warranties.service import Filters
from chalicelib.warranties.store import LIST_SHARDS
from tests.e2e.test_errors import faults
from tests.support.deployed import TARGET, Deployed
from tests.support.dynamodb import Line, items
from tests.support.patience import CLIENT_S, Deadline, eventually
from tests.support.warranties.fakes import SOFA
from tests.support.warranties.kills import DEEDS, Scene, deaths

BUSY = {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.BAD_GATEWAY, httpx.codes.GATEWAY_TIMEOUT}
# A killed function is a 500 of the gateway's, which says nothing of what was done.
BROKEN = BUSY | {httpx.codes.INTERNAL_SERVER_ERROR}


class Shops:
    """Stores that try again, under the same key, as long as it makes sense."""

    def __init__(self, stack: Deployed) -> None:
        self.api = stack.api

    def sell(self, *, key: str | None = None, **told: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key or str(uuid4())}
        deadline = Deadline(120)
        while True:
            with suppress(httpx.TransportError):
                answer = self.api.post("/warranties", json={**SOFA, **told}, headers=headers)
                if answer.status_code not in BROKEN:
                    return answer
            assert not deadline.passed()
            time.sleep(0.2)

    def listed(self, **query: Any) -> list[dict[str, Any]]:
        """Return all pages of a list."""
        path: str | None = "/warranties"
        found: list[dict[str, Any]] = []
        while path:
            answer = self.api.get(path, params=query or None)
            assert answer.status_code == 200, answer.text
            found += answer.json()
            path, query = answer.links.get("next", {}).get("url"), {}
        return found


@pytest.fixture
def shops(stack: Deployed) -> Shops:
    return Shops(stack)


@pytest.fixture
def name() -> str:
    """A name that nobody else has."""
    return str(uuid4())


# --- the brief ------------------------------------------------------------------------------------


def test_w1_to_w7_the_briefs_own_example(shops: Shops, name: str) -> None:
    raw = json.dumps({**SOFA, "item_sku": name}).replace(
        '"item_cost": 150,', '"item_cost": 150.00,'
    )
    assert "150.00" in raw

    answer = shops.api.post(
        "/warranties", content=raw, headers={"Content-Type": "application/json; charset=utf-8"}
    )

    assert answer.status_code == 201
    made = answer.json()["warranties"]
    assert [(w["warranty_price"], w["warranty_duration_months"]) for w in made] == [
        (20, 12),
        (27, 24),
    ]
    assert '"warranty_price":20.00' in answer.text
    filters = {"sku": name, "item_type": "furniture", "store_uuid": SOFA["store_uuid"]}
    assert shops.listed(**filters) == made
    assert shops.listed(match="any-given", sku=name) == made
    assert [w for w in shops.listed() if w["item_sku"] == name] == made
    shown = shops.api.get(f"/warranties/{made[1]['id']}").json()
    assert shown["price_rule"] == "6.00 + 14 % of the cost"
    csv = shops.api.get(f"/stores/{SOFA['store_uuid']}/warranties.csv")
    assert made[0]["id"] in csv.text
    assert csv.headers["Content-Type"] == "text/csv; charset=utf-8"


def test_what_the_brief_refuses_through_the_gateway(shops: Shops, name: str) -> None:
    form = shops.api.post("/warranties", data=SOFA)
    text_cost = shops.api.post("/warranties", json={**SOFA, "item_cost": "150", "item_sku": ""})
    repeated = shops.api.get("/warranties?sku=a&sku=b&item_type=c&store_uuid=d")

    assert form.status_code == 415
    assert faults(text_cost) == {("body", "item_cost"), ("body", "item_sku")}
    assert faults(repeated) == {("query", "sku")}
    assert faults(shops.api.get("/warranties?sku=x")) == {
        ("query", "item_type"),
        ("query", "store_uuid"),
    }
    assert faults(shops.api.get("/warranties?item_sku=x")) == {("query", "item_sku")}
    assert shops.api.put("/warranties").status_code == 405
    first = shops.sell(key=name, item_sku=name)
    assert shops.sell(key=name, item_sku=name).text == first.text
    assert shops.sell(key=name, item_sku=name, item_cost=1).status_code == 422


def test_odd_names_find_their_way_through_the_gateway(shops: Shops, name: str) -> None:
    for sku in (f"{name} a&b=c+d", f"{name}/%2F#?", f'{name} "🛋" <b>'):
        made = shops.sell(item_sku=sku, item_title=sku).json()["warranties"]

        assert shops.listed(match="any-given", sku=sku) == made
        assert made[0]["item_title"] == sku


def test_a_warranty_is_cancelled_once_by_many_at_once(stack: Deployed, name: str) -> None:
    shops = Shops(stack)
    made = shops.sell(item_sku=name).json()["warranties"][0]
    asked = {"item_type": "furniture", "item_cost": "150.00"}
    quote = shops.api.get("/plans/quote", params=asked).json()
    assert quote["offers"][0]["calculation"] == "5.00 + 10 % of 150.00 = 20.00"
    [found] = shops.api.get("/warranties", params={"number": made["number"].lower()}).json()

    def cancel(number: int) -> httpx.Response:
        path = f"/warranties/{found['id']}/cancellation"
        deadline = Deadline(60)
        while True:
            answer = shops.api.post(path, json={"reason": f"clerk {number}"})
            if answer.status_code not in BROKEN or deadline.passed():
                return answer

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(cancel, range(8)))

    assert {answer.status_code for answer in answers} <= {200, 201}
    assert len({answer.json()["cancelled_at"] for answer in answers}) == 1

    def archived_cancellation() -> Any:
        shown = shops.api.get(f"/warranties/{made['id']}").json()["cancellation"]
        return shown if shown["archive"]["state"] == "done" else None

    shown = eventually(archived_cancellation)
    assert (shown["refund"], shown["currency"]) == (20, "USD")


# --- W8: many at once -----------------------------------------------------------------------------


def check_stock(stack: Deployed, name: str, answers: list[httpx.Response]) -> None:
    """Hold what is stored under ``name`` against what was answered."""
    client, table = stack.client("dynamodb"), stack.outputs["WarrantiesTable"]
    assert {answer.status_code for answer in answers} == {201}
    told = [w for answer in answers for w in answer.json()["warranties"]]
    stored = [each for each in items(client, table) if name in str(each)]
    kinds = Counter(each["pk"]["S"].partition("#")[0] for each in stored)
    sales = len(answers)
    assert kinds == {
        **{"STORE": 10, "ITEM": 5},
        **{"SALE": sales, "SOLD": sales, "LIST": sales, "KEY": sales},
    }
    assert len({w["store_id"] for w in told}) == 10
    listed = [w for w in Shops(stack).listed() if w["store_uuid"].startswith(name)]
    assert Counter(w["id"] for w in listed) == Counter(w["id"] for w in told)
    assert len(listed) == 2 * sales
    effects = {each["pk"]["S"] for each in items(client, stack.outputs["OutboxTable"], "EFFECT#")}
    assert {f"EFFECT#archive#{answer.json()['request_id']}" for answer in answers} <= effects


def sales(name: str, count: int) -> list[dict[str, Any]]:
    """Return sales of 10 stores and 5 items."""
    places = list(product(range(10), range(5)))
    return [
        {"store_uuid": f"{name}-{store}", "item_sku": f"{name} {item}"}
        for store, item in (places * (count // len(places) + 1))[:count]
    ]


def test_w8_200_parallel_posts_of_10_stores_and_5_items(
    stack: Deployed, shops: Shops, name: str
) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda told: shops.sell(**told), sales(name, 200)))

    check_stock(stack, name, answers)


def test_w8_functions_killed_in_the_middle_of_sales_cost_nothing(
    stack: Deployed, shops: Shops, name: str
) -> None:
    """After every third sale that is answered a process dies, in the middle of another one."""
    answered = count(1)

    def sell(told: dict[str, Any]) -> httpx.Response:
        answer = shops.sell(**told)
        if next(answered) % 3 == 0:
            stack.kill_one("api")
        return answer

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(sell, sales(name, 60)))

    check_stock(stack, name, answers)


def test_one_key_sent_16_times_at_once_is_one_sale(
    stack: Deployed, shops: Shops, name: str
) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: shops.sell(key=name, item_sku=name), range(16)))

    assert len({answer.text for answer in answers}) == 1
    assert len(shops.listed(match="any-given", sku=name)) == 2


def test_hot_items_have_no_record_on_which_sales_meet(
    stack: Deployed, shops: Shops, name: str
) -> None:
    """Each store names a cost of its own, so that each sale changes the item."""
    shops.sell(item_sku=name)

    with ThreadPoolExecutor(16) as pool:
        sold = {"item_sku": name}
        answers = list(
            pool.map(
                lambda n: shops.sell(**sold, store_uuid=f"{name}-{n}", item_cost=100 + n), range(48)
            )
        )

    assert {answer.status_code for answer in answers} == {201}
    found = shops.listed(match="any-given", sku=name)
    assert len(found) == 2 * 49
    newest = max(found, key=lambda w: str(w["created_at"]))
    item = shops.api.get(f"/warranties/{found[0]['id']}").json()["item"]
    assert item["item_cost"] == newest["item_cost"]


def test_refusals_at_once_are_counted_exactly(shops: Shops, name: str) -> None:
    with ThreadPoolExecutor(16) as pool:
        told = {"item_type": name, "item_sku": name}
        answers = list(pool.map(lambda n: shops.sell(**told, item_cost=n + 1), range(48)))

    assert {(answer.status_code, answer.json()["reason"]) for answer in answers} == {
        (200, "type unknown")
    }
    counted = {r["item_type"]: r["count"] for r in shops.api.get("/plans/refusals").json()}
    assert counted[name] == 48


@pytest.mark.parametrize("deed", DEEDS)
def test_w8_a_sale_can_be_retried_after_a_crash(stack: Deployed, deed: str) -> None:
    table, outbox = stack.outputs["WarrantiesTable"], stack.outputs["OutboxTable"]

    moments = list(deaths(stack.client("dynamodb"), table, outbox, deed))

    assert moments == list(range(6 if "changed" in deed else 4))


# --- W6: the archive ------------------------------------------------------------------------------


def archived(stack: Deployed) -> dict[str, bytes]:
    """Return all objects of the archive."""
    s3, bucket = stack.client("s3"), stack.outputs["WarrantiesBucket"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def archive_of(shops: Shops, sale: httpx.Response) -> dict[str, Any]:
    """Return what a sale's warranty says of its archive."""
    warranty = sale.json()["warranties"][0]["id"]
    shown: dict[str, Any] = shops.api.get(f"/warranties/{warranty}").json()["archive"]
    return shown


def done(shops: Shops, sale: httpx.Response) -> dict[str, Any]:
    """Return what a sale's warranty says of its archive, once it is archived."""

    def there() -> dict[str, Any]:
        shown = archive_of(shops, sale)
        assert shown["state"] == "done", shown
        return shown

    return eventually(there, within_s=90)


def test_w6_request_and_answer_are_archived_with_checksum_and_link(
    stack: Deployed, shops: Shops, name: str
) -> None:
    sold, refused = shops.sell(item_sku=name), shops.sell(item_sku=name, item_type="spaceship")

    shown = done(shops, sold)

    content = httpx.get(shown["url"], timeout=CLIENT_S).content
    assert hashlib.sha256(content).hexdigest() == shown["sha256"]
    assert re.fullmatch(r"warranties/\d{4}/\d\d/\d\d/[0-9a-f-]{36}\.json", shown["key"])
    told = json.loads(content)
    assert told["request"]["item_sku"] == name
    # Archived times keep the form of the first versions.
    answered = json.loads(sold.text.replace('Z"', '+00:00"'))
    assert told["response"] == {"status": 201, "body": answered}
    key = shown["key"].replace(sold.json()["request_id"], refused.json()["request_id"])
    assert json.loads(eventually(lambda: archived(stack)[key]))["response"]["status"] == 200


def test_w6_sales_succeed_while_the_archive_is_away_and_are_archived_later_once(
    stack: Deployed, shops: Shops, name: str
) -> None:
    s3, bucket = stack.client("s3"), stack.outputs["WarrantiesBucket"]
    eventually(lambda: stack.queue_depth("OutboxArchiveQueue") == 0)
    before = archived(stack)
    for key in before:
        s3.delete_object(Bucket=bucket, Key=key)
    s3.delete_bucket(Bucket=bucket)

    answers = [shops.sell(item_sku=name) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {201}
    effect = {"id": f"archive#{answers[0].json()['request_id']}"}

    def was_tried() -> bool:
        shown = stack.api.get("/outbox/effect", params=effect).json()
        return bool(shown["attempts"]) and "NoSuchBucket" in str(shown)

    eventually(was_tried)
    assert {archive_of(shops, answer)["state"] for answer in answers} == {"pending"}

    s3.create_bucket(Bucket=bucket)

    keys = [done(shops, answer)["key"] for answer in answers]
    assert Counter(key for key in archived(stack) if key in keys) == Counter(keys)
    assert len(set(keys)) == 3


def test_w6_messages_that_come_twice_archive_once(stack: Deployed, shops: Shops, name: str) -> None:
    sold = shops.sell(item_sku=name)
    first = done(shops, sold)
    effect_id = f"archive#{sold.json()['request_id']}"
    head = {"Bucket": stack.outputs["WarrantiesBucket"], "Key": first["key"]}
    written_at = stack.client("s3").head_object(**head)["LastModified"]

    for _ in range(3):
        stack.client("sqs").send_message(
            QueueUrl=stack.outputs["OutboxArchiveQueue"], MessageBody=queues.body(effect_id)
        )
    eventually(lambda: stack.queue_depth("OutboxArchiveQueue") == 0)

    assert stack.client("s3").head_object(**head)["LastModified"] == written_at
    assert archive_of(shops, sold)["sha256"] == first["sha256"]


# --- what it costs --------------------------------------------------------------------------------

EFFECT = 5
"""Write units of asking for an effect: its row, and a row in each of three indexes."""


def test_round_trips_and_write_units_are_those_of_the_docs(stack: Deployed, name: str) -> None:
    line = Line(stack.client("dynamodb"))
    at = Scene(
        stack.client("dynamodb"),
        stack.outputs["WarrantiesTable"],
        stack.outputs["OutboxTable"],
        name,
    )
    service = at.service(line)
    read, write = "batch_get_item", "transact_write_items"

    def costs(act: Any) -> tuple[list[str], float]:
        line.calls, line.write_units = [], 0
        act()
        return line.calls, line.write_units

    def listing(**filters: str) -> list[str]:
        calls, units = costs(lambda: service.listed(Filters(**filters), after=None, limit=10))
        assert units == 0
        return calls

    sofa, dearer, cheap = at.body(), at.body(item_cost=160), at.body(item_cost=5)
    assert costs(lambda: service.sell(sofa)) == ([read, write], 8 + EFFECT + 4)
    assert costs(lambda: service.sell(sofa)) == ([read, write], 8 + EFFECT)
    assert costs(lambda: service.sell(sofa, key=name)) == ([read, write], 10 + EFFECT)
    assert costs(lambda: service.sell(sofa, key=name)) == ([read], 0)
    assert costs(lambda: service.sell(dearer)) == ([read, "update_item", write], 9 + EFFECT)
    at.service().sell(cheap)
    assert costs(lambda: service.sell(cheap)) == ([read, write], 6 + EFFECT)
    made = at.service().sell(sofa).sale
    assert costs(lambda: service.warranty(f"{made.request_id}-12")) == (["get_item", read], 0)
    cancelling = costs(lambda: service.cancel(f"{made.request_id}-12", "returned"))
    assert cancelling == (["get_item", read, write], 6 + EFFECT)
    assert listing(store_uuid=name) == ["query"]
    assert listing(store_uuid=name, item_type="furniture", sku=name) == ["query"]
    assert listing(store_uuid=name, sku=name) == ["query"] * 2
    assert listing(sku=name) == ["query"] * (1 + LIST_SHARDS)
    assert listing(item_type="furniture", sku=name) == ["query"] * LIST_SHARDS


# --- IAM ------------------------------------------------------------------------------------------


def test_the_functions_role_lets_warranties_work(guarded: Deployed, name: str) -> None:
    shops = Shops(guarded)

    made = shops.sell(item_sku=name).json()["warranties"]
    assert shops.sell(item_sku=name, item_cost=5).status_code == 200
    assert shops.sell(item_sku=name, item_cost=200).status_code == 201

    assert shops.api.get(f"/warranties/{made[0]['id']}").status_code == 200
    assert shops.api.get("/warranties", params={"number": made[0]["number"]}).status_code == 200
    assert shops.api.post(f"/warranties/{made[0]['id']}/cancellation").status_code == 201
    assert len(shops.listed(match="any-given", sku=name)) == 4
    assert any(r["item_type"] == "furniture" for r in shops.api.get("/plans/refusals").json())


@pytest.mark.skipif(TARGET != "local", reason="LocalStack does not enforce IAM")
def test_w6_an_archive_that_denies_loses_nothing(guarded: Deployed, name: str) -> None:
    """The worker's role loses its right to write; sales go on, and are archived when it is back."""
    shops, iam = Shops(guarded), guarded.client("iam")
    url = done(shops, shops.sell(item_sku=name))["url"]
    assert httpx.get(url, timeout=CLIENT_S).status_code == 200
    assert httpx.get(url.partition("?")[0], timeout=CLIENT_S).status_code == 403
    with denied(iam, guarded):
        sold = shops.sell(item_sku=name)
        assert sold.status_code == 201
        kinds = "/outbox/kinds"
        eventually(lambda: "paused" in guarded.api.get(kinds).text, within_s=60)
        assert archive_of(shops, sold)["state"] == "pending"

    effect = {"id": f"archive#{sold.json()['request_id']}"}
    assert guarded.api.post("/outbox/retry", json=effect).status_code < 300
    done(shops, sold)


@contextmanager
def denied(iam: Any, stack: Deployed) -> Iterator[None]:
    """Take the archive's worker its right to write objects for a while."""
    role, policy = role_policy(iam, stack)
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    rest = [each for each in document["Statement"] if "s3:PutObject" not in each["Action"]]
    assert len(rest) < len(document["Statement"])

    def put(statements: list[Any]) -> None:
        changed = json.dumps({**document, "Statement": statements})
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=changed)

    put(rest)
    try:
        yield
    finally:
        put(document["Statement"])


def role_policy(iam: Any, stack: Deployed) -> tuple[str, str]:
    """Return the role of the archive's worker and the policy that lets it write objects."""
    function = stack.function("warranties-archive")
    config = stack.client("lambda").get_function_configuration(FunctionName=function)
    role = config["Role"].rpartition("/")[2]
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        if any("s3:PutObject" in each["Action"] for each in document["Statement"]):
            return role, policy
    raise AssertionError("no policy lets it write")
