"""`backroom login`, `logout` and `whoami`."""

import base64
import json
import os
import webbrowser
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from backroom.core import session, show
from backroom.core.auth.bearer import Bearer
from backroom.core.auth.grants import Grants
from backroom.core.auth.loopback import Landing
from backroom.core.auth.provider import Attempt, Identity, Provider, SignInError, Stage
from backroom.core.connection import Connection
from backroom.core.options import Json
from backroom.core.session import Session

_STAGE = TypeAdapter(Stage)
_PATIENCE_S = 300.0
_ALWAYS = ("openid", "offline_access")


def login(
    context: typer.Context,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="Request this scope only; repeatable. Default: all."),
    ] = None,
    browser: Annotated[
        bool, typer.Option(help="Open the browser; the address is printed in any case.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Sign in at the API's identity provider, by browser."""
    here = session.of(context)
    url, stage = _stage(here)
    if stage.auth == "open":
        _tell_open(url, as_json=as_json)
        return
    if not (stage.issuer and stage.client_id):
        raise SignInError(
            f"{url} names no client for people to sign in with.",
            next_step="set BACKROOM_TOKEN, or see docs/parameters.md: AuthClientId",
        )
    identity = Identity(here.transport)
    provider = identity.discover(stage.issuer)
    scopes = tuple(scope or stage.scopes)
    attempt = Attempt(provider, stage.client_id, (*_extra(provider), *scopes), stage.audience)
    with Landing(attempt.state) as landing:
        address = attempt.address(landing.uri)
        _invite(address, browser=browser)
        answer = landing.wait(_PATIENCE_S)
        if answer is None:
            raise SignInError("Sign-in timed out after five minutes.", next_step="backroom login")
        grant = identity.exchange(attempt, attempt.code(answer), landing.uri)
    grants = Grants()
    with grants.alone():
        grants.keep(url, grant)
    _tell(url, stage, grant.access_token, as_json=as_json)


def logout(context: typer.Context, as_json: Json = False) -> None:
    """Sign out of this API, here and at the identity provider."""
    here = session.of(context)
    with closing(_connection(here)) as connection:
        url = connection.url
    grants = Grants()
    grant = grants.find(url)
    if grant:
        with grants.alone():
            grants.forget(url)
    ended = grant is not None and Identity(here.transport).revoke(grant)
    if as_json:
        fields = {"api": url, "was_signed_in": grant is not None, "ended_at_provider": ended}
        typer.echo(json.dumps(fields))
    elif grant is None:
        show.note(show.screen(), f"You were not signed in at {url}.")
    else:
        rest = "" if ended else " Its token works until it ends by itself."
        show.note(show.screen(), f"Signed out of {url}.{rest}")


def whoami(context: typer.Context, as_json: Json = False) -> None:
    """Show who is signed in to this API, and their scopes."""
    here = session.of(context)
    url, stage = _stage(here)
    if stage.auth == "open":
        _tell_open(url, as_json=as_json)
        return
    token = Bearer(url, transport=here.transport).token()
    if token is None:
        raise SignInError(f"You are not signed in at {url}.", next_step="backroom login")
    _tell(url, stage, token, as_json=as_json)


def _stage(here: Session) -> tuple[str, Stage]:
    """Return the API's address and its authentication."""
    with closing(_connection(here)) as connection:
        return connection.url, connection.answer(_STAGE, "GET", "/auth").value


def _connection(here: Session) -> Connection:
    return Connection(here.url, transport=here.transport, sleep=here.sleep)


def _extra(provider: Provider) -> tuple[str, ...]:
    """Return the scopes beside our own; some providers refuse unknown ones."""
    return tuple(each for each in _ALWAYS if each in provider.scopes_supported)


def _invite(address: str, *, browser: bool) -> None:
    aside = show.aside()
    show.note(aside, "Sign in at this address, on this machine:")
    typer.echo(address, err=True)  # in one piece, to be copied
    if browser:
        webbrowser.open(address)


def _facts(url: str, stage: Stage, token: str) -> dict[str, Any]:
    """Return the claims of a token, unchecked: the API checks them."""
    claims = _claims(token)
    granted = {
        word
        for name in ("scope", "scp", "permissions")
        for word in _words(claims.get(name))
        if word in stage.scopes
    }
    technician = claims.get(stage.technician_claim or "")
    ends = claims.get("exp")
    ends_at = datetime.fromtimestamp(ends, UTC) if isinstance(ends, int | float) else None
    return {
        "api": url,
        "auth": stage.auth,
        "subject": claims.get("sub"),
        "technician": technician if isinstance(technician, str) else None,
        "scopes": sorted(granted),
        "expires_at": ends_at.isoformat() if ends_at else None,
        "by": "BACKROOM_TOKEN" if os.environ.get("BACKROOM_TOKEN", "").strip() else "login",
    }


def _tell_open(url: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"api": url, "auth": "open"}))
    else:
        show.note(show.screen(), f"{url} is open: it requires no sign-in.")


def _tell(url: str, stage: Stage, token: str, *, as_json: bool) -> None:
    facts = _facts(url, stage, token)
    if as_json:
        typer.echo(json.dumps(facts))
        return
    rows = [("API", url), ("You are", show.plain(str(facts["subject"])))]
    if facts["technician"]:
        rows.append(("Technician", show.plain(facts["technician"])))
    rows += [(scope, show.plain(stage.scopes[scope])) for scope in facts["scopes"]]
    screen = show.screen()
    screen.print(show.facts(rows))
    if not facts["scopes"]:
        show.note(screen, "The token has no scope of this API.")


def _claims(token: str) -> dict[str, Any]:
    try:
        part = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        raise SignInError("The token cannot be read here; the API may know it.") from None
    return found if isinstance(found, dict) else {}


def _words(value: object) -> list[str]:
    return (
        value.split() if isinstance(value, str) else list(value) if isinstance(value, list) else []
    )
