"""One text for one meaning: what is compared or digested for ever is written in this form.

Fields are named and sorted, those that are None or at their default are left out, and numbers lose
the zeros that say nothing. So neither a renamed class nor a new field with a default, another order
of the fields or ``1.0`` for ``1.00`` makes another digest. The form must never change: golden tests
pin it (tests/unit/core/test_canonical.py).
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from chalicelib.core import strict_json
from chalicelib.core.instants import sortable


def form(value: object) -> str:
    """Return the canonical text of a value: models, dataclasses, mappings, lists and plain values.

    Raises TypeError for anything else, as equality of such values is undefined.
    """
    return strict_json.dumps(_plain(value))


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical text, in hexadecimal."""
    return sha256(form(value).encode())


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _plain(value: object) -> Any:  # noqa: ANN401, PLR0911 - whatever JSON has, a case each
    match value:
        case None | bool() | str():
            return value
        case int() | float() | Decimal():
            return _number(value)
        case datetime():
            return sortable(value)
        case date():
            return value.isoformat()
        case Mapping():
            return _sorted(value)
        case Set():
            return sorted(map(_plain, value))
        case Sequence() if not isinstance(value, bytes):
            return [_plain(each) for each in value]
        case BaseModel():
            return _sorted(_of_model(value))
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return _sorted(_of_dataclass(value))
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _sorted(fields: Mapping[str, object]) -> dict[str, Any]:
    return {name: _plain(fields[name]) for name in sorted(fields) if fields[name] is not None}


def _number(value: float | Decimal) -> Decimal:
    """Return a number without trailing zeros: 1, 1.0 and 1.00 are one. Raises ValueError."""
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite():
        raise ValueError(f"{exact} has no canonical form")
    return exact.normalize() + 0  # -0 is 0


def _of_model(model: BaseModel) -> dict[str, object]:
    given = model.model_dump(exclude_defaults=True)
    return {name: value for name, value in model if name in given}


def _of_dataclass(value: Any) -> dict[str, object]:  # noqa: ANN401 - any dataclass
    return {
        each.name: found
        for each in dataclasses.fields(value)
        if (found := getattr(value, each.name)) != _default(each)
    }


def _default(field: "dataclasses.Field[Any]") -> object:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default  # MISSING equals nothing
