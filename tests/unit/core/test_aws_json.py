"""What `aws_json` signs and reads is, to the byte, what botocore's own classes sign and read."""

import io
import json
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import botocore.auth
import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.parsers import JSONParser
from botocore.regions import EndpointRulesetResolver
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import aws, aws_json
from chalicelib.core.aws_json import ItemParser, JsonSigner

REGIONS = [
    "eu-central-1",
    "us-east-1",
    "cn-north-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-isob-east-1",
    "eu-isoe-west-1",
    "us-isof-south-1",
    "eusc-de-east-1",
]
"""Of each partition of AWS, and the one whose addresses are often special."""
MODEL: Any = botocore.session.get_session().get_service_model("dynamodb")
NOON = datetime(2026, 11, 30, 12)  # noqa: DTZ001 - as botocore has it
PLACES = [
    "https://dynamodb.eu-central-1.amazonaws.com/",
    "https://123456789012.ddb.us-east-1.amazonaws.com/",
    "https://dynamodb.us-east-1.api.aws:443/",
    "https://vpce-1.dynamodb.us-east-1.vpce.amazonaws.com:8443/",
    "http://localhost:4566/",
    "http://127.0.0.1:4566/",
    "http://[::1]:4566/",
    "http://Host.Docker.internal/a/%7Epath//to/?b=2&a=1",
]
printable = st.sampled_from(["", " a  b\t "]) | st.text(
    st.characters(min_codepoint=32, max_codepoint=126), max_size=40
)
secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
credentials = st.builds(ReadOnlyCredentials, secrets, secrets, st.none() | st.just("") | secrets)
headers = st.fixed_dictionaries(
    {"X-Amz-Target": printable, "Content-Type": printable, "User-Agent": printable},
    optional={
        "x-amzn-trace-id": printable,
        "X-Amzn-Trace-Id": printable,
        "amz-sdk-request": printable,
        "EXPECT": printable,
        "X-Amz-Date": printable,
        "Authorization": printable,
    },
)
services = st.sampled_from(["dynamodb", "sqs", "secretsmanager"])
regions = st.sampled_from(["eu-central-1", "us-gov-west-1", "local"])
moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31))  # noqa: DTZ001


