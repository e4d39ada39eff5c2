"""The operators' routes as typed calls, one method a route."""

from collections.abc import Iterator

from pydantic import TypeAdapter

from backroom.core.connection import Answer, Connection
from backroom.core.requests import given
from chalicelib.operators.checks import CheckResult
from chalicelib.operators.models.dead_letters import DeadLetters, Redriven
from chalicelib.operators.models.effects import MOST_ROWS, EffectLine, EffectView, KindView
from chalicelib.operators.models.schedules import ScheduleView

_LINES = TypeAdapter(tuple[EffectLine, ...])
_EFFECT = TypeAdapter(EffectView)
_KINDS = TypeAdapter(tuple[KindView, ...])
_DEAD = TypeAdapter(tuple[DeadLetters, ...])
_REDRIVEN = TypeAdapter(Redriven)
_CHECKS = TypeAdapter(tuple[CheckResult, ...])
_SCHEDULES = TypeAdapter(tuple[ScheduleView, ...])


class OperatorsApi:
    """What the API does for operators. Raises ApiError or UnreachableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def effects(
        self, *, state: str | None, kind: str | None, limit: int, counted: bool = False
    ) -> Answer[tuple[EffectLine, ...]]:
        """Return effects by kind, the newest of each first; ``counted`` asks for the total."""
        query = given({"state": state, "kind": kind, "limit": limit})
        return self._connection.listed(_LINES, "/outbox", query, counted=counted)

    def all_effects(self, *, state: str, kind: str | None = None) -> Iterator[EffectLine]:
        """Yield all effects in a state, of one kind if it is named."""
        query = given({"state": state, "kind": kind, "limit": MOST_ROWS})
        for page in self._connection.pages(_LINES, "/outbox", params=query):
            yield from page.value

    def effect(self, effect_id: str) -> Answer[EffectView]:
        """Return an effect whole."""
        return self._connection.answer(_EFFECT, "GET", "/outbox/effect", params={"id": effect_id})

    def kinds(self) -> Answer[tuple[KindView, ...]]:
        """Return the kinds of effects, and whether they are paused."""
        return self._connection.answer(_KINDS, "GET", "/outbox/kinds")

    def retry(self, effect_id: str) -> Answer[EffectView]:
        """Have an effect tried now."""
        return self._connection.answer(_EFFECT, "POST", "/outbox/retry", json={"id": effect_id})

    def dead_letters(self) -> Answer[tuple[DeadLetters, ...]]:
        """Return the queues with their dead letters."""
        return self._connection.answer(_DEAD, "GET", "/dlq")

    def redrive(self, queue: str) -> Answer[Redriven]:
        """Send dead letters back, as many as one request can."""
        return self._connection.answer(_REDRIVEN, "POST", f"/dlq/{queue}/redrive")

    def check_results(self) -> Answer[tuple[CheckResult, ...]]:
        """Return of each vendor whether it is configured, reachable and allowed."""
        return self._connection.answer(_CHECKS, "GET", "/integrations")

    def schedules(self) -> Answer[tuple[ScheduleView, ...]]:
        """Return what runs by itself, and whether it does."""
        return self._connection.answer(_SCHEDULES, "GET", "/schedules")

    def date(self) -> str | None:
        """Return the time of the API's machine, as its header says it."""
        date: str | None = self._connection.response("GET", "/health").headers.get("Date")
        return date
