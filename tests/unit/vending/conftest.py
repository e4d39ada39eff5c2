from collections.abc import Iterator

import pytest

from chalicelib.vending import file_routes, registry_routes, routes, wiring
from tests.support.api import Api, client
from tests.support.vending.world import World, world


@pytest.fixture(name="world")
def _world() -> World:
    """Two technicians with three machines; T0001's stand on the prairie."""
    small = world()
    small.open_site("prairie", "America/Chicago")
    small.employ("T0001", "GM001", "GM002", site="prairie")
    small.employ("T0002", "GM003")
    return small


@pytest.fixture(name="api")
def _api(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The HTTP side of ``world``."""
    for edge in (routes, file_routes, wiring):
        monkeypatch.setattr(edge, "vending", lambda: world.vending)
    monkeypatch.setattr(registry_routes, "registry", lambda: world.vending.registry)
    with client() as api:
        yield api
