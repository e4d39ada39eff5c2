from collections.abc import Iterator

import pytest
from moto import mock_aws

from chalicelib.core.table import Table
from tests.support.aws import client
from tests.support.outbox.table import make_table


@pytest.fixture
def table() -> Iterator[Table]:
    with mock_aws():
        make_table(client("dynamodb"), "outbox")
        yield Table(client("dynamodb"), "outbox")
