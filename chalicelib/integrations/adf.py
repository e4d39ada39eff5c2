"""Jira's document format (ADF, version 1): text is data in it, whatever it holds.

The schema is `@atlaskit/adf-schema`'s. An empty text node is not allowed, so it is left out.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Node = dict[str, Any]


def document(*blocks: Node) -> Node:
    """Return a whole document."""
    return {"type": "doc", "version": 1, "content": list(blocks)}


def paragraph(*parts: str | Node) -> Node:
    """Return a paragraph of texts and links."""
    nodes = [text(part) if isinstance(part, str) else part for part in parts if part]
    return {"type": "paragraph", "content": nodes}


def text(words: str) -> Node:
    """Return a text node; ``words`` must not be empty."""
    return {"type": "text", "text": words}


def link(words: str, url: str) -> Node:
    """Return a text that leads to ``url``."""
    mark = {"type": "link", "attrs": {"href": url}}
    return {**text(words), "marks": [mark]}


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Node:
    """Return a table with a heading; every row has a cell for each column."""
    body = [_row("tableCell", cells) for cells in rows]
    return {"type": "table", "content": [_row("tableHeader", heading), *body]}


def bullets(items: Iterable[str]) -> Node:
    """Return a list; there is at least one item."""
    points = [{"type": "listItem", "content": [paragraph(item)]} for item in items]
    return {"type": "bulletList", "content": points}


def words(node: object) -> Iterator[str]:
    """Yield the texts of a document in their order."""
    if isinstance(node, dict):
        if isinstance(node.get("text"), str):
            yield node["text"]
        for part in node.get("content") or ():
            yield from words(part)


def _row(kind: str, cells: Sequence[str]) -> Node:
    parts = [{"type": kind, "attrs": {}, "content": [paragraph(cell)]} for cell in cells]
    return {"type": "tableRow", "content": parts}
