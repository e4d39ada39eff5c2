"""Rows as bytes and as numbers: packing, and the union of what several files say.

A *packed row* is 4 bytes, big endian: minute of the day (2), second (1), gumballs (1). The day and
the machine stand in the key it is stored under. A row's *key* is ``epoch second * 10 + gumballs``,
so keys sort in time order; a machine's rows are an ``array("Q")`` of keys.

The *union* of files gives each value the highest multiplicity that any one file gives it: half a
file, the whole and the whole again are the whole, once.
"""

import struct
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

ROW_BYTES = 4
_ROW = struct.Struct(">HBB")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")


def pack(second_of_day: int, gumballs: int) -> bytes:
    """Return the packed row of a dispense."""
    minute, second = divmod(second_of_day, 60)
    return _ROW.pack(minute, second, gumballs)


def keys(day: date, packed: bytes | bytearray) -> "array[int]":
    """Return the keys of the packed rows of one UTC day, in their order."""
    midnight = (day.toordinal() - _EPOCH.toordinal()) * 86_400 * 10
    return array(
        "Q",
        [
            midnight + minute * 600 + second * 10 + gumballs
            for minute, second, gumballs in _ROW.iter_unpack(packed)
        ],
    )


def union(day: date, files: Sequence[bytes]) -> "array[int]":
    """Return the sorted keys of what ``files`` hold of one machine and day.

    Each file is all its packed rows of that day, its parts joined.
    """
    distinct = set(files)
    if len(distinct) == 1:
        return array("Q", sorted(keys(day, distinct.pop())))
    return array("Q", sorted(_union(keys(day, packed) for packed in distinct).elements()))


def union_size(packed_lines: Sequence[bytes]) -> int:
    """Return how many 4-byte values the union of the files has, such as sums of corrupt lines."""
    return _union(map(_values, set(packed_lines))).total()


def known(mine: bytes, others: Sequence[bytes]) -> int:
    """Return how many of the packed rows ``mine`` are already in the union of the others."""
    if mine in others:
        return len(mine) // ROW_BYTES
    return (Counter(_values(mine)) & _union(map(_values, others))).total()


def instant(key: int) -> datetime:
    """Return the UTC second of a row."""
    return _EPOCH + timedelta(seconds=key // 10)


def gumballs(key: int) -> int:
    """Return how many gumballs a row dispensed."""
    return key % 10


def _union(files: Iterable[Iterable[T]]) -> Counter[T]:
    highest: Counter[T] = Counter()
    for file in files:
        highest |= Counter(file)
    return highest


def _values(packed: bytes) -> Iterable[int]:
    # The byte order is of no matter: the values are only compared with each other.
    return array("I", packed)
