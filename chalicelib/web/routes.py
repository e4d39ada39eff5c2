"""The page over HTTP. `/` answers it to browsers, see `chalicelib.operations`."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from chalice import Response
from chalice.app import Request
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.core.auth.settings import AuthSettings
from chalicelib.core.errors import NotFoundError
from chalicelib.core.http import respond
from chalicelib.core.routing import Routes
from chalicelib.core.settings import from_env
from chalicelib.web import files
from chalicelib.web.accept import quality

bp = Routes(__name__)

# Scripts and styles are files of ours and nothing else: text that somebody typed in cannot become
# one, and no other page can frame this one or be called by it.
_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
_SECURITY = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
_TYPES = tuple(sorted({kind.partition(";")[0] for kind in files.MEDIA_TYPES.values()}))


class ShareSettings(BaseModel):
    """What is read from the environment (upper-case names): where large files are sent to."""

    model_config = ConfigDict(frozen=True)

    vending_bucket: str = ""
    aws_region: str = ""
    presign_endpoint_url: str = ""

    @property
    def origins(self) -> tuple[str, ...]:
        """Return the origins that presigned URLs have: S3's two for a bucket, or the local one."""
        if self.presign_endpoint_url:
            return (self.presign_endpoint_url.rstrip("/"),)
        if not (self.vending_bucket and self.aws_region):
            return ()
        host = f"https://{self.vending_bucket}.s3"
        return (f"{host}.{self.aws_region}.amazonaws.com", f"{host}.amazonaws.com")


class _FilePath(BaseModel):
    file: Annotated[str, Field(json_schema_extra={"maxLength": 255, "pattern": r"^[a-z0-9_.-]+$"})]


@bp.on(
    "GET",
    "/web/{file}",
    access="public",
    path_values=_FilePath,
    also_produces=_TYPES,
    errors=(404,),
)
def get_file(path: _FilePath) -> Response:
    """Answer a file of the page."""
    if path.file not in files.names():
        raise NotFoundError("The page has no such file.")
    return answer(path.file, bp.current_request)


def wants_page(request: Request) -> bool:
    """Return whether a caller of ``/`` is a browser: it asks for HTML rather than for JSON."""
    accept = request.headers.get("accept", "")
    return quality(accept, "text/html") > quality(accept, "application/json")


def answer(name: str, request: Request, headers: Mapping[str, str] | None = None) -> Response:
    """Answer a file of the page, or 304 when the browser has it.

    ``no-cache`` lets the browser keep it and ask each time: files of two versions never meet.
    """
    file = files.read(name)
    policy = {"Content-Security-Policy": _policy(), **_SECURITY}
    known = {"Cache-Control": "no-cache", "ETag": file.etag, **policy, **(headers or {})}
    if _has(request.headers.get("if-none-match", ""), file.etag):
        return respond(
            "", status=HTTPStatus.NOT_MODIFIED, media_type=file.media_type, headers=known
        )
    return respond(file.text, media_type=file.media_type, headers=known)


def _policy() -> str:
    """Return what the page may do: talk to its API, the share, and where one signs in."""
    talks_to = (
        "'self'",
        *from_env(AuthSettings).sign_in_origins,
        *from_env(ShareSettings).origins,
    )
    return "; ".join((*_POLICY, f"connect-src {' '.join(talks_to)}"))


def _has(if_none_match: str, etag: str) -> bool:
    """Return whether a browser names this version (RFC 9110 section 13.1.2)."""
    named = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in named or "*" in named
