"""The share: the bucket that holds the files themselves.

``incoming/<stored name>``  technicians' files
``imports/<any name>``      the dispatcher's files
"""

import base64
import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from botocore.exceptions import ClientError

from chalicelib.vending.ports import IMPORTS, INCOMING, ChangedMeanwhileError, Found, Sending

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from mypy_boto3_s3 import S3Client

MEDIA_TYPE = "application/octet-stream"
_FILE = "backroom-file"
"""The metadata of an object that came by a URL: the id of the file that the URL was for."""

# One ranged read at a time, so memory does not grow with the object.
_READ_BYTES = 8 * 1024 * 1024


class BucketShare:
    """Files in S3.

    ``client`` gives the S3 client when it is first needed: most requests do without.
    """

    def __init__(
        self,
        client: "Callable[[], S3Client]",
        bucket: str,
        presigning: "Callable[[], S3Client] | None" = None,
    ) -> None:
        self._connect = client
        self._presigning = presigning or client
        self._bucket = bucket

    @property
    def _client(self) -> "S3Client":
        return self._connect()

    def find(self, key: str) -> Found | None:
        """Return the present object at ``key``."""
        try:
            head = self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as missing:
            if missing.response["Error"]["Code"] in {"404", "NoSuchKey"}:
                return None
            raise
        stamp = head.get("Metadata", {}).get(_FILE, "")
        sent_for = int(stamp) if re.fullmatch("[0-9]{1,18}", stamp) else None
        return Found(head["ETag"].strip('"'), head["ContentLength"], sent_for)

    def put(self, key: str, content: bytes) -> None:
        """Store ``content`` at ``key``; the same again changes nothing."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=MEDIA_TYPE)

    def delete(self, key: str) -> None:
        """Remove the object at ``key``, if it is there."""
        self._client.delete_object(Bucket=self._bucket, Key=key)

    def open(self, key: str, found: Found) -> BinaryIO:
        """Open the object for reading from any place in it, as it was ``found``.

        Reading raises ChangedMeanwhileError once another object is there.
        """
        raw = _RangedObject(self._client, self._bucket, key, found)
        return cast("BinaryIO", io.BufferedReader(raw, buffer_size=_READ_BYTES))

    def upload_url(
        self, key: str, sending: Sending, *, expires_in_s: int
    ) -> tuple[str, dict[str, str]]:
        """Return a URL for one PUT to ``key`` while no object is there, and its headers.

        The headers are signed. HTTP clients add the length.
        """
        params: dict[str, Any] = {
            "Bucket": self._bucket,
            "Key": key,
            "ContentType": MEDIA_TYPE,
            "IfNoneMatch": "*",
            "Metadata": {_FILE: str(sending.file_id)},
        }
        headers = {
            "Content-Type": MEDIA_TYPE,
            "If-None-Match": "*",
            f"x-amz-meta-{_FILE}": str(sending.file_id),
        }
        if sending.size_bytes is not None:
            params["ContentLength"] = sending.size_bytes
        if sending.sha256 is not None:
            checksum = base64.b64encode(bytes.fromhex(sending.sha256)).decode()
            params["ChecksumSHA256"] = headers["x-amz-checksum-sha256"] = checksum
        url = self._presigning().generate_presigned_url(
            "put_object", Params=params, ExpiresIn=expires_in_s
        )
        return url, headers

    def etags(self) -> dict[str, str]:
        """Return the ETag of every file in the share, by key."""
        pages = self._client.get_paginator("list_objects_v2")
        return {
            entry["Key"]: entry["ETag"].strip('"')
            for prefix in (INCOMING, IMPORTS)
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix)
            for entry in page.get("Contents", [])
        }


class _RangedObject(io.RawIOBase):
    """An S3 object as a seekable stream of ranged reads; a small one is read whole, once."""

    def __init__(self, client: "S3Client", bucket: str, key: str, found: Found) -> None:
        super().__init__()
        self._client, self._bucket, self._key, self._found = client, bucket, key, found
        self._at = 0
        self._whole: bytes | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._found.size_bytes}
        self._at = max(0, start[whence] + offset)
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._found.size_bytes - self._at)
        if wanted <= 0:
            return 0
        content = self._piece(wanted)
        view[: len(content)] = content
        self._at += len(content)
        return len(content)

    def _piece(self, wanted: int) -> bytes:
        if self._found.size_bytes > _READ_BYTES:
            return self._get(self._at, self._at + wanted - 1)
        if self._whole is None:
            self._whole = self._get(0, self._found.size_bytes - 1)
        return self._whole[self._at : self._at + wanted]

    def _get(self, first: int, last: int) -> bytes:
        try:
            answer = self._client.get_object(
                Bucket=self._bucket,
                Key=self._key,
                Range=f"bytes={first}-{last}",
                IfMatch=f'"{self._found.etag}"',
            )
        except ClientError as refused:
            if refused.response["Error"]["Code"] in {"412", "PreconditionFailed", "NoSuchKey"}:
                raise ChangedMeanwhileError(self._key) from refused
            raise
        content = answer["Body"].read(last - first + 1)  # no more, whatever is sent
        if answer["ETag"].strip('"') != self._found.etag:
            raise ChangedMeanwhileError(self._key)
        return content
