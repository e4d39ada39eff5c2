"""The routes of the service itself as typed calls, one method a route."""

from pydantic import BaseModel, TypeAdapter

from backroom.core.connection import Answer, Connection


class Health(BaseModel):
    """What the API says of itself."""

    status: str
    version: str = ""


_HEALTH = TypeAdapter(Health)


class OperationsApi:
    """What the API says of itself at ``url``. Raises ApiError or UnreachableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.url = connection.url

    def health(self) -> Answer[Health]:
        """Return whether it can work."""
        return self._connection.answer(_HEALTH, "GET", "/health")
