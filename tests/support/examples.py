"""One story that calls every operation: it makes the examples of the OpenAPI document.

``python -m tests.support.examples`` tells it to the whole app, in process, and writes
``infra/examples.json``: of each operation its parameters, its body, and each of its answers.
"""

import hashlib
import hmac
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest

from chalicelib.audit.wiring import audit
from chalicelib.bakery.answers import OrderAnswer
from chalicelib.bakery.wiring import stores
from chalicelib.core.audit.recording import recording as recording_of
from chalicelib.core.facts import Fact
from chalicelib.core.instants import now
from chalicelib.core.openapi import webhook_id
from chalicelib.core.outbox.wiring import schedules
from chalicelib.core.settings import from_env
from chalicelib.deliveries.models import Package
from chalicelib.deliveries.wiring import deliveries
from chalicelib.operators import store as operators
from chalicelib.vending.wiring import vending
from chalicelib.webhooks.events import SOURCES, facts
from chalicelib.webhooks.store import log
from chalicelib.webhooks.wiring import recording
from infra.openapi import EXAMPLES
from tests.support.api import Answer, Api
from tests.support.aws import client
from tests.support.routes import CONTRACTS
from tests.support.whole_app import whole_app

ROUTES = {each.operation_id: each for each in CONTRACTS}
SHOWN = ("application/json", "text/csv")
"""The media types of which examples are of use to anybody."""
UNSHOWN = {"getOpenapi", "getPageFile", "getPageBundle"}

_REFERENCE = re.compile(r"\{(\w+)\.([\w.]+)\}")
_VOLATILE = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", "<instant>"),
        (r"\bsha256=[0-9a-f]{64}\b", "<signature>"),
        (r"20[2-9]\d([-/])\d\d\1\d\d", "<date>"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>"),
        (r"\b([0-9a-f]{64}|[0-9a-f]{32})\b", "<digest>"),
        (r"\b(evt_[0-9]{16}|(sub|evt_test)_[0-9a-f]{32}|whsec_[A-Za-z0-9+/=]+)", "<id>"),
        (r"\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", "<number>"),
        (r"(?<=\?)\S*Signature=\S*", "<signature>"),
        (r"\b[A-Za-z]+, \d{1,2} [A-Za-z]+ 20\d\d\b|\d\d:\d\d\b", "<time>"),
    )
)

_COUNTED = {"waiting", "in_process"}
"""What depends on when it is counted: messages with a delay wait before they can be received."""

Headers = Mapping[str, str]


@dataclass
class Example:
    """What was sent to an operation, and what it answered, by status and media type."""

    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)


class Teller:
    """Calls operations by their ids, and remembers what came of it."""

    def __init__(self, send: Callable[[str, str, Headers, bytes], Answer]) -> None:
        self._send = send
        self._last: dict[str, Any] = {}
        self.examples: dict[str, Example] = {}

    def __call__(
        self,
        operation: str,
        body: object = None,
        *,
        path: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        media_type: str = "application/json",
        **query: Any,
    ) -> Any:
        """Call an operation and return the JSON of its answer, which has to be a success."""
        route = ROUTES[operation]
        read = {"path": path or {}, "query": query, "header": headers or {}}
        given = {place: self._filled(values) for place, values in read.items() if values}
        url = route.path
        for name, value in given.get("path", {}).items():
            url = url.replace(f"{{{name}}}", quote(str(value), safe=""))
        if "query" in given:
            url = f"{url}?{urlencode(given['query'])}"
        body = self._filled(body)
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        typed = {"Content-Type": media_type} if body is not None else {}
        answer = self._send(
            route.method, url, typed | given.get("header", {}), content if typed else b""
        )
        assert answer.status < 300, f"{operation}: {answer.status} {answer.body!r}"
        example = self.examples.setdefault(operation, Example())
        for place, values in given.items():
            example.parameters[place] = values | example.parameters.get(place, {})
        if typed:
            shown_body = json.loads(content) if media_type == SHOWN[0] else body
            example.body.setdefault(media_type, shown_body)
        shown = answer.headers.get("Content-Type", "").partition(";")[0]
        if answer.status != 204 and shown in SHOWN:
            value = (
                answer.json if shown == SHOWN[0] else answer.body.decode().removeprefix("\ufeff")
            )
            example.answers.setdefault(str(answer.status), {})[shown] = value
        self._last[operation] = answer.json if shown == SHOWN[0] and answer.body else None
        return self._last[operation]

    def _filled(self, given: Any) -> Any:
        """Return ``given`` with each ``{operation.field}`` from that operation's last answer."""
        if isinstance(given, Mapping):
            return {name: self._filled(value) for name, value in given.items()}
        if isinstance(given, list):
            return [self._filled(each) for each in given]
        if not isinstance(given, str):
            return given
        whole = _REFERENCE.fullmatch(given)
        return self._found(whole) if whole else _REFERENCE.sub(lambda m: str(self._found(m)), given)

    def _found(self, reference: re.Match[str]) -> Any:
        found = self._last[reference[1]]
        for part in reference[2].split("."):
            found = found[int(part) if part.isdigit() else part]
        return found


