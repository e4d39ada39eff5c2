"""Entries of the audit trail, and how they name things."""

import re
from typing import Literal

from chalicelib.core import canonical
from chalicelib.core.instants import PreciseInstant
from chalicelib.core.models import Model

Done = Literal["created", "changed", "deleted"]

PERSONS = frozenset(("recipients",))
"""Kinds whose ids are names of people. The trail is never deleted, so it has a digest instead."""
_DIGITS = 16
_DIGEST = re.compile(f"[0-9a-f]{{{_DIGITS}}}")


class Change(Model):
    """What happened to a thing, and its status after it where it has one."""

    what: str
    """The thing: its kind and its id, such as orders/7; of a recipient a digest."""
    change: Done
    """What was done to it."""
    status: str | None = None
    """Its status afterwards, where the record has one."""
    items: int | None = None
    """The number of items that were written to a table at once."""


class AuditEntry(Model):
    """Who changed what, and when: the changes of one transaction."""

    id: str
    """The entry's own id."""
    at: PreciseInstant
    """When it was written, to the microsecond."""
    who: str
    """The subject of the caller's token; empty where a route takes none, such as a webhook.

    Without a caller it is the function: schedule:daily-batch, worker:jira. For an operator's
    command it is the ARN of their AWS credentials.
    """
    scopes: tuple[str, ...] = ()
    """The scopes that let the caller in."""
    technician: str | None = None
    """The technician's number, if the token has one."""
    method: str
    """The method of the request; EVENT or EFFECT without a caller; COMMAND by an operator."""
    route: str
    """The route of the request, without its ids; or the function, kind of effects or command."""
    changes: tuple[Change, ...]
    """What was changed."""
    request_id: str
    """The request's id, which its log line has, too; or the effect's."""
    ahead: bool = False
    """Whether it was written just before its change, which may have failed."""


def thing(kind: str, name: str) -> str:
    """Return how a thing is called in the trail."""
    if kind in PERSONS:
        name = canonical.sha256(name.encode())[:_DIGITS]
    return f"{kind}/{name}"


def kind_and_thing(what: str) -> tuple[str, str]:
    """Return the filters that find a thing: its kind, and itself."""
    return what.partition("/")[0], what


def filter_key(what: str) -> str:
    """Return the trail's name for a filter: a kind, or a thing by its id or digest."""
    kind, _, name = what.partition("/")
    return what if not name or _DIGEST.fullmatch(name) else thing(kind, name)
