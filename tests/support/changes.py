"""A change by each route of the API that changes something."""

import uuid
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from chalicelib.core import aws
from chalicelib.webhooks.wiring import event_log
from tests.support.api import Answer, Api
from tests.support.vending.crew import log
from tests.support.webhooks.house import fact

ONE, OTHER = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
PACKAGE = {
    "timestamp": "2142-05-01T10:00:00Z",
    "sender_id": "earth",
    "recipient_id": "mars",
    "package_id": "box-7",
    "package_type": "personal",
}
CAKE = {"name": "Carrot Cake", "ingredients": {"carrots": 60.0, "flour": 17.0, "eggs": 2}}
ORDER = {"customer": "Mr Cakelover", "recipe": "carrot_cake", "persons": 4, "quantity": 1}
EMPLOYEE = {"firstName": "Bela", "lastName": "Baker", "permissions": {"developer": False}}
SALE = {
    "store_uuid": "b21ad0676f26439482cc9b1c7e827de4",
    "item_type": "furniture",
    "item_sku": "sofa-1",
    "item_cost": 150.0,
    "item_title": "Sofa",
}

Made = tuple[str, Answer, str]
"""A route, its answer, and a thing that is changed (the beginning of its name)."""


def everything(api: Api) -> Iterator[Made]:
    """Make changes as the callers of ``api``, one at a time, by every route."""

    def ask(route: str, thing: str, body: object = None, path: str = "", **named: Any) -> Made:
        method, _, pattern = route.partition(" ")
        return route, api.send(method, path or pattern, body, **named), thing

    return chain(_bakery(ask), _deliveries(ask), _ledger(ask), _vending(ask), _rest(api, ask))


def _bakery(ask: Callable[..., Made]) -> Iterator[Made]:
    yield ask("POST /cakes", "cakes/carrot_cake", CAKE)
    yield ask("POST /orders", "orders/1", ORDER)
    yield ask("POST /orders", "orders/2", ORDER)
    yield ask("DELETE /orders/{order_id}", "orders/2", path="/orders/2")
    yield ask("POST /batches", "batches/")
    yield ask("POST /erasures", "orders/2", {"customer": "Mr. Cakelover"})
    yield ask("POST /orders/{order_id}/ready", "orders/1", path="/orders/1/ready", by="The CEO")
    yield ask("DELETE /orders/{order_id}/ready", "orders/1", path="/orders/1/ready")
    yield ask("DELETE /cakes/{cake_id}", "cakes/carrot_cake", path="/cakes/carrot_cake")
    yield ask("POST /employees", "employees/1", EMPLOYEE)
    one = "/employees/1"
    yield ask("PATCH /employees/{employee_id}", "employees/1", {"firstName": "Bob"}, one)
    yield ask("DELETE /employees/{employee_id}", "employees/1", path=one)


def _deliveries(ask: Callable[..., Made]) -> Iterator[Made]:
    yield ask("POST /packages", "packages/box-7", PACKAGE)
    more = {"packages": [{**PACKAGE, "package_id": "box-8"}]}
    yield ask("POST /packages/batch", "packages/box-8", more)
    wants = {"timestamp": "2142-05-01T10:00:00Z", "preferences": {"marketing": False}}
    yield ask("PUT /preferences", "recipients/", {**wants, "recipient_id": "mars"})
    venus = "/recipients/venus/preferences"
    yield ask("PUT /recipients/{recipient_id}/preferences", "recipients/", wants, venus)


def _ledger(ask: Callable[..., Made]) -> Iterator[Made]:
    posted, moved = str(uuid.UUID(int=3)), str(uuid.UUID(int=4))
    post = {"account_id": ONE, "amount": 4, "transaction_id": posted}
    yield ask("POST /transactions", f"transactions/{posted}", post)
    back = f"/transactions/{posted}/reversal"
    yield ask("POST /transactions/{transaction_id}/reversal", f"transactions/{posted}", path=back)
    batch = {"transactions": [{"account_id": OTHER, "amount": 5}]}
    yield ask("POST /transactions/batch", f"accounts/{OTHER}", batch)
    move = {"from_account_id": ONE, "to_account_id": OTHER, "amount": 1, "transfer_id": moved}
    yield ask("POST /transfers", f"accounts/{ONE}", move)
    back = f"/transfers/{moved}/reversal"
    yield ask("POST /transfers/{transfer_id}/reversal", f"accounts/{OTHER}", path=back)
    till = f"/accounts/{ONE}"
    yield ask("PUT /accounts/{account_id}", f"accounts/{ONE}", {"name": "Till"}, till)


