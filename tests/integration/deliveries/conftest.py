"""The deliveries context over HTTP and on moto, without a network; one thread."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from chalice.app import Chalice
from chalice.test import Client

import app as composition
from chalicelib.core import aws, settings
from chalicelib.deliveries import wiring
from tests.support.deliveries.table import make_table
from tests.support.moto_aws import mock_aws

ROOT = Path(__file__).parent.parent.parent.parent
_NUMBERS = count()


class Clients(NamedTuple):
    """DynamoDB clients, made once a module: making one takes longer than most of these tests."""

    check: Any
    hasty: Any


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    with mock_aws():
        yield Clients(aws.dynamodb.__wrapped__(), aws.fail_fast_dynamodb.__wrapped__())


@pytest.fixture
def table_name() -> str:
    return f"deliveries-{next(_NUMBERS)}"


@pytest.fixture(autouse=True)
def table(clients: Clients, table_name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client of an empty table, which the services find in their settings."""
    make_table(clients.check, table_name)
    monkeypatch.setenv("DELIVERIES_TABLE", table_name)
    monkeypatch.setattr(aws, "dynamodb", _Cached(clients.check))
    monkeypatch.setattr(aws, "fail_fast_dynamodb", _Cached(clients.hasty))
    wiring.deliveries.cache_clear()
    settings.from_env.cache_clear()
    return clients.check


class _Cached:
    """A client behind the face of the function that makes one."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self) -> Any:
        return self._client

    def cache_clear(self) -> None:
        """Keep it."""


@pytest.fixture(scope="module")
def app() -> Chalice:
    return composition.app


@pytest.fixture
def client(app: Chalice) -> Iterator[Client]:
    with Client(app, stage_name="backroom", project_dir=str(ROOT)) as client:
        yield client
