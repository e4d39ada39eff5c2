"""How queues stand, and who belongs to the stack."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

import pytest
import urllib3
from botocore.exceptions import ClientError
from prometheus_client import generate_latest
from prometheus_client.registry import Collector

from monitoring.exporter import stack
from monitoring.exporter.exporter import Exporter
from monitoring.exporter.queues import CloudWatchAges, EmulatorAges, Queue, depths

UPLOADS = Queue("vending-uploads", "backroom-test-vending-uploads", "http://sqs/uploads")
DLQ = Queue("vending-uploads-dlq", "backroom-test-vending-uploads-dlq", "http://sqs/dlq")


class FakeSqs:
    def __init__(self, **waiting: int) -> None:
        self.waiting = waiting

    def get_queue_attributes(self, **asked: Any) -> dict[str, Any]:
        told = dict.fromkeys(asked["AttributeNames"], "0")
        count = self.waiting.get(asked["QueueUrl"].rpartition("/")[2], 0)
        return {"Attributes": {**told, "ApproximateNumberOfMessages": str(count)}}


class FakeAges:
    def oldest_s(self, queues: Iterable[Queue], /) -> Mapping[str, float]:
        return {queue.name: 61.0 for queue in queues}


def test_a_queue_s_messages_are_told_by_state_and_an_empty_one_is_never_old() -> None:
    empty, full = depths(cast(Any, FakeSqs(dlq=2)), FakeAges(), [UPLOADS, DLQ])

    assert (dict(empty.messages), empty.oldest_s) == (
        {"waiting": 0, "in_flight": 0, "delayed": 0},
        0,
    )
    assert (full.messages["waiting"], full.oldest_s) == (2, 61)
    assert (UPLOADS.holds_dead_letters, DLQ.holds_dead_letters) == (False, True)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (
            "_ministack/sqs/messages",
            {
                "messages": {
                    "0": {
                        "us-east-1": {
                            "url": [
                                {
                                    "SentTimestamp": 1,
                                    "Attributes": {"SentTimestamp": "990000"},
                                    "MessageAttributes": {"Attributes": {"SentTimestamp": "1"}},
                                },
                                {"SentTimestamp": 1, "Attributes": {"SentTimestamp": "995000"}},
                            ]
                        }
                    }
                }
            },
        ),
        (
            "_aws/sqs/messages",
            {
                "ReceiveMessageResponse": {
                    "ReceiveMessageResult": {
                        "Message": [
                            {"Attribute": [{"Name": "SentTimestamp", "Value": "995000"}]},
                            {"Attribute": [{"Name": "SentTimestamp", "Value": "990000"}]},
                        ]
                    }
                }
            },
        ),
    ],
)
def test_an_emulator_is_queried_for_the_message_that_was_sent_first(
    monkeypatch: pytest.MonkeyPatch, path: str, answer: Any
) -> None:
    def request(_: Any, method: str, url: str, **__: Any) -> Any:
        there = f"/{path}?" in url
        body = json.dumps(answer).encode() if there else b""
        return urllib3.HTTPResponse(body, status=200 if there else 404)

    monkeypatch.setattr(urllib3.PoolManager, "request", request)
    monkeypatch.setattr("time.time", lambda: 1_000.0)

    assert EmulatorAges("http://aws/").oldest_s([UPLOADS]) == {UPLOADS.name: 10}


def test_on_aws_cloudwatch_knows_the_age() -> None:
    class FakeCloudWatch:
        def get_metric_data(self, **asked: Any) -> dict[str, Any]:
            queues = [
                query["MetricStat"]["Metric"]["Dimensions"][0]["Value"]
                for query in asked["MetricDataQueries"]
            ]
            assert queues == [UPLOADS.name, DLQ.name]
            results = [{"Id": "q0", "Values": [12.0, 99.0]}, {"Id": "q1", "Values": []}]
            return {"MetricDataResults": results}

    ages = CloudWatchAges(cast(Any, FakeCloudWatch()))

    assert ages.oldest_s([UPLOADS, DLQ]) == {UPLOADS.name: 12}
    assert ages.oldest_s([]) == {}


class FakeCloudFormation:
    def __init__(self) -> None:
        self.there = True

    def get_paginator(self, _: str) -> "FakeCloudFormation":
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        if not self.there:
            raise ClientError({"Error": {"Code": "ValidationError"}}, "ListStackResources")
        found = [
            ("AWS::Lambda::Function", "backroom-test-api"),
            ("AWS::SQS::Queue", "http://sqs/000000000000/backroom-test-vending-uploads-dlq"),
            ("AWS::DynamoDB::Table", "backroom-test-VendingTable-1"),
        ]
        return [
            {"StackResourceSummaries": [{"ResourceType": kind, "PhysicalResourceId": name}]}
            for kind, name in found
        ]


def test_what_belongs_to_a_stack_is_known_by_its_short_name() -> None:
    members = stack.members(cast(Any, FakeCloudFormation()), "backroom-test")

    assert members.functions == (("api", "backroom-test-api"),)
    assert [(queue.short, queue.name) for queue in members.queues] == [(DLQ.short, DLQ.name)]


class Nothing(Collector):
    """Books and tail in one, with nothing in them."""

    def collect(self) -> list[Any]:
        return []

    families = collect

    def read(self, *_: object) -> int:
        return 0


def test_what_fails_is_counted_and_the_rest_goes_on() -> None:
    cloudformation, nothing = FakeCloudFormation(), cast(Any, Nothing())
    exporter = Exporter(
        stack="backroom-test",
        cloudformation=cast(Any, cloudformation),
        sqs=cast(Any, FakeSqs(**{"backroom-test-vending-uploads-dlq": 3})),
        ages=FakeAges(),
        tail=nothing,
        books=nothing,
    )
    cloudformation.there = False
    assert not exporter.poll()
    cloudformation.there = True
    assert exporter.poll()

    text = generate_latest(cast(Any, exporter)).decode()
    assert 'backroom_dead_letters{queue="vending-uploads-dlq"} 3.0' in text
    assert 'backroom_exporter_failures_total{part="members"} 1.0' in text
    assert 'backroom_exporter_failures_total{part="queues"} 0.0' in text
    assert 'backroom_function_info{function="api"} 1.0' in text
