"""The identity provider: discovery, the address where one signs in, and tokens (RFC 6749, 7636)."""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx
from pydantic import BaseModel, ValidationError

from backroom.core.auth.grants import Grant
from backroom.core.errors import ClientError
from chalicelib.core.addresses import safe

_TIMEOUT = httpx.Timeout(20, connect=5)
_MOST_WORDS = 300


class SignInError(ClientError):
    """Signing in did not work, or has ended."""


class Stage(BaseModel):
    """The authentication of the API (``GET /auth``)."""

    auth: str
    issuer: str | None = None
    audience: str | None = None
    client_id: str | None = None
    technician_claim: str | None = None
    scopes: dict[str, str] = {}


class Provider(BaseModel):
    """What is used of the discovery document (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    scopes_supported: tuple[str, ...] = ()


class _Tokens(BaseModel):
    access_token: str
    token_type: str
    expires_in: float = 300
    refresh_token: str | None = None


class _Refusal(BaseModel):
    error: str
    error_description: str = ""


@dataclass(frozen=True)
class Identity:
    """Talks to an identity provider; ``transport`` and ``now`` are for tests."""

    transport: httpx.BaseTransport | None = None
    now: Callable[[], float] = time.time

    def discover(self, issuer: str) -> Provider:
        """Return the issuer's discovery document. Raises SignInError."""
        address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        response = self._sent("GET", address)
        try:
            found = Provider.model_validate_json(response.content)
        except ValidationError as odd:
            raise SignInError(f"What is at {address} is no identity provider.") from odd
        if found.issuer != issuer:
            raise SignInError(f"{address} speaks for another issuer, {found.issuer}.")
        return found

    def exchange(self, attempt: "Attempt", code: str, redirect_uri: str) -> Grant:
        """Exchange a code for a grant. Raises SignInError."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": attempt.client_id,
            "code_verifier": attempt.verifier,
        }
        tokens = self._tokens(attempt.provider.token_endpoint, form)
        return Grant(
            client_id=attempt.client_id,
            token_endpoint=attempt.provider.token_endpoint,
            revocation_endpoint=attempt.provider.revocation_endpoint,
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires_at=self.now() + tokens.expires_in,
        )

    def refresh(self, grant: Grant) -> Grant:
        """Return the grant with new tokens. Raises SignInError."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": grant.refresh_token or "",
            "client_id": grant.client_id,
        }
        tokens = self._tokens(grant.token_endpoint, form)
        refresh_token = tokens.refresh_token or grant.refresh_token
        renewed = {"access_token": tokens.access_token, "refresh_token": refresh_token}
        return grant.model_copy(update={**renewed, "expires_at": self.now() + tokens.expires_in})

    def revoke(self, grant: Grant) -> bool:
        """Revoke a grant (RFC 7009); return whether the provider confirmed."""
        if not (grant.revocation_endpoint and grant.refresh_token):
            return False
        form = {"token": grant.refresh_token, "client_id": grant.client_id}
        try:
            return self._sent("POST", grant.revocation_endpoint, data=form).is_success
        except SignInError:
            return False

    def _tokens(self, endpoint: str, form: Mapping[str, str]) -> _Tokens:
        response = self._sent("POST", endpoint, data=form)
        if not response.is_success:
            raise SignInError(
                f"The identity provider refused: {_words(response)}.", next_step="backroom login"
            )
        try:
            tokens = _Tokens.model_validate_json(response.content)
        except ValidationError:
            raise SignInError("The identity provider gave no token.") from None
        if tokens.token_type.lower() != "bearer":
            raise SignInError("The identity provider issued a token of an unknown type.")
        return tokens

    def _sent(self, method: str, address: str, **options: Mapping[str, str]) -> httpx.Response:
        if not safe(address):
            raise SignInError(f"{address} is no https:// address; secrets go over https only.")
        local = httpx.URL(address).host in {"localhost", "127.0.0.1"}
        try:
            with httpx.Client(
                transport=self.transport, timeout=_TIMEOUT, trust_env=not local
            ) as client:
                return client.request(method, address, **options)  # type: ignore[arg-type]
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as gone:
            host = httpx.URL(address).host
            raise SignInError(
                f"The identity provider at {host} does not answer.",
                next_step="try again in a moment; what was signed in stays so",
            ) from gone


@dataclass(frozen=True)
class Attempt:
    """One try to sign in: its secrets are used once."""

    provider: Provider
    client_id: str
    scopes: tuple[str, ...]
    audience: str | None = None
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def address(self, redirect_uri: str) -> str:
        """Return where a person signs in, to come back to ``redirect_uri``."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.scopes),
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            **({"audience": self.audience} if self.audience else {}),
        }
        joint = "&" if "?" in self.provider.authorization_endpoint else "?"
        return f"{self.provider.authorization_endpoint}{joint}{urlencode(parameters)}"

    def code(self, answer: Mapping[str, str]) -> str:
        """Return the code that came back. Raises SignInError."""
        if answer.get("iss", self.provider.issuer) != self.provider.issuer:  # RFC 9207
            raise SignInError("Another identity provider answered.", next_step="backroom login")
        if not answer.get("code"):
            why = answer.get("error_description") or answer.get("error") or "no code came back"
            raise SignInError(f"Sign-in failed: {why[:_MOST_WORDS]}.")
        return answer["code"]


def _words(response: httpx.Response) -> str:
    try:
        refusal = _Refusal.model_validate_json(response.content)
    except ValidationError:
        return f"it answered {response.status_code}"
    return (refusal.error_description or refusal.error)[:_MOST_WORDS].rstrip(".")
