"""The warranties over HTTP and on moto, without a network; one thread."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from chalice.test import Client

import app as composition
from chalicelib.core import aws, settings
from chalicelib.core.outbox import wiring as outbox_wiring
from chalicelib.warranties import wiring
from tests.support.moto_aws import mock_aws
from tests.support.warranties.table import make_tables

ROOT = Path(__file__).parent.parent.parent.parent
_NUMBERS = count()


class Names(NamedTuple):
    """What the settings name."""

    table: str
    outbox: str
    bucket: str


class Clients(NamedTuple):
    """Clients made once a module: making one takes longer than most of these tests."""

    dynamodb: Any
    s3: Any


@pytest.fixture(scope="module")
def _clients() -> Iterator[Clients]:
    with mock_aws():
        yield Clients(aws.dynamodb.__wrapped__(), aws.s3.__wrapped__())


@pytest.fixture
def names() -> Names:
    number = next(_NUMBERS)
    return Names(f"warranties-{number}", f"outbox-{number}", f"archive-{number}")


@pytest.fixture
def s3(_clients: Clients, names: Names) -> Any:
    """The client of an empty archive."""
    _clients.s3.create_bucket(Bucket=names.bucket)
    return _clients.s3


@pytest.fixture
def dynamodb(
    _clients: Clients, s3: Any, names: Names, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """The client of empty tables, which the services find in their settings."""
    make_tables(_clients.dynamodb, names.table, names.outbox)
    monkeypatch.setenv("WARRANTIES_TABLE", names.table)
    monkeypatch.setenv("OUTBOX_TABLE", names.outbox)
    monkeypatch.setenv("WARRANTIES_BUCKET", names.bucket)
    monkeypatch.setattr(aws, "dynamodb", lambda: _clients.dynamodb)
    monkeypatch.setattr(aws, "s3", lambda: s3)
    for made in (wiring.warranties, wiring.archiver, outbox_wiring.outbox, settings.from_env):
        made.cache_clear()
    yield _clients.dynamodb
    for made in (wiring.warranties, wiring.archiver, outbox_wiring.outbox):
        made.cache_clear()


@pytest.fixture
def client(dynamodb: Any) -> Iterator[Client]:
    with Client(composition.app, stage_name="backroom", project_dir=str(ROOT)) as client:
        yield client
