"""A process that dies between any two steps leaves nothing half done; and what each route calls."""

from typing import Any

import pytest

from chalicelib.ledger.models import TransactionBody
from tests.support.dynamodb import Line
from tests.support.ledger.kills import DEEDS, check_that_a_retry_finishes_what_death_left, scene

MOMENTS = {
    "a reversal": 6,
    "a reversal of a transfer": 8,
    "a batch with a key": 6,
    "a post that waits with a key": 16,
    "a post that waits with an id": 16,
}
"""Two reads; two reads of the transfer and one of its accounts; a key that is reserved first; a
read, an intent, a look, a leader, two reads of what waits, and a look at what came of it."""


@pytest.mark.parametrize("name", DEEDS)
def test_after_a_crash_a_retry_works(dynamodb: Any, table_name: str, name: str) -> None:
    moments = check_that_a_retry_finishes_what_death_left(dynamodb, table_name, name)

    # Before and after each of: the reads, one transaction.
    assert moments == MOMENTS.get(name, 4)


def test_a_key_that_could_not_be_bound_is_bound_by_the_retry(
    dynamodb: Any, table_name: str
) -> None:
    at = scene(dynamodb, table_name)
    body = TransactionBody(account_id=at.account, amount=1, transaction_id=at.original)
    for moment in range(4):
        line = Line(dynamodb, dies_at=moment)
        key = f"{at.key} {moment}"
        with pytest.raises(BaseException):  # noqa: B017, PT011 - a death is no exception
            at.ledger(line).post(body, key=key)

        assert at.ledger().post(body, key=key).entry.transaction_id == at.original
        assert at.ledger().store.read_snapshot(at.account, key=key).keyed is not None
    assert len(at.entries()) == 2
