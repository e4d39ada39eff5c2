"""The app's HTTP side as a caller sees it, without a network."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from chalice.test import Client, TestHTTPClient

from app import app


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def faults(self) -> dict[str, str]:
        """Return what a 400 says, by ``place.field``."""
        assert self.status == 400, self.body
        return {f"{each['in']}.{each['field']}": each["detail"] for each in self.json["errors"]}


class Api:
    """Sends requests to the app; a body that is no bytes goes as JSON."""

    def __init__(self, http: TestHTTPClient, token: str | None = None) -> None:
        self._http = http
        self._authorization = f"Bearer {token}" if token is not None else None

    def as_(self, token: str) -> "Api":
        """Return the API as the holder of a token uses it."""
        return Api(self._http, token)

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        media_type: str | None = None,
        authorization: str | None = None,
        encoding: str | None = None,
        **query: Any,
    ) -> Answer:
        is_json = body is not None and not isinstance(body, bytes)
        content = json.dumps(body).encode() if is_json else body or b""
        media_type = media_type or ("application/json" if is_json else None)
        headers = {"Content-Type": media_type} if media_type else {}
        if encoding:
            headers["Content-Encoding"] = encoding
        if authorization := authorization or self._authorization:
            headers["Authorization"] = authorization
        url = f"{path}?{urlencode(query, doseq=True)}" if query else path
        assert isinstance(content, bytes)
        return self.raw(method, url, headers, content)

    def raw(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        """Send a request as it is."""
        answer = self._http.request(method, url, headers=dict(headers), body=content)
        return Answer(answer.status_code, answer.headers, answer.body)

    def get(self, path: str, **query: Any) -> Answer:
        return self.send("GET", path, **query)

    def follow(self, url: str) -> Answer:
        """Ask for an address as an answer gave it."""
        headers = {"Authorization": self._authorization} if self._authorization else {}
        return self.raw("GET", url, headers, b"")

    def put(self, path: str, body: object) -> Answer:
        return self.send("PUT", path, body)

    def post(self, path: str, body: object = None, **named: Any) -> Answer:
        return self.send("POST", path, body, **named)

    def delete(self, path: str, **query: Any) -> Answer:
        return self.send("DELETE", path, **query)


@contextmanager
def client() -> Iterator[Api]:
    """Yield the API of the app."""
    with Client(app) as gateway:
        yield Api(gateway.http)
