"""Warranty numbers: short enough to be read out on the phone, with a check against mistyping.

A sale's number is 12 characters of Crockford's base 32 (no I, L, O, U), the last of which is a
check (Luhn's algorithm to base 32): ``FNVV-0BDY-A999``. Each of its warranties adds its months:
``FNVV-0BDY-A999-24``.
"""

import re
from typing import NamedTuple

from chalicelib.core import canonical

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BASE = len(_DIGITS)
_LENGTH = 11
_CHARACTER = f"[{_DIGITS}]"
FORM = f"{_CHARACTER}{{4}}-{_CHARACTER}{{4}}-{_CHARACTER}{{4}}"
"""The form of a sale's number."""
# As they are misread, and as they are separated by people.
_MISREAD = str.maketrans("OIL", "011")
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015.]+")
_SALE_ID = re.compile(
    "([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})([0-9]{0,3})"
)
_NUMBER = re.compile(f"({_CHARACTER}{{12}})([0-9]{{0,3}})")


class Named(NamedTuple):
    """What a customer has: the request id of a sale or its number, and the months of a warranty."""

    request_id: str | None = None
    number: str | None = None
    months: int | None = None


def of_sale(request_id: str) -> str:
    """Return the number of a sale, which depends on nothing but its request id."""
    drawn = int(canonical.sha256(request_id.encode())[:16], 16) % _BASE**_LENGTH
    digits = ""
    for _ in range(_LENGTH):
        drawn, digit = divmod(drawn, _BASE)
        digits = _DIGITS[digit] + digits
    return _grouped(digits + _check(digits))


def read(text: str) -> Named:
    """Return what ``text`` names: a number or an id, with or without separators, in any case.

    Raises ValueError for what is neither, and for a number that was mistyped.
    """
    plain = _SEPARATORS.sub("", text)
    if found := _SALE_ID.fullmatch(plain.lower()):
        *parts, months = found.groups()
        return Named(request_id="-".join(parts), months=_months(months))
    found = _NUMBER.fullmatch(plain.upper().translate(_MISREAD))
    if not found:
        raise ValueError("must be a warranty number such as FNVV-0BDY-A999-24, or an id of a sale")
    digits, months = found.groups()
    if _check(digits[:-1]) != digits[-1]:
        raise ValueError("has a typing mistake: its check character does not fit")
    return Named(number=_grouped(digits), months=_months(months))


def is_number(text: str) -> bool:
    """Return whether ``text`` is a sale's number as answers have it."""
    return re.fullmatch(FORM, text) is not None


def _months(text: str) -> int | None:
    return int(text) if text else None


def _grouped(digits: str) -> str:
    return "-".join(digits[start : start + 4] for start in (0, 4, 8))


def _check(digits: str) -> str:
    """Return the character that Luhn's algorithm adds, to base 32."""
    total = 0
    for place, character in enumerate(reversed(digits)):
        value = _DIGITS.index(character) * (2 if place % 2 == 0 else 1)
        total += value // _BASE + value % _BASE
    return _DIGITS[-total % _BASE]