def _vending(ask: Callable[..., Made]) -> Iterator[Made]:
    yield ask("PUT /sites/{site_id}", "sites/mall", {"name": "Mall"}, "/sites/mall")
    ann, machine = "/technicians/1", "/machines/GM001"
    yield ask("PUT /technicians/{technician_id}", "technicians/T0001", {"name": "Ann"}, ann)
    yield ask("PUT /machines/{serial}", "machines/GM001", {"technician": "1"}, machine)
    visit = {"at": "2020-04-01T12:00:00Z", "filled": 5}
    yield ask("POST /machines/{serial}/visits", "machines/GM001", visit, f"{machine}/visits")
    named = {"technician": "1", "machine": "GM001", "downloaded_at": "2020-04-01T12:00:00"}
    text = {"media_type": "text/plain"}
    yield ask("POST /files", "files/1", log("GM001").encode(), **named, **text)
    later = {**named, "downloaded_at": "2020-04-02T12:00:00"}
    yield ask("POST /files/presigned", "files/2", later)
    yield ask("DELETE /files/{file_id}", "files/1", path="/files/1", technician="1")
    yield ask("POST /imports", "files/3", log("GM002").encode(), **text)
    yield ask("POST /imports/presigned", "files/4", {"filename": "more.txt"})
    yield ask("DELETE /imports/{file_id}", "files/3", path="/imports/3")
    yield ask("POST /dispatches", "dispatches/1", {"machine": "GM001"})
    close = "POST /dispatches/{dispatch_id}/close"
    yield ask(close, "dispatches/1", path="/dispatches/1/close")
    yield ask("POST /fleet/rebuild", "fleet/conclusions")


def _rest(api: Api, ask: Callable[..., Made]) -> Iterator[Made]:
    """Warranties, whose archive leaves an effect for the operators, and dead letters."""
    yield ask("POST /warranties", "sales/", SALE)
    [warranty, *_] = api.get("/warranties").json
    back, sale = f"/warranties/{warranty['id']}/cancellation", warranty["id"].rpartition("-")[0]
    cancel = "POST /warranties/{warranty_id}/cancellation"
    yield ask(cancel, f"sales/{sale}", {"reason": "broken"}, back)
    [effect, *_] = api.get("/outbox", kind="archive").json
    yield ask("POST /outbox/retry", f"effects/{effect['id']}", {"id": effect["id"]})
    queues = aws.sqs().list_queues()["QueueUrls"]
    [dead] = [each for each in queues if each.endswith("uploads-dlq")]
    aws.sqs().send_message(QueueUrl=dead, MessageBody="{}")
    redrive = "/dlq/vending-uploads/redrive"
    yield ask("POST /dlq/{queue}/redrive", "queues/vending-uploads", path=redrive)
    yield from _subscriptions(ask)


def _subscriptions(ask: Callable[..., Made]) -> Iterator[Made]:
    made = ask("POST /subscriptions", "subscriptions/", {"url": "https://example.com/hooks"})
    yield made
    path = f"/subscriptions/{made[1].json['id']}"
    name, route = path[1:], "/subscriptions/{subscription_id}"
    delivery = f"effects/webhook#{made[1].json['id']}"
    [event] = event_log().append([fact()])
    yield ask(f"PATCH {route}", name, {"description": "books"}, path)
    yield ask(f"POST {route}/secret", name, path=f"{path}/secret")
    yield ask(f"POST {route}/test", delivery, path=f"{path}/test")
    yield ask(f"POST {route}/replay", delivery, {"event_id": event.id}, f"{path}/replay")
    yield ask(f"DELETE {route}", name, path=path)
