"""The stand-ins and an issuer of tokens, started once for these tests, and our clients."""

from collections.abc import Iterator

import pytest

from chalicelib.integrations import http
from infra.standins.contracts import Contracts
from infra.standins.office import Office
from infra.standins.server import Standins
from tests.support.integrations.vendors import Desk
from tests.support.issuer import Issuer


@pytest.fixture(scope="session")
def standins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standins]:
    """All stand-ins; they know the vendors' contracts where these are at hand."""
    running = Standins(tmp_path_factory.mktemp("standins"), contracts=Contracts.find()).start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    """The issuer of the tokens of stages with sign-in."""
    running = Issuer().start()
    yield running
    running.stop()


@pytest.fixture
def office(standins: Standins) -> Office:
    """The stand-ins, with nothing in them."""
    standins.office.reset()
    return standins.office


@pytest.fixture
def desk(standins: Standins, office: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Our clients; none of them may send what is against a contract."""
    for name in ("VENDORS_SECRET", "VENDOR_CHECKS", "BAKERY_PREVIEWS", "WEBHOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)
    for name, value in standins.settings().items():
        monkeypatch.setenv(name, value)
    found = Desk(office)
    monkeypatch.setattr(http, "pool", found.pool)
    yield found
    assert office.shown()["violations"] == []
