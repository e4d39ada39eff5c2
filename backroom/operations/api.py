"""The routes of the service itself as typed calls, one method a route."""

from http import HTTPStatus

from pydantic import BaseModel, TypeAdapter

from backroom.core.connection import Answer, Connection
from backroom.core.errors import ApiError
from backroom.core.requests import part


class Health(BaseModel):
    """The state of the API."""

    status: str
    version: str = ""


class _Named(BaseModel):
    id: str


_HEALTH = TypeAdapter(Health)
_NAMED = TypeAdapter(tuple[_Named, ...])
# What could never be one of its kind is none, as well as what is not there.
_NONE = {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}


class OperationsApi:
    """The state of the API at ``url``. Raises ApiError or UnreachableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.url = connection.url

    def health(self) -> Answer[Health]:
        """Return whether it can work."""
        return self._connection.answer(_HEALTH, "GET", "/health")

    def look_at(self, path: str, name: str) -> None:
        """Read what ``path`` has with the name in place of its braces. Raises ApiError."""
        self._connection.response("GET", path.format(part(name)))

    def has(self, path: str, name: str) -> bool:
        """Return whether ``path`` has something with that name, as far as the caller may know."""
        try:
            self.look_at(path, name)
        except ApiError as refused:
            if refused.status in _NONE | {HTTPStatus.FORBIDDEN}:
                return False
            raise
        return True

    def warranty_id(self, number: str) -> str | None:
        """Return the id of the warranty with a number, None when there is none."""
        query = {"number": number, "limit": "1"}
        try:
            found = self._connection.answer(_NAMED, "GET", "/warranties", params=query).value
        except ApiError as refused:
            if refused.status in _NONE | {HTTPStatus.FORBIDDEN}:
                return None
            raise
        return found[0].id if found else None
