"""A story that fills every table, told to the version that is checked out.

It writes what the tables and the share hold in the end as JSON, for the tests beside it:

    cd CHECKOUT && PYTHONPATH=. python .../tests/state/story.py FILE VERSION CHAPTER...

What the file holds already stays, so that chapters can come from one version each; VERSION is noted
in it.

It needs nothing of the checkout but its API and its event functions, so that it runs on versions as
old as those that landed first. A chapter that an old version does not know all of leaves it out.
"""

import base64
import contextlib
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3

from tests.support.moto_aws import mock_aws

TABLES = ("vending", "deliveries", "ledger", "warranties", "bakery", "outbox")
BUCKETS = ("vending", "warranties")
_REGION = "us-east-1"
ACCOUNT = "00000001-0000-4000-8000-000000000001"
ITEM = {
    "store_uuid": "b21ad0676f26439",
    "item_type": "furniture",
    "item_sku": "986kjeo8fy9qhu",
    "item_cost": 150,
    "item_title": "Amy's Sectional Sofa",
}
ORDER = {"customer": "Mr. Cakelover", "recipe": "chocolate_cake", "persons": 4, "quantity": 1}
# Written with a point for grams, which json.dumps would keep only by luck.
CAKE = '{"name": "Chocolate Cake", "ingredients": {"flour": 17.0, "sugar": 33.0, "eggs": 2}}'
EXTRAS = (
    '{"customer": "Mr. Cakelover", "recipe": "chocolate_cake", "persons": 4, "quantity": 1, '
    '"extra_ingredients": {"sugar": 10.50, "peanuts": 10}}'
)


class Teller:
    """Sends requests to the app of the checkout."""

    def __init__(self, http: Any) -> None:
        self._http = http
        self.status = 0

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        raw = body if isinstance(body, str) else json.dumps(body) if body is not None else ""
        kind = "text/plain" if path.startswith(("/files?", "/imports?")) else "application/json"
        named = {"Content-Type": kind, **{n.replace("_", "-"): v for n, v in headers.items()}}
        answer = self._http.request(method, path, headers=named, body=raw.encode())
        self.status = answer.status_code
        sys.stderr.write(f"{method} {path} {answer.status_code} {answer.body[:150]!r}\n")
        try:
            return answer.json_body
        except ValueError:
            return answer.body.decode()


def log_text(machine: str, days: int, faults: int = 0) -> str:
    """Return a log with a row every hour, and ``faults`` of them without a gumball."""
    start = datetime(2026, 11, 1, tzinfo=UTC)
    rows = [
        f"{machine}|{start + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}|{int(hour >= faults)}\n"
        for hour in range(24 * days)
    ]
    return "".join(rows)


def vending(ask: Teller) -> None:
    """Files that count, are refused, held, awaited and deleted; verdicts; visits."""
    ask("PUT", "/sites/mall", {"name": "Harbour Mall", "time_zone": "America/Chicago"})
    ask("PUT", "/technicians/T0001", {"name": "Ann"})
    for machine in ("GM001", "GM002"):
        ask("PUT", f"/machines/{machine}", {"site": "mall", "technician": "T0001"})
    ask("PUT", "/machines/GM009", {})
    told = "technician=T0001&downloaded_at=2026-11-04T09%3A00%3A00"
    ask("POST", f"/files?{told}&machine=GM001&filename=log.txt", log_text("GM001", 3, faults=30))
    ask("POST", f"/files?{told}&machine=GM002", log_text("GM002", 3) + "nonsense\nGM0|x|1\n")
    ask("POST", "/imports?filename=all.txt", log_text("GM003", 2) + log_text("GM004", 2))
    ask("POST", "/imports?filename=gone.txt", log_text("GM005", 1))
    ask("POST", "/files/presigned", {**_named("GM001"), "downloaded_at": "2026-11-05T09:00:00"})
    _arrive()
    ask("DELETE", "/imports/4")
    ask("POST", "/dispatches", {"machine": "GM001", "note": "take both parts"})
    ask("POST", "/dispatches", {"machine": "GM002", "note": ""})
    ask("POST", "/dispatches/2/close", {"note": "all well"})
    _arrive()
    ask("GET", "/fleet")


def _named(machine: str) -> dict[str, str]:
    return {"technician": "T0001", "machine": machine, "filename": "later.txt"}


def _arrive() -> None:
    """Have the files of the share looked at, and the fleet judged."""
    from chalicelib.vending.wiring import vending  # noqa: PLC0415 - of the checkout

    services = vending()
    for name in _names(boto3.client("s3", region_name=_REGION), "vending"):
        services.arrivals.look_at(name)
    verdicts: Any = services.verdicts
    # Versions before 0.2.0 judge the fleet as a whole.
    judge = getattr(verdicts, "look_at_notes", None) or verdicts.judge_fleet
    judge()


