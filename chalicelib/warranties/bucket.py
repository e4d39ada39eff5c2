"""The archive in S3: the merchant's own private objects, each written once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
)

from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.warranties.archive import sha256_base64

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

URL_LIVES_S = 900
_MEDIA_TYPE = "application/json"
_DENIED = {
    "AccessDenied",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
}
# Nothing was written, and later it may be: too many at once, another writer of the same object
# just then, or a bucket that is not there (yet).
_LATER = {"ConditionalRequestConflict", "NoSuchBucket", "RequestTimeTooSkewed", "SlowDown"}
_THERE = {"412", "PreconditionFailed"}
_NOT_THERE = {"404", "NoSuchKey", "NotFound"}


class BucketArchive:
    """Objects in a bucket.

    ``client`` gives the S3 client when it is first needed: most requests do without.
    """

    def __init__(
        self,
        client: "Callable[[], S3Client]",
        bucket: str,
        presigning: "Callable[[], S3Client] | None" = None,
    ) -> None:
        self._client = client
        self._presigning = presigning or client
        self._bucket = bucket

    def put_once(self, key: str, content: bytes) -> None:
        """Store ``content`` at ``key`` unless something is there; raises EffectError.

        S3 checks the content against its SHA-256 and keeps that with the object.
        """
        with _outcome():
            try:
                self._client().put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=content,
                    ContentType=_MEDIA_TYPE,
                    ChecksumSHA256=sha256_base64(content),
                    IfNoneMatch="*",
                )
            except ClientError as refused:
                if _code(refused) not in _THERE:
                    raise

    def holds(self, key: str) -> bool:
        """Return whether something is at ``key``; raises EffectError."""
        with _outcome():
            try:
                self._client().head_object(Bucket=self._bucket, Key=key)
            except ClientError as refused:
                if _code(refused) not in _NOT_THERE:
                    raise
                return False
            return True

    def url(self, key: str) -> str:
        """Return an address that shows what is at ``key``, for a while."""
        params = {"Bucket": self._bucket, "Key": key}
        return self._presigning().generate_presigned_url(
            "get_object", Params=params, ExpiresIn=URL_LIVES_S
        )


@contextmanager
def _outcome() -> Iterator[None]:
    """Say of every failure whether the object may be there now."""
    try:
        yield
    except ClientError as refused:
        raise _effect_error(refused) from refused
    except NoCredentialsError as missing:
        raise CredentialsError("There are no credentials for S3.") from missing
    except (EndpointConnectionError, ConnectTimeoutError) as unsent:
        raise NotExecutedError(f"S3 was not reached: {unsent}") from unsent
    except BotoCoreError as broken:
        raise OutcomeUnknownError(f"S3 did not answer: {broken}") from broken


def _effect_error(refused: ClientError) -> EffectError:
    code, status = _code(refused), refused.response["ResponseMetadata"]["HTTPStatusCode"]
    text = f"S3 answered {status} {code}."
    if code in _DENIED or status in {401, 403}:
        return CredentialsError(text)
    if code in _LATER or status in {404, 409, 429, 503}:
        return NotExecutedError(text)
    return OutcomeUnknownError(text) if status >= 500 else RejectedError(text)


def _code(refused: ClientError) -> str:
    return refused.response["Error"]["Code"]
