import pytest

from tests.support.bakery.house import Bakehouse


@pytest.fixture
def house() -> Bakehouse:
    """A bakery that knows the brief's cake."""
    house = Bakehouse()
    house.bake()
    return house
