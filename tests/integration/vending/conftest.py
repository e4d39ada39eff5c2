from collections.abc import Iterator

import pytest

from tests.support.vending.cloud import vending_cloud


@pytest.fixture
def cloud() -> Iterator[None]:
    """An empty AWS in memory, with the vending context's table, bucket and queues."""
    with vending_cloud():
        yield
