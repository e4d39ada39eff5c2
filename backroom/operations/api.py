"""The routes of the service itself as typed calls, one method a route."""

from pydantic import BaseModel, TypeAdapter

from backroom.core.connection import Answer, Connection


class Health(BaseModel):
    """The state of the API."""

    status: str
    version: str = ""


_HEALTH = TypeAdapter(Health)


class OperationsApi:
    """The state of the API at ``url``. Raises ApiError or UnreachableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.url = connection.url

    def health(self) -> Answer[Health]:
        """Return whether it can work."""
        return self._connection.answer(_HEALTH, "GET", "/health")
