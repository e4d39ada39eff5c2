"""W8: a process that dies between any two steps of a sale leaves nothing half done."""

from typing import Any

import pytest

from tests.support.warranties.kills import DEEDS, deaths


@pytest.mark.parametrize("name", DEEDS)
def test_w8_whoever_dies_in_a_sale_can_try_again(dynamodb: Any, names: Any, name: str) -> None:
    moments = list(deaths(dynamodb, names.table, names.outbox, name))

    # Before and after each of: one read, one transaction; and the item's own write if it changed.
    assert moments == list(range(6 if "changed" in name else 4))
