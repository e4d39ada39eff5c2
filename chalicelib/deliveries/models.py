"""What the deliveries context takes in.

Terms: a *package* is known by its id, for ever; an *attempt* is one request to send it; the first
attempt that can be read *decides* it, delivered or dropped.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from chalicelib.core.errors import unknown_field
from chalicelib.core.forms import Form
from chalicelib.core.models import CursorQuery, Model, OwnBody, PageQuery
from chalicelib.core.numbers import FROM_TEXT
from chalicelib.core.times import SpanEnd
from chalicelib.deliveries.fields import Id, PathId, QueryId, Status, Timestamp, TypeName
from chalicelib.deliveries.registry import TYPES

MOST_PACKAGES = 500
"""Packages of one batch."""


def _as_it_is(value: object) -> object:
    return value


class Package(Model):
    """A request to deliver a package (D1)."""

    timestamp: Timestamp
    """When the package was handed over, for the record."""
    sender_id: Id
    """Who sends it."""
    recipient_id: Id
    """Who gets it."""
    package_id: Id
    """The id of the package, for ever: it is sent at most once."""
    package_type: TypeName
    """The type of the package."""


class PackagePath(Model):
    """Which package."""

    package_id: PathId
    """The id of the package."""


class PackagesQuery(PageQuery):
    """Which packages: by sender, recipient, status, type and time of the decision.

    ``from`` is included, ``to`` is not. ``package_id`` shows one package, also where a path cannot
    carry its id, and stands alone.
    """

    package_id: QueryId | None = None
    """This package alone, whatever its id."""
    recipient: QueryId | None = None
    """Only packages to this recipient."""
    sender: QueryId | None = None
    """Only packages of this sender."""
    outcome: Status | None = None
    """Only packages that were delivered, or dropped."""
    type: TypeName | None = None
    """Only packages of this type."""
    from_: Annotated[SpanEnd | None, Field(alias="from")] = None
    """Only packages that were decided from this instant on (included)."""
    to: SpanEnd | None = None
    """Only packages that were decided before this instant."""
    format: Literal["json", "csv"] = "json"
    """Whether to answer JSON or CSV."""
    limit: Annotated[int, Field(ge=1, le=1_000), FROM_TEXT] = 100


class PackageBatchBody(OwnBody):
    """Packages to send, each by the rules of its own."""

    packages: Annotated[
        list[Annotated[Any, PlainValidator(_as_it_is, json_schema_input_type=Package)]],
        Field(min_length=1, max_length=MOST_PACKAGES),
    ]
    """The packages, each as POST /packages takes it."""


class RecipientPath(Model):
    """Which recipient."""

    recipient_id: Annotated[PathId, Field(repr=False)]  # a person, so it is in no log
    """The recipient."""


class RecipientQuery(Model):
    """Which recipient, also where a path cannot carry their id."""

    recipient_id: QueryId
    """The recipient."""


class MessagePath(Model):
    """Which message of the queue: the id that sending it gave."""

    message_id: Annotated[
        str, Form("[A-Za-z0-9_-]{1,128}", "must be the id that sending the message gave")
    ]
    """The id that sending the message to the queue gave."""


class RecountQuery(CursorQuery):
    """Where the next page of the count begins."""


_UNSAID = object()
"""Stands in the field of a type that the general form says nothing about."""


def _choice(value: object) -> bool | None:
    if value is _UNSAID:
        return None
    if isinstance(value, bool):
        return value
    raise ValueError("must be true or false")


def _known_types(choices: Mapping[str, bool]) -> Mapping[str, bool]:
    unknown = sorted(set(choices) - set(TYPES))
    if unknown:
        known = ", ".join(sorted(TYPES))
        raise ValueError(f"names no type of ours: {', '.join(unknown)[:200]}; there are {known}")
    return choices


def _unknown(names: Iterable[str], known: Sequence[str]) -> list[InitErrorDetails]:
    """Return a fault for each field that the general form, which is ours, does not know."""
    return [
        InitErrorDetails(
            type=PydanticCustomError("unknown", "{why}", {"why": unknown_field(name, known)}),
            loc=(name,),
            input=None,
        )
        for name in names
    ]


def _either_form(schema: dict[str, Any]) -> None:
    """Say in the schema that the types stand in fields of their own or in ``preferences``."""
    needed = [name for name in schema["required"] if name not in TYPES]
    fields = [name for name in schema["required"] if name in TYPES]
    schema["required"] = needed
    general = {"required": ["preferences"]}
    known = [name for name in schema["properties"] if name not in TYPES]
    schema["anyOf"] = [
        {"required": fields, "not": general},
        {**general, "propertyNames": {"enum": known}},
    ]


class Choices(Model):
    """Which types a recipient wants (D2).

    Either a field for each type, or ``preferences`` with just the types that are meant.
    """

    model_config = ConfigDict(json_schema_extra=_either_form)

    timestamp: Timestamp
    """When the recipient chose this: the latest choice takes precedence."""
    preferences: Annotated[
        dict[str, bool],
        Field(
            default_factory=dict,
            min_length=1,
            description="The types that are meant, by name; others stay",
            json_schema_extra={"propertyNames": {"enum": sorted(TYPES)}},
        ),
        AfterValidator(_known_types),
    ]

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, values: Any) -> Any:  # noqa: ANN401 - whatever was sent
        if not isinstance(values, dict) or "preferences" not in values:
            return values
        twice = sorted(TYPES.keys() & values.keys())
        if twice:
            raise ValueError(f"name {', '.join(twice)} in preferences, or none there")
        known = [name for name in cls.model_fields if name not in TYPES]
        if unknown := [name for name in values if name not in known]:
            raise ValidationError.from_exception_data("preferences", _unknown(unknown, known))
        return {**values, **dict.fromkeys(TYPES, _UNSAID)}

    def by_type(self) -> dict[str, bool]:
        """Return the choice for each type that is given."""
        fields = {name: getattr(self, name) for name in TYPES}
        named = {name: choice for name, choice in fields.items() if choice is not None}
        return {**named, **self.preferences}


_CHOICE_FIELDS: dict[str, Any] = {
    name: (
        Annotated[
            bool | None,
            PlainValidator(_choice, json_schema_input_type=bool),
            Field(description=f"{kind.about}: wanted or not"),
        ],
        ... if kind.required else None,
    )
    for name, kind in TYPES.items()
}


class RecipientChoices(Choices):
    """The same; whose they are says the path."""

    recipient_id: Annotated[Id | None, Field(description="If given, the one in the path")] = None


class ChoicesOfSomebody(Choices):
    """The same, and whose they are."""

    recipient_id: Id
    """The recipient."""


# One field a type. Views take them as `Choices`, whose fields are known before they are made.
RECIPIENT_CHOICES: type[RecipientChoices] = create_model(
    "RecipientPreferences", __base__=RecipientChoices, __doc__=Choices.__doc__, **_CHOICE_FIELDS
)
SOMEBODYS_CHOICES: type[ChoicesOfSomebody] = create_model(
    "Preferences", __base__=ChoicesOfSomebody, __doc__=Choices.__doc__, **_CHOICE_FIELDS
)