def tell(call: Teller) -> None:
    """Tell the whole story, in the order in which one thing needs another."""
    for chapter in (
        _general,
        _vending,
        _deliveries,
        _warranties,
        _ledger,
        _bakery,
        _operators,
        _events,
    ):
        chapter(call)


def _general(call: Teller) -> None:
    for operation in ("getIndex", "ping", "getAuth", "getHealth"):
        call(operation)


LOG = "GM701|2020-02-20T11:29:44Z|1\nGM701|2020-02-20T11:31:02Z|0\nGM701|2020-02-20T12:05:10Z|2\n"
_TECHNICIAN = {"technician_id": "T7001"}
_MACHINE = {"serial": "GM701"}


def _vending(call: Teller) -> None:
    twice = range(2)
    for _ in twice:
        call(
            "putSite",
            {"name": "Harbour Mall", "time_zone": "America/Chicago", "address": "1 Pier Road"},
            path={"site_id": "harbour-mall"},
        )
        call("putTechnician", {"name": "Grace"}, path=_TECHNICIAN)
        call(
            "putMachine",
            {"site": "harbour-mall", "technician": "T7001", "capacity": 800},
            path=_MACHINE,
        )
    for _ in twice:
        call(
            "uploadFile",
            LOG + "GM702|2020-02-20T12:10:00Z|1\n",
            media_type="text/plain",
            technician="T7001",
            machine="GM701",
            downloaded_at="2/20/2020 9:34:48 AM",
            filename="log.txt",
        )
        call("uploadImport", LOG, media_type="text/plain", filename="all.txt")
    for key in _waiting():
        vending().arrivals.look_at(key)
    vending().verdicts.look_at_notes()
    announced = {"filename": "big.txt", "size_bytes": len(LOG)}
    call(
        "presignFile",
        {
            "technician": "T7001",
            "machine": "GM701",
            "downloaded_at": "2020-02-21T10:00:00",
            **announced,
        },
    )
    call("presignImport", announced)
    call("getFile", path={"file_id": "{uploadFile.id}"})
    call("listFiles", technician="T7001", limit=2)
    call("listImports", limit=2)
    for _ in twice:
        call("openDispatch", {"machine": "GM701", "note": "Bring a new sensor"})
    call("getDispatch", path={"dispatch_id": "{openDispatch.id}"})
    call("listDispatches", state="open", limit=2)
    call("getWorklist", technician="T7001", limit=2)
    call(
        "closeDispatch",
        {"filled": 400, "full": True, "cash_cents": 1250, "note": "Sensor replaced"},
        path={"dispatch_id": "{openDispatch.id}"},
    )
    for _ in twice:
        call(
            "reportMachineVisit",
            {"at": "2020-02-21T10:00:00-06:00", "filled": 120, "cash_cents": 300},
            path=_MACHINE,
        )
    call("listMachineVisits", path=_MACHINE, limit=2)
    call("listSites", limit=2)
    call("getSite", path={"site_id": "harbour-mall"})
    call("listTechnicians", limit=2)
    call("getTechnician", path=_TECHNICIAN)
    call("listMachines", site="harbour-mall", limit=2)
    call("getMachine", path=_MACHINE)
    span: dict[str, Any] = {"from": "2020-02-20T00:00:00Z", "to": "2020-02-21T00:00:00Z"}
    call("listMachineTransactions", path=_MACHINE, limit=3, **span)
    call("listMachineTransactions", path=_MACHINE, limit=3, format="csv", **span)
    days: dict[str, Any] = {"from": "2020-02-20", "to": "2020-02-20"}
    call("listMachineDays", path=_MACHINE, **days)
    call("getFleet", limit=1)
    call("getRebuild")
    call("startRebuild")
    call("deleteFile", path={"file_id": "{uploadFile.id}"}, technician="T7001")
    call("deleteImport", path={"file_id": "{uploadImport.id}"})


