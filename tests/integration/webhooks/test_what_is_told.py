"""What happens in each context is told once, in its order, as its model says."""

import json
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import Any, cast, get_args

import pytest
from pydantic import BaseModel

from chalicelib.bakery.records import Batch, Ticket
from chalicelib.bakery.store.batches import TicketStore, _batch_item
from chalicelib.core.facts import EventKind
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.table import Table
from chalicelib.vending.models import MachineSummary, Verdict
from chalicelib.vending.ports import MachineState
from chalicelib.vending.store.fleet import state_item
from chalicelib.webhooks import events
from infra import templates
from tests.support.api import Api
from tests.support.aws import client
from tests.support.ids import uuid
from tests.support.streams import changes

PAYLOADS: dict[EventKind, type[BaseModel]] = {
    kind: model
    for context in events.SOURCES
    for kind, model in import_module(f"chalicelib.{context}.facts").PAYLOADS.items()
}
recorded: Any = events.recorded
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def told(api: Api, table: str) -> list[dict[str, Any]]:
    """Have what happened in a table recorded, twice; return the events that it made."""
    before = [each["id"] for each in every(api)]
    records = changes(table)
    for _ in range(2):
        recorded({"Records": records}, None)
    found = [each for each in every(api) if each["id"] not in before]
    for each in found:
        model = PAYLOADS[cast("EventKind", each["type"])]
        model.model_validate_json(json.dumps(each["data"]))
    return found


