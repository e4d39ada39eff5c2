"""Recording: whose doing it is what a table writes now, and the entries of it."""

import functools
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pydantic import BaseModel, ConfigDict

from chalicelib.core import aws, shards
from chalicelib.core.audit.entries import AuditEntry, Change
from chalicelib.core.instants import now, sortable
from chalicelib.core.settings import from_env

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SHARDS = 8
"""A partition takes 1,000 write units a second, and most entries cost 2 in a transaction."""
READING = frozenset(("GET", "HEAD", "OPTIONS"))
"""Methods that change nothing: what they write only follows from what is stored."""

P = ParamSpec("P")
R = TypeVar("R")
Things = Callable[[str, str], str | None]
"""Says which thing a key (partition, sort) is, as ``kind/id``; None for what is none."""


class AuditSettings(BaseModel):
    """What is read from the environment (upper-case names)."""

    model_config = ConfigDict(frozen=True)

    audit_table: str


@dataclass(frozen=True)
class TrailTable:
    """The table of a stage's trail, for a process that is none of the stage's functions."""

    client: "DynamoDBClient"
    name: str


@dataclass
class Recording:
    """One request whose changes are entered."""

    who: str
    scopes: tuple[str, ...]
    technician: str | None
    method: str
    route: str
    request_id: str
    named: str
    trail: TrailTable | None = None
    """Where its entries are stored; None: in the table that the environment names."""
    written: int = 0
    noted: set[tuple[Change, ...]] = field(default_factory=set)

    def entry(self, changes: Sequence[Change], at: datetime, *, ahead: bool) -> AuditEntry:
        """Return the next entry of the request."""
        self.written += 1
        return AuditEntry(
            id=f"{self.named}-{self.written}",
            at=at,
            who=self.who,
            scopes=self.scopes,
            technician=self.technician,
            method=self.method,
            route=self.route,
            changes=tuple(changes),
            request_id=self.request_id,
            ahead=ahead,
        )


_recording: ContextVar[Recording | None] = ContextVar("recording", default=None)


@contextmanager
def recording(
    who: str,
    *,
    scopes: Sequence[str],
    technician: str | None,
    method: str,
    route: str,
    request_id: str | None,
) -> Iterator[None]:
    """Enter what is changed meanwhile as the doing of ``who``."""
    named = request_id or str(uuid.uuid4())
    with _set(Recording(who, tuple(scopes), technician, method, route, named, named)):
        yield


@contextmanager
def recording_function(who: str, *, kind: str, route: str, request_id: str) -> Iterator[None]:
    """Record the changes of a function without a caller, such as ``worker:jira``.

    ``kind`` takes the place of a request's method. Where the environment names no table of the
    trail, as on an open stage, nothing is entered.
    """
    if not os.environ.get("AUDIT_TABLE"):
        yield
        return
    # What starts a function may start it again under the same id.
    with _set(Recording(who, (), None, kind, route, request_id, str(uuid.uuid4()))):
        yield


@contextmanager
def recording_command(who: str, *, command: str, trail: TrailTable) -> Iterator[None]:
    """Record what an operator's ``command`` changes in a stage's tables."""
    named = str(uuid.uuid4())
    with _set(Recording(who, (), None, "COMMAND", command, named, named, trail)):
        yield


def entered_as(who: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Wrap the handler of an event: what it changes is the doing of ``who``.

    Such as ``schedule:daily-batch``.
    """

    def decorate(handler: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(handler)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            context = getattr(args[0] if args else None, "context", None)
            request_id = getattr(context, "aws_request_id", None) or str(uuid.uuid4())
            name = handler.__name__
            with recording_function(who, kind="EVENT", route=name, request_id=request_id):
                return handler(*args, **kwargs)

        return wrapper

    return decorate


@contextmanager
def unrecorded() -> Iterator[None]:
    """Record nothing meanwhile: these changes were recorded when they were requested."""
    with _set(None):
        yield


@contextmanager
def _set(recording: Recording | None) -> Iterator[None]:
    token = _recording.set(recording)
    try:
        yield
    finally:
        _recording.reset(token)


def records() -> bool:
    """Return whether what is changed now is entered."""
    return _recording.get() is not None


def entering(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Return the action that enters ``changes``, for their transaction; none where none is due."""
    current = _recording.get()
    if current is None or not changes:
        return []
    return [{"Put": _put(current, changes, ahead=False)}]


def enter_ahead(changes: Sequence[Change]) -> None:
    """Enter ``changes`` that no transaction takes along before they are made, once a request."""
    current = _recording.get()
    if current is None or not changes or tuple(changes) in current.noted:
        return
    current.noted.add(tuple(changes))
    _enter(current, changes, ahead=True)


def enter_after(changes: Sequence[Change]) -> None:
    """Enter ``changes`` that no transaction takes along after they were made."""
    current = _recording.get()
    if current is not None:
        _enter(current, changes, ahead=False)


def place(at: datetime, entry_id: str) -> tuple[str, str]:
    """Return the key of an entry."""
    return shard_key(shards.of(entry_id, SHARDS)), f"{sortable(at)}#{entry_id}"


def shard_key(shard: int) -> str:
    """Return the partition of a shard's entries."""
    return f"ENTRIES#{shard}"


def _enter(current: Recording, changes: Sequence[Change], *, ahead: bool) -> None:
    dynamodb = current.trail.client if current.trail else aws.dynamodb()
    dynamodb.put_item(**_put(current, changes, ahead=ahead))


def _put(current: Recording, changes: Sequence[Change], *, ahead: bool) -> dict[str, Any]:
    """Return the arguments of the write that stores the next entry."""
    entry = current.entry(changes, now(), ahead=ahead)
    pk, sk = place(entry.at, entry.id)
    table = current.trail.name if current.trail else from_env(AuditSettings).audit_table
    item = {"pk": {"S": pk}, "sk": {"S": sk}, "body": {"S": entry.stored_text()}}
    return {"TableName": table, "Item": item}