def _waiting() -> Iterator[str]:
    """Yield the keys that wait in the share."""
    bucket = os.environ["VENDING_BUCKET"]
    for each in client("s3").list_objects_v2(Bucket=bucket).get("Contents", []):
        yield each["Key"]


def _deliveries(call: Teller) -> None:
    chosen_at = "2026-11-20T08:00:00Z"
    package = {
        "timestamp": "2026-11-21T09:30:00Z",
        "sender_id": "shop-12",
        "recipient_id": "ann",
        "package_id": "p-1001",
        "package_type": "personal",
    }
    call(
        "putPreferences",
        {"timestamp": chosen_at, "recipient_id": "ann", "marketing": False, "personal": True},
    )
    call("getPreferences", recipient_id="ann")
    call(
        "putRecipientPreferences",
        {"timestamp": chosen_at, "preferences": {"marketing": False}},
        path={"recipient_id": "ann"},
    )
    call("getRecipientPreferences", path={"recipient_id": "ann"})
    for _ in range(2):
        call("sendPackage", package)
    call(
        "sendPackages",
        {
            "packages": [
                package | {"package_id": "p-1002"},
                package | {"package_id": "p-1003", "package_type": "marketing"},
            ]
        },
    )
    call("sendPackage", package | {"package_id": "batch"})
    call("getPackageCalledBatch")
    call("getPackage", path={"package_id": "p-1001"})
    call("listPackages", recipient="ann", outcome="delivered", limit=2)
    call("listPackages", recipient="ann", outcome="delivered", limit=2, format="csv")
    call("indexPackages")
    call("getStatistics")
    call("recountPackages")
    deliveries().messages.take("m-1", Package.model_validate(package | {"package_id": "p-1005"}))
    call("getMessage", path={"message_id": "m-1"})


def _warranties(call: Teller) -> None:
    item = {"item_type": "furniture", "item_sku": "986kjeo8fy9qhu"}
    call("getPlans")
    call("getQuote", item_type="furniture", item_cost="150.00")
    call(
        "createWarranties",
        {
            "store_uuid": "b21ad0676f26439",
            **item,
            "item_cost": 150.0,
            "item_title": "Amy's Sectional Sofa",
        },
        headers={"Idempotency-Key": "sale-4711"},
    )
    call(
        "listWarranties",
        sku=item["item_sku"],
        item_type="furniture",
        store_uuid="b21ad0676f26439",
        limit=1,
    )
    warranty = {"warranty_id": "{createWarranties.warranties.0.id}"}
    call("getWarranty", path=warranty)
    call("cancelWarranty", {"reason": "The sofa was returned"}, path=warranty)
    call("exportWarranties", path={"store_uuid": "b21ad0676f26439"}, limit=1)
    call(
        "createWarranties",
        {
            "store_uuid": "b21ad0676f26439",
            "item_type": "submarine",
            "item_sku": "u-96",
            "item_cost": 999.99,
            "item_title": "A submarine",
        },
    )
    call("listRefusals")


_ANN: dict[str, Any] = {"account_id": "123e4567-e89b-12d3-a456-426614174000"}
_BOB: dict[str, Any] = {"account_id": "123e4567-e89b-12d3-a456-426614174001"}


