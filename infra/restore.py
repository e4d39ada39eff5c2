"""Take all tables of a stage back to one instant, with no effect done twice.

    python -m infra.restore --stage NAME --at 2026-11-29T10:00:00Z [--go-on] [--target aws]
    python -m infra.restore --stage NAME --hold             # stand still, and nothing else
    python -m infra.restore --stage NAME --release          # let go without restoring
    python -m infra.restore --stage NAME --copy             # local targets: make what --at restores

Holds workers, schedules and changes; makes restored tables beside the stack's; compares both and
asks the vendors; says what it found. Only ``--go-on`` (or yes, at a terminal) points the stack at
the restored tables and lets it go on, in one deployment. Each step may be repeated: run the same
command again after whatever stopped it. The old tables stay as they are.

The audit trail is not restored: it goes on, and has what the restore writes.
"""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, get_args

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from chalicelib.core.audit.recording import enter_after, enter_ahead
from chalicelib.core.instants import iso, now
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.outbox.worker import Worker
from chalicelib.core.table import Table
from infra import reconcile, restorable, trail
from infra.declarations import short_name
from infra.deploy import RefusedError, Target, session
from infra.local.aws import CREDENTIALS, REGION
from infra.stack import Stack, StackError
from infra.templates import merged
from infra.trail import OperatorTrail

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DRAIN_S = 60.0
"""How long a worker may go on after it was held: an effect's lease (`Rules.lease_s`)."""
_TRIES, _BETWEEN_S = 60, 10.0
WORKERS = {
    "announce": "chalicelib.vending.workers:announcer",
    "archive": "chalicelib.warranties.wiring:archiver",
    "github": "chalicelib.bakery.workers:access",
    "google": "chalicelib.bakery.workers:files",
    "jira": "chalicelib.bakery.workers:tickets",
    "notify": "chalicelib.bakery.workers:notices",
    "webhook": "chalicelib.webhooks.wiring:deliverer",
}
"""What builds the worker of a kind of effects, whose handler queries the vendor."""


@dataclass(frozen=True)
class Tables:
    """The tables of a stage, each with the one that it has at an instant."""

    dynamodb: "DynamoDBClient"
    stack: str
    names: Mapping[str, str]
    """Names by logical id, as they are in use."""
    sleep: Callable[[float], None] = time.sleep

    def restored(self, at: datetime) -> dict[str, str]:
        """Return the names of the tables as of an instant, whether they exist or not."""
        return {logical: f"{self.stack}-{logical}-{at:%Y%m%dT%H%M%SZ}" for logical in self.names}

    def missing(self, at: datetime) -> list[str]:
        """Return the logical ids of the tables that do not exist as of an instant."""
        return [logical for logical, name in self.restored(at).items() if not self._there(name)]

    def make(self, at: datetime, missing: Iterable[str], *, copies: bool) -> None:
        """Begin to make tables as of an instant; ``copies`` are of the present.

        Raises RefusedError where one cannot be made as of then; the others are not begun then.
        """
        if not copies:
            for logical in missing:
                self._check(self.names[logical], at)
        names = self.restored(at)
        for logical in missing:
            when: Any = {"UseLatestRestorableTime": True} if copies else {"RestoreDateTime": at}
            self.dynamodb.restore_table_to_point_in_time(
                SourceTableName=self.names[logical], TargetTableName=names[logical], **when
            )

    def prepare(self, at: datetime) -> dict[str, str]:
        """Wait for the tables as of an instant, and give them what a restore leaves out.

        Streams, time to live, recovery and protection are those of the tables in use. Returns the
        parameters that point the stack at them.
        """
        parameters: dict[str, str] = {}
        for logical, name in self.restored(at).items():
            self._wait(name)
            label = self._complete(self.names[logical], name)
            parameters[restorable.name_of(logical)] = name
            if label:
                parameters[restorable.stream_of(logical)] = label
        return parameters

    def _check(self, table: str, at: datetime) -> None:
        backups = self.dynamodb.describe_continuous_backups(TableName=table)
        recovery = backups["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        first = recovery.get("EarliestRestorableDateTime")
        last = recovery.get("LatestRestorableDateTime")
        if first is None or last is None:
            raise RefusedError(f"{table} has no recovery to a point in time.")
        if not first <= at <= last:
            raise RefusedError(f"{table} can be restored as of {first:%c} to {last:%c} UTC.")

    def _complete(self, source: str, target: str) -> str | None:
        """Give a restored table what its source has; return the label of its stream."""
        has, lacks = self._described(source), self._described(target)
        wanted = has.get("StreamSpecification")
        if wanted and not lacks.get("StreamSpecification"):
            self.dynamodb.update_table(TableName=target, StreamSpecification=wanted)
            self._wait(target)
        if has.get("DeletionProtectionEnabled") and not lacks.get("DeletionProtectionEnabled"):
            self.dynamodb.update_table(TableName=target, DeletionProtectionEnabled=True)
            self._wait(target)
        expiry = self._expiry(source)
        if expiry and not self._expiry(target):
            self.dynamodb.update_time_to_live(
                TableName=target,
                TimeToLiveSpecification={"Enabled": True, "AttributeName": expiry},
            )
        self._recoverable(target)
        return self._described(target).get("LatestStreamLabel") if wanted else None

    def _recoverable(self, table: str) -> None:
        """Have a table keep its past; DynamoDB is not ready for that at once."""
        for _ in range(_TRIES):
            try:
                self.dynamodb.update_continuous_backups(
                    TableName=table,
                    PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
                )
            except self.dynamodb.exceptions.ContinuousBackupsUnavailableException:
                self.sleep(_BETWEEN_S)
            else:
                return
        raise RefusedError(f"{table} does not keep its past yet; run this again in a while.")

    def _expiry(self, table: str) -> str | None:
        described = self.dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        on = described.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
        return described.get("AttributeName") if on else None

    def _there(self, table: str) -> bool:
        try:
            self._described(table)
        except self.dynamodb.exceptions.ResourceNotFoundException:
            return False
        return True

    def _described(self, table: str) -> Any:
        return self.dynamodb.describe_table(TableName=table)["Table"]

    def _wait(self, table: str) -> None:
        local = "127.0.0.1" in self.dynamodb.meta.endpoint_url
        waiting: Any = {"Delay": 1, "MaxAttempts": 60} if local else {"MaxAttempts": 1_000}
        self.dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig=waiting)