class BodyStream(io.BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    with (
        patch.object(botocore.auth, "get_current_datetime", lambda: moment),
        patch.object(aws_json, "get_current_datetime", lambda: moment),
    ):
        yield


def signed(signer: SigV4Auth, request: AWSRequest) -> list[tuple[str, str]]:
    signer.add_auth(request)
    return request.headers.items()


def answer(body: bytes, status: int = 200, **headers: str) -> AWSResponse:
    """Return what a service answers."""
    sent = HTTPHeaders()
    for name, value in {"x_amzn_requestid": "1", **headers}.items():
        sent[name.replace("_", "-")] = value
    return AWSResponse("https://aws/", status, sent, BodyStream(body))


@given(
    key=st.tuples(credentials, services, regions),
    url=st.sampled_from(PLACES),
    said=headers,
    body=st.binary(max_size=200),
    first=moments,
    later=st.timedeltas(timedelta(0), timedelta(days=2)),
)
def test_a_request_is_signed_as_botocore_signs_it(
    key: tuple[ReadOnlyCredentials, str, str],
    url: str,
    said: dict[str, str],
    body: bytes,
    first: datetime,
    later: timedelta,
) -> None:
    ours, theirs = AWSRequest("POST", url, said, body), AWSRequest("POST", url, said, body)

    for moment in (first, first + later):  # a retry signs what is signed already
        with at(moment):
            expected = signed(SigV4Auth(*key), theirs)

            assert signed(JsonSigner(*key), ours) == expected


def test_nobody_signs_without_credentials() -> None:
    nobody: Any = None

    with pytest.raises(NoCredentialsError):
        JsonSigner(nobody, "dynamodb", "eu-central-1").add_auth(AWSRequest("POST", PLACES[0]))


CALLS: list[tuple[str, Callable[[], Any], Callable[[Any], object]]] = [
    ("dynamodb", aws.dynamodb, lambda client: client.get_item(TableName="t", Key={})),
    ("dynamodb", aws.fail_fast_dynamodb, lambda client: client.query(TableName="t")),
    ("sqs", aws.sqs, lambda client: client.send_message(QueueUrl="https://q/1", MessageBody="x")),
    ("secretsmanager", aws.secretsmanager, lambda client: client.get_secret_value(SecretId="x")),
]


def sent(client: Any, call: Callable[[Any], object]) -> tuple[str, str]:
    """Return the address and the Authorization that a call sends, at noon."""
    found: list[tuple[str, str]] = []

    def note(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        found.append((request.url, request.headers["Authorization"]))
        return answer(b"{}")

    client.meta.events.register("before-send", note)
    with at(NOON):
        call(client)
    client.meta.events.unregister("before-send", note)
    return found[0]


@pytest.mark.parametrize(("service", "client", "call"), CALLS)
def test_a_client_signs_with_the_credentials_of_the_moment(
    service: str,
    client: Callable[[], Any],
    call: Callable[[Any], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sessions = aws.new_session(), botocore.session.get_session()
    monkeypatch.setattr(aws, "_session", lambda: sessions[0])
    for session in sessions:
        session.set_credentials("id", "secret", "token")
    ours, theirs = (
        client(),
        sessions[1].create_client(service, config=Config(parameter_validation=False)),
    )

    before = sent(ours, call)
    assert before == sent(theirs, call)

    for session in sessions:
        held: Any = session.get_credentials()
        held.access_key, held.secret_key, held.token = "id-2", "secret-2", "token-2"
    after = sent(ours, call)
    assert after == sent(theirs, call)
    assert before != after


@pytest.fixture(scope="module")
def sessions() -> list[botocore.session.Session]:
    """Return a session of ours and one of botocore's own."""
    both = [aws.new_session(), botocore.session.get_session()]
    for session in both:
        session.set_credentials("id", "secret")
    return both


@pytest.mark.parametrize("region", REGIONS)
def test_a_call_goes_to_the_address_that_rules_choose(
    region: str, sessions: list[botocore.session.Session]
) -> None:
    for service, _, call in CALLS:
        ours, theirs = (
            session.create_client(
                service, region_name=region, config=Config(parameter_validation=False)
            )
            for session in sessions
        )

        assert sent(ours, call) == sent(theirs, call)


def test_no_rules_are_evaluated_when_dynamodb_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(EndpointRulesetResolver, "construct_endpoint")
    client = answering(answer(b"{}"))

    client.get_item(TableName="t", Key={})


# --- reading --------------------------------------------------------------------------------------

texts = st.text(max_size=10)
binary = st.binary(max_size=10).map(lambda raw: b64encode(raw).decode())
names = st.sampled_from(["pk", "B", "BS", "S", "M", "body"]) | texts
values: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.one_of(
        st.builds(lambda text: {"S": text}, st.sampled_from(["B", '"B"', '{"B": "eA=="}']) | texts),
        st.builds(lambda number: {"N": str(number)}, st.integers()),
        st.builds(lambda raw: {"B": raw}, binary),
        st.builds(lambda raws: {"BS": raws}, st.lists(binary, min_size=1, max_size=2)),
        st.builds(lambda found: {"SS": found}, st.lists(texts, min_size=1, max_size=2)),
        st.sampled_from([{"BOOL": True}, {"NULL": True}]),
    ),
    lambda inner: st.one_of(
        st.builds(lambda found: {"M": found}, st.dictionaries(names, inner, max_size=3)),
        st.builds(lambda found: {"L": found}, st.lists(inner, max_size=3)),
    ),
    max_leaves=8,
)


def answering(*answers: AWSResponse) -> Any:
    """Return a client of DynamoDB that gets ``answers``, one after the other."""
    client, left = aws.dynamodb(), iter(answers)
    events: Any = client.meta.events
    events.register("before-send", lambda **_: next(left))
    return client


def read(parser: JSONParser, shape: str, body: bytes, status: int = 200) -> Any:
    found = answer(body, status, x_amz_crc32=str(zlib.crc32(body)))
    response = {"headers": found.headers, "status_code": status, "body": body}
    return parser.parse({**response, "context": {}}, MODEL.shape_for(shape))


@given(item=st.dictionaries(names, values, max_size=4))
def test_items_are_read_as_botocore_reads_them(item: dict[str, Any]) -> None:
    for shape, answered in {
        "GetItemOutput": {"Item": item},
        "QueryOutput": {"Items": [item, item], "Count": 2, "LastEvaluatedKey": item},
        "BatchGetItemOutput": {"Responses": {"B": [item]}, "UnprocessedKeys": {}},
        "UpdateItemOutput": {"Attributes": item, "ConsumedCapacity": {"CapacityUnits": 1.5}},
    }.items():
        body = json.dumps(answered).encode()

        assert read(ItemParser(), shape, body) == read(JSONParser(), shape, body)


@pytest.mark.parametrize("shape", ["GetItemOutput", "TransactWriteItemsOutput", "ListTablesOutput"])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"{}"),
        (200, b'{"Item": {"pk": {"S": "cut o'),
        (200, b"<html></html>"),
        (400, b'{"__type": "com.amazonaws#ResourceNotFoundException", "message": "no"}'),
        (500, b""),
        (503, b"<html>busy</html>"),
    ],
)
def test_errors_and_broken_answers_are_read_as_botocore_reads_them(
    shape: str, status: int, body: bytes
) -> None:
    assert read(ItemParser(), shape, body, status) == read(JSONParser(), shape, body, status)


