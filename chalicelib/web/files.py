"""The page's files as a browser gets them: the text, what it is, and its name by content.

The files of ``static/`` and the runbook are all that there is: what a caller names is looked up,
and never becomes a path. They are plain text, so the gateway needs no binary type for them.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from chalicelib.core.etags import etag_of
from chalicelib.core.values import dataclass
from chalicelib.web.bundles import Bundles

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".svg": "image/svg+xml",
}
_STATIC = Path(__file__).parent / "static"
_RUNBOOK = "runbook.md"
_PAGE = "index.html"
_STAGE = "<!-- stage -->"


@dataclass(frozen=True)
class File:
    """A file of the page; ``etag`` changes with its text (RFC 9110 section 8.8.3)."""

    text: str
    media_type: str
    etag: str


@cache
def names() -> frozenset[str]:
    """Return the names of all files as they are written."""
    return frozenset(_texts())


@cache
def read(name: str) -> File:
    """Return the file of this name as it is written, which is one of `names`."""
    return _file(name, _texts()[name])


@cache
def bundles() -> Bundles:
    """Return what the page links to, below its version."""
    return Bundles(_texts())


@cache
def bundled(name: str) -> File:
    """Return a file of the `bundles`, which is one of their names."""
    return _file(name, bundles().text(name))


def page(stage: Mapping[str, Any]) -> File:
    """Return the page itself: it links to the bundles and holds what it has to know of the stage.

    That is data in a script element that no browser runs.
    """
    text = json.dumps(stage, separators=(",", ":")).replace("<", "\\u003c")
    data = f'<script type="application/json" id="stage">{text}</script>'
    text = _texts()[_PAGE].replace("web/", f"web/{bundles().version}/").replace(_STAGE, data)
    return _file(_PAGE, text)


@cache
def _texts() -> dict[str, str]:
    paths = sorted(path for path in _STATIC.iterdir() if path.suffix in MEDIA_TYPES)
    texts = {path.name: path.read_text(encoding="utf-8") for path in paths}
    if _RUNBOOK not in texts:  # packaging puts it there
        source = Path(__file__).parents[2] / "docs" / "operations.md"
        texts[_RUNBOOK] = source.read_text(encoding="utf-8")
    return texts


def _file(name: str, text: str) -> File:
    return File(text, MEDIA_TYPES[PurePosixPath(name).suffix], etag_of(text))
