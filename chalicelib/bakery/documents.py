"""The documents of customers in Drive: what they are called, and where their ids are stored."""

from collections.abc import Iterator
from itertools import count

from chalicelib.integrations import limits

_LONGEST_PLACE = 1_000
"""Bytes of a name in a key; DynamoDB takes 1,024 (a ligature may fold to 18 letters)."""


def volumes(customer_id: str) -> Iterator[str]:
    """Yield the names of a customer's documents; the second is for when the first is full."""
    yield customer_id
    for number in count(2):
        yield f"{customer_id} {number}"  # cannot be another customer's: those have no blanks


def place(name: str) -> str:
    """Return what a document's id is stored under."""
    return f"document/{limits.identified(name, _LONGEST_PLACE)}"
