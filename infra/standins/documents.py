"""A Google document: its text in UTF-16 code units, its named ranges, its revision."""

import re
from dataclasses import dataclass
from typing import Any

_MOST_IN_A_NAME = 256
_MOST_IN_ALL = 1_020_000


class InvalidRequestError(ValueError):
    """A request of a batch cannot be done; the message is what Google might say."""


def units(text: str) -> int:
    """Return the length of a text in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


@dataclass(frozen=True)
class Document:
    """A document at one revision. The text ends with a newline that cannot be removed."""

    text: str = "\n"
    ranges: tuple[tuple[str, int, int], ...] = ()
    revision: int = 1

    @property
    def end(self) -> int:
        """Return the index after the last character; the first one's is 1."""
        return 1 + units(self.text)

    def after(self, requests: object) -> "Document":
        """Return the next revision, with all requests done. Raises InvalidRequestError."""
        if not isinstance(requests, list) or not requests:
            raise InvalidRequestError("Must specify at least one request.")
        found = self
        for number, request in enumerate(requests):
            try:
                found = found.with_one(request)
            except InvalidRequestError as wrong:
                raise InvalidRequestError(f"Invalid requests[{number}]: {wrong}") from wrong
        if found.end > _MOST_IN_ALL:
            raise InvalidRequestError("The document would exceed its maximum size.")
        return Document(found.text, found.ranges, self.revision + 1)

    def with_one(self, request: object) -> "Document":
        """Return the document with one request done."""
        if not isinstance(request, dict) or len(request) != 1:
            raise InvalidRequestError("Exactly one kind of request must be set.")
        if "insertText" in request:
            return self._with_text(request["insertText"])
        if "createNamedRange" in request:
            return self._with_range(request["createNamedRange"])
        raise InvalidRequestError("No request set.")

    def _with_text(self, request: dict[str, Any]) -> "Document":
        text = "".join(c for c in request.get("text", "") if not _stripped(c))
        index = (request.get("location") or {}).get("index")
        if not text:
            raise InvalidRequestError("insertText: Must specify text to insert.")
        if not isinstance(index, int) or not 1 <= index < self.end:
            raise InvalidRequestError(f"insertText: Index {index} must be within the document.")
        raw = self.text.encode("utf-16-le")
        before, behind = raw[: 2 * (index - 1)], raw[2 * (index - 1) :]
        try:
            joined = before.decode("utf-16-le") + text + behind.decode("utf-16-le")
        except UnicodeDecodeError as split:
            raise InvalidRequestError("insertText: The index splits a character.") from split
        moved = [
            (name, _moved(start, index, units(text)), _moved(end, index + 1, units(text)))
            for name, start, end in self.ranges
        ]
        return Document(joined, tuple(moved), self.revision)

    def _with_range(self, request: dict[str, Any]) -> "Document":
        name, span = request.get("name", ""), request.get("range") or {}
        start, end = span.get("startIndex"), span.get("endIndex")
        if not 1 <= units(name) <= _MOST_IN_A_NAME:
            raise InvalidRequestError("createNamedRange: The name must have 1 to 256 characters.")
        if not (isinstance(start, int) and isinstance(end, int) and 1 <= start < end <= self.end):
            raise InvalidRequestError("createNamedRange: The range must be within the document.")
        return Document(self.text, (*self.ranges, (name, start, end)), self.revision)

    def shown(self, document_id: str, title: str) -> dict[str, Any]:
        """Return the document as Google answers it."""
        named: dict[str, Any] = {}
        for number, (name, start, end) in enumerate(self.ranges):
            entry = named.setdefault(name, {"name": name, "namedRanges": []})
            span = [{"startIndex": start, "endIndex": end}]
            part = {"namedRangeId": f"kix.{number}", "name": name, "ranges": span}
            entry["namedRanges"].append(part)
        return {
            "documentId": document_id,
            "title": title,
            "revisionId": f"rev-{self.revision}",
            "body": {"content": self._content()},
            "namedRanges": named,
        }

    def _content(self) -> list[dict[str, Any]]:
        content: list[dict[str, Any]] = [{"endIndex": 1, "sectionBreak": {}}]
        index = 1
        for line in re.findall(r"[^\n]*\n", self.text):
            end = index + units(line)
            run = {"startIndex": index, "endIndex": end, "textRun": {"content": line}}
            part = {"startIndex": index, "endIndex": end, "paragraph": {"elements": [run]}}
            content.append(part)
            index = end
        return content


def _moved(place: int, index: int, by: int) -> int:
    return place + by if place >= index else place


def _stripped(character: str) -> bool:
    """Return whether Google leaves a character out of what it inserts."""
    return character <= "\x08" or "\x0c" <= character <= "\x1f" or "\ue000" <= character <= "\uf8ff"
