"""The page's files as a browser gets them: the text, what it is, and its name by content.

The files of ``static/`` are all that there is: what a caller names is looked up, and never becomes
a path. They are plain text, so the gateway needs no binary type for them.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class File:
    """A file of the page; ``etag`` changes with its text (RFC 9110 section 8.8.3)."""

    text: str
    media_type: str
    etag: str


@cache
def names() -> frozenset[str]:
    """Return the names of all files."""
    return frozenset(path.name for path in _STATIC.iterdir() if path.suffix in MEDIA_TYPES)


@cache
def read(name: str) -> File:
    """Return the file of this name, which is one of `names`."""
    path = _STATIC / name
    content = path.read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return File(content.decode(), MEDIA_TYPES[path.suffix], etag)
