"""Builds the webhooks services, once per process, on first use."""

import secrets
import uuid
from datetime import timedelta
from functools import cache
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.core import aws, retry
from chalicelib.core.instants import now
from chalicelib.core.outbox import wiring as outbox_wiring
from chalicelib.core.outbox.store import EffectStore
from chalicelib.core.outbox.worker import Worker
from chalicelib.core.settings import from_env
from chalicelib.core.table import Table
from chalicelib.webhooks.handlers import DeliveryHandler
from chalicelib.webhooks.receivers import Post
from chalicelib.webhooks.service.recording import Recording
from chalicelib.webhooks.service.subscribing import Subscriptions
from chalicelib.webhooks.store.deliveries import DeliveryStore
from chalicelib.webhooks.store.log import EventLog
from chalicelib.webhooks.store.subscriptions import SubscriptionStore, thing


class WebhooksSettings(BaseModel):
    """What the webhooks context reads from the environment (upper-case names)."""

    model_config = ConfigDict(frozen=True)

    webhooks_table: str
    webhook_receivers: Literal["public", "local"] = "public"
    webhook_event_days: Annotated[int, Field(ge=1, le=50)] = 30


@cache
def subscriptions() -> Subscriptions:
    """Return the service on the table that the settings name."""
    return Subscriptions(
        receivers=SubscriptionStore(_table()),
        log=event_log(),
        deliveries=_deliveries(),
        effects=EffectStore(outbox_wiring.table()),
        url_fault=_post().url_fault,
        now=now,
        new_id=lambda: uuid.uuid4().hex,
        random=secrets.token_bytes,
        tries=retry.tries,
    )


@cache
def event_log() -> EventLog:
    """Return the log of events."""
    retention = timedelta(days=from_env(WebhooksSettings).webhook_event_days)
    return EventLog(_table(), now=now, retention=retention)


@cache
def recording() -> Recording:
    """Return what records facts."""
    return Recording(event_log(), SubscriptionStore(_table()), _deliveries())


@cache
def deliverer() -> Worker:
    """Return the worker for the effects of kind ``webhook``."""
    handler = DeliveryHandler(SubscriptionStore(_table()), event_log(), _post(), now=now)
    return outbox_wiring.worker("webhook", handler)


def _post() -> Post:
    return Post(local=from_env(WebhooksSettings).webhook_receivers == "local")


def _deliveries() -> DeliveryStore:
    return DeliveryStore(outbox_wiring.table(), outbox_wiring.outbox())


def _table() -> Table:
    return Table(aws.dynamodb(), from_env(WebhooksSettings).webhooks_table, things=thing)
