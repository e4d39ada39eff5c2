"""An identity provider: OpenID Connect for people who exist nowhere, and for programs.

One picks a person and is that person: there are no passwords, which is the point of a stand-in and
why it must never stand anywhere else. All else is as strict as the real ones: PKCE (RFC 7636) is a
must, codes work once and for a minute, redirect addresses are on this machine (RFC 8252), refresh
tokens work once and a second use ends all that came of the first, scopes beyond a person's role are
not granted.
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from infra.standins import credentials
from infra.standins.people import KNOWN_SCOPES, PEOPLE, Person
from infra.standins.signin import page
from infra.standins.vendor import Clock, RefusedError, Reply, Request, Vendor

ACCESS_S = 900
_CODE_S = 60
_REFRESH_S = 8 * 3600
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_REDIRECT = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\]):\d{2,5}/(callback)?", re.ASCII)
_FORM = "application/x-www-form-urlencoded"
_HTML = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_SECRET = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass
class Grant:
    """What a person granted a client; ``ended`` once it was revoked or misused."""

    subject: str
    scopes: tuple[str, ...]
    technician: str | None = None
    ended: bool = False


@dataclass(frozen=True)
class _Code:
    grant: Grant
    form: Mapping[str, str]
    until: float


@dataclass
class _Books:
    codes: dict[str, _Code] = field(default_factory=dict)
    used_codes: dict[str, Grant] = field(default_factory=dict)
    refreshing: dict[str, tuple[Grant, float]] = field(default_factory=dict)
    spent: dict[str, Grant] = field(default_factory=dict)


class _Page(Reply):
    """A reply that is a page for people."""

    def content(self) -> bytes:
        """Return the bytes of the page."""
        return str(self.body).encode()


class IdentityStandin(Vendor):
    """The provider; ``base`` is its issuer, known once its port is."""

    name = "identity"

    def __init__(self, clock: Clock) -> None:
        self.base = ""
        self.rotate()
        super().__init__(clock)
        self.on("GET", "/.well-known/openid-configuration", self._discovery)
        self.on("GET", "/keys", self._keys)
        self.on("GET", "/authorize", self._ask)
        self.on("POST", "/authorize", self._answered)
        self.on("POST", "/token", self._token)
        self.on("POST", "/revoke", self._revoke)

    def reset(self) -> None:
        """Forget all sign-ins; the keys stay, so tokens stay valid until they expire."""
        self._books = _Books()

    def rotate(self) -> None:
        """Sign with a new key, and publish no other."""
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.kid = secrets.token_hex(8)

    def shown(self) -> dict[str, Any]:
        """Return who may be picked and how many sign-ins last; no token is shown."""
        with self.lock:
            return {
                "people": [person.name for person in PEOPLE.values()],
                "signed_in": sorted({g.subject for g, _ in self._books.refreshing.values()}),
            }

    def refusal(self, status: int, words: str, error: str = "invalid_request") -> Reply:
        """Return a refusal in OAuth's form (RFC 6749 section 5.2)."""
        return Reply(status, {"error": error, "error_description": words}, _SECRET)

    def _wrong(self, error: str, words: str, status: int = 400) -> RefusedError:
        return RefusedError(self.refusal(status, words, error))

    # --- documents ---

    def _discovery(self, _: Request) -> Reply:
        answer = {
            "issuer": self.base,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "revocation_endpoint": f"{self.base}/revoke",
            "jwks_uri": f"{self.base}/keys",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "code_challenge_methods_supported": ["S256"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
            "scopes_supported": ["openid", "offline_access", *sorted(KNOWN_SCOPES)],
            "authorization_response_iss_parameter_supported": True,
        }
        return Reply(200, answer)

    def _keys(self, _: Request) -> Reply:
        numbers = self.key.public_key().public_numbers()
        kind = {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid}
        place = {"x": _number(numbers.x), "y": _number(numbers.y)}
        return Reply(200, {"keys": [{**kind, **place}]})

    # --- people ---

    def _ask(self, request: Request) -> Reply:
        form = dict(request.query)
        self._check_client(form)
        if wrong := self._wrong_with(form):
            return self._back(form, error=wrong)
        return _Page(200, page(form), _HTML)

    def _answered(self, request: Request) -> Reply:
        form = _form(request)
        self._check_client(form)
        if wrong := self._wrong_with(form):
            return self._back(form, error=wrong)
        person = PEOPLE.get(form.pop("person", ""))
        if person is None:
            return self._back(form, error="access_denied")
        code = secrets.token_urlsafe(32)
        grant = Grant(person.subject, _granted(form, person), person.technician)
        self._books.codes[code] = _Code(grant, form, self.clock() + _CODE_S)
        return self._back(form, code=code)

    def _check_client(self, form: Mapping[str, str]) -> None:
        """Refuse an unknown client or address without a redirect."""
        if form.get("client_id") != credentials.IDENTITY_CLIENT_ID:
            raise self._wrong("invalid_client", "There is no such client.")
        if not _REDIRECT.fullmatch(form.get("redirect_uri", "")):
            raise self._wrong("invalid_request", "The redirect address is none on this machine.")

    def _wrong_with(self, form: Mapping[str, str]) -> str | None:
        """Return the error of a client's request."""
        if form.get("response_type") != "code":
            return "unsupported_response_type"
        proved = form.get("code_challenge_method") == "S256"
        if not (proved and _CHALLENGE.fullmatch(form.get("code_challenge", ""))):
            return "invalid_request"
        known = {"openid", "offline_access", *KNOWN_SCOPES}
        return None if set(form.get("scope", "").split()) <= known else "invalid_scope"

    def _back(self, form: Mapping[str, str], **fields: str) -> Reply:
        state = {"state": form["state"]} if "state" in form else {}
        query = urlencode({**fields, **state, "iss": self.base})
        headers = {"Location": f"{form['redirect_uri']}?{query}", "Cache-Control": "no-store"}
        return _Page(303, "", headers)

    # --- tokens ---

    def _token(self, request: Request) -> Reply:
        form = _form(request) if request.media_type == _FORM else {}
        grants = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh,
            "client_credentials": self._by_secret,
        }
        grant = grants.get(form.get("grant_type", ""))
        if grant is None:
            raise self._wrong("unsupported_grant_type", "There is no such grant.")
        return Reply(200, grant(request, form), _SECRET)

    def _by_code(self, _: Request, form: Mapping[str, str]) -> dict[str, Any]:
        code = form.get("code", "")
        if code in self._books.used_codes:
            self._books.used_codes[code].ended = True
        code_grant = self._books.codes.pop(code, None)
        if code_grant is None or code_grant.until < self.clock():
            raise self._wrong("invalid_grant", "The code is unknown, used, or too old.")
        self._books.used_codes[code] = code_grant.grant
        for name in ("client_id", "redirect_uri"):
            if form.get(name) != code_grant.form.get(name):
                raise self._wrong("invalid_grant", f"The {name} is not that of the code.")
        verifier = form.get("code_verifier", "")
        proof = _text(hashlib.sha256(verifier.encode()).digest())
        if not _VERIFIER.fullmatch(verifier) or proof != code_grant.form["code_challenge"]:
            raise self._wrong("invalid_grant", "The verifier does not fit the challenge.")
        return self._tokens(code_grant.grant, code_grant.form.get("nonce"))

    def _by_refresh(self, _: Request, form: Mapping[str, str]) -> dict[str, Any]:
        token = form.get("refresh_token", "")
        if form.get("client_id") != credentials.IDENTITY_CLIENT_ID:
            raise self._wrong("invalid_client", "There is no such client.", 401)
        if token in self._books.spent:
            self._books.spent[token].ended = True
        grant, until = self._books.refreshing.pop(token, (None, 0.0))
        if grant is None or grant.ended or until < self.clock():
            raise self._wrong("invalid_grant", "The refresh token is unknown, used, or too old.")
        self._books.spent[token] = grant
        return self._tokens(grant)

    def _by_secret(self, request: Request, form: Mapping[str, str]) -> dict[str, Any]:
        secret = f"{credentials.IDENTITY_MACHINE_ID}:{credentials.IDENTITY_MACHINE_SECRET}"
        good = f"Basic {base64.b64encode(secret.encode()).decode()}"
        header = request.headers.get("authorization", "")
        if not secrets.compare_digest(header.encode(), good.encode()):
            raise self._wrong("invalid_client", "There is no such client.", 401)
        scopes = tuple(form.get("scope", "").split())
        if not set(scopes) <= KNOWN_SCOPES - {"vending:technician"}:
            raise self._wrong("invalid_scope", "That is nothing for a program.")
        grant = Grant(credentials.IDENTITY_MACHINE_ID, scopes)
        return {"access_token": self._access(grant), **_bearer(grant)}

    def _tokens(self, grant: Grant, nonce: str | None = None) -> dict[str, Any]:
        tokens: dict[str, Any] = {"access_token": self._access(grant), **_bearer(grant)}
        if "openid" in grant.scopes:
            about = {"nonce": nonce} if nonce else {}
            audience = credentials.IDENTITY_CLIENT_ID
            tokens["id_token"] = self._signed({"aud": audience, "sub": grant.subject, **about})
        if "offline_access" in grant.scopes:
            tokens["refresh_token"] = secrets.token_urlsafe(32)
            until = self.clock() + _REFRESH_S
            self._books.refreshing[tokens["refresh_token"]] = (grant, until)
        return tokens

    def _access(self, grant: Grant) -> str:
        number = {"technician": grant.technician} if grant.technician else {}
        claims = {"aud": credentials.IDENTITY_AUDIENCE, "sub": grant.subject, **number}
        return self._signed({**claims, "scope": " ".join(grant.scopes)}, kind="at+jwt")

    def _signed(self, claims: Mapping[str, Any], kind: str = "JWT") -> str:
        now = int(self.clock())
        times = {"iss": self.base, "iat": now, "exp": now + ACCESS_S, "jti": secrets.token_hex(8)}
        head = {"alg": "ES256", "typ": kind, "kid": self.kid}
        text = f"{_json(head)}.{_json({**times, **claims})}"
        pair = decode_dss_signature(self.key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_number(*pair)}"

    def _revoke(self, request: Request) -> Reply:
        """End a sign-in (RFC 7009); what is not known is answered alike."""
        grant, _ = self._books.refreshing.pop(_form(request).get("token", ""), (None, 0.0))
        if grant:
            grant.ended = True
        return Reply(200, {}, _SECRET)


def _granted(form: Mapping[str, str], person: Person) -> tuple[str, ...]:
    """Return what of the wished scopes is a person's to give."""
    theirs = {"openid", "offline_access", *person.scopes}
    return tuple(scope for scope in form.get("scope", "").split() if scope in theirs)


def _bearer(grant: Grant) -> dict[str, Any]:
    return {"token_type": "Bearer", "expires_in": ACCESS_S, "scope": " ".join(grant.scopes)}


def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _number(*numbers: int) -> str:
    """Return numbers as a key and a signature have them: 32 bytes each (RFC 7518)."""
    return _text(b"".join(number.to_bytes(32, "big") for number in numbers))


def _json(value: object) -> str:
    return _text(json.dumps(value).encode())
