"""The stages of `bench.scale`: what is loaded, and that nothing reads more with more of it."""

import json
from collections.abc import Iterator
from random import Random

import pytest

from bench.handlers import stdout_nowhere
from bench.replay import Replay, told
from bench.scale import LOADED, QUICK, Ask, Stage, _get, account_id, transaction_id
from bench.stored import Reads
from chalicelib.core.totals import MOST_COUNTED

A_QUERY = 200
"""Rows that a query reads beyond those that are counted, at most."""
HALF_A_PAGE = 20
"""Rows of a list that does not fill its page on either stage."""


@pytest.fixture(scope="module")
def replay() -> Iterator[Replay]:
    with told() as replay:
        yield replay


@pytest.fixture(scope="module")
def stages(replay: Replay, tmp_path_factory: pytest.TempPathFactory) -> tuple[Stage, Stage]:
    folder = tmp_path_factory.mktemp("stages")
    at = replay.exchanges[0].at.replace(microsecond=0)
    few, many = (Stage(folder, size, replay, at) for size in QUICK)
    return few, many


COUNTED = (
    ("/orders", ""),
    ("/orders", "status=ready&"),
    ("/packages", "sender=shop-0-1&"),
    ("/packages", "from=2020-01-01T00:00:00Z&"),
    ("/transactions", ""),
    ("/accounts", ""),
)
"""Lists whose rows are counted, with their filters."""


def reads(replay: Replay, stage: Stage, ask: Ask) -> Reads:
    replay.tables = stage.stored
    with stdout_nowhere():
        return stage.stored.counted(
            replay.asking(ask.name, ask.event(stage.size, Random(ask.name)))
        )


@pytest.mark.parametrize("number", range(len(LOADED)), ids=[ask.name for ask in LOADED])
def test_nothing_reads_more_on_a_stage_with_more(
    replay: Replay, stages: tuple[Stage, Stage], number: int
) -> None:
    few, many = (reads(replay, stage, LOADED[number]) for stage in stages)

    assert few.calls
    assert many.calls <= few.calls
    assert many.items <= max(1.5 * few.items, HALF_A_PAGE)


@pytest.mark.parametrize(("path", "filters"), COUNTED)
def test_13_3_counting_a_list_reads_a_bounded_number_of_rows(
    replay: Replay, stages: tuple[Stage, Stage], path: str, filters: str
) -> None:
    _, many = stages
    page = reads(replay, many, _get(path, f"{filters}limit=10"))
    counted = reads(replay, many, _get(path, f"{filters}limit=10&count=true"))

    assert page.items < counted.items <= page.items + MOST_COUNTED + A_QUERY


def test_a_copy_is_found_under_its_names(replay: Replay, stages: tuple[Stage, Stage]) -> None:
    """Copies are made of text: the shards of their lists have to be those of their own names."""
    _, many = stages
    ledger = next(name for name in replay.stored if name.startswith("Ledger"))
    [entry] = many.stored.find(ledger, f"TRANSACTION#{transaction_id(7, 3)}", "ENTRY")
    [account] = [
        found
        for shard in range(16)
        for found in many.stored.find(ledger, f"ACCOUNTS#{shard}", account_id(7))
    ]

    assert json.loads(json.loads(entry)["body"]["S"])["account_id"] == account_id(7)
    assert json.loads(account)["sk"] == {"S": account_id(7)}
