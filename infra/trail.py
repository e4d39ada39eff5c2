"""Enters what operators' commands write to a stage's tables in the audit trail.

The author is the identity of the AWS credentials. What a command writes row by row is entered in
the transaction of the row; a bulk load is entered before and after. A stage without sign-in enters
nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import boto3

from chalicelib.core.audit.entries import Change
from chalicelib.core.audit.recording import TrailTable, recording_command
from chalicelib.core.instants import now
from infra.stack import Stack, StackError

TABLE = "AuditTable"
_MOST_SKEW = timedelta(seconds=30)
"""An entry that is two minutes late would be missing under a seal."""


class OperatorTrail:
    """The audit trail of a stage, for commands of its operators."""

    def __init__(self, aws: boto3.session.Session, stack: Stack) -> None:
        self._aws = aws
        self._stack = stack

    @contextmanager
    def recording(self, command: str) -> Iterator[None]:
        """Enter what is changed meanwhile as the caller's.

        Raises StackError where this machine's clock is wrong.
        """
        if self._stack.parameters().get("Auth") != "jwt":
            yield
            return
        identity: Any = self._aws.client("sts").get_caller_identity()
        _check_clock(identity["ResponseMetadata"]["HTTPHeaders"].get("date"), now())
        trail = TrailTable(self._aws.client("dynamodb"), self._stack.outputs()[TABLE])
        with recording_command(identity["Arn"], command=command, trail=trail):
            yield


def table_name(logical: str) -> str:
    """Return how the trail names a table: tables/bakery for BakeryTable or bakery."""
    return f"tables/{logical.removesuffix('Table').lower()}"


def began(what: str) -> Change:
    """Return the change that is entered before a command writes."""
    return Change(what=what, change="changed", status="began")


def switching(what: str) -> Change:
    """Return the change that is entered before a stage is pointed at other tables."""
    return Change(what=what, change="changed", status="switching")


def done(what: str, items: int | None = None) -> Change:
    """Return the change that is entered after a command has written so many items."""
    return Change(what=what, change="changed", status="done", items=items)


def _check_clock(date: str | None, here: datetime) -> None:
    """Raise StackError unless the time of an AWS answer is about the time here."""
    skew = parsedate_to_datetime(date) - here if date else timedelta()
    if abs(skew) > _MOST_SKEW:
        raise StackError(
            f"The clock of this machine is wrong by {abs(skew).total_seconds():.0f} s. Set it: the "
            "audit trail takes entries of the present only."
        )
