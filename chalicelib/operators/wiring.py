"""Builds what operators use, once per process, on first use."""

import os
from collections.abc import Sequence
from functools import cache

from chalicelib.core import aws
from chalicelib.core.instants import now
from chalicelib.core.outbox.index import EffectIndex
from chalicelib.core.outbox.store import EffectStore
from chalicelib.core.outbox.wiring import table, to_queues
from chalicelib.core.schedules import EVERY, Schedules
from chalicelib.core.settings import from_env
from chalicelib.core.values import dataclass
from chalicelib.operators.checking import CheckSettings, RemoteChecks
from chalicelib.operators.checks import CheckResult
from chalicelib.operators.service.dead_letters import DeadLetterService
from chalicelib.operators.service.effects import EffectService
from chalicelib.operators.service.schedules import ScheduleService
from chalicelib.operators.store import DeadLetterQueues, sources


@dataclass(frozen=True)
class Operators:
    """Everything that the operators' routes call."""

    effects: EffectService
    dead_letters: DeadLetterService
    schedules: ScheduleService


@cache
def operators() -> Operators:
    """Return the services on the outbox and the queues that the environment names."""
    return Operators(
        effects=EffectService(EffectStore(table()), EffectIndex(table()), to_queues(), now=now),
        dead_letters=DeadLetterService(DeadLetterQueues(aws.sqs, sources(os.environ)), now=now),
        schedules=ScheduleService(Schedules(table(), now=now), EVERY, now=now),
    )


def check_vendors() -> Sequence[CheckResult]:
    """Return how each integration is; without a stack this process looks itself."""
    if name := from_env(CheckSettings).vendor_checks:
        return RemoteChecks(aws.functions(), name).results()
    from chalicelib.operators.vendors import check_results  # noqa: PLC0415 - loads every client

    return check_results()