class Restore:
    """One restore of a stage to one instant."""

    def __init__(self, aws: boto3.session.Session, stage: str, target: Target) -> None:
        self._aws = aws
        self._target = target
        self._dynamodb = aws.client("dynamodb")
        self._stack = Stack(aws, f"backroom-{stage}")
        outputs = self._stack.outputs()
        if not outputs:
            raise RefusedError(f"There is no stack {self._stack.name} here.")
        declared = merged(local=target != "aws").declared
        names = {table: outputs[table] for table in declared.tables if table != trail.TABLE}
        self._trail = OperatorTrail(aws, self._stack)
        self._tables = Tables(self._dynamodb, self._stack.name, names)
        self._workers = {f.performs: name for name, f in declared.functions.items() if f.performs}

    def copy(self) -> datetime:
        """Make the tables as of now; return the instant by which they are found.

        The embedded AWS has no past, so a rehearsal copies it. Raises RefusedError.
        """
        if self._target == "aws":
            raise RefusedError("AWS keeps the past of each table by itself; use --at.")
        at = now().replace(microsecond=0)
        self._tables.make(at, self._tables.missing(at), copies=True)
        return at

    def done(self, at: datetime) -> bool:
        """Return whether the stage works on the tables as of an instant."""
        return self._tables.names == self._tables.restored(at)

    def hold(self, drain_s: float) -> datetime:
        """Hold the stage; return since when no worker runs."""
        if self._stack.parameters().get(restorable.HELD) != "true":
            self._stack.set_parameters({restorable.HELD: "true"})
        since = self._stack.changed_at() + timedelta(seconds=drain_s)
        time.sleep(max(0.0, (since - now()).total_seconds()))
        return since

    def make(self, at: datetime) -> None:
        """Have tables as of an instant. Raises RefusedError where that is not possible."""
        missing = self._tables.missing(at)
        if missing and self._target != "aws":
            raise RefusedError(
                f"There is no copy as of {at.isoformat()}. AWS restores any second of 35 days; the "
                "embedded one has copies alone, which --copy makes at the instant."
            )
        self._tables.make(at, missing, copies=False)

    def compare(self, at: datetime, held_at: datetime) -> list[str]:
        """Note in the restored tables what the others and the vendors know; return it in words."""
        tables = {
            logical: (
                Table(self._dynamodb, self._tables.names[logical]),
                Table(self._dynamodb, name, things=reconcile.things(logical)),
            )
            for logical, name in self._tables.restored(at).items()
        }
        lookups = self._lookups()
        found = list(reconcile.effects(*tables["OutboxTable"], lookups, at=at, held_at=held_at))
        lines = reconcile.report(found)
        lines += [f"{sum(each.lost for each in found)} effects were requested since"]
        lines += reconcile.batches(*tables["BakeryTable"], tables["OutboxTable"][1], at=at, now=now)
        for pair in tables.values():
            moved = reconcile.counters(*pair)
            lines += [f"{name.lower()} go on after {last}" for name, last in moved.items()]
        documents = reconcile.documents(*tables["BakeryTable"])
        return [*lines, f"{documents} documents are known where they are"]

    def go_on(self, parameters: Mapping[str, str]) -> None:
        """Point the stack at tables, or leave it where it is, and let everything go on."""
        self._stack.set_parameters({**parameters, restorable.HELD: "false"})
        self._stack.check_answers(self._stack.outputs())

    def recording(self) -> AbstractContextManager[None]:
        """Enter what is changed meanwhile in the audit trail."""
        return self._trail.recording("restore")

    def prepare(self, at: datetime) -> dict[str, str]:
        """Return the parameters that point the stack at the tables as of an instant."""
        return self._tables.prepare(at)

    def _lookups(self) -> dict[str, reconcile.Lookup]:
        """Return how to ask each kind's vendor, as its worker would on the tables in use.

        With the variables of the deployed workers, and the caller's own rights.
        """
        if self._target != "aws":
            os.environ.update(**CREDENTIALS, AWS_DEFAULT_REGION=REGION)
        functions = self._aws.client("lambda")
        for name in self._workers.values():
            configuration = functions.get_function_configuration(
                FunctionName=f"{self._stack.name}-{short_name(name)}"
            )
            os.environ.update(configuration["Environment"]["Variables"])
        return {kind: _asking(WORKERS[kind]) for kind in self._workers if kind}


