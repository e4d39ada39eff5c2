"""The soak of `python -m bench.soak`, in short: the embedded AWS and functions are killed."""

import argparse

import pytest

from bench.soak.__main__ import soak
from infra.local.aws import LocalAws
from tests.support.deployed import deployed


def test_what_was_promised_is_there_once_whatever_is_killed(
    request: pytest.FixtureRequest,
) -> None:
    stack = deployed(request, "soak", SAVE_EVERY_S="3")
    assert isinstance(stack.aws, LocalAws)
    assert stack.aws.save() is None
    asked = {"minutes": 0.5, "seed": 1, "rate": 8, "workers_every_s": 4, "server_every_s": 12}

    record = soak(stack, argparse.Namespace(**asked, record=None))

    assert record.findings == []
    assert record.server_kills
    for promised in (record.transactions, record.packages, record.sales, record.logs):
        assert promised
    assert record.orders
