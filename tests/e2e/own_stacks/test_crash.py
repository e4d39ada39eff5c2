"""An embedded AWS that is killed at any moment, or cannot write, and what is there afterwards."""

import json
import os
import resource
import signal
from dataclasses import replace
from datetime import date

import pytest

from infra.local.aws import LocalAws, StateLostError
from tests.support.bakery.deployed import CAKE, DeployedBakery
from tests.support.deliveries.fakes import BOX
from tests.support.deployed import Deployed, deployed
from tests.support.patience import eventually
from tests.support.processes import free_port, processes

DAY = date(2143, 3, 1)


@pytest.fixture(scope="module")
def bakery(request: pytest.FixtureRequest) -> DeployedBakery:
    """A bakery whose AWS nobody else needs."""
    stack = deployed(request, "crash", SAVE_EVERY_S="3")
    assert isinstance(stack.aws, LocalAws)
    assert stack.aws.save() is None  # as `make up` does once it has deployed
    bakery = DeployedBakery(stack, stack.standins)
    bakery.post("/cakes", {"name": "Chocolate Cake", "ingredients": CAKE})
    return bakery


def kill(stack: Deployed) -> None:
    """Kill the embedded AWS as a full memory or a power button does; functions die with it."""
    pid = stack.aws.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not processes(str(stack.aws.home)))


def start(stack: Deployed) -> None:
    stack.start()
    eventually(stack.healthy, within_s=60)


def test_after_a_kill_ids_go_on_and_today_s_ingredients_are_not_ordered_again(
    bakery: DeployedBakery,
) -> None:
    ordered = [bakery.order() for _ in range(3)]
    bakery.run(DAY)
    ticket = bakery.ticket(ordered[0])
    late = bakery.order()

    kill(bakery.stack)
    left = list(bakery.stack.aws.temporary.glob("ministack-lambda-*"))
    start(bakery.stack)

    assert bakery.get(f"/orders/{late}")["status"] == "open"
    assert bakery.order() == late + 1
    bakery.run(DAY)
    assert bakery.ticket(ordered[0]) == ticket
    assert len(bakery.held("jira", "issues")) == 1
    assert bakery.standins.office.doubles()["jira"] == []
    assert left
    assert not any(folder.exists() for folder in left)


def test_a_write_that_was_answered_survives_a_kill_at_once_and_is_applied_once(
    bakery: DeployedBakery,
) -> None:
    account = "123e4567-e89b-12d3-a456-42661417c0de"
    for amount in (5, 7):
        bakery.post("/transactions", {"account_id": account, "amount": amount})

    kill(bakery.stack)
    start(bakery.stack)

    assert bakery.get(f"/accounts/{account}")["balance"] == 12


def test_packages_queued_right_before_a_kill_are_decided_after_it(bakery: DeployedBakery) -> None:
    stack = bakery.stack
    assert isinstance(stack.aws, LocalAws)
    assert stack.aws.save() is None
    names = [f"queued-{number}" for number in range(10)]
    stack.client("sqs").send_message_batch(
        QueueUrl=stack.outputs["DeliveriesPackagesQueue"],
        Entries=[
            {"Id": name, "MessageBody": json.dumps({**BOX, "package_id": name})} for name in names
        ],
    )

    kill(stack)
    start(stack)

    found = [f"/packages/{name}" for name in names]
    eventually(lambda: all(stack.api.get(path).is_success for path in found))
    assert stack.api.get("/statistics").json()["packages_delivered"] == len(names)


def test_queues_are_worked_off_after_a_start_at_another_port(bakery: DeployedBakery) -> None:
    stack = bakery.stack
    assert isinstance(stack.aws, LocalAws)
    stack.stop()
    stack.aws = replace(stack.aws, aws_port=free_port())
    while stack.clients:
        stack.clients.popitem()[1].close()

    start(stack)
    sqs = stack.client("sqs")
    url = sqs.get_queue_url(QueueName=stack.outputs["DeliveriesPackagesQueue"].rpartition("/")[2])
    sqs.send_message(
        QueueUrl=url["QueueUrl"], MessageBody=json.dumps({**BOX, "package_id": "elsewhere"})
    )

    eventually(lambda: stack.api.get("/packages/elsewhere").is_success)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_an_effect_goes_its_way_at_once_after_a_restart(bakery: DeployedBakery, end: str) -> None:
    (bakery.stack.stop if end == "stop" else lambda: kill(bakery.stack))()
    start(bakery.stack)
    order = bakery.order()

    bakery.run(date(2143, 3, 2 if end == "stop" else 3))

    assert bakery.ticket(order)  # by the stream's relay; the sweeper runs every five minutes


def test_stopping_says_what_is_lost_when_the_state_cannot_be_written(
    bakery: DeployedBakery,
) -> None:
    stack = bakery.stack
    pid = stack.aws.pid()
    assert pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (2_000, resource.RLIM_INFINITY))

    with pytest.raises(StateLostError, match=r"File too large. It was last saved at \d{4}-"):
        stack.aws.stop()

    assert stack.aws.pid() is None
    start(stack)
    assert bakery.get("/orders")