def deliveries(ask: Teller) -> None:
    """Packages delivered, dropped, repeated and refused; preferences that overrule each other."""
    package = {"sender_id": "earth", "recipient_id": "mars", "package_type": "personal"}
    at = "2142-05-01T10:00:00Z"
    wanted = {"marketing": False}
    ask("PUT", "/preferences", {"recipient_id": "mars", "timestamp": at, "preferences": wanted})
    old = {"timestamp": "2142-04-01T10:00:00Z", "preferences": {"marketing": True}}
    ask("PUT", "/recipients/mars/preferences", old)
    for number, kind in enumerate(("personal", "marketing")):
        told = {**package, "package_id": f"box-{number}", "package_type": kind, "timestamp": at}
        ask("POST", "/packages", told)
        ask("POST", "/packages", {**told, "timestamp": "2142-05-02T10:00:00Z"})
        ask("POST", "/packages", {**told, "sender_id": "venus"})
    ask("POST", "/packages", {"package_id": "box-9"})
    with contextlib.suppress(ImportError):
        from chalicelib.deliveries.wiring import deliveries  # noqa: PLC0415 - of the checkout

        services: Any = deliveries()
        messages = next(each for each in vars(services).values() if hasattr(each, "refuse"))
        from chalicelib.core.errors import InvalidInputError  # noqa: PLC0415

        messages.refuse("message-1", InvalidInputError([]))


def ledger(ask: Teller) -> None:
    """Posts with and without ids and keys, a reversal, another account."""
    ask("POST", "/transactions", {"account_id": ACCOUNT, "amount": 4}, Idempotency_Key="k")
    named = {"account_id": ACCOUNT, "amount": -3, "transaction_id": ACCOUNT.replace("1", "6")}
    made = ask("POST", "/transactions", named)
    ask("POST", "/transactions", {"account_id": ACCOUNT.replace("1", "2"), "amount": 7})
    ask("POST", f"/transactions/{made['transaction_id']}/reversal")


def warranties(ask: Teller) -> None:
    """Sales that got warranties and one that got none; an item that changed."""
    ask("POST", "/warranties", ITEM, Idempotency_Key="k")
    ask("POST", "/warranties", {**ITEM, "item_cost": 160, "store_uuid": "b2"})
    ask("POST", "/warranties", {**ITEM, "item_cost": 1})
    ask("POST", "/warranties", {**ITEM, "item_type": "ship"})
    _work("archive", lambda id_: id_.startswith("archive#"), skip=1)


def bakery(ask: Teller) -> None:
    """Orders in every state, with keys and extras; a sealed batch; staff; tickets of vendors."""
    ask("POST", "/cakes", CAKE)
    ask("POST", "/cakes", '{"name": "Crème Brûlée", "ingredients": {"cream": 200.0}}')
    ask("POST", "/orders", ORDER)
    ask("POST", "/orders", EXTRAS, Idempotency_Key="k")
    ask("POST", "/orders", {**ORDER, "urgent": True, "email": "cakelover@example.com"})
    ask("POST", "/batches")
    for number in range(3):
        ask("POST", "/orders", {**ORDER, "customer": f"Guest {number}"})
    ask("POST", "/orders/2/ready?by=Ann")
    ask("DELETE", "/orders/1?by=Ann&reason=moved")
    ask("DELETE", "/orders/5")
    person = {"firstName": "Ada", "lastName": "Lovelace", "permissions": {"developer": True}}
    ask("POST", "/employees", {**person, "githubUsername": "ada"})
    ask("POST", "/employees", {**person, "firstName": "Grace"})
    ask("PATCH", "/employees/2", {"permissions": {"developer": False}})
    gone = {"firstName": "Bob", "lastName": "Gone", "permissions": {"developer": True}}
    ask("POST", "/employees", {**gone, "githubUsername": "bob"})
    ask("DELETE", "/employees/3")
    _tickets()
    _work("jira", lambda id_: id_.startswith(("jira#", "comment#")), skip=0)


def _tickets() -> None:
    """Keep what became of tickets and documents, as the performers do."""
    from chalicelib.bakery.wiring import stores  # noqa: PLC0415 - of the checkout

    kept: Any = stores()
    batch = next(iter(kept.batches.batches(None)))
    kept.tickets.know("ING-1", batch.day)
    kept.tickets.know("ING-2", 3)
    records = __import__("chalicelib.bakery.records", fromlist=["Ticket"])
    kept.tickets.settle(batch.day, records.Ticket(state="created", key="ING-1"))
    with contextlib.suppress(AttributeError):
        documents = kept.documents
        at = datetime(2026, 11, 21, tzinfo=UTC)
        documents.claim("folder/Orders", maker="cancelled#1", at=at, before=documents.spot("x"))
        documents.keep("folder/Orders", "drive-folder-1")


