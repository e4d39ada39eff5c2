"""The fields that requests, records and answers are made of."""

import re
import unicodedata
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from chalicelib.bakery import amounts
from chalicelib.bakery.amounts import MOST_DECIMALS, Given
from chalicelib.bakery.names import LONGEST_NAME, fold, one_line, with_latin_letter
from chalicelib.core.forms import Form
from chalicelib.core.invisible import without_invisible
from chalicelib.core.mailboxes import mailbox
from chalicelib.core.numbers import FROM_JSON, FROM_TEXT
from chalicelib.integrations import limits

MOST_INGREDIENTS = 99
LONGEST_NOTE = 500
LARGEST_FACTOR = 10_000
"""The largest number of persons, and of cakes, in an order."""

# Managed users have an underscore; old accounts end with a hyphen, or double it. GitHub knows who
# there is.
_LOGIN_PATTERN = f"[A-Za-z0-9][A-Za-z0-9_-]{{0,{limits.GITHUB_LOGIN - 1}}}"


def _with_digits(text: str) -> str:
    if sum(character.isdigit() for character in text) < 3:
        raise ValueError("must be a phone number with three digits at least")
    return text.strip()


def _note(text: str) -> str:
    """Return a note without invisible characters; its lines stay."""
    lines = text.replace("\r\n", "\n").split("\n")
    stripped = "\n".join(without_invisible(line).strip() for line in lines).strip()
    if not stripped:
        raise ValueError("must not be blank")
    if len(text) > LONGEST_NOTE:
        raise ValueError(f"must have at most {LONGEST_NOTE} characters")
    if any(unicodedata.category(c) in {"Cc", "Zl", "Zp"} for c in stripped if c != "\n"):
        raise ValueError("must not hold control characters")
    return stripped


def _login(text: str) -> str:
    if not re.fullmatch(_LOGIN_PATTERN, text):
        raise ValueError("must be a GitHub user name: letters, digits, hyphens and _, 39 at most")
    return text


def _ingredients(value: object) -> dict[str, Given]:
    """Return amounts by the ingredient's name, or every fault that there is."""
    if not isinstance(value, dict):
        raise ValueError("must be an object of names and amounts, such as {'flour': 17.0}")
    found: dict[str, Given] = {}
    faults: list[InitErrorDetails] = []
    if len(value) > MOST_INGREDIENTS:
        raise ValueError(f"must name at most {MOST_INGREDIENTS} ingredients")
    names: dict[str, str] = {}
    for name, amount in value.items():
        try:
            line = with_latin_letter(name)
            first = names.setdefault(fold(line), name)
            if first != name:
                raise ValueError(f"is the same ingredient as {first!r}")
        except ValueError as wrong:
            faults.append(_fault(name, wrong))
            line = name
        try:
            found[line] = amounts.read(amount)
        except ValueError as wrong:
            faults.append(_fault(name, wrong))
    if faults:
        raise ValidationError.from_exception_data("ingredients", faults)
    return found


def _fault(name: str, wrong: ValueError) -> InitErrorDetails:
    error = PydanticCustomError("ingredient", "{why}", {"why": str(wrong)})
    return InitErrorDetails(type=error, loc=(name[:LONGEST_NAME],), input=None)


_AMOUNT_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0, "maximum": amounts.MOST["g"]},
        {
            "type": "object",
            "required": ["amount", "unit"],
            "additionalProperties": False,
            "properties": {
                "amount": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "description": "How much of the unit",
                },
                "unit": {"enum": ["g", "unit"], "description": "Grams (g), or units"},
            },
        },
    ],
    "description": "Grams with a point (33.0), units without (33), or both named; "
    f"at most 100 kg or 10000 units, and {MOST_DECIMALS} decimals",
}
_NAME_SCHEMA = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}

Ingredients = Annotated[
    dict[str, Given],
    PlainValidator(_ingredients),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": MOST_INGREDIENTS,
            "propertyNames": {"pattern": "[A-Za-z]"},
            "additionalProperties": _AMOUNT_SCHEMA,
        }
    ),
]
"""Amounts by name, as they were written; no two names fold to one id."""

Name = Annotated[str, AfterValidator(one_line), WithJsonSchema(_NAME_SCHEMA)]
LatinName = Annotated[
    str, AfterValidator(with_latin_letter), WithJsonSchema({**_NAME_SCHEMA, "pattern": "[A-Za-z]"})
]
Factor = Annotated[int, Field(ge=1, le=LARGEST_FACTOR), FROM_JSON]
Address = Annotated[
    str,
    AfterValidator(mailbox),
    Field(json_schema_extra={"format": "email", "maxLength": limits.MAIL_ADDRESS}),
]
Phone = Annotated[
    str,
    Form(
        r"\+?[0-9 ()/.-]{3,32}",
        "must be a phone number: digits, blanks and ()/.-, with a + in front if need be",
    ),
    AfterValidator(_with_digits),
]
Note = Annotated[
    str,
    AfterValidator(_note),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": LONGEST_NOTE}),
]
"""Some lines for the bakery."""
Login = Annotated[
    str,
    AfterValidator(_login),
    WithJsonSchema({"type": "string", "pattern": f"^{_LOGIN_PATTERN}$"}),
]
NumberInText = Annotated[int, Field(ge=0, le=10**15 - 1), FROM_TEXT]
"""A whole number from 0, in a path or a query."""
Number = Annotated[Decimal | int, WithJsonSchema({"type": "number"})]
"""An amount as it is answered: grams have a point, units have none."""
