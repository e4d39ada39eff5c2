"""What the share and the clock tell the functions: twice, late, out of order, broken, or never."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest

from tests.support.deployed import TARGET, VISIBILITY_S, Deployed
from tests.support.patience import CLIENT_S, eventually
from tests.support.vending.crew import Crew, agrees, drop, dropped, get, log, settled

IT_IS_LATE = {
    "version": "0",
    "id": "0d079340-135a-c8c6-95c2-41fb8f496c53",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-03-01T23:00:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:events:us-east-1:000000000000:rule/daily"],
    "detail": {},
}
MANY_MACHINES = [f"GM{number:03d}" for number in range(10, 50)]


def told(stack: Deployed, *keys: str, event: str = "ObjectCreated:Put") -> dict[str, Any]:
    """Return an event as S3 writes it to the queue."""
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "eventName": event,
                "s3": {"bucket": {"name": stack.bucket}, "object": {"key": quote_plus(key)}},
            }
            for key in keys
        ]
    }


def tell(stack: Deployed, *messages: Any) -> None:
    """Send messages to the queue of arrivals, text as it is."""
    for message in messages:
        body = message if isinstance(message, str) else json.dumps(message)
        url = stack.outputs["VendingUploadsQueue"]
        stack.client("sqs").send_message(QueueUrl=url, MessageBody=body)


@contextmanager
def unheard(stack: Deployed) -> Iterator[None]:
    """Have the share tell nobody what happens in it meanwhile."""
    s3, bucket = stack.client("s3"), stack.bucket
    told_to = s3.get_bucket_notification_configuration(Bucket=bucket)
    told_to.pop("ResponseMetadata")
    assert told_to, "nobody was told in the first place"
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=told_to)


def sweep(stack: Deployed) -> None:
    """Run the daily sweep now, as EventBridge would."""
    stack.invoke("vending-daily-sweep", IT_IS_LATE)


def test_the_same_event_many_times_and_out_of_order_changes_nothing(crew: Crew) -> None:
    stack, text = crew.stack, log(crew.machine, rows=40)
    gone = crew.upload(log(crew.machine, rows=5), downloaded_at="2020-04-02T12:00:00").json()
    crew.delete(gone["id"])
    file = crew.upload(text).json()
    keys = [f"incoming/{gone['name']}", f"incoming/{file['name']}"]
    events = [
        told(stack, key, event=event)
        for key in keys
        for event in ("ObjectCreated:Put", "ObjectRemoved:Delete")
        for _ in range(10)
    ]

    tell(stack, *Random(3).sample(events, len(events)), told(stack, *keys * 5))

    eventually(lambda: stack.queue_depth("VendingUploadsQueue") == 0)
    eventually(lambda: agrees(stack, crew.machine, [text]))
    assert [f["id"] for f in crew.files()] == [file["id"]]
    assert settled(stack, file["id"])["rows_kept"] == 40


def test_an_event_before_its_object_is_no_harm(crew: Crew) -> None:
    name = f"{crew.technician}.{crew.machine}.2020-04-01_120000.txt"
    text = log(crew.machine)

    tell(crew.stack, told(crew.stack, f"incoming/{name}"))
    eventually(lambda: crew.stack.queue_depth("VendingUploadsQueue") == 0)
    crew.drop(name, text)

    eventually(lambda: agrees(crew.stack, crew.machine, [text]))


# --- death in the middle ------------------------------------------------------------------------


def many_days(days: int) -> str:
    """Return a log of many machines: as many chunks as there are machines and days."""
    first = datetime(2020, 5, 1, 9, tzinfo=UTC)
    return "".join(
        log(serial, first + timedelta(days=day), rows=3)
        for serial in MANY_MACHINES
        for day in range(days)
    )


def stored_chunks(stack: Deployed, serial: str) -> int:
    found = stack.client("dynamodb").query(
        TableName=stack.outputs["VendingTable"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"MACHINE#{serial}"}},
        ConsistentRead=True,
        ProjectionExpression="sk",
    )
    return sum("#rows#" in item["sk"]["S"] for item in found["Items"])


@pytest.mark.skipif(
    TARGET == "compose",
    reason="LocalStack waits for a dead container until the function's time is up",
)
def test_a_worker_killed_in_the_middle_of_an_import_loses_and_doubles_nothing(
    stack: Deployed,
) -> None:
    text = many_days(60)
    file = dropped(stack, drop(stack, "imports/two months.txt", text))
    eventually(lambda: stored_chunks(stack, MANY_MACHINES[0]), every_s=0.01)

    assert stack.kill_all("vending-file-arrived")

    assert get(stack, f"/files/{file['id']}")["state"] == "received", "it was over too soon"
    done = settled(stack, file["id"], within_s=VISIBILITY_S + 60)
    assert (done["state"], done["rows_kept"]) == ("processed", len(text.splitlines()))
    for serial in (MANY_MACHINES[0], MANY_MACHINES[20], MANY_MACHINES[-1]):
        rows = "".join(line for line in text.splitlines(keepends=True) if serial in line)
        eventually(partial(agrees, stack, serial, [rows]), within_s=60)
        eventually(lambda serial=serial: stored_chunks(stack, serial) == 60)  # type: ignore[misc]


# --- the daily sweep ----------------------------------------------------------------------------


def test_v5_the_sweep_reads_what_was_never_told(crew: Crew) -> None:
    name = f"{crew.technician}.{crew.machine}.2020-04-01_120000.txt"
    dropped_text, sent_text = log(crew.machine), log(crew.machine, rows=30)
    with unheard(crew.stack):
        crew.drop(name, dropped_text)
        sent = crew.upload(sent_text, downloaded_at="2020-04-02T12:00:00").json()

    before = get(crew.stack, f"/files/{sent['id']}")["state"]
    sweep(crew.stack)

    assert before == "received"
    eventually(lambda: agrees(crew.stack, crew.machine, [dropped_text, sent_text]))
    eventually(lambda: {file["state"] for file in crew.files()} == {"processed"})
    assert len(crew.files()) == 2


def test_the_sweep_withdraws_what_went_untold(crew: Crew) -> None:
    stays, goes = log(crew.machine, rows=5), log(crew.machine, rows=9)
    crew.upload(stays)
    file = crew.upload(goes, downloaded_at="2020-04-02T12:00:00").json()
    eventually(lambda: agrees(crew.stack, crew.machine, [stays, goes]))
    with unheard(crew.stack):
        crew.stack.client("s3").delete_object(
            Bucket=crew.stack.bucket, Key=f"incoming/{file['name']}"
        )

    sweep(crew.stack)

    eventually(lambda: agrees(crew.stack, crew.machine, [stays]))
    assert file["id"] not in [f["id"] for f in crew.files()]


def test_the_sweep_gives_up_an_upload_that_broke_off_hours_ago(crew: Crew) -> None:
    told_ = {"technician": crew.technician, "machine": crew.machine}
    old, new = (
        crew.stack.api.post(
            "/files/presigned", json={**told_, "downloaded_at": f"2020-04-0{day}T12:00:00"}
        ).json()["file"]
        for day in (1, 2)
    )
    _age(crew, old["id"], hours=3)

    sweep(crew.stack)

    broken = get(crew.stack, f"/files/{old['id']}")
    assert broken["state"] == "failed"
    assert "broke off" in broken["reason"]
    assert get(crew.stack, f"/files/{new['id']}")["state"] == "awaiting_upload"


def test_an_upload_that_was_given_up_is_taken_when_it_comes_after_all(crew: Crew) -> None:
    told_ = {"technician": crew.technician, "machine": crew.machine}
    awaited = crew.stack.api.post(
        "/files/presigned", json={**told_, "downloaded_at": "2020-04-01T12:00:00"}
    ).json()
    _age(crew, awaited["file"]["id"], hours=3)
    sweep(crew.stack)
    text, upload = log(crew.machine), awaited["upload"]

    httpx.put(upload["url"], headers=upload["headers"], content=text.encode(), timeout=CLIENT_S)

    eventually(lambda: agrees(crew.stack, crew.machine, [text]))
    assert get(crew.stack, f"/files/{awaited['file']['id']}")["state"] == "processed"


def _age(crew: Crew, file_id: int, *, hours: int) -> None:
    """Have a file's record be as old as that."""
    dynamodb, table = crew.stack.client("dynamodb"), crew.stack.outputs["VendingTable"]
    key = {"pk": {"S": f"OWNER#{crew.technician}"}, "sk": {"S": f"FILE#{file_id:010d}"}}
    item = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    body = json.loads(item["body"]["S"])
    at = datetime.fromisoformat(body["uploaded_at"]) - timedelta(hours=hours)
    item["body"] = {"S": json.dumps({**body, "uploaded_at": at.isoformat()})}
    dynamodb.put_item(TableName=table, Item=item)


