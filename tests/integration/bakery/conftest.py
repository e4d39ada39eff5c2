"""The bakery over HTTP and on moto, without a network; one thread."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from chalice.test import Client

import app as composition
from chalicelib.bakery import wiring
from chalicelib.core import aws, settings
from chalicelib.core.outbox import wiring as outbox
from tests.support.bakery.house import SECRET
from tests.support.bakery.table import Stores, make_tables
from tests.support.moto_aws import mock_aws

ROOT = Path(__file__).parents[3]
_NUMBERS = count()


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        yield aws.dynamodb.__wrapped__()


@pytest.fixture
def stores(dynamodb: Any) -> Stores:
    number = next(_NUMBERS)
    names = f"bakery-{number}", f"outbox-{number}"
    make_tables(dynamodb, *names)
    return Stores(dynamodb, *names)


@pytest.fixture
def client(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The API on empty tables."""
    monkeypatch.setenv("BAKERY_TABLE", stores.table.name)
    monkeypatch.setenv("OUTBOX_TABLE", stores.effects.name)
    monkeypatch.setenv("BAKERY_UNDO_S", "0")
    monkeypatch.setenv("JIRA_WEBHOOK_SECRET", SECRET.decode())
    monkeypatch.setattr(aws, "dynamodb", lambda: stores.client)
    for built in (wiring.bakery, wiring.stores, outbox.outbox):
        built.cache_clear()
    settings.from_env.cache_clear()
    with Client(composition.app, stage_name="backroom", project_dir=str(ROOT)) as client:
        yield client