def _ledger(call: Teller) -> None:
    call(
        "createTransaction",
        {**_ANN, "amount": 12_345},
        headers={"Idempotency-Key": "deposit-1"},
    )
    transaction = {"transaction_id": "{createTransaction.transaction_id}"}
    call("putAccount", {"name": "Petty cash", "unit": "EUR", "decimals": 2}, path=_ANN)
    call("getAccount", path=_ANN)
    call("getTransaction", path=transaction)
    call(
        "createTransactionBatch",
        {"transactions": [{**_ANN, "amount": -500, "balance_floor": 0}, {**_BOB, "amount": 500}]},
        headers={"Idempotency-Key": "wages-11"},
    )
    call(
        "createTransfer",
        {
            "from_account_id": _ANN["account_id"],
            "to_account_id": _BOB["account_id"],
            "amount": 250,
            "from_balance_floor": 0,
        },
        headers={"Idempotency-Key": "move-7"},
    )
    transfer = {"transfer_id": "{createTransfer.transfer_id}"}
    call("getTransfer", path=transfer)
    for _ in range(2):
        call("reverseTransfer", {"to_balance_floor": 0}, path=transfer)
        call("reverseTransaction", path=transaction)
    call("listTransactions", limit=2, **_ANN)
    call("listAccounts", limit=2)
    forms: list[dict[str, Any]] = [{}, {"format": "csv"}]
    for form in forms:
        call("getStatement", path=_ANN, limit=2, **form)
    call("listEntries", path=_ANN, limit=2)


CAKE = {"name": "Carrot Cake", "ingredients": {"carrot": 1, "flour": 17.5}}
ORDER = {
    "customer": "Mr. Cakelover",
    "recipe": "carrot_cake",
    "persons": 4,
    "quantity": 2,
    "extra_ingredients": {"candle": 6},
    "urgent": False,
    "email": "cakelover@example.com",
    "due_at": "2030-11-24T15:00:00+01:00",
    "phone": "+49 30 901820",
    "note": "No nuts, please",
}


