"""The soak of `python -m bench.soak`, in short: the embedded AWS and functions are killed."""

import argparse

import pytest

from bench.soak.__main__ import soak
from infra.local.aws import LocalAws
from tests.support.deployed import Deployed, deployed


def test_what_was_promised_is_there_once_whatever_is_killed(
    request: pytest.FixtureRequest,
) -> None:
    stack = deployed(request, "soak", SAVE_EVERY_S="3")
    assert isinstance(stack.aws, LocalAws)
    _return_messages_soon(stack)
    assert stack.aws.save() is None
    asked = {"minutes": 0.5, "seed": 1, "rate": 8, "workers_every_s": 4, "server_every_s": 12}

    record = soak(stack, argparse.Namespace(**asked, record=None))

    assert record.findings == []
    assert record.server_kills
    for promised in (record.transactions, record.packages, record.sales, record.logs):
        assert promised
    assert record.orders


def _return_messages_soon(stack: Deployed) -> None:
    """Have what a killed function had taken come back in 20 s, and not in 180 or 330."""
    sqs = stack.client("sqs")
    for url in sqs.list_queues()["QueueUrls"]:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "20"})
