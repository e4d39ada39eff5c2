"""What somebody without a token can have done at AWS: docs/threat-model.md has it in money.

Every call of every client of ours is counted, on the whole app, on a stage that asks for tokens.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.session
import pytest

from chalicelib import operations
from chalicelib.core import aws
from tests.support.api import Api
from tests.support.issuer import Issuer
from tests.support.routes import CONTRACTS, example
from tests.support.whole_app import whole_app

# What each public route asks AWS for. The webhook's signature is checked against a secret that is
# read every five minutes (`test_rotation.py`), and nothing else happens where it does not fit.
READS_A_TABLE = {("GET", "/health"): {"GetItem": 1}}
PUBLIC = [each for each in CONTRACTS if each.access == "public"]
GUARDED = [each for each in CONTRACTS if each.access != "public"]


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    issuer = Issuer().start()
    with whole_app(issuer) as found:
        yield found
    issuer.stop()


@contextmanager
def calls() -> Iterator[Counter[str]]:
    """Count the calls of all clients, those that are made meanwhile too."""
    counted: Counter[str] = Counter()

    def count(model: Any, **_: object) -> None:
        counted[model.name] += 1

    session: botocore.session.Session = aws._session()
    clients: tuple[Any, ...] = (aws.dynamodb(), aws.s3(), aws.sqs(), aws.secretsmanager())
    emitters = [session.get_component("event_emitter"), *(each.meta.events for each in clients)]
    for emitter in emitters:
        emitter.register("before-call", count)
    try:
        yield counted
    finally:
        for emitter in emitters:
            emitter.unregister("before-call", count)


@pytest.mark.parametrize("contract", PUBLIC, ids=lambda each: f"{each.method} {each.path}")
def test_a_public_route_asks_aws_for_what_the_docs_say(api: Api, contract: Any) -> None:
    operations._good_until[0] = 0.0
    with calls() as counted:
        api.send(contract.method, example(contract.path), b"{}" * (contract.method == "POST"))

    assert counted == READS_A_TABLE.get((contract.method, contract.path), {})


def test_a_guarded_route_asks_aws_for_nothing_before_it_knows_the_caller(api: Api) -> None:
    with calls() as counted:
        statuses = {
            api.send(each.method, example(each.path), authorization=told).status
            for each in GUARDED
            for told in (None, "Bearer nonsense")
        }

    assert (statuses, counted) == ({401}, {})


def test_the_calls_are_counted(api: Api) -> None:
    with calls() as counted:
        aws.sqs().list_queues()

    assert counted == {"ListQueues": 1}
