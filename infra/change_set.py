"""What a deployment will change, in words, before anything of it happens."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, WaiterError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

Confirm = Callable[[str], bool]
"""Shows the changes to the deployer; returns whether to make them."""

# What is lost with a resource, and what CloudFormation leaves in the account.
_KEPT = {
    "AWS::DynamoDB::Table": "its items stay in the old table, outside of the stack",
    "AWS::S3::Bucket": "its files stay in the old bucket, outside of the stack",
}
_LOST = {
    "AWS::SQS::Queue": "the messages in it are lost",
    "AWS::Logs::LogGroup": "its log lines are lost",
    "AWS::SecretsManager::Secret": "what operators put into it is lost",
    "AWS::ApiGateway::RestApi": "its address changes",
}
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


class ChangeSetError(Exception):
    """CloudFormation cannot make the change set; the message holds its reason."""


class DeclinedError(Exception):
    """Whoever deploys does not want the changes. Nothing has changed."""


@dataclass(frozen=True)
class Change:
    """What happens to one resource; ``parts`` are the properties that differ."""

    action: str
    name: str
    kind: str
    replaced: bool = False
    parts: tuple[str, ...] = ()

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> "Change":
        """Return a change as CloudFormation describes it."""
        targets = [detail.get("Target", {}) for detail in described.get("Details", [])]
        return cls(
            described["Action"],
            described["LogicalResourceId"],
            described["ResourceType"],
            described.get("Replacement") in {"True", "Conditional"},
            tuple(dict.fromkeys(t.get("Name") or t.get("Attribute") or "" for t in targets)),
        )

    @property
    def warning(self) -> str | None:
        """Return what is lost with the resource, if anything is."""
        if self.action == "Remove" or self.replaced:
            return _KEPT.get(self.kind) or _LOST.get(self.kind)
        return None


class ChangeSet:
    """One change set of a stack; ``new`` stacks are created by executing it."""

    def __init__(self, cloudformation: "CloudFormationClient", stack: str, *, new: bool) -> None:
        self._cloudformation = cloudformation
        self._stack = stack
        self._new = new
        self._name = f"deploy-{uuid.uuid4()}"

    def apply(self, arguments: Mapping[str, Any], confirm: Confirm) -> bool:
        """Show what ``arguments`` would change; have it done when it is confirmed.

        Returns False when nothing differs, else True as soon as the change has begun. Raises
        DeclinedError, after which nothing is left of it, or ChangeSetError.
        """
        if not self._made(arguments):
            self._drop()
            return False
        try:
            wanted = confirm(in_words(self._stack, self._changes()))
        except BaseException:  # interrupted at the question
            self._drop()
            raise
        if not wanted:
            self._drop()
            raise DeclinedError("Nothing was changed.")
        self._cloudformation.execute_change_set(**self._named)
        return True

    @property
    def _named(self) -> dict[str, Any]:
        return {"StackName": self._stack, "ChangeSetName": self._name}

    def _made(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether there is anything to change."""
        kind = "CREATE" if self._new else "UPDATE"
        wanted = {**arguments, **self._named, "ChangeSetType": kind}
        try:
            self._cloudformation.create_change_set(**wanted)
            self._cloudformation.get_waiter("change_set_create_complete").wait(
                **self._named, WaiterConfig={"Delay": 2, "MaxAttempts": 300}
            )
        except ClientError as refused:
            raise ChangeSetError(refused.response["Error"]["Message"]) from refused
        except WaiterError as failed:
            reason = self._described().get("StatusReason", str(failed))
            if any(words in reason for words in _NO_CHANGES):
                return False
            self._drop()
            raise ChangeSetError(reason) from failed
        return True

    def _changes(self) -> list[Change]:
        found: list[Change] = []
        page: Mapping[str, Any] = self._described()
        while True:
            found += [Change.of(each["ResourceChange"]) for each in page["Changes"]]
            if "NextToken" not in page:
                return found
            page = self._described(NextToken=page["NextToken"])

    def _described(self, **more: Any) -> Mapping[str, Any]:
        return self._cloudformation.describe_change_set(**self._named, **more)

    def _drop(self) -> None:
        """Leave nothing behind; a stack that was to be created exists until then as a name."""
        if self._new:
            self._cloudformation.delete_stack(StackName=self._stack)
        else:
            self._cloudformation.delete_change_set(**self._named)


def in_words(stack: str, changes: Iterable[Change]) -> str:
    """Return changes as a person reads them before saying yes."""
    every = sorted(changes, key=lambda each: (each.action, each.kind, each.name))
    return "\n".join([f"Changes to the stack {stack}:", *_added(every), *_changed(every)])


def _added(changes: Iterable[Change]) -> Iterator[str]:
    added = Counter(_plain(each.kind) for each in changes if each.action == "Add")
    if added:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(added.items()))
        yield f"  Create {added.total()}: {kinds}"


def _changed(changes: Iterable[Change]) -> Iterator[str]:
    for each in changes:
        if each.action == "Add":
            continue
        verb = "Replace" if each.replaced else {"Modify": "Change"}.get(each.action, each.action)
        parts = f": {', '.join(each.parts)}" if each.parts and each.action == "Modify" else ""
        yield f"  {verb} {each.name} ({_plain(each.kind)}){parts}"
        if each.warning:
            yield f"    ! {each.warning}"


def _plain(kind: str) -> str:
    """Return ``DynamoDB Table`` for ``AWS::DynamoDB::Table``."""
    return " ".join(kind.split("::")[1:])
