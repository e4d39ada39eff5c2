from collections.abc import Iterator

import pytest

from chalicelib.core.table import Table
from tests.support.aws import client
from tests.support.moto_aws import mock_aws
from tests.support.outbox.table import make_table


@pytest.fixture
def table() -> Iterator[Table]:
    with mock_aws():
        make_table(client("dynamodb"), "outbox")
        yield Table(client("dynamodb"), "outbox")