def _asking(worker: str) -> Callable[[Effect], str | None]:
    """Return what asks a vendor for what an effect did; it is built when it is needed."""
    module, _, name = worker.partition(":")

    def lookup(effect: Effect) -> str | None:
        built: Worker = getattr(importlib.import_module(module), name)()
        return built.handler.find(effect)

    return lookup


def instant(text: str) -> datetime:
    """Return an instant to the second, with its zone."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or at.microsecond:
        raise argparse.ArgumentTypeError("name an instant to the second, with its zone")
    return at.astimezone(UTC)


def run(restore: Restore, at: datetime, *, drain_s: float, confirm: Callable[[], bool]) -> None:
    """Restore a stage, step by step; what it changes is entered in the audit trail."""
    with restore.recording():
        _run(restore, at, drain_s=drain_s, confirm=confirm)


def _run(restore: Restore, at: datetime, *, drain_s: float, confirm: Callable[[], bool]) -> None:
    this = f"restores/{iso(at)}"
    if restore.done(at):
        restore.go_on({})
        enter_after([trail.done(this)])
        _say(f"The stage works on its tables as of {at.isoformat()}")
        return
    restore.make(at)  # before anything is held, as it may be refused
    enter_ahead([trail.began(this)])
    held_at = restore.hold(drain_s)
    _say("Workers and schedules stand still, changes are answered 503")
    parameters = restore.prepare(at)
    _say(f"{sum(1 for each in parameters if each.endswith('Name'))} tables are there as they were")
    for line in restore.compare(at, held_at):
        print(f"    {line}")
    if not confirm():
        _say("The stage is held. To continue, the same command with --go-on; or --release")
        return
    enter_ahead([trail.switching(this)])
    restore.go_on(parameters)
    enter_after([trail.done(this)])
    _say(f"The stage works on its tables as of {at.isoformat()}; the old ones are as they were")


def _say(text: str) -> None:
    print(f"  \u2713 {text}", flush=True)


def _asked() -> bool:
    if not sys.stdin.isatty():
        return False
    return input("Go on with the restored tables? [y/N] ").strip().lower() in {"y", "yes"}


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.restore")
    parser.add_argument("--target", choices=get_args(Target), default="local")
    parser.add_argument("--stage", default="local")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--at", type=instant, metavar="INSTANT", help="such as 2026-11-29T10:00:00Z")
    what.add_argument("--hold", action="store_true", help="stand still, and nothing else")
    what.add_argument("--release", action="store_true", help="let go without restoring")
    what.add_argument("--copy", action="store_true", help="local targets: copies as of now")
    parser.add_argument("--go-on", action="store_true", help="use the restored tables, ask nothing")
    parser.add_argument("--drain", type=float, default=DRAIN_S, metavar="SECONDS")
    options = parser.parse_args()
    try:
        restore = Restore(session(options.target), options.stage, options.target)
        if options.copy:
            _say(f"Copied all tables; restore them with --at {restore.copy():%Y-%m-%dT%H:%M:%SZ}")
        elif options.hold:
            restore.hold(options.drain)
            _say("The stage is held; --release resumes it")
        elif options.release:
            restore.go_on({})
            _say("The stage goes on with the tables that it has")
        else:
            confirm = (lambda: True) if options.go_on else _asked
            run(restore, options.at, drain_s=options.drain, confirm=confirm)
    except (RefusedError, StackError, BotoCoreError, ClientError, WaiterError) as failed:
        print(f"  \u2717 {failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
