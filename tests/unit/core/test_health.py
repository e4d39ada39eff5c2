"""The health of the service is that of its database (V10), and many who ask cost one read."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib import operations
from chalicelib.core import aws
from tests.support.api import client


class Database:
    """Counts reads; it may be down."""

    def __init__(self) -> None:
        self.reads = 0
        self.down = False

    def get_item(self, **_: Any) -> dict[str, Any]:
        self.reads += 1
        if self.down:
            raise EndpointConnectionError(endpoint_url="https://dynamodb")
        return {}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    told = SimpleNamespace(now=100.0)
    monkeypatch.setattr(operations, "time", SimpleNamespace(monotonic=lambda: told.now))
    monkeypatch.setattr(operations, "_good_until", [0.0])
    return told


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    found = Database()
    monkeypatch.setattr(aws, "dynamodb", lambda: found)
    return found


def test_v10_many_who_ask_within_a_second_cost_one_read(
    clock: SimpleNamespace, database: Database
) -> None:
    with client() as api:
        assert {api.get("/health").status for _ in range(20)} == {200}
        assert database.reads == 1

        clock.now += operations.HEALTHY_S
        assert api.get("/health").json["status"] == "ok"
        assert database.reads == 2


def test_v10_a_database_that_is_down_is_said_with_when_to_ask_again(
    clock: SimpleNamespace, database: Database
) -> None:
    with client() as api:
        assert api.get("/health").status == 200
        database.down = True
        clock.now += operations.HEALTHY_S
        answers = [api.get("/health") for _ in range(2)]

    assert [(each.status, each.headers["Retry-After"]) for each in answers] == [(503, "2")] * 2
