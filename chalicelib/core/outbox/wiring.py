"""Builds the parts of the outbox, for the contexts and for its own functions."""

import os
import uuid
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.core import aws
from chalicelib.core.instants import now
from chalicelib.core.outbox import queues, rows
from chalicelib.core.outbox.effects import EffectHandler
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.outbox.queues import Queues
from chalicelib.core.settings import from_env
from chalicelib.core.table import Table

if TYPE_CHECKING:
    from chalicelib.core.outbox.listing import Listing
    from chalicelib.core.outbox.relay import Relay
    from chalicelib.core.outbox.sweeper import Sweeper
    from chalicelib.core.outbox.worker import Worker
    from chalicelib.core.schedules import Schedules


class OutboxSettings(BaseModel):
    """What the outbox reads from the environment (upper-case names), beside its queues.

    An effect whose tries fail is dead after ``outbox_give_up_days`` and ``outbox_enough_tries``; a
    kind that is denied or switched off is tried every ``outbox_probe_s``.
    """

    model_config = ConfigDict(frozen=True)

    outbox_table: str
    outbox_give_up_days: Annotated[float, Field(gt=0)] = 3
    outbox_enough_tries: Annotated[int, Field(ge=1)] = 20
    outbox_probe_s: Annotated[float, Field(gt=0)] = 900


@cache
def outbox() -> Outbox:
    """Return what a context's stores add effects with."""
    return Outbox(table(), now=now)


def worker(kind: str, handler: EffectHandler) -> "Worker":
    """Return the worker of a kind; make it once a process."""
    from chalicelib.core.outbox.rules import Rules  # noqa: PLC0415 - only workers need them
    from chalicelib.core.outbox.store import EffectStore  # noqa: PLC0415
    from chalicelib.core.outbox.worker import Worker  # noqa: PLC0415

    settings = from_env(OutboxSettings)
    rules = Rules(
        give_up_after=timedelta(days=settings.outbox_give_up_days),
        enough_tries=settings.outbox_enough_tries,
        probe_after=timedelta(seconds=settings.outbox_probe_s),
    )
    return Worker(
        kind, handler, EffectStore(table()), to_queues(), now=now, new_id=_new_id, rules=rules
    )


@cache
def relay() -> "Relay":
    """Return what forwards new effects."""
    from chalicelib.core.outbox.relay import Relay  # noqa: PLC0415 - one function needs it

    return Relay(to_queues(), now=now)


@cache
def sweeper() -> "Sweeper":
    """Return what names effects again."""
    from chalicelib.core.outbox.index import EffectIndex  # noqa: PLC0415 - one function needs them
    from chalicelib.core.outbox.store import EffectStore  # noqa: PLC0415
    from chalicelib.core.outbox.sweeper import Sweeper  # noqa: PLC0415

    return Sweeper(EffectStore(table()), EffectIndex(table()), to_queues(), now=now)


def schedules() -> "Schedules":
    """Return where the functions of schedules enter their runs."""
    from chalicelib.core.schedules import Schedules  # noqa: PLC0415 - scheduled functions need it

    return Schedules(table(), now=now)


@cache
def listing() -> "Listing":
    """Return what enters effects of older versions into the index of all."""
    from chalicelib.core.outbox.listing import Listing  # noqa: PLC0415 - one function needs it

    return Listing(table(), now=now)


def table() -> Table:
    """Return the table of effects."""
    return Table(aws.dynamodb(), from_env(OutboxSettings).outbox_table, things=rows.thing)


def to_queues() -> Queues:
    """Return the queues that the environment names."""
    return Queues(aws.sqs, queues.urls(os.environ))


def _new_id() -> str:
    return str(uuid.uuid4())
