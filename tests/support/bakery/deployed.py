"""The bakery of a deployed stack: what its users and its vendors do, and what either then sees."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import httpx

from chalicelib.core.outbox.rows import EffectRow
from chalicelib.core.outbox.store import EffectStore, OvertakenError
from chalicelib.core.table import Table
from infra.standins.faults import Fault
from infra.standins.server import Standins
from tests.support.deployed import Deployed
from tests.support.patience import CLIENT_S, eventually
from tests.support.plain import NO_TLS

CAKE = {"chocolate": 67.0, "butter": 33.0, "flour": 17.0, "sugar": 30.5, "eggs": 2}
VEGAN = {"flour": 20.0, "apples": 3}


@dataclass
class DeployedBakery:
    """The bakery of a deployed stack, and the vendors that it talks to."""

    stack: Deployed
    standins: Standins

    def post(self, path: str, body: object = None, status: int = 201) -> Any:
        answer = self.stack.api.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        answer = self.stack.api.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def order(
        self, customer: str = "Mr Cakelover", recipe: str = "chocolate_cake", **fields: Any
    ) -> int:
        body = {"customer": customer, "recipe": recipe, "persons": 1, "quantity": 1, **fields}
        order_id: int = self.post("/orders", body)["id"]
        return order_id

    def cancel(self, order_id: int) -> int:
        return self.stack.api.delete(f"/orders/{order_id}").status_code

    def run(self, day: date) -> None:
        self.stack.invoke("bakery-daily-batch", scheduled(f"{day}T06:00:00Z"))

    def check(self) -> None:
        self.stack.invoke("bakery-hourly-check", scheduled())

    def sweep(self) -> None:
        self.stack.invoke("outbox-sweeper", scheduled())

    def control(self, path: str, **fields: Any) -> Any:
        """Do at a stand-in what a person or a machine at the vendor's could do."""
        answer = httpx.post(
            f"{self.standins.url}/control/{path}", json=fields, timeout=CLIENT_S, verify=NO_TLS
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def held(self, vendor: str, what: str) -> list[Any]:
        found: list[Any] = self.standins.office.shown()[vendor][what]
        return found

    def issues(self, label: str) -> list[Any]:
        return [each for each in self.held("jira", "issues") if label in each["fields"]["labels"]]

    def ticket(self, order_id: int) -> str:
        """Return the key of an order's ticket, once it has one."""

        def key() -> str:
            ticket = self.get(f"/orders/{order_id}").get("ticket", {})
            assert ticket["state"] == "created", ticket
            return str(ticket["key"])

        return eventually(key)

    def provider(self, key: str, **fields: Any) -> list[list[int]]:
        """Have the provider change a ticket; return how the webhooks ended."""
        delivered: list[list[int]] = self.control(f"jira/issues/{key}", **fields)["delivered"]
        return delivered

    def fail(self, vendor: str, kind: str, **fields: Any) -> None:
        self.standins.office.faults.add(Fault(vendor, kind, **fields))  # type: ignore[arg-type]

    # --- effects ---

    def effect(self, effect_id: str) -> Any:
        """Return an effect as its operator sees it, None when it was never requested."""
        found = self.stack.api.get("/outbox/effect", params={"id": effect_id})
        return found.json() if found.status_code == 200 else None

    def wait(self, effect_id: str, hours: float) -> None:
        """Let time pass for an effect that waits: all that it stands for was so much earlier.

        A try that goes on comes to its end first: with an older claim its worker would be dead.
        """
        table = Table(self.stack.client("dynamodb"), self.stack.outputs["OutboxTable"])
        store = EffectStore(table)

        def aged() -> bool:
            row = store.get(effect_id)
            assert row, effect_id
            assert row.state != "sending", row
            with suppress(OvertakenError):
                return row.over or bool(store.change(row, _earlier(row, timedelta(hours=hours))))
            return False

        eventually(aged)


def _earlier(row: EffectRow, by: timedelta) -> EffectRow:
    return replace(
        row,
        since=row.since - by,
        due_at=row.due_at - by,
        wake_at=row.wake_at and row.wake_at - by,
        lease_until=row.lease_until and row.lease_until - by,
        unsure_at=row.unsure_at and row.unsure_at - by,
    )


def scheduled(time: str = "2142-01-01T00:30:00Z") -> dict[str, Any]:
    """Return the event of a schedule."""
    return {
        "version": "0",
        "id": "by-hand",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "0",
        "region": "us-east-1",
        "time": time,
        "resources": [],
        "detail": {},
    }


def somebody() -> str:
    """Return a name that nobody else has."""
    return f"Guest {uuid4().hex[:8]}"


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Return what calls return that are made at once."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [each.result() for each in [pool.submit(call) for call in calls]]
