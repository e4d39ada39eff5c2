"""docs/retention.md says how long everything is kept, as templates and code have it."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.bakery import effects
from chalicelib.deliveries.wiring import DeliveriesSettings
from chalicelib.webhooks.deliveries import delivery
from chalicelib.webhooks.wiring import WebhooksSettings
from infra import templates

TEXT = (Path(__file__).parents[2] / "docs" / "retention.md").read_text()
HOW_LONG = TEXT.partition("## How long")[2].partition("\n## ")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in HOW_LONG.splitlines()
    if line.startswith("|")
][2:]
MERGED = templates.merged()
PARAMETERS: Any = MERGED.overlay["Parameters"]


def kept_in(place: str) -> list[str]:
    return [kept for _, where, kept, _ in ROWS if f"`{place}`" in where]


def test_whatever_keeps_something_is_in_the_table() -> None:
    places = {*MERGED.declared.tables, *MERGED.declared.buckets}

    assert places == {name for row in ROWS for name in re.findall(r"`(\w+)`", row[1])}


def test_what_a_parameter_sets_is_its_default() -> None:
    named = {name: row[2] for row in ROWS for name in re.findall(r"`(\w+)`", row[3])}

    assert named == {name: f"{PARAMETERS[name]['Default']} days" for name in named}
    assert named.keys() == {name for name in PARAMETERS if name.endswith("Days")} - {
        "ObjectLockDays"  # for how long nobody may delete, not when it is deleted
    }


@pytest.mark.parametrize("table", MERGED.declared.tables)
def test_a_table_whose_rows_expire_says_after_how_many_days(table: str) -> None:
    expires = "TimeToLiveSpecification" in MERGED.resources[table]["Properties"]

    assert any(re.fullmatch(r"\d+ days", kept) for kept in kept_in(table)) == expires


def test_what_the_functions_keep_is_what_the_parameters_say() -> None:
    settings = WebhooksSettings(webhooks_table=""), DeliveriesSettings(deliveries_table="")

    assert settings[0].webhook_event_days == PARAMETERS["EventDays"]["Default"]
    assert settings[1].deliveries_verdict_days == PARAMETERS["VerdictDays"]["Default"]


def test_effects_that_are_deleted_outlive_what_they_are_about() -> None:
    kept = {
        effect.retention
        for effect in (
            delivery("sub_1", "evt_1"),
            effects.document_erasure("1"),
            effects.message_erasure(1, "D1/1"),
        )
    }

    assert kept == {timedelta(days=60)}
    assert "60 days" in kept_in("OutboxTable")
    assert PARAMETERS["EventDays"]["MaxValue"] < 60


def test_queues_keep_messages_as_long_as_the_table_says() -> None:
    [kept] = [row[2] for row in ROWS if row[1] == "queues"]
    days = {name: queue.days for name, queue in MERGED.declared.queues.items()}

    assert {name: each for name, each in days.items() if each != 14} == {"VendingFleet": 4}
    assert kept == "14 days; 4 in `VendingFleet`"
