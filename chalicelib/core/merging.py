"""Reading what is spread over several partitions (`chalicelib.core.shards`) as one list."""

import heapq
from collections.abc import Iterator, Sequence

from chalicelib.core import shards
from chalicelib.core.table import HIGHEST, Item, Table


def merged(
    table: Table,
    pks: Sequence[str],
    *,
    first: str = "",
    last: str = HIGHEST,
    newest_first: bool = False,
    page_size: int,
) -> Iterator[Item]:
    """Yield the items of several partitions as `Table.query` does those of one.

    ``page_size`` is how many will probably be taken.
    """
    share = shards.share(page_size, len(pks))
    streams = [
        table.query(pk, first=first, last=last, newest_first=newest_first, page_size=share)
        for pk in pks
    ]
    return heapq.merge(*streams, key=_sort_key, reverse=newest_first)


def _sort_key(item: Item) -> str:
    sort_key: str = item["sk"]["S"]
    return sort_key
