"""The page over HTTP. `/` answers it to browsers, see `chalicelib.operations`."""

from collections.abc import Mapping
from typing import Annotated, Any

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
_ASK_EACH_TIME = "no-cache"
_FOR_EVER = "public, max-age=31536000, immutable"
_MISSING = "The page has no such file."
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


_FileName = Annotated[
    str, Field(json_schema_extra={"maxLength": 255, "pattern": r"^[a-z0-9_.-]+$"})
]


class _FilePath(BaseModel):
    file: _FileName
    """The name of the file."""


class _BundlePath(BaseModel):
    version: Annotated[str, Field(json_schema_extra={"maxLength": 64, "pattern": r"^[0-9a-f]+$"})]
    """The digest of all files of the page."""
    file: _FileName


@bp.on(
    "GET",
    "/web/{file}",
    access="public",
    path_values=_FilePath,
    also_produces=_TYPES,
    errors=(404,),
)
def get_page_file(path: _FilePath) -> Response:
    """Get a file of the page."""
    if path.file not in files.names():
        raise NotFoundError(_MISSING)
    return _answer(files.read(path.file), {"Cache-Control": _ASK_EACH_TIME})


@bp.on(
    "GET",
    "/web/{version}/{file}",
    access="public",
    path_values=_BundlePath,
    also_produces=_TYPES,
    errors=(404,),
)
def get_page_bundle(path: _BundlePath) -> Response:
    """Get a file of a version of the page; it never changes."""
    bundles = files.bundles()
    if path.version != bundles.version or path.file not in bundles.names:
        raise NotFoundError(_MISSING)
    return _answer(files.bundled(path.file), {"Cache-Control": _FOR_EVER})


def page(stage: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """Answer the page itself, which knows ``stage``.

    ``no-cache`` lets the browser keep it and ask each time: files of two versions never meet.
    """
    return _answer(files.page(stage), {"Cache-Control": _ASK_EACH_TIME, **headers})


def wants_page(request: Request) -> bool:
    """Return whether a caller of ``/`` is a browser: it asks for HTML rather than for JSON."""
    accept = request.headers.get("accept", "")
    return quality(accept, "text/html") > quality(accept, "application/json")


def _answer(file: files.File, headers: Mapping[str, str]) -> Response:
    """Answer a file, which knows its version."""
    policy = {"Content-Security-Policy": _policy(), **_SECURITY}
    known = {"ETag": file.etag, **policy, **headers}
    return respond(file.text, media_type=file.media_type, headers=known)


def _policy() -> str:
    """Return what the page may do: talk to its API, the share, and where one signs in."""
    talks_to = (
        "'self'",
        *from_env(AuthSettings).sign_in_origins,
        *from_env(ShareSettings).origins,
    )
    return "; ".join((*_POLICY, f"connect-src {' '.join(talks_to)}"))
