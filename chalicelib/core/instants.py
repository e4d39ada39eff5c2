"""Instants as text: on the wire, and where they are stored, sorted and hashed.

On the wire they end in ``Z``. The older form, with all six digits and ``+00:00``, stays in sort
keys, in stored text and in the ledger's hashes: texts of it sort as instants do.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, PlainSerializer, SerializationInfo, WithJsonSchema

STORED = "stored"
"""The serialization context in which a `PreciseInstant` is written as it is stored."""


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


def iso(at: datetime) -> str:
    """Return an instant as it is answered: UTC with ``Z``, microseconds if there are any."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def precise(at: datetime) -> str:
    """Return an instant as it is answered where its microseconds matter, all six digits."""
    return sortable(at).replace("+00:00", "Z")


def sortable(at: datetime) -> str:
    """Return an instant as it is stored: UTC, microseconds, ``+00:00``."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _written(at: datetime, info: SerializationInfo) -> str:
    return sortable(at) if info.context == STORED else precise(at)


_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time"})

Instant = Annotated[AwareDatetime, PlainSerializer(iso), _SCHEMA]
PreciseInstant = Annotated[AwareDatetime, PlainSerializer(_written), _SCHEMA]
