import pytest

from tests.support.outbox.fakes import Office


@pytest.fixture
def office() -> Office:
    """An outbox in memory whose vendor's search can be trusted after a quarter of an hour."""
    return Office()