def every(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path: str | None = "/events?limit=500"
    while path:
        answer = api.get(path)
        assert answer.status == 200, answer.body
        found += answer.json
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<") or None
    return found


@pytest.fixture(autouse=True)
def _no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.webhooks.store.log._SETTLED", timedelta(0))


def test_every_kind_has_the_model_of_one_context() -> None:
    assert PAYLOADS.keys() == set(get_args(EventKind))


def test_every_context_that_tells_facts_is_asked(api: Api) -> None:
    asked = templates.merged().declared.functions["webhooks_recorded"]

    assert {f"{each.title()}Table" for each in events.SOURCES} == asked.streams.keys()
    assert {f"{each.upper()}_TABLE" for each in events.SOURCES} <= asked.environment.keys()


def test_packages(api: Api) -> None:
    package = {
        "timestamp": "2026-11-29T12:00:00Z",
        "sender_id": "earth",
        "recipient_id": "mars",
        "package_id": "box 7/#é",
        "package_type": "personal",
    }
    for _ in range(2):
        assert api.post("/packages", package).status < 300

    [event] = told(api, "DeliveriesTable")

    assert (event["type"], event["subject"]) == ("package.decided", "packages/box 7/#é")
    assert event["data"] == api.get("/packages", recipient="mars").json[0]
    assert event["timestamp"] == event["data"]["decided_at"]


def test_entries_of_the_ledger_in_their_order(api: Api) -> None:
    one, other = uuid(1), uuid(2)
    api.post("/transactions", {"account_id": one, "amount": 10})
    transfer = {"from_account_id": one, "to_account_id": other, "amount": 3}
    assert api.post("/transfers", transfer).status == 201
    batch = [{"account_id": one, "amount": 1}, {"account_id": one, "amount": 2}]
    assert api.post("/transactions/batch", {"transactions": batch}).status == 201
    api.put(f"/accounts/{one}", {"name": "till"})

    found = told(api, "LedgerTable")

    mine = [each["data"] for each in found if each["data"]["account_id"] == one]
    assert mine == api.get(f"/accounts/{one}/entries").json
    assert {each["type"] for each in found} == {"entry.posted"}
    assert len(found) == 5
    assert {each["subject"] for each in found} == {
        f"transactions/{each['data']['transaction_id']}" for each in found
    }


def test_warranties_sold_and_cancelled(api: Api) -> None:
    sale = {
        "store_uuid": "b21ad0676f26439",
        "item_type": "furniture",
        "item_sku": "sofa-1",
        "item_cost": 150.0,
        "item_title": "Sofa",
    }
    sold = api.post("/warranties", sale).json["warranties"]
    assert sold
    api.post("/warranties", {**sale, "item_type": "nothing of ours"})
    path = f"/warranties/{sold[0]['id']}/cancellation"
    cancelled = api.post(path, {"reason": "moved"}).json
    api.post(path, {"reason": "again"})

    *first, last = told(api, "WarrantiesTable")

    assert [each["data"] for each in first] == sold
    assert {each["type"] for each in first} == {"warranty.sold"}
    assert (last["type"], last["subject"]) == ("warranty.cancelled", f"warranties/{sold[0]['id']}")
    assert last["data"]["reason"] == "moved"
    assert last["data"]["refund"] == cancelled["refund"]
    assert last["data"]["calculation"] == cancelled["calculation"]


def test_orders_as_far_as_they_are_shown(api: Api) -> None:
    api.post("/cakes", {"name": "Carrot Cake", "ingredients": {"flour": 100.0}})
    order = {"customer": "Ada", "recipe": "carrot_cake", "persons": 2, "quantity": 1}
    placed = api.post("/orders", order)
    assert placed.status == 201, placed.body
    api.delete(f"/orders/{placed.json['id']}", reason="too late")

    found = told(api, "BakeryTable")

    assert [each["type"] for each in found] == ["order.changed", "order.changed"]
    assert [each["data"]["status"] for each in found] == ["open", "cancelled"]
    assert found[0]["data"]["ingredients"][0]["amount"] == 200.0
    assert {each["subject"] for each in found} == {f"orders/{placed.json['id']}"}


def test_batches_sealed_and_their_tickets(api: Api) -> None:
    table = Table(client("dynamodb"), "BakeryTable")
    tickets = TicketStore(table, Outbox(table, now=lambda: NOON))
    day = date(2026, 11, 29)
    batch = Batch(day=day, cutoff=NOON, by="ada", sealed_at=NOON, orders=(1, 2), lines=(), number=2)
    table.put(_batch_item(batch))
    for key in ("ING-1", "ING-1", "ING-2", "ING-1"):
        tickets.settle(batch.id, Ticket(state="created", key=key))

    found = told(api, "BakeryTable")

    assert {(each["type"], each["subject"]) for each in found} == {
        ("batch.changed", "batches/2026-11-29?ticket=2")
    }
    assert [each["data"]["ticket"].get("key") for each in found] == [
        None,
        "ING-1",
        "ING-2",
        "ING-1",
    ]
    assert found[0]["data"]["orders"] == 2


def test_causes_raised_and_cleared_once_an_episode(api: Api) -> None:
    table = Table(client("dynamodb"), "VendingTable")

    def put(version: int, *open_: str, **episodes: int) -> None:
        verdicts = [
            Verdict(
                kind="under",
                level="degraded",
                first_known_at=NOON,
                why="it gives nothing",
                clears_when="a gumball",
                parts=("wheel",),
            )
        ]
        summary = MachineSummary(
            **dict.fromkeys(COUNTED, 0),
            serial="GM001",
            state="degraded" if "under" in open_ else "healthy",
            verdicts=tuple(verdicts if "under" in open_ else ()),
            due_at=NOON,
        )
        state = MachineState(
            summary=summary, zone="UTC", version=version, episodes=episodes, open=open_
        )
        table.put(state_item(state))

    put(1)
    put(2, "under", under=1)
    put(3, "under", "overdue", under=1, overdue=1)
    put(4, under=1, overdue=1)
    put(5, "under", under=2, overdue=1)

    found = told(api, "VendingTable")

    assert [(each["type"], each["data"]["cause"], each["data"]["episode"]) for each in found] == [
        ("cause.raised", "under", 1),
        ("cause.raised", "overdue", 1),
        ("cause.cleared", "under", 1),
        ("cause.cleared", "overdue", 1),
        ("cause.raised", "under", 2),
    ]
    assert {each["subject"] for each in found} == {"machines/GM001"}
    assert (found[0]["data"]["why"], found[0]["data"]["parts"]) == ("it gives nothing", ["wheel"])
    assert found[1]["data"]["why"] == "its log was due on 2026-11-29"
    assert found[2]["data"]["why"] == "it gives nothing"
    assert (found[2]["data"]["state"], found[4]["data"]["state"]) == ("healthy", "degraded")


COUNTED = [
    name
    for name, field in MachineSummary.model_fields.items()
    if field.is_required() and field.annotation is int
]


def test_a_change_that_nobody_can_read_holds_up_no_other(api: Api) -> None:
    table = Table(client("dynamodb"), "LedgerTable")
    table.put({"pk": {"S": "ENTRIES#x"}, "sk": {"S": "y"}, "body": {"S": "{"}})
    api.post("/transactions", {"account_id": uuid(9), "amount": 10})

    [event] = told(api, "LedgerTable")

    assert event["data"]["account_id"] == uuid(9)
