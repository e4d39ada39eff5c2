"""The routes of dead letters as typed calls, one method a route."""

from pydantic import TypeAdapter

from backroom.core.connection import Answer, Connection
from chalicelib.dead_letters.models import DeadLetters, Redriven

_DEAD = TypeAdapter(tuple[DeadLetters, ...])
_REDRIVEN = TypeAdapter(Redriven)


class DeadLettersApi:
    """What the API does with dead letters. Raises ApiError or UnreachableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def dead_letters(self) -> Answer[tuple[DeadLetters, ...]]:
        """Return the queues with their dead letters."""
        return self._connection.answer(_DEAD, "GET", "/dlq")

    def redrive(self, queue: str) -> Answer[Redriven]:
        """Send dead letters back, as many as one request can."""
        return self._connection.answer(_REDRIVEN, "POST", f"/dlq/{queue}/redrive")
