"""The ledger over HTTP and on moto, without a network; one thread."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from chalice.test import Client

import app as composition
from chalicelib.core import aws, settings
from chalicelib.ledger import wiring
from tests.support.ledger.table import make_table
from tests.support.moto_aws import mock_aws

ROOT = Path(__file__).parent.parent.parent.parent
_NUMBERS = count()


@pytest.fixture(scope="module")
def _client() -> Iterator[Any]:
    """A DynamoDB client, made once a module: making one takes longer than most of these tests."""
    with mock_aws():
        yield aws.dynamodb.__wrapped__()


@pytest.fixture
def table_name() -> str:
    return f"ledger-{next(_NUMBERS)}"


@pytest.fixture
def dynamodb(_client: Any, table_name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The client of an empty table, which the ledger finds in its settings."""
    make_table(_client, table_name)
    monkeypatch.setenv("LEDGER_TABLE", table_name)
    monkeypatch.setattr(aws, "dynamodb", lambda: _client)
    wiring.ledger.cache_clear()
    settings.from_env.cache_clear()
    yield _client
    wiring.ledger.cache_clear()


@pytest.fixture
def client(dynamodb: Any) -> Iterator[Client]:
    with Client(composition.app, stage_name="backroom", project_dir=str(ROOT)) as client:
        yield client
