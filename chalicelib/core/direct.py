"""DynamoDB's API for a quarter of the CPU that botocore's client takes.

What the client's methods take and return is DynamoDB's own JSON (but for binary values), so that
a call is: write JSON, sign it, send it, read JSON. Answers and failed conditions come straight
back. Whatever else happens (no connection, too many requests, a fault over there) is left to
botocore's client, which asks again and knows when to wait and when to give up.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.exceptions import HTTPClientError, NoCredentialsError

from chalicelib.core.signing import Signer

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from botocore.httpsession import URLLib3Session
    from mypy_boto3_dynamodb import DynamoDBClient

_TARGET = "DynamoDB_20120810"
_MEDIA_TYPE = "application/x-amz-json-1.0"
# A second try would meet the same condition.
_FINAL = {"ConditionalCheckFailedException", "TransactionCanceledException"}


_Answer = dict[str, Any]


class DirectDynamoDB:
    """The methods of botocore's DynamoDB client that `chalicelib.core.table` calls.

    For tables without binary values. A transaction needs a ClientRequestToken, as it may be asked
    for twice. Handlers that are registered with ``meta.events`` for ``before-send`` run as ever.
    """

    def __init__(
        self, client: "DynamoDBClient", credentials: "Credentials | None", http: "URLLib3Session"
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._http = http
        self._url = client.meta.endpoint_url.rstrip("/") + "/"
        self._host = urlsplit(self._url).netloc
        self._signer = Signer("dynamodb", client.meta.region_name)
        self.meta: Any = client.meta
        self.exceptions: Any = client.exceptions

    def get_item(self, **parameters: Any) -> _Answer:
        """Read an item."""
        return self._called("GetItem", parameters)

    def batch_get_item(self, **parameters: Any) -> _Answer:
        """Read up to 100 items."""
        return self._called("BatchGetItem", parameters)

    def put_item(self, **parameters: Any) -> _Answer:
        """Write an item."""
        return self._called("PutItem", parameters)

    def update_item(self, **parameters: Any) -> _Answer:
        """Change an item. It may be asked for twice, so its condition has to forbid the second."""
        return self._called("UpdateItem", parameters)

    def transact_write_items(self, **parameters: Any) -> _Answer:
        """Do all or nothing."""
        return self._called("TransactWriteItems", parameters)

    def query(self, **parameters: Any) -> _Answer:
        """Read a page of the items under a partition key."""
        return self._called("Query", parameters)

    def scan(self, **parameters: Any) -> _Answer:
        """Read a page of the whole table."""
        return self._called("Scan", parameters)

    def get_paginator(self, operation: str) -> "DirectDynamoDB":
        """Return what pages through queries; nothing else has pages here."""
        if operation != "query":
            raise NotImplementedError(operation)
        return self

    def paginate(self, **parameters: Any) -> Iterator[_Answer]:
        """Yield the pages of a query, of at most ``PaginationConfig``'s ``PageSize`` items each."""
        if size := parameters.pop("PaginationConfig", {}).get("PageSize"):
            parameters["Limit"] = size
        while True:
            page = self.query(**parameters)
            yield page
            if not page.get("LastEvaluatedKey"):
                return
            parameters["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _called(self, operation: str, parameters: dict[str, Any]) -> _Answer:
        answer = self._sent(operation, json.dumps(parameters, separators=(",", ":")).encode())
        if answer is not None and answer.status_code == HTTPStatus.OK:
            return cast(_Answer, json.loads(answer.content))
        if answer is not None and answer.status_code == HTTPStatus.BAD_REQUEST:
            self._raise_if_final(operation, answer.content)
        ask: Callable[..., _Answer] = getattr(self._client, xform_name(operation))
        return ask(**parameters)

    def _sent(self, operation: str, body: bytes) -> AWSResponse | None:
        """Send a request once; return the answer, None when there is none."""
        headers: Any = self._headers(f"{_TARGET}.{operation}", body)
        request = AWSPreparedRequest("POST", self._url, headers, body, stream_output=False)
        event = f"before-send.dynamodb.{operation}"
        _, answer = self.meta.events.emit_until_response(event, request=request)
        if answer is not None:
            return cast(AWSResponse, answer)
        try:
            return self._http.send(request)
        except (BotoConnectionError, HTTPClientError):
            return None

    def _headers(self, target: str, body: bytes) -> dict[str, str]:
        if self._credentials is None:
            raise NoCredentialsError
        credentials: Any = self._credentials.get_frozen_credentials()
        token = {"X-Amz-Security-Token": credentials.token} if credentials.token else {}
        headers = {
            "Content-Type": _MEDIA_TYPE,
            "Host": self._host,
            "X-Amz-Date": f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}",
            **token,
            "X-Amz-Target": target,
        }
        headers["Authorization"] = self._signer.authorization(
            headers, body, access_key=credentials.access_key, secret=credentials.secret_key
        )
        headers["User-Agent"] = "backroom"
        return headers

    def _raise_if_final(self, operation: str, content: bytes) -> None:
        """Raise as botocore would for a condition that did not hold."""
        parsed = json.loads(content)
        code = parsed.pop("__type", "").rpartition("#")[2]
        if code in _FINAL:
            message = parsed.get("message") or parsed.get("Message") or ""
            error = {"Error": {"Code": code, "Message": message}, **parsed}
            raise self.exceptions.from_code(code)(error, operation)
