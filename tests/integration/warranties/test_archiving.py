"""W6: request and answer of each sale in the merchant's archive, once, whatever S3 does."""

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from chalice.test import Client

from chalicelib.core.outbox import queues
from chalicelib.core.outbox.effects import (
    CredentialsError,
    Effect,
    Ending,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.warranties import archive, events
from chalicelib.warranties.answers import SaleAnswer
from chalicelib.warranties.archiving import Archiving
from chalicelib.warranties.bucket import BucketArchive
from infra import templates
from tests.support.dynamodb import items
from tests.support.warranties.fakes import SOFA, MemoryArchive, MemoryStore, a_service, body
from tests.support.warranties.table import real_store

NOWHERE = "https://s3.test"


# --- in memory ------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [{}, {"item_type": "spaceship"}])
def test_w6_2c10_request_and_answer_of_each_sale_are_archived(told: dict[str, Any]) -> None:
    store, archived = MemoryStore(), MemoryArchive()
    sale = a_service(store).sell(body(item_title="🛋️", **told)).sale

    Archiving(store, archived).handle(store.effects[0])

    [(key, content)] = archived.objects.items()
    assert key == f"warranties/2142/03/01/{sale.request_id}.json"
    told_back = json.loads(content)
    assert told_back["request_id"] == sale.request_id
    assert told_back["request"] == {
        "store_uuid": "b21ad0676f26439",
        "item_type": told.get("item_type", "furniture"),
        "item_sku": "986kjeo8fy9qhu",
        "item_cost": 150,
        "item_title": "🛋️",
    }
    assert told_back["response"]["status"] == (200 if told else 201)
    # Archived times keep the form of the first versions, so that checksums on record stay true.
    answered = SaleAnswer.of(sale).json_text().replace('Z"', '+00:00"')
    assert told_back["response"]["body"] == json.loads(answered)
    assert b'"item_cost":150.00' in content


def test_each_try_archives_the_same_under_the_same_name() -> None:
    store, archived = MemoryStore(), MemoryArchive()
    a_service(store).sell(body())
    handler = Archiving(store, archived)

    assert handler.find(store.effects[0]) is None
    first = handler.handle(store.effects[0])
    assert handler.handle(store.effects[0]) == first
    assert handler.find(store.effects[0]) == first
    assert len(archived.objects) == 1
    assert handler.search_lag_s == 0


@pytest.mark.parametrize(
    "payload", [{}, {"request_id": ""}, {"request_id": 7}, {"request_id": "x"}]
)
def test_an_effect_that_names_no_sale_is_poison(payload: dict[str, Any]) -> None:
    handler, effect = (
        Archiving(MemoryStore(), MemoryArchive()),
        Effect("archive#x", "archive", payload),
    )

    for act in (handler.handle, handler.find):
        with pytest.raises(RejectedError):
            act(effect)
    handler.on_finished(effect, Ending("dead", answer="it names no sale"))


def test_how_it_ended_is_told_to_the_sale() -> None:
    store = MemoryStore()
    sale = a_service(store).sell(body()).sale
    ended = Ending("dead", answer="S3 answered 400")

    Archiving(store, MemoryArchive()).on_finished(store.effects[0], ended)

    assert store.rows[sale.request_id].archive == ended


# --- the function ---------------------------------------------------------------------------------


def test_w6_the_function_archives_what_messages_name_and_spends_them(
    client: Client, dynamodb: Any, s3: Any, names: Any
) -> None:
    raw = json.dumps(SOFA).encode()
    sold = client.http.post("/warranties", headers={"Content-Type": "application/json"}, body=raw)
    request_id = sold.json_body["request_id"]
    effect_id = items(dynamodb, names.outbox)[0]["pk"]["S"].removeprefix("EFFECT#")
    message = queues.body(effect_id)
    event = client.events.generate_sqs_event([message, message, "nonsense"], "outbox-archive")

    for record in event["Records"]:
        record["attributes"] = {"ApproximateReceiveCount": "1"}
    answered = events.archive(event, None)

    assert answered == {"batchItemFailures": []}
    listed = s3.list_objects_v2(Bucket=names.bucket)["Contents"]
    assert [entry["Key"].rpartition("/")[2] for entry in listed] == [f"{request_id}.json"]
    shown = client.http.get(f"/warranties/{request_id}-12").json_body["archive"]
    assert shown["state"] == "done"


# --- the bucket -----------------------------------------------------------------------------------


@pytest.fixture
def bucket(s3: Any, names: Any) -> BucketArchive:
    return BucketArchive(lambda: s3, names.bucket)


def test_an_object_has_its_checksum_and_is_written_once(
    bucket: BucketArchive, s3: Any, names: Any
) -> None:
    bucket.put_once("warranties/a.json", b"first")
    bucket.put_once("warranties/a.json", b"second")

    found = s3.get_object(Bucket=names.bucket, Key="warranties/a.json", ChecksumMode="ENABLED")
    assert found["Body"].read() == b"first"
    assert found["ContentType"] == "application/json"
    checksum = base64.b64decode(archive.sha256_base64(b"first")).hex()
    assert checksum == archive.sha256(b"first")
    assert bucket.holds("warranties/a.json")
    assert not bucket.holds("warranties/b.json")


def test_the_whole_way_on_aws(dynamodb: Any, bucket: BucketArchive, s3: Any, names: Any) -> None:
    store = real_store(dynamodb, names.table, names.outbox)
    sale = a_service(store).sell(body()).sale
    handler, effect = Archiving(store, bucket), archive.effect(sale)

    referred = handler.handle(effect)
    handler.on_finished(effect, Ending("done", referred))

    found = s3.get_object(Bucket=names.bucket, Key=archive.key(sale))["Body"].read()
    assert found == archive.content(sale)
    kept = store.sale(sale.request_id)
    assert kept is not None
    assert kept.archive is not None
    assert archive.checksum_of(kept.archive.reference or "") == archive.sha256(found)


def refused(code: str, status: int) -> ClientError:
    told: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(told, "PutObject")


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (EndpointConnectionError(endpoint_url=NOWHERE), NotExecutedError),
        (ConnectTimeoutError(endpoint_url=NOWHERE), NotExecutedError),
        (refused("SlowDown", 503), NotExecutedError),
        (refused("NoSuchBucket", 404), NotExecutedError),
        (refused("ConditionalRequestConflict", 409), NotExecutedError),
        (ReadTimeoutError(endpoint_url=NOWHERE), OutcomeUnknownError),
        (ConnectionClosedError(endpoint_url=NOWHERE), OutcomeUnknownError),
        (refused("InternalError", 500), OutcomeUnknownError),
        (refused("AccessDenied", 403), CredentialsError),
        (refused("ExpiredToken", 400), CredentialsError),
        (NoCredentialsError(), CredentialsError),
        (refused("BadDigest", 400), RejectedError),
    ],
)
def test_what_s3_says_is_the_outcome_of_the_object(
    failure: Exception, outcome: type[Exception]
) -> None:
    class Broken:
        def put_object(self, **_: Any) -> None:
            raise failure

        head_object = put_object

    archived = BucketArchive(Broken, "archive")  # type: ignore[arg-type]

    with pytest.raises(outcome):
        archived.put_once("key", b"content")
    with pytest.raises(outcome):
        archived.holds("key")


def test_a_bucket_that_is_not_there_is_not_done(s3: Any) -> None:
    with pytest.raises(NotExecutedError):
        BucketArchive(lambda: s3, "no-such-bucket-here").put_once("key", b"content")


def test_2c10_the_bucket_is_nobody_else_s() -> None:
    template = templates.merged().resources
    bucket = template["WarrantiesBucket"]["Properties"]
    [tls_only] = template["WarrantiesBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    assert (tls_only["Effect"], tls_only["Principal"]) == ("Deny", "*")
