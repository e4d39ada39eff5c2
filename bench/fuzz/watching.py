"""What one input does: how long it takes, and what is stored while it is refused."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import botocore.session

from tests.support.patience import processes_per_processor

T = TypeVar("T")

HANGS_S = 5.0
_WRITES = {
    *("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"),
    *("PutObject", "DeleteObject", "DeleteObjects", "CopyObject", "CompleteMultipartUpload"),
    *("SendMessage", "SendMessageBatch", "PutSecretValue", "Invoke", "StartMessageMoveTask"),
}


class HangError(BaseException):
    """It took longer than it may. No ``except Exception`` on the way takes it for its own."""


@contextmanager
def limited(seconds: float = HANGS_S) -> Iterator[None]:
    """Raise HangError in here after ``seconds``."""

    def late(*_: object) -> None:
        raise HangError(f"over {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def within_limit(run: Callable[[], T]) -> T:
    """Return what ``run`` returns. Raises HangError.

    It has a second chance, of as many seconds as 5 of an idle machine are now.
    """
    try:
        with limited():
            return run()
    except HangError:
        with limited(HANGS_S * max(1.0, processes_per_processor())):
            return run()


class Stored:
    """The writes that AWS has taken from the app's clients since it was last asked."""

    def __init__(self, session: botocore.session.Session) -> None:
        self._found: list[str] = []
        session.register("before-parameter-build", cast("Any", self._asked))
        session.register("after-call", cast("Any", self._answered))

    def take(self) -> list[str]:
        """Return the writes since last time: each its operation and the keys that it names."""
        found, self._found[:] = list(self._found), []
        return found

    def _asked(self, params: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        if model.name in _WRITES:
            context["stored"] = f"{model.name} {_places(params)}"

    def _answered(self, http_response: Any, context: dict[str, Any], **_: Any) -> None:
        if "stored" in context and http_response.status_code < 300:
            self._found.append(context["stored"])


def _places(params: dict[str, Any]) -> str:
    """Return which tables and keys, objects or queues a write is about."""
    found = []
    actions = [each for action in params.get("TransactItems", ()) for each in action.items()]
    for kind, told in actions or [("", params)]:
        if kind == "ConditionCheck":
            continue
        key = told.get("Key") or told.get("Item") or {}
        if isinstance(key, dict):
            key = "/".join(str(key[name].get("S", "?")) for name in ("pk", "sk") if name in key)
        place = told.get("TableName") or told.get("Bucket") or told.get("QueueUrl") or ""
        found.append(f"{place}:{key}")
    return ", ".join(found) or str(sorted(params))
