"""Google Drive and Docs: a folder, a document per subject, lines that are appended exactly once.

Every line is a named range, which is its receipt, and is written only onto the revision that was
read (`requiredRevisionId`): the second writer finds the receipt, or has to read again. Indexes
and lengths are in UTF-16 code units, as Google counts. Names are not unique in Drive and its list
trails writes, so ids are for the caller to keep.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from pydantic import Field

from chalicelib.core.outbox.effects import NotExecutedError, RejectedError
from chalicelib.core.values import dataclass
from chalicelib.integrations import limits
from chalicelib.integrations.google import Authorized
from chalicelib.integrations.http import NotThereError, Read

SETTLE_S = 300.0
"""How long Drive's list may trail a write, made sure of."""

_FOLDER = "application/vnd.google-apps.folder"
_DOCUMENT = "application/vnd.google-apps.document"
_FOLDER_MARK, _DOCUMENT_MARK = "backroom_folder", "backroom_customer"
_MOST_ROUNDS = 4
_SEEN = "revisionId,namedRanges,body(content(startIndex,endIndex))"


class File(Read):
    """A file or a folder in Drive; what is in the bin is deleted after 30 days."""

    id: str
    trashed: bool = False


class Person(Read):
    """Whose Drive it is."""

    email: str = Field("", alias="emailAddress")


class _Files(Read):
    files: tuple[File, ...] = ()
    token: str | None = Field(None, alias="nextPageToken")


class _About(Read):
    user: Person


class _Part(Read):
    start: int = Field(0, alias="startIndex")
    end: int = Field(alias="endIndex")


class _Body(Read):
    content: tuple[_Part, ...] = Field(min_length=1)


class _Written(Read):
    document_id: str = Field(alias="documentId")


class _Document(Read):
    revision: str = Field(alias="revisionId")
    ranges: dict[str, Any] = Field({}, alias="namedRanges")
    body: _Body

    @property
    def end(self) -> int:
        """Return where text can be appended: before the newline that every document ends with."""
        return self.body.content[-1].end - 1

    @property
    def mid_line(self) -> bool:
        """Return whether the end has text without a line break after it."""
        return self.body.content[-1].start < self.end


class DocumentFullError(RejectedError):
    """A document has no room for more lines."""


@dataclass(frozen=True)
class Line:
    """One line of a document; ``name`` is what it is known by."""

    name: str
    text: str


class Drive:
    """The files that we made in one account's Drive; Drive shows us no others (`drive.file`)."""

    def __init__(self, http: Authorized) -> None:
        self._http = http

    def owner(self) -> Person:
        """Return whose Drive it is."""
        return self._http.read("GET", "/about", query={"fields": "user"}).into(_About).user

    def find_folder(self, name: str) -> str | None:
        """Return the id of the folder that we made under ``name``, None when there is none yet."""
        return self._oldest(_FOLDER, _FOLDER_MARK, name)

    def create_folder(self, name: str) -> str:
        """Create a folder and return its id.

        Not repeat-safe: `find_folder` finds an earlier one.
        """
        return self._create(name, _FOLDER, _FOLDER_MARK, name)

    def find_document(self, customer: str) -> str | None:
        """Return the id of the document that we made for ``customer``, None if there is none."""
        return self._oldest(_DOCUMENT, _DOCUMENT_MARK, customer)

    def create_document(self, name: str, *, customer: str, folder: str) -> str:
        """Create an empty document in a folder and return its id.

        Not repeat-safe: `find_document` finds an earlier one.
        """
        return self._create(name, _DOCUMENT, _DOCUMENT_MARK, customer, parents=[folder])

    def exists(self, file_id: str) -> bool:
        """Return whether a file or folder is there and not in the bin, nor a folder above it."""
        query = {"fields": "id,trashed", "supportsAllDrives": "true"}
        try:
            found = self._http.read("GET", f"/files/{quote(file_id, safe='')}", query=query)
        except NotThereError:
            return False
        return not found.into(File).trashed

    def delete(self, file_id: str) -> None:
        """Delete a file for good, past the bin. Repeat-safe."""
        with suppress(NotThereError):
            self._http.read(
                "DELETE", f"/files/{quote(file_id, safe='')}", query={"supportsAllDrives": "true"}
            )

    def _create(self, name: str, kind: str, mark: str, value: str, **more: Any) -> str:
        body = {
            "name": limits.shortened(name, limits.DRIVE_NAME),
            "mimeType": kind,
            "appProperties": {mark: _property(mark, value)},
            **more,
        }
        query = {"fields": "id", "supportsAllDrives": "true"}
        return self._http.write("POST", "/files", query=query, json=body).into(File).id

    def _oldest(self, kind: str, mark: str, value: str) -> str | None:
        """Return the oldest that carries a mark; the list may trail what was put in the bin."""
        found = self._files(_marked(mark, _property(mark, value), kind))
        return next((file.id for file in found if self.exists(file.id)), None)

    def _files(self, clause: str) -> Iterator[File]:
        query = {
            "q": clause,
            "fields": "nextPageToken,files(id)",
            "orderBy": "createdTime",
            "supportsAllDrives": "true",
            "includeItemsFromAllDrives": "true",
        }
        while True:
            page = self._http.read("GET", "/files", query=query).into(_Files)
            yield from page.files
            if not page.token:
                return
            query = {**query, "pageToken": page.token}


