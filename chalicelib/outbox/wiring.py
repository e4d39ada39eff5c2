"""Builds the operators' desk, once per process, on first use."""

from functools import cache

from chalicelib.core.instants import now
from chalicelib.core.outbox.index import EffectIndex
from chalicelib.core.outbox.store import EffectStore
from chalicelib.core.outbox.wiring import table, to_queues
from chalicelib.outbox.service import Desk


@cache
def desk() -> Desk:
    """Return the desk on the outbox that the settings name."""
    return Desk(EffectStore(table()), EffectIndex(table()), to_queues(), now=now)
