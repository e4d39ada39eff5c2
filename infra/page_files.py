"""The page's files in the bucket of deployments, from where CloudFront answers them (`Cdn`).

They lie there under the digest of them all, as the functions answer them. A deployment puts its own
before it changes the stack and deletes none, so a page of an earlier version finds its files.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from chalicelib.web.bundles import Bundles
from chalicelib.web.files import MEDIA_TYPES

OUTPUT = "CdnArn"
"""The output of a stack whose distribution reads the bucket."""
PARAMETER = "Cdn"
FOLDER = "web"
CACHE_CONTROL = "public, max-age=31536000, immutable"
_STATIC = "chalicelib/web/static/"


@dataclass(frozen=True)
class File:
    """A file of the page: its name in the bucket, its text and what that is."""

    key: str
    body: bytes
    content_type: str


def wanted(template: Mapping[str, Any], parameters: Mapping[str, str]) -> bool:
    """Return whether a stack's distribution answers the files."""
    return OUTPUT in template.get("Outputs", {}) and parameters.get(PARAMETER) == "true"


def packaged(code: Path) -> Iterator[File]:
    """Yield the files that the functions of the zip ``code`` link to."""
    with zipfile.ZipFile(code) as whole:
        texts = {
            path.name: whole.read(str(path)).decode()
            for path in map(PurePosixPath, whole.namelist())
            if path.is_relative_to(_STATIC) and path.suffix in MEDIA_TYPES
        }
    bundles = Bundles(texts)
    for name in sorted(bundles.names):
        yield File(
            f"{FOLDER}/{bundles.version}/{name}",
            bundles.text(name).encode(),
            MEDIA_TYPES[PurePosixPath(name).suffix],
        )


def readable(policy: Mapping[str, Any], *, bucket: str, stack: str, arn: str) -> dict[str, Any]:
    """Return a bucket's policy by which the distribution ``arn`` of ``stack`` may read the files.

    Other statements, such as those of other stages, stay.
    """
    sid = f"Page{re.sub(r'[^A-Za-z0-9]', '', stack.title())}"
    others = [each for each in policy.get("Statement", []) if each.get("Sid") != sid]
    partition = arn.split(":")[1]
    statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": f"arn:{partition}:s3:::{bucket}/{FOLDER}/*",
        "Condition": {"StringEquals": {"AWS:SourceArn": arn}},
    }
    return {"Version": "2012-10-17", **policy, "Statement": [*others, statement]}
