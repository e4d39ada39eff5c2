"""The tables of an instant: begun once, complete, and refused where AWS has no such past."""

import argparse
import importlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.core.table import Table, key
from infra import restore, templates
from infra.deploy import RefusedError
from infra.restore import Tables
from tests.support.aws import client
from tests.support.dynamodb import items, make_table

NOW = datetime.now(UTC).replace(microsecond=0)
NAMES = {"OutboxTable": "outbox", "LedgerTable": "ledger"}


@pytest.fixture
def tables() -> Iterator[Tables]:
    with mock_aws():
        for logical, name in NAMES.items():
            make_table(client("dynamodb"), logical, name)
            Table(client("dynamodb"), name).put(key("here", name))
            client("dynamodb").update_continuous_backups(
                TableName=name,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            )
        client("dynamodb").update_time_to_live(
            TableName="outbox",
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
        )
        yield Tables(client("dynamodb"), "backroom-x", NAMES)


def described(name: str) -> Any:
    return client("dynamodb").describe_table(TableName=name)["Table"]


def test_restored_tables_have_what_the_tables_in_use_have(tables: Tables) -> None:
    tables.make(NOW, tables.missing(NOW), copies=True)

    told = tables.prepare(NOW)

    restored = tables.restored(NOW)
    assert restored["OutboxTable"] == f"backroom-x-OutboxTable-{NOW:%Y%m%dT%H%M%SZ}"
    assert told["OutboxTableName"] == restored["OutboxTable"]
    assert told["OutboxTableStream"] == described(restored["OutboxTable"])["LatestStreamLabel"]
    for logical, name in restored.items():
        stands, stood = described(name), described(NAMES[logical])
        assert stands.get("StreamSpecification") == stood.get("StreamSpecification")
        assert items(client("dynamodb"), name) == [key("here", NAMES[logical])]
        backups = client("dynamodb").describe_continuous_backups(TableName=name)
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    expiry = client("dynamodb").describe_time_to_live(TableName=restored["OutboxTable"])
    assert expiry["TimeToLiveDescription"]["AttributeName"] == "expires_at"


def test_what_died_half_way_goes_on_where_it_was(tables: Tables) -> None:
    tables.make(NOW, ["LedgerTable"], copies=True)

    assert tables.missing(NOW) == ["OutboxTable"]

    tables.make(NOW, tables.missing(NOW), copies=True)
    told = tables.prepare(NOW)
    assert tables.missing(NOW) == []
    assert tables.prepare(NOW) == told


def test_a_new_table_is_asked_again_until_it_can_keep_its_past(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    dynamodb, slept = client("dynamodb"), list[float]()
    refused = dynamodb.exceptions.ContinuousBackupsUnavailableException({}, "")
    answers = [refused, refused, None, None]

    def update(**_: object) -> None:
        if answer := answers.pop(0):
            raise answer

    monkeypatch.setattr(dynamodb, "update_continuous_backups", update)
    tables.make(NOW, tables.missing(NOW), copies=True)

    replace(tables, sleep=slept.append).prepare(NOW)

    assert (answers, slept) == ([], [10.0, 10.0])


def test_an_instant_that_no_table_remembers_is_refused_before_anything_is_made(
    tables: Tables,
) -> None:
    at = NOW - timedelta(days=400)

    with pytest.raises(RefusedError, match="can be restored as of"):
        tables.make(at, tables.missing(at), copies=False)

    assert len(tables.missing(at)) == len(NAMES)


@pytest.mark.parametrize("text", ["2026-11-29T10:00:00", "2026-11-29T10:00:00.5Z", "yesterday"])
def test_an_instant_is_named_to_the_second_with_its_zone(text: str) -> None:
    with pytest.raises((ValueError, argparse.ArgumentTypeError)):
        restore.instant(text)


def test_every_kind_of_effects_is_looked_up_as_its_worker_does() -> None:
    assert restore.WORKERS.keys() == templates.merged().declared.effects.keys()
    for worker in restore.WORKERS.values():
        module, _, name = worker.partition(":")
        assert callable(getattr(importlib.import_module(module), name))
