"""Google's access tokens: a refresh token is exchanged for one that lasts an hour."""

import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from pydantic import Field

from chalicelib.core.outbox.effects import CredentialsError, EffectError, NotExecutedError
from chalicelib.integrations.http import Answer, Http, Read

_SPARE_S = 60.0
# Whole words: storageQuotaExceeded is no limit that passes.
_LIMIT = re.compile(
    rb'"(\w*[rR]ateLimitExceeded|dailyLimitExceeded|RATE_LIMIT_EXCEEDED|RESOURCE_EXHAUSTED)"'
)
_BAD_GRANT = ("invalid_grant", "invalid_client", "unauthorized_client", "invalid_scope")


class _Token(Read):
    access_token: str
    lifetime_s: float = Field(3600, alias="expires_in")


class Tokens:
    """Access tokens of one account, kept until shortly before they end."""

    def __init__(
        self,
        http: Http,
        *,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._form = {
            "grant_type": "refresh_token",
            "client_id": client_id,
            "client_secret": client_secret,
            "refresh_token": refresh_token,
        }
        self._now = now
        self._token = ""
        self._ends_at = 0.0

    def current(self) -> str:
        """Return an access token that is good for a while. Raises EffectError."""
        if self._now() >= self._ends_at:
            fresh = self._http.read("POST", "", form=self._form).into(_Token)
            self._token = fresh.access_token
            self._ends_at = self._now() + fresh.lifetime_s - _SPARE_S
        return self._token

    def forget(self) -> None:
        """Ask for another one next time."""
        self._ends_at = 0.0


class Authorized:
    """Talks to one of Google's APIs with an access token."""

    def __init__(self, http: Http, tokens: Tokens) -> None:
        self._http = http
        self._tokens = tokens

    def read(self, method: str, path: str, **told: Any) -> Answer:
        """Send what changes nothing. Raises EffectError."""
        return self._sent(self._http.read, method, path, told)

    def write(self, method: str, path: str, **told: Any) -> Answer:
        """Send what changes something. Raises EffectError."""
        return self._sent(self._http.write, method, path, told)

    def _sent(
        self, send: Callable[..., Answer], method: str, path: str, told: dict[str, Any]
    ) -> Answer:
        """Send; with another token if the first was refused: nothing was done then."""
        try:
            return send(method, path, headers=self._headers(), **told)
        except TokenRefusedError:
            self._tokens.forget()
            return send(method, path, headers=self._headers(), **told)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens.current()}"}


class TokenRefusedError(CredentialsError):
    """The access token was refused."""


def judge(answer: Answer, now: float) -> EffectError | None:
    """Tell a limit from a refusal (both come as 403), and a token that has ended."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return TokenRefusedError(f"Google {answer.request}: {answer.status} {answer.words()}")
    return _limited(answer, now)


def judge_grant(answer: Answer, now: float) -> EffectError | None:
    """Take a refused refresh token, client or scope for what it is: somebody has to mend it."""
    refused = answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}
    if refused and any(word.encode() in answer.content for word in _BAD_GRANT):
        return CredentialsError(f"Google's token address: {answer.words()}")
    return _limited(answer, now)


def _limited(answer: Answer, now: float) -> NotExecutedError | None:
    if answer.status != HTTPStatus.FORBIDDEN or not _LIMIT.search(answer.content):
        return None
    why = f"Google {answer.request}: {answer.status} {answer.words()}"
    return NotExecutedError(why, retry_after_s=answer.retry_after_s(now))