def _work(kind: str, chosen: Any, *, skip: int) -> None:
    """Have a worker perform effects; no vendor is configured, so some are switched off."""
    client = boto3.client("dynamodb", region_name=_REGION)
    found = client.scan(TableName="outbox")["Items"]
    ids = sorted(each["pk"]["S"].removeprefix("EFFECT#") for each in found)
    try:
        if kind == "archive":
            from chalicelib.warranties.wiring import archiver as worker  # noqa: PLC0415
        else:
            from chalicelib.bakery.workers import tickets as worker  # noqa: PLC0415
    except ImportError:
        return
    for effect_id in [each for each in ids if chosen(each)][skip:]:
        sys.stderr.write(f"work {effect_id} {worker().work(effect_id)}\n")


def _names(s3: Any, bucket: str) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def _make(dynamodb: Any) -> None:
    key = [{"AttributeName": n, "KeyType": t} for n, t in (("pk", "HASH"), ("sk", "RANGE"))]
    for name in TABLES:
        indexed = {
            "open": ("open_shard", "wake"),
            "listed": ("list_shard", "list_place"),
            "all": ("all_shard", "list_place"),
        }
        indexes = indexed if name == "outbox" else {}
        attributes = sorted({"pk", "sk", *(each for pair in indexes.values() for each in pair)})
        given: dict[str, Any] = {}
        if indexes:
            given["GlobalSecondaryIndexes"] = [
                {
                    "IndexName": index,
                    "KeySchema": [
                        {"AttributeName": pair[0], "KeyType": "HASH"},
                        {"AttributeName": pair[1], "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
                for index, pair in indexes.items()
            ]
        dynamodb.create_table(
            TableName=name,
            KeySchema=key,
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in attributes],
            BillingMode="PAY_PER_REQUEST",
            **given,
        )


def _packed(value: Any) -> Any:
    """Return an attribute with its bytes as base64, as DynamoDB's own JSON has them."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _packed(each) for name, each in value.items()}
    return [_packed(each) for each in value] if isinstance(value, list) else value


def _held() -> dict[str, Any]:
    dynamodb = boto3.client("dynamodb", region_name=_REGION)
    s3 = boto3.client("s3", region_name=_REGION)
    tables = {name: dynamodb.scan(TableName=name)["Items"] for name in TABLES}
    objects = {
        bucket: {
            name: base64.b64encode(s3.get_object(Bucket=bucket, Key=name)["Body"].read()).decode()
            for name in _names(s3, bucket)
        }
        for bucket in BUCKETS
    }
    return {
        "tables": {
            name: sorted(map(_packed, found), key=lambda each: (each["pk"]["S"], each["sk"]["S"]))
            for name, found in tables.items()
            if found
        },
        "objects": {bucket: found for bucket, found in objects.items() if found},
    }


def _settings() -> dict[str, str]:
    queues = {n: f"https://sqs.{_REGION}.amazonaws.com/123456789012/{n}" for n in ("up", "fleet")}
    return {
        **{f"{name.upper()}_TABLE": name for name in TABLES},
        **{f"{name.upper()}_BUCKET": name for name in BUCKETS},
        "TABLE_NAME": "vending",
        "VENDING_UPLOADS_QUEUE_URL": queues["up"],
        "VENDING_FLEET_QUEUE_URL": queues["fleet"],
        "AUTH": "open",
        "AWS_DEFAULT_REGION": _REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def looks(tables: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return an address of each route that shows something of what the tables hold."""

    def ids(table: str, kind: str, part: str = "pk") -> list[str]:
        found = (each for each in tables.get(table, []) if each["pk"]["S"].startswith(kind))
        return [each[part]["S"] for each in found]

    shown = {
        "vending": [
            *("/sites", "/sites/mall", "/technicians", "/technicians/T0001", "/machines"),
            *(f"/machines/GM00{number}" for number in (1, 2, 3, 4, 9)),
            *(f"/machines/GM00{number}/transactions" for number in range(1, 5)),
            *("/machines/GM001/transactions?format=csv&from=2026-11-02T00:00:00Z&limit=3",),
            *("/machines/GM001/days", "/machines/GM001/visits", "/fleet", "/fleet/rebuild"),
            *("/worklist", "/worklist?technician=T0001"),
            *("/dispatches", "/dispatches?state=open", "/dispatches/1", "/dispatches/2"),
            *("/files?technician=T0001", "/imports"),
            *(f"/files/{number}" for number in (1, 2, 3, 5)),
        ],
        "deliveries": [
            *("/packages/box-0", "/packages?package_id=box-1", "/recipients/mars/preferences"),
            *("/preferences?recipient_id=mars", "/statistics", "/statistics/recount"),
            *("/messages/message-1", "/packages?recipient=mars"),
        ],
        "ledger": [
            *("/transactions", f"/transactions?account_id={ACCOUNT}", "/accounts"),
            *(f"/accounts/{ACCOUNT}", f"/accounts/{ACCOUNT}/entries"),
            f"/accounts/{ACCOUNT}?at=2142-01-01T00:00:00Z",
            f"/accounts/{ACCOUNT}/statement?to=2142-01-01T00:00:00Z",
            *(f"/transactions/{id_[12:]}" for id_ in ids("ledger", "TRANSACTION#")),
        ],
        "warranties": [
            *("/warranties", f"/warranties?match=any-given&sku={ITEM['item_sku']}"),
            "/plans/quote?item_type=furniture&item_cost=150.00",
            *(f"/stores/{ITEM['store_uuid']}/warranties.csv", "/plans", "/plans/refusals"),
            *(
                f"/warranties/{id_.rpartition(chr(31))[2]}-12"
                for id_ in ids("warranties", "LIST#", "sk")
            ),
        ],
        "bakery": [
            *("/cakes", "/cakes/chocolate_cake", "/orders", "/orders?status=all", "/batches"),
            *(
                "/orders?customer=Mr+Cakelover&status=all",
                "/orders?due=2142-12-24",
                "/batches/next",
            ),
            *(f"/orders/{int(id_)}" for id_ in ids("bakery", "ORDERS", "sk")),
            "/orders/2/notice",
            *(f"/batches/{id_}" for id_ in ids("bakery", "BATCHES", "sk")),
            *("/employees", "/employees/1", "/employees/2"),
        ],
        "outbox": [
            *("/outbox", "/outbox/kinds", "/events", "/subscriptions", "/audit", "/audit/seals"),
            *(
                f"/outbox/effect?id={id_[7:].replace('#', '%23')}"
                for id_ in ids("outbox", "EFFECT#")
            ),
        ],
    }
    return [path for name, paths in shown.items() if name in tables for path in paths]


def _answers(ask: Teller, held: dict[str, Any]) -> dict[str, Any]:
    """Return what the version says of what it holds, where it has such a route."""
    found = {}
    for path in looks(held["tables"]):
        answer = ask("GET", path)
        if ask.status == 200 and "csv" not in path:
            found[path] = answer
    return found


def _written(held: dict[str, Any]) -> str:
    """Return what is held as JSON, with an item or an object a line."""
    parts = []
    for kind, groups in held.items():
        lines = [f' "{name}": {_lines(found)}' for name, found in groups.items()]
        parts.append(f'"{kind}": {{\n' + ",\n".join(lines) + "\n}")
    return "{" + ", ".join(parts) + "}\n"


def _lines(found: Any) -> str:
    if isinstance(found, str):
        return json.dumps(found)
    if isinstance(found, dict):
        named = [f"{json.dumps(name)}: {json.dumps(each)}" for name, each in found.items()]
        return "{\n  " + ",\n  ".join(named) + "}"
    return "[\n  " + ",\n  ".join(json.dumps(each) for each in found) + "]"


def main(target: Path, version: str, chapters: list[str]) -> None:
    """Tell the chapters, and add what is held then to the file."""
    os.environ.update(_settings())
    with mock_aws():
        _make(boto3.client("dynamodb", region_name=_REGION))
        for bucket in BUCKETS:
            boto3.client("s3", region_name=_REGION).create_bucket(Bucket=bucket)
        for queue in ("up", "fleet"):
            boto3.client("sqs", region_name=_REGION).create_queue(QueueName=queue)
        from chalice.test import Client  # noqa: PLC0415 - once the settings are there

        import app  # noqa: PLC0415

        with Client(app.app) as client:
            for chapter in chapters:
                globals()[chapter](Teller(client.http))
            held = _held()
            held["answers"] = {",".join(chapters): _answers(Teller(client.http), held)}
    held["versions"] = dict.fromkeys(chapters, version)
    none: dict[str, Any] = {"tables": {}, "objects": {}, "answers": {}, "versions": {}}
    before = json.loads(target.read_text()) if target.exists() else none
    for kind, groups in held.items():
        for name, found in groups.items():
            there = before[kind].get(name)
            before[kind][name] = (
                found if there is None or kind == "versions" else _joined(there, found)
            )
    target.write_text(_written(before))


def _joined(there: Any, found: Any) -> Any:
    return {**there, **found} if isinstance(found, dict) else [*there, *found]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