def _bakery(call: Teller) -> None:
    call("createCake", CAKE)
    cake = {"cake_id": "carrot_cake"}
    call("getCake", path=cake)
    call("listCakes")
    call("createOrder", ORDER, headers={"Idempotency-Key": "order-81"})
    path = {"order_id": "{createOrder.id}"}
    call("getOrder", path=path)
    call("listOrders", status="open", customer="Mr. Cakelover", limit=2)
    call("getNextBatch")
    for _ in range(2):
        batch = call("createBatch")
    call("listBatches", limit=2)
    call("getBatch", path={"day": "{createBatch.date}"})
    call("previewNotice", path=path)
    call("markOrderReady", path=path, by="Ann")
    call("undoOrderReady", path=path, by="Ann", reason="It was another cake")
    call("cancelOrder", path=path, by="Ann", reason="The party is off")
    call("eraseCustomer", {"customer": ORDER["customer"]})
    webhook = {
        "timestamp": int(now().timestamp() * 1_000),
        "issue": {
            "id": "10007",
            "key": "ING-7",
            "fields": {
                "labels": ["missing-ingredients"],
                "status": {"statusCategory": {"key": "done"}},
            },
        },
    }
    stores().tickets.know("ING-7", date.fromisoformat(batch["date"]), issue_id="10007")
    for event in (webhook, {"timestamp": webhook["timestamp"]}):
        content = json.dumps(event)
        signature = hmac.new(SECRET.encode(), content.encode(), hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature": f"sha256={signature}"}
        call("receiveJiraWebhook", content, headers=headers)
    call(
        "createEmployee",
        {
            "firstName": "Ada",
            "lastName": "Lovelace",
            "permissions": {"developer": True},
            "githubUsername": "ada",
        },
    )
    employee = {"employee_id": "{createEmployee.id}"}
    call("getEmployee", path=employee)
    call("listEmployees")
    call("updateEmployee", {"githubUsername": "ada-lovelace"}, path=employee)
    call("deleteEmployee", path=employee)
    call("deleteCake", path=cake)


def _operators(call: Teller) -> None:
    call("listEffects", kind="jira", limit=2)
    call("listEffectKinds")
    call("getEffect", id="{listEffects.0.id}")
    call("retryEffect", {"id": "{listEffects.0.id}"})
    sqs = client("sqs")
    [dead] = sqs.list_queues(QueueNamePrefix="backroom-vending-uploads-dlq")["QueueUrls"]
    sqs.send_message(QueueUrl=dead, MessageBody='{"keys": ["T7001.GM701.2020-02-20_093448.zip"]}')
    call("listDeadLetters")
    call("redriveDeadLetters", path={"queue": "vending-uploads"})
    call("listIntegrations")
    schedules().ran("outbox_sweeper")
    call("listSchedules")
    # An open stage knows nobody whose doing a change could be.
    with recording_of(
        "ada",
        scopes=["vending:admin"],
        technician=None,
        method="PUT",
        route="/sites/{site_id}",
        request_id=str(uuid4()),
    ):
        call("putSite", {"name": "Old Mall", "time_zone": "UTC"}, path={"site_id": "old-mall"})
    replace(audit(), now=lambda: now() + timedelta(minutes=5)).seal()
    call("listAuditEntries", limit=2)
    call("listAuditSeals", limit=1)


def _events(call: Teller) -> None:
    made = {"url": "https://shop.example/hooks", "kinds": ["order.changed"]}
    call("createSubscription", made | {"description": "The shop"})
    subscription = {"subscription_id": "{createSubscription.id}"}
    call("createCake", CAKE)
    order = OrderAnswer.model_validate(call("createOrder", ORDER))
    recording().record([Fact("order.changed", f"orders/{order.id}", now(), order, "1")])
    call("listEvents", kind="order.changed", limit=2)
    event = {"event_id": "{listEvents.0.id}"}
    call("getEvent", path=event)
    call("getDelivery", path=subscription | event)
    call("sendTest", path=subscription)
    call("replayEvents", event, path=subscription, headers={"Idempotency-Key": "again-1"})
    call("rotateSecret", {"overlap_hours": 48}, path=subscription)
    call("changeSubscription", {"active": False}, path=subscription)
    call("getSubscription", path=subscription)
    call("listSubscriptions", limit=2)
    call("deleteSubscription", path=subscription)
    _show_each_kind(call)


def _show_each_kind(call: Teller) -> None:
    """Record what the items of the tables tell, as if they were new; show each kind of event."""
    given = {fact.kind: fact for fact in facts(_records())}
    raised = given["cause.raised"]
    data = raised.data.model_copy(update={"state": "healthy"})
    given["cause.cleared"] = replace(raised, kind="cause.cleared", data=data)
    recording().record(list(given.values()))
    shown = {each["type"]: each for each in reversed(call("listEvents", limit=100))}
    for kind in given:
        event = {"application/json": shown[kind]}
        call.examples[webhook_id(kind)] = Example(body=event)


def _records() -> Iterator[dict[str, Any]]:
    """Yield the items of the contexts' tables as their streams tell of new ones."""
    at = now().timestamp()
    for context in SOURCES:
        name = os.environ[f"{context.upper()}_TABLE"]
        for item in client("dynamodb").scan(TableName=name)["Items"]:
            given = {"Keys": {"pk": item["pk"], "sk": item["sk"]}, "NewImage": item}
            source = f"arn:aws:dynamodb:us-east-1:123456789012:table/{name}/stream/1"
            change = {**given, "ApproximateCreationDateTime": at}
            yield {"eventSourceARN": source, "dynamodb": change}


SECRET = "the-secret-of-the-webhook"


@contextmanager
def stage() -> Iterator[Api]:
    """Yield the API of a stage with nothing in it, on which the story can be told."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.setattr(log, "_SETTLED", timedelta(0))  # nobody else writes
        environment.setattr(operators, "_LOOK_S", 0)  # moto has one server, and would wait
        environment.setenv("JIRA_WEBHOOK_SECRET", SECRET)
        with whole_app() as api:
            from_env.cache_clear()
            yield api


def recorded() -> dict[str, Any]:
    """Tell the story to the whole app with its stores in memory; return all examples."""
    with stage() as api:
        call = Teller(api.raw)
        tell(call)
    return {name: vars(example) for name, example in sorted(call.examples.items())}


def steady(value: Any) -> Any:
    """Return an example without what is another thing each time, such as instants and ids."""
    if isinstance(value, dict):
        return {
            steady(name): "<count>" if name in _COUNTED else steady(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [steady(each) for each in value]
    if isinstance(value, str):
        for pattern, name in _VOLATILE:
            value = pattern.sub(name, value)
    return "<milliseconds>" if isinstance(value, int) and value > 10**12 else value


def main() -> None:
    """Write the examples anew; those that say the same as before stay as they are."""
    before = json.loads(EXAMPLES.read_text())
    made = {
        name: before[name] if steady(before.get(name)) == steady(example) else example
        for name, example in recorded().items()
    }
    EXAMPLES.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
