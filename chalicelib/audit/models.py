"""Queries of the audit trail."""

from typing import Annotated

from pydantic import Field, StringConstraints

from chalicelib.core.forms import Form
from chalicelib.core.models import PageQuery
from chalicelib.core.numbers import FROM_TEXT
from chalicelib.core.times import SpanEnd

MOST_ROWS = 500

What = Annotated[
    str,
    Form(
        r"[a-z]{1,30}(/[^\x00-\x1f]{1,300})?",
        "must be a kind of thing or a thing, such as orders or orders/7",
    ),
]
Who = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class AuditQuery(PageQuery):
    """A page of the trail: all entries, those of one caller, or those of one record."""

    what: What | None = None
    """Only changes of this kind of thing, or of this thing."""
    who: Who | None = None
    """Only changes by this subject of a token."""
    from_: Annotated[SpanEnd | None, Field(alias="from")] = None
    """Only changes from this instant on."""
    to: SpanEnd | None = None
    """Only changes before this instant."""
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS), FROM_TEXT] = 100
    """How many entries a page has at most."""


class SealsQuery(PageQuery):
    """A page of the seals."""

    limit: Annotated[int, Field(ge=1, le=MOST_ROWS), FROM_TEXT] = MOST_ROWS
    """How many seals a page has at most."""
