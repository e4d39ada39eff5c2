"""Builds the office of dead letters, once per process, on first use."""

import os
from datetime import UTC, datetime
from functools import cache

from chalicelib.core import aws
from chalicelib.dead_letters.service import Office
from chalicelib.dead_letters.store import DeadLetterQueues, sources


@cache
def office() -> Office:
    """Return the office of the queues that the environment names."""
    return Office(DeadLetterQueues(aws.sqs, sources(os.environ)), now=_now)


def _now() -> datetime:
    return datetime.now(UTC)
