"""The client over a line that loses the first answer to each request: nothing is doubled."""

from contextlib import closing
from datetime import UTC, datetime

import httpx
import pytest

from backroom.bakery.api import BakeryApi
from backroom.core.connection import Connection
from backroom.deliveries.api import DeliveriesApi
from backroom.ledger.api import LedgerApi
from backroom.warranties.api import WarrantiesApi
from tests.support.deployed import Deployed
from tests.support.ids import uuid

PAYS, PAID = uuid(0x2E9E01), uuid(0x2E9E02)


class Lossy(httpx.BaseTransport):
    """Sends all requests on and loses every other answer."""

    def __init__(self) -> None:
        self._line = httpx.HTTPTransport()
        self.lost = 0
        self.sent = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent += 1
        answer = self._line.handle_request(request)
        if self.sent % 2:
            answer.read()
            self.lost += 1
            raise httpx.ReadTimeout("lost", request=request)
        return answer

    def close(self) -> None:
        self._line.close()


@pytest.fixture
def lossy() -> Lossy:
    return Lossy()


def test_what_is_sent_again_is_done_once(stack: Deployed, lossy: Lossy) -> None:
    api, name = stack.api, f"lossy {datetime.now(UTC):%H:%M:%S.%f}"
    api.post("/cakes", json={"name": "Lossy Cake", "ingredients": {"flour": 17.0}})
    connection = Connection(stack.aws.api, transport=lossy, sleep=lambda _: None)
    with closing(connection) as to:
        ledger = LedgerApi(to)
        ledger.post(PAYS, 100, transaction_id=uuid(0x2E9E03))
        ledger.post_batch([{"account_id": PAYS, "amount": 10}, {"account_id": PAYS, "amount": 1}])
        moved, _ = ledger.transfer({"from_account_id": PAYS, "to_account_id": PAID, "amount": 7})
        ledger.reverse_transfer(moved.value.transfer_id)
        ledger.describe(PAYS, {"name": name})
        order = {"customer": name, "recipe": "lossy_cake", "persons": 4, "quantity": 1}
        BakeryApi(to).place(order)
        sale = {"store_uuid": "b21ad0676f26439", "item_type": "furniture", "item_sku": name}
        sold, _ = WarrantiesApi(to).sell({**sale, "item_cost": 150, "item_title": name})
        package = {
            "timestamp": "2026-11-29T12:00:00Z",
            "sender_id": name,
            "recipient_id": name,
            "package_id": name,
            "package_type": "personal",
        }
        DeliveriesApi(to).send(package)
        listed = ledger.transactions(account_id=PAYS)

    assert lossy.lost * 2 == lossy.sent >= 18
    assert sorted(each.amount for each in listed.value) == [-7, 1, 7, 10, 100]
    assert api.get(f"/accounts/{PAYS}").json()["balance"] == 111
    assert len(api.get("/orders", params={"customer": name}).json()) == 1
    assert len(api.get("/packages", params={"recipient": name}).json()) == 1
    rows = api.get(f"/stores/{sale['store_uuid']}/warranties.csv").text
    assert rows.count(f",{name},") == len(sold.value.warranties) >= 1
