from collections.abc import Iterator

import pytest

from tests.unit.backroom.desk import Desk
from tests.unit.backroom.office import Office, open_office


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def office() -> Iterator[Office]:
    with open_office() as opened:
        yield opened
