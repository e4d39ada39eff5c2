"""The stacks that the features run against: the packaged one, deployed."""

from pathlib import Path

import pytest

from tests.support.deployed import Deployed, deployed
from tests.support.patience import TEST_S

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(TEST_S))


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Deployed:
    """A stack whose machines are the features' own, and later the page's."""
    return deployed(request, "page")


@pytest.fixture(scope="session")
def office(request: pytest.FixtureRequest) -> Deployed:
    """The stack that holds the sample month and nothing else."""
    return deployed(request, "real")
