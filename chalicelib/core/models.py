"""What every context's models have in common: how they are built, and how they become JSON."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from chalicelib.core import cursors, strict_json
from chalicelib.core.forms import Form
from chalicelib.core.instants import STORED


class Model(BaseModel):
    """A frozen value; fields that are None are left out of the JSON, unless ``nulls`` is set."""

    # A model is built when it is first used: a cold start needs few of them.
    model_config = ConfigDict(
        frozen=True, populate_by_name=True, serialize_by_alias=True, defer_build=True
    )
    nulls: ClassVar[bool] = False

    def json_text(self) -> str:
        """Return the wire form: names as published, instants in UTC with ``Z``."""
        return self.model_dump_json(exclude_none=not self.nulls)

    def stored_text(self) -> str:
        """Return the form that is stored, in which a `PreciseInstant` keeps its ``+00:00``."""
        return self.model_dump_json(exclude_none=not self.nulls, context=STORED)


class OwnBody(Model):
    """A body whose shape is ours: an unknown field is an error.

    Bodies whose shape others gave us ignore what they do not know.
    """

    model_config = ConfigDict(extra="forbid")


class ExactModel(Model):
    """A value whose Decimals become JSON numbers with all their digits."""

    def json_text(self) -> str:
        """Return the wire form."""
        return strict_json.dumps(self.model_dump(exclude_none=not self.nulls))


Cursor = Annotated[str, Field(min_length=1, max_length=8_000), AfterValidator(cursors.readable)]


class CursorQuery(Model):
    """From where on: the ``cursor`` that the page before gave."""

    cursor: (
        Annotated[str, Field(min_length=1, max_length=8_000), AfterValidator(cursors.readable)]
        | None
    ) = None
    """Where the page begins, as the Link header of the page before says it; omit it for the
    first page.
    """


def _flag(given: object) -> object:
    """Return the bool of a text in a query. Raises ValueError for any other text."""
    if isinstance(given, str) and given not in _FLAGS:
        raise ValueError("must be true or false")
    return _FLAGS[given] if isinstance(given, str) else given


_FLAGS = {"true": True, "false": False}


class PageQuery(CursorQuery):
    """How much of a list, and from where on."""

    limit: int
    """How many rows at most; the Link header leads to the rest."""
    count: Annotated[bool, BeforeValidator(_flag)] = False
    """Whether to count the rows of the whole list: Total-Count, or Total-Count-At-Least beyond
    1,000 of them.
    """


IdempotencyKey = Annotated[
    str, Form("[ -~]{1,255}", "must have 1 to 255 characters of printable ASCII")
]


class KeyHeader(Model):
    """A key makes a repeat of the request safe."""

    key: IdempotencyKey | None = Field(default=None, alias="Idempotency-Key")
    """A key of your own that makes a repeat safe: the same request with the same key is done
    once.
    """
