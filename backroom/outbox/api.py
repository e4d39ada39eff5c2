"""The routes of the outbox and of dead letters as typed calls; see `backroom.vending.api`."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from pydantic import TypeAdapter

from backroom.core.connection import Answer, Connection
from backroom.core.session import Session
from chalicelib.dead_letters.models import DeadLetters, Redriven
from chalicelib.outbox.models import MOST_ROWS, EffectLine, EffectView, KindView

_LINES = TypeAdapter(tuple[EffectLine, ...])
_EFFECT = TypeAdapter(EffectView)
_KINDS = TypeAdapter(tuple[KindView, ...])
_DEAD = TypeAdapter(tuple[DeadLetters, ...])
_REDRIVEN = TypeAdapter(Redriven)


class OutboxApi:
    """What the API does with effects and dead letters. Raises ApiError or UnreachableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def effects(
        self, *, state: str | None, kind: str | None, limit: int
    ) -> Answer[tuple[EffectLine, ...]]:
        """Return effects by kind, the newest of each first."""
        asked = {"state": state, "kind": kind, "limit": str(limit)}
        query = {name: value for name, value in asked.items() if value is not None}
        return self._connection.answer(_LINES, "GET", "/outbox", params=query)

    def all_effects(self, *, state: str, kind: str) -> Iterator[EffectLine]:
        """Yield all effects in a state and of a kind."""
        answer = self.effects(state=state, kind=kind, limit=MOST_ROWS)
        yield from answer.value
        while answer.next_page:
            answer = self._connection.answer(_LINES, "GET", answer.next_page)
            yield from answer.value

    def effect(self, effect_id: str) -> Answer[EffectView]:
        """Return an effect whole."""
        return self._connection.answer(_EFFECT, "GET", "/outbox/effect", params={"id": effect_id})

    def kinds(self) -> Answer[tuple[KindView, ...]]:
        """Return the kinds of effects, and whether they go on."""
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


@contextmanager
def outbox(here: Session) -> Iterator[OutboxApi]:
    """Talk to the API for a while."""
    with closing(Connection(here.url, transport=here.transport, sleep=here.sleep)) as connection:
        yield OutboxApi(connection)
