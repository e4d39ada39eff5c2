"""Builds the office of dead letters, once per process, on first use."""

import os
from functools import cache

from chalicelib.core import aws
from chalicelib.core.instants import now
from chalicelib.dead_letters.service import Office
from chalicelib.dead_letters.store import DeadLetterQueues, sources


@cache
def office() -> Office:
    """Return the office of the queues that the environment names."""
    return Office(DeadLetterQueues(aws.sqs, sources(os.environ)), now=now)
