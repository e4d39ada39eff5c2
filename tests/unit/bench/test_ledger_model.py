"""The model of one account that many post to; it is seeded, so that it gives the same each time."""

import pytest

from bench.ledger_model import ONLY_RACES, modelled_run
from chalicelib.ledger.service.crowds import RACES


@pytest.mark.parametrize("rate", [10, 80, 300, 600])
def test_s7_an_account_whose_transactions_take_20_ms_takes_up_to_600_posts_a_second(
    rate: int,
) -> None:
    account = modelled_run(20.0, rate, RACES)

    assert not account.given_up
    assert max(account.waited) < 1_000


def test_s7_racing_alone_80_posts_a_second_are_too_many() -> None:
    assert modelled_run(20.0, 80, ONLY_RACES).given_up
