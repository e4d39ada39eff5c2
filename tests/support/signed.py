"""The stage where people sign in, at the stand-in of its own stack for an identity provider."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from infra.standins.server import Standins
from tests.support.deployed import Deployed, deployed
from tests.support.iam import let_batches_be_sent
from tests.support.issuer import claims, signed

SHOP, OFFICE = "https://shop.example", "http://localhost:5173"
"""The origins whose pages may call the stage."""


def signed_stage(request: pytest.FixtureRequest) -> Deployed:
    """Return the stage that takes the tokens of its stand-in for an identity provider.

    Its functions may do what their roles say.
    """
    origins = {"CorsOrigins": f"{SHOP}, {OFFICE}"}
    found = deployed(request, "signed", signs_in=True, parameters=origins, AUTH="true")
    let_batches_be_sent(found)
    return found


class StandinIssuer:
    """Signs tokens of any claims as the stand-in for an identity provider does."""

    def __init__(self, standins: Standins) -> None:
        self._identity = standins.office.identity
        self.url = standins.identity()["AuthIssuer"]

    @property
    def kid(self) -> str:
        """Return the name of the key."""
        return self._identity.kid

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """Return the key that the stand-in signs with."""
        return self._identity.key

    def token(self, *scopes: str, **fields: Any) -> str:
        """Return a good token with ``scopes``; ``fields`` as in `claims`."""
        return signed(claims(self.url, *scopes, **fields), self.key, self.kid)