def test_a_sweep_with_nothing_to_do_queues_nothing(stack: Deployed) -> None:
    eventually(stack.calm, within_s=120)
    since_ms = int(time.time() * 1000)

    sweep(stack)

    [swept] = eventually(lambda: stack.records("vending-daily-sweep", "swept", since_ms))
    assert swept["queued"] == 0


# --- what every function does -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("vending-file-arrived", {"Records": []}),
        ("vending-fleet-changed", {"Records": []}),
        ("vending-daily-sweep", IT_IS_LATE),
    ],
)
def test_every_event_function_starts_and_logs_one_line(
    stack: Deployed, name: str, event: dict[str, Any]
) -> None:
    eventually(stack.calm, within_s=60)
    since_ms = int(time.time() * 1000)

    stack.invoke(name, event)

    # A client whose connection breaks invokes once more.
    lines = eventually(lambda: stack.records(name, "event", since_ms))
    assert {line["handler"] for line in lines} == {name.replace("-", "_")}
    assert set(Counter(line["function_request_id"] for line in lines).values()) == {1}, lines


def test_every_request_logs_one_line(stack: Deployed) -> None:
    since_ms = int(time.time() * 1000)

    stack.api.get("/dispatches/123456789")

    lines = stack.records("api", "request", since_ms)
    [line] = [line for line in lines if line["route"] == "/dispatches/{dispatch_id}"]
    assert (line["method"], line["status"]) == ("GET", "404")
    assert line["request_id"]
