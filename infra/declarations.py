"""What the templates declare beside CloudFormation's own sections.

A context's template (``infra/templates/``) may have:

Tables       a list of DynamoDB tables, by logical id
Buckets      S3 buckets by logical id
Queues       SQS queues by logical id, each with its dead letters and their alarm
Effects      kinds of effects of the outbox, each with its queue (docs/outbox.md)
Environment  variables of all functions that the template declares, and of the API
Functions    Chalice's functions by name: memory, time, rights, what starts them

`infra.resources` makes CloudFormation's resources of them, `infra.policies` the functions'
policies.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

T = TypeVar("T")

API = "api_handler"
"""Chalice's name for the function behind all routes."""


class DeclarationError(Exception):
    """A template declares something that does not exist; the message names file and place."""


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bucket(_Declared):
    """A private bucket, called ``<stack>-<name>-<account>``."""

    name: str


class Queue(_Declared):
    """A queue, its dead letters and their alarm.

    A message hides for ``visibility_s`` while it is worked on, is retained for ``days``, and
    becomes a dead letter after ``receives`` tries. ``dead_letters_only`` makes the dead letters
    alone, for what a function's own event source gives up.
    """

    alarm: str
    visibility_s: Any = 180
    days: int = 14
    receives: int = 6
    dead_letters_only: bool = False


class Effect(_Declared):
    """A kind of effect; ``alarm`` describes what has failed when there are dead letters."""

    alarm: str


class Source(_Declared):
    """The queue that starts a function, in at most ``at_once`` copies of it, 2 at the least.

    ``reports_failures`` lets the function name the messages of a batch that are to come again.
    """

    queue: str
    at_once: Any = 2
    reports_failures: bool = True


class Function(_Declared):
    """A function of the app, as Chalice names it.

    ``rights`` maps what it may use to actions: a logical id, with a path (``Bucket/incoming/*``) or
    an attribute (``Table.StreamArn``) where that is meant, or an ARN; actions are of the resource's
    own service, on ``*`` with its name before them. ``performs`` is the kind of effects that it
    works on, ``takes`` the queue that starts it. ``vendors`` lets it read the vendors' secret, as
    by default a function that executes effects does, ``webhook`` the webhook's; ``names_effects``
    lets it send to every kind's queue, ``redrives`` read all dead letters and send them back.
    """

    memory_mb: int = 1_024
    timeout_s: int = 30
    performs: str | None = None
    takes: Source | None = None
    vendors: bool | None = None
    webhook: bool = False
    names_effects: bool = False
    redrives: bool = False
    streams: Mapping[str, tuple[str, ...]] = {}
    environment: Mapping[str, Any] = {}
    rights: Mapping[str, tuple[str, ...]] = {}

    @property
    def reads_secret(self) -> bool:
        """Return whether it may read the vendors' secret."""
        return bool(self.performs) if self.vendors is None else self.vendors

    @property
    def source(self) -> Source | None:
        """Return the queue that starts it, that of its kind of effects included."""
        if self.takes or self.performs is None:
            return self.takes
        return Source(queue=effect_queue(self.performs))


class Declarations(_Declared):
    """What one template declares."""

    tables: tuple[str, ...] = Field(default=(), alias="Tables")
    buckets: Mapping[str, Bucket] = Field(default={}, alias="Buckets")
    own_queues: Mapping[str, Queue] = Field(default={}, alias="Queues")
    effects: Mapping[str, Effect] = Field(default={}, alias="Effects")
    environment: Mapping[str, Any] = Field(default={}, alias="Environment")
    functions: Mapping[str, Function] = Field(default={}, alias="Functions")

    @classmethod
    def taken_from(cls, template: dict[str, Any], path: Path) -> Self:
        """Return what ``template`` declares, and take it out. Raises DeclarationError."""
        sections = {field.alias or "" for field in cls.model_fields.values()}
        found = {name: template.pop(name) for name in sections & template.keys()}
        try:
            return cls.model_validate(found)
        except ValidationError as invalid:
            faults = "; ".join(
                f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in invalid.errors()
            )
            raise DeclarationError(f"{path.name}: {faults}") from invalid

    @property
    def queues(self) -> dict[str, Queue]:
        """Return all queues, those of the effects included."""
        return dict(self.own_queues) | {
            effect_queue(kind): Queue(alarm=effect.alarm) for kind, effect in self.effects.items()
        }


def together(declared: Iterable[Declarations]) -> Declarations:
    """Return the declarations of all templates as one.

    The environment of a template goes to its functions and to the API, whose rights, variables and
    abilities add up. Raises DeclarationError for a queue or a kind of effects that is not declared.
    """
    every = list(declared)
    functions: dict[str, Function] = {}
    for each in every:
        for name in {API: Function(), **each.functions}:
            mine = each.functions.get(name, Function())
            whole = mine.model_copy(
                update={"environment": {**each.environment, **mine.environment}}
            )
            functions[name] = _added(functions.get(name), whole)
    everything = Declarations(
        Tables=tuple(table for each in every for table in each.tables),
        Buckets=_joined(each.buckets for each in every),
        Queues=_joined(each.own_queues for each in every),
        Effects=_joined(each.effects for each in every),
        Functions=functions,
    )
    for name, function in functions.items():
        if function.source and function.source.queue not in everything.queues:
            raise DeclarationError(f"{name}: there is no queue {function.source.queue}")
        if function.streams and stream_dead_letters(name) not in everything.queues:
            raise DeclarationError(f"{name}: there is no queue {stream_dead_letters(name)}")
    return everything


def _added(one: Function | None, other: Function) -> Function:
    if one is None:
        return other
    given = {name: getattr(other, name) for name in other.model_fields_set}
    rights = {
        on: tuple(dict.fromkeys((*one.rights.get(on, ()), *other.rights.get(on, ()))))
        for on in {**one.rights, **other.rights}
    }
    joined = {
        "rights": rights,
        "environment": {**one.environment, **other.environment},
        "streams": {**one.streams, **other.streams},
    }
    return one.model_copy(update={**given, **joined})


def _joined(parts: Iterable[Mapping[str, T]]) -> dict[str, T]:
    return {name: value for part in parts for name, value in part.items()}


# --- names ----------------------------------------------------------------------------------------


def effect_queue(kind: str) -> str:
    """Return the logical id of a kind's queue: ``OutboxJira``."""
    return f"Outbox{_camel(kind)}"


def stream_dead_letters(function: str) -> str:
    """Return the logical id of the queue of what a function of streams gave up."""
    return f"{logical_id(function)}Dlq"


def logical_id(function: str) -> str:
    """Return Chalice's logical id of a function: ``bakery_ticket_asked`` is BakeryTicketAsked."""
    return "APIHandler" if function == API else _camel(function)


def short_name(function: str) -> str:
    """Return a function's name after the stack's: ``bakery-ticket-asked``; the API's is ``api``."""
    return "api" if function == API else function.replace("_", "-")


def dashed(logical: str) -> str:
    """Return a logical id as AWS's names have it: ``VendingUploads`` is ``vending-uploads``."""
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in logical).lstrip("-")


def policy_file(function: str) -> str:
    """Return the name of a function's policy below ``.chalice``."""
    return f"policy-{short_name(function)}.json"


def _camel(name: str) -> str:
    return name.title().replace("_", "")
