"""What the stores make of DynamoDB's, S3's and SQS's limits, and the whole context on all three."""

import inspect
import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError

from chalicelib.core import aws
from chalicelib.core.errors import UnavailableError
from chalicelib.core.settings import from_env
from chalicelib.core.table import Item, Table
from chalicelib.vending import events, parsing, wiring
from chalicelib.vending.archives import open_log, pack_log
from chalicelib.vending.files import FileRecord
from chalicelib.vending.ports import ChangedMeanwhileError, Chunk, Found, Sending
from chalicelib.vending.rollups import MOST_ROWS
from chalicelib.vending.rows import pack
from chalicelib.vending.store.chunks import ChunkStore
from chalicelib.vending.store.files import FileStore
from chalicelib.vending.store.queues import SqsQueues
from chalicelib.vending.store.share import BucketShare
from tests.support.api import client as api_client
from tests.support.aws import client
from tests.support.vending.cloud import vending_table

SAMPLE = Path(__file__).parents[2] / "data" / "transactions.txt"
SAMPLES = Path(__file__).parents[2] / "events"
NOON = datetime(2020, 3, 1, 12, tzinfo=UTC)
DAY = date(2020, 2, 20)
MOST_ITEM_BYTES = 400 * 1024
KEY = "imports/large.zip"


def record(file_id: int = 1) -> FileRecord:
    told = {"id": file_id, "owner": "T0001", "name": "a.zip", "key": f"incoming/{file_id}"}
    times = {"uploaded_at": NOON, "not_after": NOON, "state": "processed"}
    return FileRecord.model_validate({**told, **times, "generation": 1, "live": 1})


class Counted:
    """A client that counts what it is asked."""

    def __init__(self, service: str) -> None:
        self._client = client(service)
        self.calls: Counter[str] = Counter()
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name.startswith(("get_paginator", "exceptions", "meta", "can_")):
            return found

        def call(*told: Any, **asked: Any) -> Any:
            self.calls[name] += 1
            self.asked.append(asked)
            return found(*told, **asked)

        return call


