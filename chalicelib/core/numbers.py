"""Whole numbers as callers write them, read the same in every context.

In JSON ``4.0`` and ``4e0`` are the whole number 4 (JSON Schema 2020-12, section 6.1.1). In a path,
a query or a header a number is its digits and nothing else: no blanks, plus sign, point, underscore
or leading zeros, and no digits of other scripts. What is not exactly a number stays as it is, and
the field refuses it.
"""

import re
from decimal import Decimal

from pydantic import BeforeValidator

_DIGITS = re.compile("0|-?[1-9][0-9]{0,29}")


def from_json(given: object) -> object:
    """Return the int that an integral Decimal is; everything else as it is."""
    if isinstance(given, Decimal) and given == given.to_integral_value():
        return int(given)
    return given


def from_text(given: object) -> object:
    """Return the int of a text of digits. Raises ValueError for any other text."""
    if not isinstance(given, str):
        return given
    if not _DIGITS.fullmatch(given):
        raise ValueError("must be a whole number")
    return int(given)


FROM_JSON = BeforeValidator(from_json)
"""Comes after the bounds of a number in JSON: ``Annotated[int, Field(ge=1), FROM_JSON]``."""
FROM_TEXT = BeforeValidator(from_text)
"""Comes after the bounds of a number in a path, a query or a header."""
