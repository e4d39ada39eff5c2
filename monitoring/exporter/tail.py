"""Reading the logs of the stack's functions, each line once, late lines and restarts included.

CloudWatch Logs has no subscription that a program outside can rely on everywhere, so logs are
asked for again and again. A line may turn up after younger ones: each poll looks back a little, and
now and then far. What is read twice is told apart by its name.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitoring.exporter.books import Books, Line

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

# The embedded AWS gives this many events at most, and no token for the rest.
_PAGE = 10_000


@dataclass(frozen=True)
class Reach:
    """How far back is looked, in milliseconds: at each poll, and how far and how often far."""

    near_ms: int = 15_000
    far_ms: int = 300_000
    far_every_ms: int = 60_000


class Tail:
    """Enters what the functions log into the books."""

    def __init__(
        self, logs: "CloudWatchLogsClient", books: Books, *, reach: Reach = Reach()
    ) -> None:
        self._logs = logs
        self._books = books
        self._reach = reach
        self._far_at_ms: dict[str, int] = {}

    def read(self, functions: Iterable[tuple[str, str]], now_ms: int) -> int:
        """Read on in each log; ``functions`` are short names and full ones. Return lines counted.

        Raises what the client raises; what was entered by then stays entered.
        """
        return sum(self._read(f"/aws/lambda/{full}", short, now_ms) for short, full in functions)

    def _read(self, group: str, function: str, now_ms: int) -> int:
        # The first look after a start is a far one: nobody knows what came meanwhile.
        far = now_ms - self._far_at_ms.get(group, 0) >= self._reach.far_every_ms
        reached = self._books.reached_ms(group)
        back = self._reach.far_ms if far else self._reach.near_ms
        since = max(self._books.began_ms, reached - back)
        fresh, newest = 0, reached
        for page in self._pages(group, since):
            fresh += self._books.enter(group, function, page)
            newest = max(newest, *(line.at_ms for line in page))
        self._books.reach(group, newest)
        if far:
            self._books.forget(group, newest - 2 * self._reach.far_ms)
            self._far_at_ms[group] = now_ms
        return fresh

    def _pages(self, group: str, since_ms: int) -> Iterator[list[Line]]:
        """Yield the lines of a log from ``since_ms`` on; a log that is not there has none."""
        token: dict[str, Any] = {}
        while True:
            try:
                page = self._logs.filter_log_events(
                    logGroupName=group, startTime=since_ms, limit=_PAGE, **token
                )
            except self._logs.exceptions.ResourceNotFoundException:
                return  # the function has not run yet
            read = list(named(page["events"]))
            if read:
                yield read
            if "nextToken" in page:
                token = {"nextToken": page["nextToken"]}
            elif len(read) < _PAGE or read[-1].at_ms == since_ms:
                return
            else:
                token, since_ms = {}, read[-1].at_ms


def named(events: Iterable[Any]) -> Iterator[Line]:
    """Yield events as lines with names of their own.

    AWS names each event. The embedded AWS does not, but has a stream for each invocation, in which
    lines that are the same in all are told apart by their number.
    """
    same: Counter[str] = Counter()
    for event in events:
        name = event.get("eventId")
        if name is None:
            text = f"{event.get('logStreamName')}\0{event['timestamp']}\0{event['message']}"
            digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
            name = f"{digest}.{same[digest]}"
            same[digest] += 1
        yield Line(name, event["timestamp"], event["message"])