# --- DynamoDB -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("cloud")
def test_the_table_has_the_keys_of_the_template_and_of_the_code() -> None:
    described = client("dynamodb").describe_table(TableName=vending_table().name)["Table"]

    assert described["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


@pytest.mark.usefixtures("cloud")
def test_a_chunk_that_is_larger_than_an_item_is_split_and_joined() -> None:
    table = vending_table()
    files = FileStore(table)
    chunks = ChunkStore(table, files)
    file = files.create(record())
    rows = b"".join(pack(n % 86_400, n % 10) for n in range(250_000))

    chunks.put(file, 0, [Chunk("GM001", DAY, "rows", rows)])

    items = list(table.prefixed("MACHINE#GM001"))
    assert [len(item["rows"]["B"]) for item in items] == [300_000, 300_000, 300_000, 100_000]
    assert b"".join(item["rows"]["B"] for item in items) == rows
    assert [len(found) for _, found in chunks.days("GM001")] == [MOST_ROWS]
    chunks.discard(file.id)
    assert list(table.prefixed("MACHINE#GM001")) == []
    assert list(table.prefixed(f"FILE#{file.id}", "chunks#")) == []


@pytest.mark.usefixtures("cloud")
def test_many_chunks_are_written_and_deleted_in_batches_and_read_over_pages() -> None:
    asked = Counted("dynamodb")
    table = Table(cast(Any, asked), vending_table().name)
    files = FileStore(table)
    chunks = ChunkStore(table, files)
    file = files.create(record())
    days = [DAY - timedelta(days=age) for age in range(60)]
    day = b"".join(pack(n, 1) for n in range(5_000))

    chunks.put(file, 0, [Chunk("GM001", each, "rows", day) for each in days])

    assert asked.calls["batch_write_item"] == 3
    assert sum(len(found) for _, found in chunks.days("GM001")) == 300_000  # 1.2 MB: two pages
    assert len(chunks.log("GM001", 30).keys) == 31 * 5_000
    asked.calls.clear()
    chunks.discard(file.id)
    assert (asked.calls["batch_write_item"], asked.calls["delete_item"]) == (3, 1)
    assert list(chunks.days("GM001")) == []


@pytest.mark.parametrize("shuffled", [False, True])
def test_the_list_of_the_most_chunks_of_a_batch_fits_an_item(shuffled: bool) -> None:
    most = inspect.signature(parsing.parse).parameters["flush_keys"].default
    days = -(-most // 1_000)
    chunks = [
        Chunk(f"GM{serial:03d}", DAY + timedelta(days=age), "rows", b"....")
        for serial in range(1_000)
        for age in range(days)
    ]
    if shuffled:
        Random(6).shuffle(chunks)
    written: list[Item] = []

    class Recorder:
        put = written.append

        def put_many(self, items: Any) -> None:
            assert len(list(items)) == len(chunks)

    store = ChunkStore(cast(Any, Recorder()), cast(Any, None))
    store.put(record(10**9), 999, chunks)

    [listed] = written
    assert len(listed["keys"]["B"]) + 200 < MOST_ITEM_BYTES


# --- S3 -----------------------------------------------------------------------------------------


@pytest.fixture(name="s3")
def _s3(cloud: None) -> Counted:
    return Counted("s3")


def share_on(s3: Counted) -> BucketShare:
    return BucketShare(lambda: cast(Any, s3), from_env(wiring.VendingSettings).vending_bucket)


def large_object(s3: Counted) -> tuple[BucketShare, bytes, Found]:
    """Store an object of 20 MB; return the share, its content, and what was found."""
    share = share_on(s3)
    content = Random(6).randbytes(20 * 1024 * 1024)
    share.put(KEY, content)
    found = share.find(KEY)
    assert found
    s3.calls.clear()
    s3.asked.clear()
    return share, content, found


def test_a_large_object_is_read_in_pieces_of_8_mb_and_only_as_it_was_found(s3: Counted) -> None:
    share, content, found = large_object(s3)

    with share.open(KEY, found) as source:
        read = b"".join(iter(lambda: source.read(1024 * 1024), b""))

    assert read == content
    eight = 8 * 1024 * 1024
    assert [asked["Range"] for asked in s3.asked] == [
        f"bytes=0-{eight - 1}",
        f"bytes={eight}-{2 * eight - 1}",
        f"bytes={2 * eight}-{len(content) - 1}",
    ]
    assert {asked["IfMatch"] for asked in s3.asked} == {f'"{found.etag}"'}


def test_an_object_that_is_replaced_while_it_is_read_is_not_mixed_with_the_new_one(
    s3: Counted,
) -> None:
    share, content, found = large_object(s3)

    with share.open(KEY, found) as source:
        assert source.read(1024) == content[:1024]
        share.put(KEY, content[::-1])
        with pytest.raises(ChangedMeanwhileError):
            source.read()


def test_a_share_that_ignores_if_match_is_found_out(s3: Counted) -> None:
    """Some stand-ins for S3 do not know it."""
    share, _, found = large_object(s3)
    really = s3._client.get_object

    class Lax(Counted):
        def get_object(self, **asked: Any) -> Any:
            del asked["IfMatch"]
            return really(**asked)

    lax = share_on(Lax("s3"))
    share.put(KEY, bytes(found.size_bytes))
    with lax.open(KEY, found) as source, pytest.raises(ChangedMeanwhileError):
        source.read()


def test_v2_a_zip_is_opened_in_the_share_without_reading_it_twice(s3: Counted) -> None:
    share = share_on(s3)
    dice = Random(6)
    seconds = (divmod(dice.randrange(3_600), 60) for _ in range(100_000))
    text = b"".join(b"GM001|2020-02-20T08:%02d:%02dZ|1\n" % second for second in seconds)
    share.put(KEY, pack_log([text], member="log.txt").content)
    found = share.find(KEY)
    assert found
    s3.calls.clear()

    with share.open(KEY, found) as source:
        assert b"".join(open_log(source, max_bytes=10**8)) == text

    assert s3.calls["get_object"] <= 4


def test_an_upload_url_is_for_one_key_once_and_the_bytes_that_were_given(s3: Counted) -> None:
    sending = Sending(12, size_bytes=3, sha256=sha256(b"abc").hexdigest())
    text, headers = share_on(s3).upload_url("incoming/é #.zip", sending, expires_in_s=600)
    url = urlsplit(text)

    assert url.path.endswith("/incoming/%C3%A9%20%23.zip")
    signed = parse_qs(url.query)
    assert signed["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert signed["X-Amz-Expires"] == ["600"]
    assert signed["X-Amz-SignedHeaders"] == [
        "content-length;content-type;host;if-none-match;"
        "x-amz-checksum-sha256;x-amz-meta-backroom-file"
    ]
    assert headers == {
        "Content-Type": "application/octet-stream",
        "If-None-Match": "*",
        "x-amz-checksum-sha256": "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
        "x-amz-meta-backroom-file": "12",
    }


def test_an_object_says_which_file_s_url_it_came_by(s3: Counted) -> None:
    share, bucket = share_on(s3), from_env(wiring.VendingSettings).vending_bucket
    for told, sent_for in (
        ({"backroom-file": "12"}, 12),
        ({"backroom-file": "x"}, None),
        ({}, None),
    ):
        s3.put_object(Bucket=bucket, Key=KEY, Body=b"abc", Metadata=told)
        found = share.find(KEY)
        assert found
        assert found.sent_for == sent_for


def test_a_refusal_of_s3_is_no_absence(s3: Counted) -> None:
    class Closed(Counted):
        def head_object(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")

        def get_object(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")

    share = share_on(Closed("s3"))

    with pytest.raises(ClientError, match="Forbidden"):
        share.find(KEY)
    with share.open(KEY, Found("etag", 5)) as source, pytest.raises(ClientError):
        source.read()


def test_only_files_of_the_share_are_listed(s3: Counted) -> None:
    share = share_on(s3)
    for key in ("incoming/a", "imports/b", "elsewhere/c"):
        share.put(key, b"1")

    assert sorted(share.etags()) == ["imports/b", "incoming/a"]


# --- SQS ----------------------------------------------------------------------------------------


def queues_on(sqs: Any) -> SqsQueues:
    named = from_env(wiring.VendingSettings)
    return SqsQueues(
        lambda: sqs,
        arrivals_url=named.vending_uploads_queue_url,
        fleet_url=named.vending_fleet_queue_url,
        fleet_delay_s=named.vending_fleet_delay_s,
    )


def received(url: str) -> list[dict[str, Any]]:
    """Take everything off a queue; return the messages' bodies."""
    bodies = []
    while (
        found := client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages")
    ):
        for message in found:
            bodies.append(json.loads(message["Body"]))
            client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


@pytest.mark.usefixtures("cloud")
def test_keys_to_look_at_are_sent_ten_at_a_time_one_to_a_message() -> None:
    sqs = Counted("sqs")
    keys = [f"imports/{number} é" for number in range(23)]

    queues_on(sqs).look_at(iter(keys))

    assert sqs.calls["send_message_batch"] == 3
    url = from_env(wiring.VendingSettings).vending_uploads_queue_url
    assert sorted(key for body in received(url) for key in body["keys"]) == sorted(keys)


@pytest.mark.usefixtures("cloud")
def test_no_keys_are_no_message() -> None:
    sqs = Counted("sqs")

    queues_on(sqs).look_at([])

    assert not sqs.calls


def test_a_message_that_was_not_taken_is_sent_again_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    sent: list[list[str]] = []

    class Busy:
        def send_message_batch(self, *, Entries: Any, **_: Any) -> Any:  # noqa: N803
            sent.append([entry["Id"] for entry in Entries])
            return {"Failed": [{"Id": "1"}] if len(sent) == 1 else []}

    queues_on(Busy()).look_at(["a", "b", "c"])

    assert sent == [["0", "1", "2"], ["1"]]


def test_a_queue_that_takes_nothing_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.core.retry.tries", lambda: iter(range(3)))

    class Full:
        def send_message_batch(self, **_: Any) -> Any:
            return {"Failed": [{"Id": "0"}]}

    with pytest.raises(UnavailableError, match="The queue of arrivals is too busy"):
        queues_on(Full()).look_at(["a"])


@pytest.mark.usefixtures("cloud")
def test_a_message_that_is_put_off_comes_back_later() -> None:
    sqs = Counted("sqs")
    queues = queues_on(sqs)
    url = from_env(wiring.VendingSettings).vending_uploads_queue_url
    queues.look_at(["a"])
    [message] = client("sqs").receive_message(QueueUrl=url)["Messages"]

    queues.put_off(message["ReceiptHandle"], 0)

    [again] = client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert again["MessageId"] == message["MessageId"]


# --- all of it ----------------------------------------------------------------------------------


@pytest.fixture(name="stack")
def _stack(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """The context as it is wired; return what has the event functions run until all is quiet."""
    for service in ("dynamodb", "s3", "sqs"):
        monkeypatch.setattr(aws, service, lambda service=service: client(service))
    named = from_env(wiring.VendingSettings)

    def run() -> None:
        share = wiring.vending().arrivals.share
        keys = list(share.etags())
        keys += [key for body in received(named.vending_uploads_queue_url) for key in body["keys"]]
        answer = events.file_arrived({"Records": [_message({"keys": keys})]}, None)
        assert answer == {"batchItemFailures": []}
        if received(named.vending_fleet_queue_url):
            events.fleet_changed({"Records": [_message({})]}, None)
        events.daily_sweep(_sample("scheduled"), None)

    yield run
    wiring.vending.cache_clear()


def _sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return found


def _message(body: object) -> dict[str, Any]:
    return {**_sample("sqs_message"), "body": json.dumps(body)}


def test_v7_v10_the_real_file_goes_all_the_way_from_the_api_to_the_report(
    stack: Callable[[], None],
) -> None:
    with api_client() as api:
        assert api.get("/health").status == 200
        taken = api.post("/imports", SAMPLE.read_bytes(), media_type="text/plain")
        stack()
        file = api.get(f"/files/{taken.json['id']}").json
        fleet = api.get("/fleet").json
        rows = [
            api.get(f"/machines/{each['serial']}/transactions").json for each in fleet["machines"]
        ]

        assert (file["state"], file["rows_kept"]) == ("processed", 2_000)
        assert [(each["serial"], each["state"]) for each in fleet["machines"]] == [
            ("GM005", "out_of_service"),
            ("GM006", "degraded"),
            ("GM003", "degraded"),
            ("GM004", "degraded"),
            ("GM001", "needs_attention"),
            ("GM002", "needs_attention"),
        ]
        assert fleet["up_to_date"]
        assert [gap["hours"] for gap in fleet["fleet_gaps"]] == [24.589]
        assert sum(map(len, rows)) == 2_000
        assert all([row["id"] for row in own] == [*range(1, len(own) + 1)] for own in rows)

        api.delete(f"/imports/{file['id']}")
        stack()
        assert api.get("/fleet").json["machines"] == []


def test_v2_an_upload_is_in_the_bucket_under_its_name(stack: Callable[[], None]) -> None:
    told = {"technician": "#001", "machine": "GM001", "downloaded_at": "9/21/2018 9:34:48 AM"}
    raw = b"GM001|2018-09-20T10:00:00Z|1\n"
    with api_client() as api:
        api.put("/technicians/T0001", {"name": "Ada"})
        api.put("/machines/GM001", {"technician": "T0001"})

        api.post("/files", raw, media_type="text/plain", **told)

        bucket = from_env(wiring.VendingSettings).vending_bucket
        stored = client("s3").get_object(
            Bucket=bucket, Key="incoming/T0001.GM001.2018-09-21_093448.zip"
        )
        with zipfile.ZipFile(io.BytesIO(stored["Body"].read())) as archive:
            assert [archive.read(name) for name in archive.namelist()] == [raw]
        stack()
        assert api.get("/machines/GM001").json["transactions"] == 1
