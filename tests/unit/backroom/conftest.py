from collections.abc import Iterator

import pytest

from tests.support.backroom.desk import Desk
from tests.support.backroom.office import Office, open_office


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def office() -> Iterator[Office]:
    with open_office() as opened:
        yield opened
