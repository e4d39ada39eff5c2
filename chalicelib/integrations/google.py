"""Google's access tokens: a refresh token is exchanged for one that lasts an hour."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from pydantic import Field, SecretStr, ValidationError

from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    RejectedError,
)
from chalicelib.integrations.http import Answer, Http, Read
from chalicelib.integrations.settings import VendorSettings

_SPARE_S = 60.0
# Reasons of a 403, as "Resolve errors" (Drive API) and google.rpc.ErrorReason document them.
_NOT_NOW = {
    "concurrentLimitExceeded",
    "dailyLimitExceeded",
    "quotaExceeded",
    "rateLimitExceeded",
    "servingLimitExceeded",
    "sharingRateLimitExceeded",
    "userRateLimitExceeded",
    "RATE_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
}
_THIS_ACCOUNT = {
    "accessNotConfigured",
    "accountDeleted",
    "accountDisabled",
    "accountUnverified",
    "authError",
    "dailyLimitExceededUnreg",
    "domainPolicy",
    "expired",
    "insufficientAudience",
    "insufficientAuthorizedParty",
    "insufficientPermissions",
    "required",
    "sslRequired",
    "unknownAuth",
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    "ACCOUNT_STATE_INVALID",
    "BILLING_DISABLED",
    "CONSUMER_INVALID",
    "CONSUMER_SUSPENDED",
    "ORG_RESTRICTION_VIOLATION",
    "SECURITY_POLICY_VIOLATED",
    "SERVICE_DISABLED",
    "SERVICE_NOT_VISIBLE",
    "USER_PROJECT_DENIED",
}
_BAD_GRANT = ("invalid_grant", "invalid_client", "unauthorized_client", "invalid_scope")


class GoogleSettings(VendorSettings):
    """One account, by a refresh token."""

    google_token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    google_drive_url: str = "https://www.googleapis.com/drive/v3"
    google_docs_url: str = "https://docs.googleapis.com"
    google_client_id: str
    google_client_secret: SecretStr
    google_refresh_token: SecretStr


class _Token(Read):
    access_token: str
    lifetime_s: float = Field(3600, alias="expires_in")


class _Reason(Read):
    reason: str = ""


class _Error(Read):
    status: str = ""
    errors: tuple[_Reason, ...] = ()
    details: tuple[_Reason, ...] = ()


class _Refusal(Read):
    error: _Error


class Tokens:
    """Access tokens of one account, cached until shortly before they expire."""

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

    def read(self, method: str, path: str, **options: Any) -> Answer:
        """Send what changes nothing. Raises EffectError."""
        return self._sent(self._http.read, method, path, options)

    def write(self, method: str, path: str, **options: Any) -> Answer:
        """Send what changes something. Raises EffectError."""
        return self._sent(self._http.write, method, path, options)

    def _sent(
        self, send: Callable[..., Answer], method: str, path: str, options: dict[str, Any]
    ) -> Answer:
        """Send; with another token if the first was refused: nothing was done then."""
        try:
            return send(method, path, headers=self._headers(), **options)
        except TokenRefusedError:
            self._tokens.forget()
            return send(method, path, headers=self._headers(), **options)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens.current()}"}


class TokenRefusedError(CredentialsError):
    """The access token was refused."""


def judge(answer: Answer, now: float) -> EffectError | None:
    """Tell by its reason what a 403 is about, and a token that has ended.

    A 403 is about not now, this account, or (with any other reason) this request. Without a reason
    it is about the account, unless the permission on one document is denied.
    """
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return TokenRefusedError(f"Google {answer.request}: {answer.status} {answer.words()}")
    if answer.status != HTTPStatus.FORBIDDEN:
        return None
    reasons = _reasons(answer)
    why = f"Google {answer.request}: {answer.status} {answer.words()}"
    if reasons & _NOT_NOW:
        return NotExecutedError(why, retry_after_s=answer.retry_after_s(now))
    if reasons & _THIS_ACCOUNT:
        return CredentialsError(why)
    return RejectedError(why) if reasons else None


def judge_grant(answer: Answer, now: float) -> EffectError | None:
    """Turn a refused refresh token, client or scope into a CredentialsError."""
    refused = answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}
    if refused and any(word.encode() in answer.content for word in _BAD_GRANT):
        return CredentialsError(f"Google's token address: {answer.words()}")
    return judge(answer, now) if answer.status == HTTPStatus.FORBIDDEN else None


def _reasons(answer: Answer) -> set[str]:
    """Return the reasons that Google gives: in the old form, the new one, or by the status alone.

    The status alone (Docs) is about one document that this account may not read or change.
    """
    try:
        error = _Refusal.model_validate_json(answer.content).error
    except ValidationError:
        return set()
    named = {each.reason for each in (*error.errors, *error.details)} - {""}
    alone = error.status in {"PERMISSION_DENIED", *_NOT_NOW}
    return named or ({error.status} if alone else set())
