"""Builds the warranties services, once per process, on first use."""

import uuid
from functools import cache

from pydantic import BaseModel, ConfigDict

from chalicelib.core import aws, retry
from chalicelib.core.instants import now
from chalicelib.core.outbox import wiring as outbox_wiring
from chalicelib.core.outbox.worker import Worker
from chalicelib.core.settings import from_env
from chalicelib.core.table import Table
from chalicelib.warranties import rate_card
from chalicelib.warranties.archiving import Archiving
from chalicelib.warranties.bucket import BucketArchive
from chalicelib.warranties.service import Warranties
from chalicelib.warranties.store import WarrantyStore, thing


class WarrantiesSettings(BaseModel):
    """What the warranties context reads from the environment (upper-case names)."""

    model_config = ConfigDict(frozen=True)

    warranties_table: str
    warranties_bucket: str


@cache
def warranties() -> Warranties:
    """Return the service on the table and the bucket that the settings name."""
    return Warranties(
        _store(),
        cards=rate_card.load(),
        archived=_archive(),
        now=now,
        new_id=_new_id,
        tries=retry.tries,
    )


@cache
def archiver() -> Worker:
    """Return the worker that archives sales."""
    return outbox_wiring.worker("archive", Archiving(_store(), _archive()))


def _store() -> WarrantyStore:
    table = Table(aws.dynamodb(), from_env(WarrantiesSettings).warranties_table, things=thing)
    return WarrantyStore(table, outbox_wiring.outbox())


def _archive() -> BucketArchive:
    return BucketArchive(aws.s3, from_env(WarrantiesSettings).warranties_bucket, aws.presigning_s3)


def _new_id() -> str:
    return str(uuid.uuid4())
