"""Putting the token on requests to the API, and on no others."""

import os
import re
import time
from collections.abc import Callable, Generator

import httpx

from backroom.core.auth.grants import Grant, Grants
from backroom.core.auth.provider import Identity, SignInError
from chalicelib.core.addresses import safe


class Bearer(httpx.Auth):
    """Authorises requests to the API at ``url``: by BACKROOM_TOKEN, else by the user's grant.

    Without either, requests go as they are: an open stage asks for nothing. A grant that is about
    to end is refreshed first, by one command at a time.
    """

    def __init__(
        self,
        url: str,
        *,
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._url = url
        self._transport = transport
        self._now = now

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request with a token, if it goes to the API and there is one."""
        if _origin(request.url) == _origin(httpx.URL(self._url)) and (token := self.token()):
            if not safe(self._url):
                raise SignInError(
                    f"{self._url} is not encrypted, and no token goes there.",
                    next_step="name an https:// address: --api or BACKROOM_API",
                )
            request.headers["Authorization"] = f"Bearer {token}"
        yield request

    def token(self) -> str | None:
        """Return the token to send. Raises SignInError when a sign-in has ended."""
        if token := os.environ.get("BACKROOM_TOKEN", "").strip():
            if not re.fullmatch("[!-~]+", token):
                raise SignInError(
                    "BACKROOM_TOKEN is not a token: one has letters, digits and signs of ASCII.",
                    next_step="copy it again, or: backroom login",
                )
            return token
        grants = Grants()
        grant = grants.find(self._url)
        if grant is None or not self._due(grant):
            return grant.access_token if grant else None
        with grants.alone():
            grant = grants.find(self._url) or grant
            if self._due(grant):  # no other process was faster
                grant = Identity(self._transport, self._now).refresh(grant)
                grants.keep(self._url, grant)
        return grant.access_token

    def _due(self, grant: Grant) -> bool:
        return grant.stale(self._now()) and grant.refresh_token is not None


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
