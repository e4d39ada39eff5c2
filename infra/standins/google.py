"""Google: access tokens, the files that our app made in a Drive, and their text."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from infra.standins import credentials
from infra.standins.documents import Document, InvalidRequestError
from infra.standins.vendor import Clock, RefusedError, Reply, Request, Vendor, repeated

FOLDER = "application/vnd.google-apps.folder"
DOCUMENT = "application/vnd.google-apps.document"
_ROOT = "root"
_LIFETIME_S = 3599
_PAGE = 100
_TEXT = r"'((?:[^'\\]|\\.)*)'"
_CLAUSES = {
    "name": re.compile(rf"name = {_TEXT}"),
    "mimeType": re.compile(rf"mimeType = {_TEXT}"),
    "trashed": re.compile("trashed = (true|false)"),
    "parents": re.compile(rf"{_TEXT} in parents"),
    "appProperties": re.compile(rf"appProperties has {{ ?key={_TEXT} and value={_TEXT} ?}}"),
}


@dataclass
class _File:
    """A file; ``at`` is when it was made, in seconds of the epoch."""

    metadata: dict[str, Any]
    at: float
    document: Document | None = None
    trashed: bool = False
    """Whether its owner put it in the bin; what lies in a binned folder is binned with it."""


@dataclass
class _Grants:
    ends_at: dict[str, float] = field(default_factory=dict)
    revoked: bool = False


class GoogleStandin(Vendor):
    """One private account; ``lag_s`` is how long the list of files trails writes."""

    name = "google"

    def __init__(self, clock: Clock) -> None:
        self.lag_s = 0.0
        super().__init__(clock)
        document = "/docs/v1/documents/([^/:]+)"
        self.on("POST", "/token", self._grant)
        self.on("GET", "/drive/v3/about", self._about)
        self.on("GET", "/drive/v3/files", self._list)
        self.on("POST", "/drive/v3/files", self._create)
        self.on("GET", "/drive/v3/files/([^/]+)", self._show)
        self.on("DELETE", "/drive/v3/files/([^/]+)", self._delete)
        self.on("GET", document, self._read)
        self.on("POST", f"{document}:batchUpdate", self._update)

    def reset(self) -> None:
        """Forget all files and tokens."""
        self.tokens = {credentials.GOOGLE_REFRESH_TOKEN}
        self._files: dict[str, _File] = {}
        self._grants = _Grants()
        self._numbers = count(1)

    def admit(self, request: Request) -> None:
        """Demand an access token that has not ended; the token address demands its own."""
        if request.path == "/token":
            return
        ends_at = self._grants.ends_at.get(request.bearer(), 0)
        if self._grants.revoked or self.clock() >= ends_at:
            raise self.refuse(401, "Request had invalid authentication credentials.")

    def refusal(self, status: int, words: str, reason: str = "") -> Reply:
        """Return a refusal as Google's APIs write it."""
        names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND"}
        error = {"code": status, "message": words, "status": names.get(status, "UNKNOWN")}
        if reason:
            error["errors"] = [{"domain": "global", "reason": reason, "message": words}]
        return Reply(status, {"error": error})

    def limited(self, retry_after_s: float) -> Reply:
        """Return Google's 403 for too many requests."""
        refused = self.refusal(403, "User Rate Limit Exceeded", "userRateLimitExceeded")
        return Reply(403, refused.body, {"Retry-After": f"{retry_after_s:g}"})

    def shown(self) -> dict[str, Any]:
        """Return all files with their texts."""
        with self.lock:
            return {
                "files": [
                    {
                        **file.metadata,
                        "trashed": self._in_bin(file),
                        "text": file.document.text if file.document else None,
                        "lines": [name for name, *_ in file.document.ranges]
                        if file.document
                        else None,
                    }
                    for file in self._files.values()
                ],
                "lag_s": self.lag_s,
            }

    def doubles(self) -> list[str]:
        """Return files with the same marks, and lines with the same name in a document."""
        with self.lock:
            found = [file.metadata for file in self._files.values()]
            files = [f"file {each['mimeType']} {each['appProperties']}" for each in found]
            lines = [
                f"line {key} {name}"
                for key, file in self._files.items()
                for name, *_ in (file.document.ranges if file.document else ())
            ]
            return repeated(files) + repeated(lines)

    # --- what the owner of the account does ---

    def revoke(self, *, revoked: bool) -> None:
        """Withdraw the app's access, or give it back."""
        with self.lock:
            self._grants.revoked = revoked

    def end_tokens(self) -> None:
        """Let all access tokens end at once."""
        with self.lock:
            self._grants.ends_at.clear()

    def type_into(self, document_id: str, text: str) -> bool:
        """Write at the beginning of a document, as its owner may at any time."""
        with self.lock:
            file = self._files.get(document_id)
            if file is None or file.document is None:
                return False
            insertion = {"insertText": {"location": {"index": 1}, "text": text}}
            file.document = file.document.after([insertion])
            return True

    def delete(self, file_id: str) -> bool:
        """Delete a file for good; a folder with all that lies in it."""
        with self.lock:
            if self._files.pop(file_id, None) is None:
                return False
            inside = [
                key for key, file in self._files.items() if file_id in file.metadata["parents"]
            ]
            return all(self.delete(each) for each in inside)

    def trash(self, file_id: str, *, trashed: bool = True) -> bool:
        """Put a file in the bin, or take it out again."""
        with self.lock:
            if file_id in self._files:
                self._files[file_id].trashed = trashed
            return file_id in self._files

    def _in_bin(self, file: _File) -> bool:
        above = [self._files[each] for each in file.metadata["parents"] if each in self._files]
        return file.trashed or any(map(self._in_bin, above))

    # --- the API ---

    def _grant(self, request: Request) -> Reply:
        form = dict(parse_qsl(request.body.decode()))
        if form.get("grant_type") != "refresh_token":
            return _oauth(400, "unsupported_grant_type", "Invalid grant_type")
        client = (form.get("client_id"), form.get("client_secret"))
        if client != (credentials.GOOGLE_CLIENT_ID, credentials.GOOGLE_CLIENT_SECRET):
            return _oauth(401, "invalid_client", "The OAuth client was not found.")
        wrong = form.get("refresh_token") not in self.tokens
        if wrong or self._grants.revoked:
            return _oauth(400, "invalid_grant", "Token has been expired or revoked.")
        token = f"ya29.standin-{next(self._numbers)}"
        self._grants.ends_at[token] = self.clock() + _LIFETIME_S
        scope = "https://www.googleapis.com/auth/drive.file"
        body = {"access_token": token, "expires_in": _LIFETIME_S, "scope": scope}
        return Reply(200, {**body, "token_type": "Bearer"})

    def _about(self, request: Request) -> Reply:
        if not request.query.get("fields"):
            raise self.refuse(400, "The 'fields' parameter is required for this method.")
        return Reply(200, {"user": {"displayName": "The bakery", "emailAddress": "b@gmail.com"}})

    def _list(self, request: Request) -> Reply:
        wanted = self._parsed(request.query.get("q", ""))
        horizon = self.clock() - self.lag_s
        found = [
            file.metadata
            for file in self._files.values()
            if file.at <= horizon
            and _fits(file.metadata, wanted)
            and wanted.get("trashed") in {None, (str(self._in_bin(file)).lower(),)}
        ]
        start = int(request.query.get("pageToken") or 0)
        page = found[start : start + _PAGE]
        body: dict[str, Any] = {"files": [{"id": each["id"]} for each in page]}
        if start + _PAGE < len(found):
            body["nextPageToken"] = str(start + _PAGE)
        return Reply(200, body)

    def _create(self, request: Request) -> Reply:
        body = self._object(request)
        kind, parents = body.get("mimeType"), body.get("parents", [_ROOT])
        if kind not in {FOLDER, DOCUMENT}:
            raise self.refuse(400, "The stand-in keeps folders and documents only.")
        if "id" in body:
            raise self.refuse(400, "Generated IDs are not supported for Docs Editors formats.")
        for parent in parents:
            if parent != _ROOT and parent not in self._files:
                raise self._refused(404, f"File not found: {parent}.", "notFound")
        marks = body.get("appProperties", {})
        if any(len((key + value).encode()) > 124 for key, value in marks.items()):
            raise self._refused(
                403,
                "A property may have at most 124 bytes, key and value.",
                "propertyLengthLimitExceeded",
            )
        file_id = f"file-{next(self._numbers)}"
        at = self.clock()
        made = {
            "id": file_id,
            "name": body.get("name", "Untitled"),
            "mimeType": kind,
            "parents": parents,
            "appProperties": marks,
            "createdTime": datetime.fromtimestamp(at, UTC).isoformat(),
        }
        document = Document() if kind == DOCUMENT else None
        self._files[file_id] = _File(made, at, document)
        return Reply(200, {"id": file_id})

    def _show(self, request: Request, file_id: str) -> Reply:
        file = self._files.get(file_id)
        if file is None:
            raise self._refused(404, f"File not found: {file_id}.", "notFound")
        held = {"kind": "drive#file", **file.metadata, "explicitlyTrashed": file.trashed}
        held["trashed"] = self._in_bin(file)
        fields = request.query.get("fields", "kind,id,name,mimeType").split(",")
        return Reply(200, {name: held[name] for name in fields if name in held})

    def _delete(self, request: Request, file_id: str) -> Reply:
        if not self.delete(file_id):
            raise self._refused(404, f"File not found: {file_id}.", "notFound")
        return Reply(204)

    def _refused(self, status: int, words: str, reason: str) -> RefusedError:
        return RefusedError(self.refusal(status, words, reason))

    def _read(self, request: Request, document_id: str) -> Reply:
        file, document = self._document(document_id)
        return Reply(200, document.shown(document_id, file.metadata["name"]))

    def _update(self, request: Request, document_id: str) -> Reply:
        file, document = self._document(document_id)
        body = self._object(request)
        required = (body.get("writeControl") or {}).get("requiredRevisionId")
        if required not in {None, f"rev-{document.revision}"}:
            raise self.refuse(400, "The required revision ID does not match the latest revision.")
        try:
            file.document = document.after(body.get("requests"))
        except InvalidRequestError as wrong:
            raise self.refuse(400, str(wrong)) from wrong
        control = {"requiredRevisionId": f"rev-{file.document.revision}"}
        replies: list[Any] = [{} for _ in body["requests"]]
        return Reply(200, {"documentId": document_id, "replies": replies, "writeControl": control})

    def _document(self, document_id: str) -> tuple[_File, Document]:
        file = self._files.get(document_id)
        if file is None or file.document is None:
            raise self.refuse(404, "Requested entity was not found.")
        return file, file.document

    def _parsed(self, text: str) -> dict[str, tuple[str, ...]]:
        """Return the clauses of a search; they are joined by ``and``."""
        found = {}
        rest = text
        while rest:
            for name, pattern in _CLAUSES.items():
                if match := pattern.match(rest):
                    found[name] = tuple(re.sub(r"\\(.)", r"\1", part) for part in match.groups())
                    rest = rest[match.end() :].removeprefix(" and ")
                    break
            else:
                raise self._invalid_query(rest)
        return found

    def _invalid_query(self, rest: str) -> RefusedError:
        return self.refuse(400, f"Invalid Value: q, near {rest[:40]}")

    def _object(self, request: Request) -> dict[str, Any]:
        try:
            body = request.json()
        except ValueError as broken:
            raise self.refuse(400, "Invalid JSON payload received.") from broken
        if not isinstance(body, dict) or request.media_type != "application/json":
            raise self.refuse(400, "Invalid JSON payload received.")
        return body


def _fits(metadata: dict[str, Any], wanted: dict[str, tuple[str, ...]]) -> bool:
    marks = metadata["appProperties"]
    return all(
        (name in {"name", "mimeType"} and metadata[name] == values[0])
        or (name == "parents" and values[0] in metadata["parents"])
        or (name == "appProperties" and marks.get(values[0]) == values[1])
        or name == "trashed"
        for name, values in wanted.items()
    )


def _oauth(status: int, error: str, words: str) -> Reply:
    return Reply(status, {"error": error, "error_description": words})
