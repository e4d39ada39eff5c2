"""How records become items, and back."""

from collections.abc import Mapping
from typing import Any, TypeVar

from chalicelib.bakery.records import Record
from chalicelib.core.table import Item, key

R = TypeVar("R", bound=Record)

_DIGITS = 15
"""Ids are padded to this, so that they sort as numbers do."""


def padded(number: int) -> str:
    """Return an id, padded so that it sorts as a number."""
    return f"{number:0{_DIGITS}d}"


def item(place: tuple[str, str], record: Record, **more: Mapping[str, Any]) -> Item:
    """Return a record as an item, with its version, if any, as an attribute for conditions."""
    version = getattr(record, "version", None)
    numbered = {"version": {"N": str(version)}} if version is not None else {}
    return {**key(*place), "body": {"S": record.stored_text()}, **numbered, **more}


def record(model: type[R], found: Item | None) -> R | None:
    """Return the record of an item, None without one."""
    return read(model, found) if found else None


def read(model: type[R], found: Item) -> R:
    """Return the record of an item."""
    return model.model_validate_json(found["body"]["S"])
