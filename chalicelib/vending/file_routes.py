"""Files over HTTP: technicians' uploads and the dispatcher's imports."""

from typing import Annotated

from chalice import Response
from pydantic import Field

from chalicelib.core.http import (
    Routes,
    checked,
    created,
    json_body,
    listed,
    ok,
    query,
    raw_body,
)
from chalicelib.vending.files import DISPATCHER, FileView
from chalicelib.vending.models import ImportQuery, Model, TechnicianQuery, UploadQuery
from chalicelib.vending.service.intake import LATER_HINT, UPLOAD_LIMIT
from chalicelib.vending.wiring import vending

bp = Routes(__name__)

LOG_MEDIA_TYPES = [
    "application/zip",
    "application/gzip",
    "text/plain",
    "application/octet-stream",
    "application/x-zip-compressed",
    "application/x-gzip",
]


class _FilePath(Model):
    file_id: Annotated[int, Field(ge=1, le=10**12)]


@bp.route("/files", methods=["POST"])
def upload_file() -> Response:
    """Take a technician's file: a zip, gzip or text in the body."""
    told = query(bp.current_request, UploadQuery)
    file, new = vending().intake.upload(told, _content("/files/presigned"))
    return _answer(file, new)


@bp.route("/files/presigned", methods=["POST"])
def presign_file() -> Response:
    """Give a URL by which a technician's large file goes straight to the share."""
    awaited = vending().intake.await_upload(json_body(bp.current_request, UploadQuery))
    return created(awaited, location=f"/files/{awaited.file.id}")


@bp.route("/files", methods=["GET"])
def list_files() -> Response:
    """List a technician's files, newest first."""
    wanted = query(bp.current_request, TechnicianQuery)
    return listed(vending().intake.technicians_files(wanted.technician))


@bp.route("/files/{file_id}", methods=["GET"])
def get_file(file_id: str) -> Response:
    """Show a file: what was kept, known and refused, with the refused lines."""
    path = checked(_FilePath, {"file_id": file_id}, place="path")
    return ok(vending().intake.detail(path.file_id))


@bp.route("/files/{file_id}", methods=["DELETE"])
def delete_file(file_id: str) -> Response:
    """Take a technician's file back, and with it the rows that no other file holds."""
    path = checked(_FilePath, {"file_id": file_id}, place="path")
    wanted = query(bp.current_request, TechnicianQuery)
    return ok(vending().intake.delete(wanted.technician, path.file_id))


@bp.route("/imports", methods=["POST"])
def take_import() -> Response:
    """Take a dispatcher's file of any machines."""
    told = query(bp.current_request, ImportQuery)
    file, new = vending().intake.take_import(told, _content("/imports/presigned"))
    return _answer(file, new)


@bp.route("/imports/presigned", methods=["POST"])
def presign_import() -> Response:
    """Give a URL by which a dispatcher's large file goes straight to the share."""
    awaited = vending().intake.await_import(json_body(bp.current_request, ImportQuery))
    return created(awaited, location=f"/files/{awaited.file.id}")


@bp.route("/imports", methods=["GET"])
def list_imports() -> Response:
    """List the dispatcher's files, newest first."""
    return listed(vending().intake.imports())


@bp.route("/imports/{file_id}", methods=["DELETE"])
def delete_import(file_id: str) -> Response:
    """Take a dispatcher's file back."""
    path = checked(_FilePath, {"file_id": file_id}, place="path")
    return ok(vending().intake.delete(DISPATCHER, path.file_id))


def _content(large: str) -> bytes:
    hint = LATER_HINT.format(path=large)
    return raw_body(bp.current_request, LOG_MEDIA_TYPES, limit=UPLOAD_LIMIT, hint=hint)


def _answer(file: FileView, new: bool) -> Response:
    return created(file, location=f"/files/{file.id}") if new else ok(file)
