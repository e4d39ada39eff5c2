"""The fields of warranties: what each takes, how it is written, how the document describes it.

Costs and prices are whole cents inside and numbers with two decimals outside.
"""

import re
import unicodedata
import uuid
from decimal import Decimal
from functools import lru_cache
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from chalicelib.core.forms import Form
from chalicelib.core.invisible import visible_id, without_invisible
from chalicelib.core.models import ExactModel
from chalicelib.core.numbers import FROM_TEXT
from chalicelib.warranties import money

MOST_ROWS = 1_000
HIGHEST_COST = Decimal("1000000.00")

# The namespace of stores' ids: concurrent writers give a store's record the same id.
_STORES = uuid.UUID("6f1d3c52-6a0e-5c0b-9d5d-7f1a0b1e8c11")
_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"


@lru_cache(maxsize=1_000)
def store_id(store_uuid: str) -> str:
    """Return the id of a store, which hangs on nothing but its ``store_uuid``."""
    return str(uuid.uuid5(_STORES, store_uuid))


def _printable(text: str) -> str:
    if not without_invisible(text).strip():
        raise ValueError("must not be blank")
    if any(map(_no_text, text)):
        raise ValueError("must not hold control characters")
    return text


def _no_text(character: str) -> bool:
    """Return whether a character is a control or one that Unicode keeps for itself."""
    return unicodedata.category(character) == "Cc" or ord(character) & 0xFFFE == 0xFFFE


def _cost(given: object) -> int:
    """Return the cents of a number as written in the JSON text."""
    if isinstance(given, bool) or not isinstance(given, int | Decimal):
        raise ValueError("must be a number such as 150.00")
    exact = Decimal(given)
    if not 0 < exact <= HIGHEST_COST:
        raise ValueError(f"must be above 0 and at most {HIGHEST_COST:,}")
    exponent = exact.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -2:
        raise ValueError("must have at most two decimals")
    return money.cents(exact)


def _cost_in_query(given: object) -> int:
    """Return the cents of an amount in a query: digits, and a point with decimals if there are."""
    if not isinstance(given, str) or not re.fullmatch(
        r"[0-9]{1,9}(\.[0-9]{1,9})?", given, re.ASCII
    ):
        raise ValueError("must be a number such as 150.00")
    return _cost(Decimal(given))


StoreUuid = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    Form("[A-Za-z0-9-]+", "must have letters, digits and hyphens only"),
    AfterValidator(str.lower),
]
"""1 to 64 letters, digits and hyphens in lower case; the brief's own example is no UUID."""
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    AfterValidator(_printable),
    AfterValidator(visible_id),
    Field(json_schema_extra={"pattern": _PRINTABLE}),
]
Title = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256),
    AfterValidator(_printable),
    Field(json_schema_extra={"pattern": _PRINTABLE}),
]
Cost = Annotated[
    int,
    BeforeValidator(_cost),
    WithJsonSchema(
        {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1_000_000,
            "description": "an amount with at most two decimals",
        }
    ),
]
"""A cost in cents; on the wire a number with at most two decimals."""
QueryCost = Annotated[
    int,
    BeforeValidator(_cost_in_query),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,7}(\.[0-9]{1,2})?$"}),
]
"""A cost in cents, of a query."""
Money = Annotated[Decimal, WithJsonSchema({"type": "number"})]
Limit = Annotated[int, Field(ge=1, le=MOST_ROWS), FROM_TEXT]


class Model(ExactModel):
    """A frozen value; the contract shows what does not apply as null."""

    nulls = True
