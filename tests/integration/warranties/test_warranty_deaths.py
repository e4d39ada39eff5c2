"""W8: a process that dies between any two steps of a sale leaves nothing half done."""

from typing import Any

import pytest

from tests.support.warranties.kills import DEEDS, cancelling_deaths, deaths


@pytest.mark.parametrize("name", DEEDS)
def test_w8_a_sale_can_be_retried_after_a_crash(dynamodb: Any, names: Any, name: str) -> None:
    moments = list(deaths(dynamodb, names.table, names.outbox, name))

    # Before and after each of: one read, one transaction; and the item's own write if it changed.
    assert moments == list(range(6 if "changed" in name else 4))


def test_a_cancellation_can_be_retried_after_a_crash(dynamodb: Any, names: Any) -> None:
    moments = list(cancelling_deaths(dynamodb, names.table, names.outbox))

    # Before and after each of: the sale, where it is listed, one transaction.
    assert moments == list(range(6))
