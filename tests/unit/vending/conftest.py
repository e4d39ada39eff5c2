import pytest

from tests.world import World, world


@pytest.fixture(name="world")
def _world() -> World:
    """Two technicians with three machines; T0001's stand on the prairie."""
    small = world()
    small.open_site("prairie", "America/Chicago")
    small.employ("T0001", "GM001", "GM002", site="prairie")
    small.employ("T0002", "GM003")
    return small
