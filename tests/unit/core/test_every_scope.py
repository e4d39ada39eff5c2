"""Every route that is not public takes a token with its scope, and no other (RFC 6750)."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.core.access import SCOPES, scopes_of
from tests.support.api import client
from tests.support.issuer import AUDIENCE, Issuer
from tests.support.routes import CONTRACTS, example

GUARDED = [contract for contract in CONTRACTS if contract.access != "public"]


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    running = Issuer().start()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _stage(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that takes the issuer's tokens."""
    stage = {"AUTH": "jwt", "AUTH_ISSUER": issuer.url, "AUTH_AUDIENCE": AUDIENCE}
    for name, value in stage.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("contract", GUARDED, ids=lambda each: f"{each.method} {each.path}")
def test_every_route_that_is_not_public_asks_for_a_token_with_its_scope(
    issuer: Issuer, contract: Any
) -> None:
    scopes = scopes_of(contract.access)
    with client() as api:
        nobody = api.send(contract.method, example(contract.path))
        rest = issuer.token(*set(SCOPES) - set(scopes))
        lacking = api.as_(rest).send(contract.method, example(contract.path))

    assert (nobody.status, nobody.json["status"]) == (401, 401)
    assert nobody.headers["WWW-Authenticate"] == 'Bearer realm="backroom"'
    assert (lacking.status, lacking.json["scopes"]) == (403, list(scopes))
    assert 'error="insufficient_scope"' in lacking.headers["WWW-Authenticate"]
