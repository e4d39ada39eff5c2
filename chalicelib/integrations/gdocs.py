"""Google Drive and Docs: a folder, a document per subject, lines that are appended exactly once.

Every line is a named range, which is its receipt, and is written only onto the revision that was
read (`requiredRevisionId`): whoever comes second finds the receipt, or has to read again. Indexes
and lengths are in UTF-16 code units, as Google counts. Names are not unique in Drive and its list
trails writes, so ids are for the caller to keep.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import Field

from chalicelib.core.outbox.effects import NotExecutedError, RejectedError
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
    """A file or a folder in Drive."""

    id: str


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
        """Return whether somebody has written to the end and begun no new line."""
        return self.body.content[-1].start < self.end


@dataclass(frozen=True)
class Line:
    """One line of a document; ``name`` (at most 256 UTF-16 units) is what it is known by."""

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
        return self._oldest(_marked(_FOLDER_MARK, name, _FOLDER))

    def create_folder(self, name: str) -> str:
        """Create a folder and return its id.

        Not repeat-safe: `find_folder` finds an earlier one.
        """
        return self._create(name, _FOLDER, {_FOLDER_MARK: name})

    def find_document(self, customer: str) -> str | None:
        """Return the id of the document that we made for ``customer``, None if there is none."""
        return self._oldest(_marked(_DOCUMENT_MARK, customer, _DOCUMENT))

    def create_document(self, name: str, *, customer: str, folder: str) -> str:
        """Create an empty document in a folder and return its id.

        Not repeat-safe: `find_document` finds an earlier one.
        """
        return self._create(name, _DOCUMENT, {_DOCUMENT_MARK: customer}, parents=[folder])

    def _create(self, name: str, kind: str, marks: Mapping[str, str], **more: Any) -> str:
        body = {"name": name, "mimeType": kind, "appProperties": dict(marks), **more}
        query = {"fields": "id", "supportsAllDrives": "true"}
        return self._http.write("POST", "/files", query=query, json=body).into(File).id

    def _oldest(self, clause: str) -> str | None:
        return next((file.id for file in self._files(clause)), None)

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

        Raises NotThereError when there is no such document any more.
        """
        refused: tuple[str, RejectedError] | None = None
        for _ in range(_MOST_ROUNDS):
            seen = self._document(document_id)
            missing = [line for line in lines if line.name not in seen.ranges]
            if not missing:
                return
            if refused and refused[0] == seen.revision:
                raise refused[1]  # nobody came between, so the request itself is at fault
            try:
                self._write(document_id, seen, missing)
            except NotThereError:
                raise
            except RejectedError as stale:
                refused = (seen.revision, stale)
            else:
                return
        raise NotExecutedError(f"Google Docs: {document_id} is written to all the time")

    def _document(self, document_id: str) -> _Document:
        return self._http.read("GET", _path(document_id), query={"fields": _SEEN}).into(_Document)

    def _write(self, document_id: str, seen: _Document, lines: Sequence[Line]) -> None:
        body = {
            "requests": list(_requests(seen, lines)),
            "writeControl": {"requiredRevisionId": seen.revision},
        }
        self._http.write("POST", f"{_path(document_id)}:batchUpdate", json=body)


def as_line(text: str) -> str:
    """Return ``text`` as one line of a document, without what Google strips from an insertion.

    Control characters and the private use area would go without a word, and every index after
    them would be wrong.
    """
    return "".join(c for c in " ".join(text.split()) if not _stripped(c)) + "\n"


def utf16_length(text: str) -> int:
    """Return the length of ``text`` in UTF-16 code units, as Google counts."""
    return len(text.encode("utf-16-le")) // 2


def _requests(seen: _Document, lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
    index = seen.end
    if seen.mid_line:
        yield _insertion(index, "\n")
        index += 1
    for line in lines:
        text = as_line(line.text)
        end = index + utf16_length(text)
        yield _insertion(index, text)
        span = {"startIndex": index, "endIndex": end}
        yield {"createNamedRange": {"name": line.name, "range": span}}
        index = end


def _insertion(index: int, text: str) -> dict[str, Any]:
    return {"insertText": {"location": {"index": index}, "text": text}}


def _stripped(character: str) -> bool:
    return character < " " or "\ue000" <= character <= "\uf8ff"


def _marked(key: str, value: str, kind: str) -> str:
    return (
        f"appProperties has {{ key={_quoted(key)} and value={_quoted(value)} }}"
        f" and mimeType = {_quoted(kind)} and trashed = false"
    )


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _path(document_id: str) -> str:
    return f"/v1/documents/{quote(document_id, safe='')}"