def test_a_cancelled_transaction_says_which_item_stood_there() -> None:
    reasons = [
        {"Code": "ConditionalCheckFailed", "Item": {"rows": {"B": "eA=="}}},
        {"Code": "None"},
    ]
    body = {"__type": "com.amazonaws#TransactionCanceledException", "CancellationReasons": reasons}
    client = answering(answer(json.dumps(body).encode(), 400))

    with pytest.raises(ClientError) as cancelled:
        client.transact_write_items(TransactItems=[])

    found: Any = cancelled.value.response
    assert found["CancellationReasons"][0]["Item"] == {"rows": {"B": b"x"}}


def test_an_answer_that_is_cut_off_is_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    whole = b'{"Item": {"pk": {"S": "a"}}}'
    checksum = str(zlib.crc32(whole))
    client = answering(
        answer(whole[:-4], x_amz_crc32=checksum), answer(whole, x_amz_crc32=checksum)
    )

    found = client.get_item(TableName="t", Key={})

    assert found["Item"] == {"pk": {"S": "a"}}
    assert found["ResponseMetadata"]["RetryAttempts"] == 1


def test_answers_about_items_hold_nothing_but_json_and_binary_values() -> None:
    """What needs a model to be read, such as a timestamp, would not be."""
    outputs = [MODEL.shape_for(name) for name in aws_json._OUTPUTS]
    every = {shape.name: shape for output in outputs for shape in within(output)}.values()

    assert {each.name for each in every if each.type_name in {"blob", "timestamp"}} == {
        "BinaryAttributeValue"
    }
    assert not any(each.serialization for each in every)


def within(shape: Any, seen: frozenset[str] = frozenset()) -> Iterator[Any]:
    """Yield a shape of botocore's model and those that it is made of."""
    yield shape
    if shape.name in seen:
        return
    members = [*getattr(shape, "members", {}).values()]
    parts = [getattr(shape, name) for name in ("member", "key", "value") if hasattr(shape, name)]
    for part in members + parts:
        yield from within(part, seen | {shape.name})
