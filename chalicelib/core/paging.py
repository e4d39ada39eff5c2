"""Lists that are answered page by page.

A cursor says where the next page begins. It is sealed for one list and the requested filters
for: any other list, other filters and any other text are refused. A caller may ask for another
``limit`` on the way, and with any page for the `Total` of all.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import islice
from typing import Annotated, Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from pydantic import Field, TypeAdapter

from chalicelib.core import canonical, cursors
from chalicelib.core.errors import Fault, InvalidInputError
from chalicelib.core.models import CursorQuery, PageQuery
from chalicelib.core.totals import Total
from chalicelib.core.values import dataclass

T = TypeVar("T")
P = TypeVar("P", bound=tuple[Any, ...])

MOST_READ = 2_000
"""Rows that one page of a list reads whose filters leave rows out."""
_SEAL = 16
_LONGEST = 1_000
"""Bytes of a place: what is made of it has to fit into a sort key, of 1,024."""
_NOT_A_FILTER = {"limit", "cursor", "count"}


class Id(NamedTuple):
    """A position in a list whose rows have numbers."""

    id: Annotated[int, Field(ge=0, le=10**15)]


@dataclass(frozen=True)
class Page(Generic[T, P]):
    """Some rows of a list, and where the next page begins if there is one."""

    rows: Sequence[T]
    next: P | None = None


def cut(found: Iterable[T], limit: int, place: Callable[[T], P]) -> Page[T, P]:
    """Return the first ``limit`` rows; the next page comes after the ``place`` of the last one."""
    rows = list(islice(found, limit + 1))
    if len(rows) <= limit:
        return Page(rows)
    return Page(rows[:limit], place(rows[limit - 1]))


def sift(
    rows: Iterable[T], wanted: Callable[[T], bool], limit: int, place: Callable[[T], P]
) -> Page[T, P]:
    """Return the first ``limit`` rows that are ``wanted``; the next page continues where this ends.

    A page reads `MOST_READ` rows at most, so it may be short, or empty, and have a next one.
    """
    found: list[T] = []
    last: T | None = None
    for number, row in enumerate(rows):
        if last is not None and (len(found) == limit or number == MOST_READ):
            return Page(found, place(last))
        last = row
        if wanted(row):
            found.append(row)
    return Page(found)


class Pages(Generic[P]):
    """The pages of the list at ``path``.

    ``place`` is the NamedTuple that a cursor holds. Its fields are as strict as what is made of
    them needs: keys, mostly.
    """

    def __init__(self, path: str, place: type[P]) -> None:
        self._path = path
        self._place = place

    def start(self, query: CursorQuery, **path: str) -> P | None:
        """Return where the page begins, None at the first. Raises InvalidInputError."""
        if query.cursor is None:
            return None
        try:
            seal, place = cursors.read(query.cursor)
            if seal != self._seal(query, path, place):
                raise ValueError("sealed for another list")
            if len("".join(map(str, place)).encode()) > _LONGEST:
                raise ValueError("longer than a key")
            return self._form.validate_json(json.dumps(place))
        except ValueError as foreign:
            fault = Fault(place="query", field="cursor", detail=cursors.NOT_OURS)
            raise InvalidInputError([fault]) from foreign

    def cursor(self, query: CursorQuery, place: P | None, **path: str) -> str | None:
        """Return the cursor of a place in the list of ``query``."""
        if place is None:
            return None
        parts: list[Any] = self._form.dump_python(place, mode="json")
        return cursors.write(self._seal(query, path, parts), parts)

    def following(self, query: CursorQuery, place: P | None, **path: str) -> str | None:
        """Return the address of the page that begins at ``place``, if there is one."""
        cursor = self.cursor(query, place, **path)
        if cursor is None:
            return None
        parameters = query.model_dump(
            mode="json", by_alias=True, exclude={"count"}, exclude_none=True
        )
        parameters |= {"cursor": cursor}
        return f"{self._path.format(**path)}?{urlencode(parameters)}"

    def headers(
        self, query: PageQuery, page: Page[Any, P], total: Callable[[], Total], **path: str
    ) -> dict[str, str]:
        """Return the headers of a page: the next one (RFC 8288), and how many rows there are.

        ``total`` counts the whole list; it is called when ``query`` wants that and ``page`` is not
        all of it.
        """
        following = self.following(query, page.next, **path)
        headers = {"Link": f'<{following}>; rel="next"'} if following else {}
        if not query.count:
            return headers
        alone = query.cursor is None and page.next is None
        return headers | (Total(len(page.rows)) if alone else total()).headers()

    def _seal(self, query: CursorQuery, path: dict[str, str], place: Sequence[object]) -> str:
        filters = query.model_dump(
            mode="json", by_alias=True, exclude=_NOT_A_FILTER, exclude_defaults=True
        )
        named = {"list": self._path.format(**path), "filters": filters, "place": place}
        return canonical.digest(named)[:_SEAL]

    @cached_property
    def _form(self) -> TypeAdapter[P]:
        return TypeAdapter(self._place)