class Docs:
    """The text of documents."""

    def __init__(self, http: Authorized) -> None:
        self._http = http

    def names(self, document_id: str) -> frozenset[str]:
        """Return the names of the lines that a document holds."""
        return frozenset(self._document(document_id).ranges)

    def append(self, document_id: str, lines: Sequence[Line]) -> None:
        """Append those ``lines`` that the document does not hold yet, all or none. Repeat-safe.

        Raises NotThereError when there is no such document any more, DocumentFullError when the
        lines do not fit.
        """
        refused: tuple[str, RejectedError] | None = None
        for _ in range(_MOST_ROUNDS):
            seen = self._document(document_id)
            missing = [line for line in lines if _range_name(line) not in seen.ranges]
            if not missing:
                return
            added = sum(limits.utf16_length(as_line(line.text)) for line in missing)
            if seen.end + added > limits.DOCS_TEXT:
                raise DocumentFullError(f"Google Docs: {document_id} is full")
            if refused and refused[0] == seen.revision:
                raise refused[1]  # no other writer came between, so the request itself is at fault
            try:
                self._write(document_id, seen, missing)
            except NotThereError:
                raise
            except RejectedError as stale:
                refused = (seen.revision, stale)
            else:
                return
        raise NotExecutedError(f"Google Docs: {document_id} is being changed by too many writers")

    def _document(self, document_id: str) -> _Document:
        return self._http.read("GET", _path(document_id), query={"fields": _SEEN}).into(_Document)

    def _write(self, document_id: str, seen: _Document, lines: Sequence[Line]) -> None:
        body = {
            "requests": list(_requests(seen, lines)),
            "writeControl": {"requiredRevisionId": seen.revision},
        }
        self._http.write("POST", f"{_path(document_id)}:batchUpdate", json=body).into(_Written)


def as_line(text: str) -> str:
    """Return ``text`` as one line of a document, without what Google strips from an insertion.

    Control characters and the private use area would go without a word, and every index after
    them would be wrong.
    """
    return "".join(c for c in " ".join(text.split()) if not _stripped(c)) + "\n"


def _requests(seen: _Document, lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
    index = seen.end
    if seen.mid_line:
        yield _insertion(index, "\n")
        index += 1
    for line in lines:
        text = as_line(line.text)
        end = index + limits.utf16_length(text)
        yield _insertion(index, text)
        span = {"startIndex": index, "endIndex": end}
        yield {"createNamedRange": {"name": _range_name(line), "range": span}}
        index = end


def _range_name(line: Line) -> str:
    return limits.identified(line.name, limits.DOCS_RANGE_NAME, measure=limits.utf16_length)


def _insertion(index: int, text: str) -> dict[str, Any]:
    return {"insertText": {"location": {"index": index}, "text": text}}


def _stripped(character: str) -> bool:
    return character < " " or "\ue000" <= character <= "\uf8ff"


def _marked(key: str, value: str, kind: str) -> str:
    return (
        f"appProperties has {{ key={_quoted(key)} and value={_quoted(value)} }}"
        f" and mimeType = {_quoted(kind)} and trashed = false"
    )


def _property(key: str, value: str) -> str:
    """Return a property's value as Drive takes it: no two values become one."""
    return limits.identified(value, limits.DRIVE_PROPERTY - limits.utf8_length(key))


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _path(document_id: str) -> str:
    return f"/v1/documents/{quote(document_id, safe='')}"
