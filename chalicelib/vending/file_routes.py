"""Files over HTTP: technicians' uploads and the dispatcher's imports."""

from typing import Annotated

from chalice import Response
from pydantic import Field

from chalicelib.core.access import Caller
from chalicelib.core.http import created, json_list, ok, stored
from chalicelib.core.models import Model
from chalicelib.core.numbers import FROM_TEXT
from chalicelib.core.paging import Id, Pages
from chalicelib.core.routing import Routes, Upload
from chalicelib.vending.files import DISPATCHER, FileDetail, FileView, PresignedFile
from chalicelib.vending.models import (
    AwaitedImport,
    AwaitedUpload,
    FilesQuery,
    ImportQuery,
    ListQuery,
    TechnicianQuery,
    UploadQuery,
)
from chalicelib.vending.service.uploads import LATER_HINT, UPLOAD_LIMIT
from chalicelib.vending.visibility import ONES_OWN, scope_of
from chalicelib.vending.wiring import vending

bp = Routes(__name__)

_FILES = Pages("/files", Id)
_IMPORTS = Pages("/imports", Id)

_LOG_MEDIA_TYPES = (
    "application/zip",
    "application/gzip",
    "text/plain",
    "application/octet-stream",
    "application/x-zip-compressed",
    "application/x-gzip",
)


def _log(larger_to: str) -> Upload:
    return Upload(_LOG_MEDIA_TYPES, UPLOAD_LIMIT, LATER_HINT.format(path=larger_to))


class _FilePath(Model):
    file_id: Annotated[int, Field(ge=1, le=10**12), FROM_TEXT]
    """The number of the file."""


@bp.on(
    "POST",
    "/files",
    access=ONES_OWN,
    query=UploadQuery,
    upload=_log("/files/presigned"),
    response=FileView,
    also_answers=(201,),
    errors=(403, 404, 409, 422),
)
def upload_file(caller: Caller, query: UploadQuery, content: bytes) -> Response:
    """Upload a technician's file: a zip, gzip or text in the body."""
    scope_of(caller).check(query.technician, f"There is no technician {query.technician}.")
    return _answer(*vending().uploads.upload(query, content))


@bp.on(
    "POST",
    "/files/presigned",
    access=ONES_OWN,
    body=AwaitedUpload,
    response=PresignedFile,
    status=201,
    errors=(403, 404, 409),
)
def presign_file(caller: Caller, body: AwaitedUpload) -> Response:
    """Create a URL for uploading a technician's large file to the share."""
    scope_of(caller).check(body.technician, f"There is no technician {body.technician}.")
    awaited = vending().uploads.await_upload(body)
    return created(awaited, location=f"/files/{awaited.file.id}")


@bp.on(
    "GET",
    "/files",
    access=ONES_OWN,
    query=FilesQuery,
    response=FileView,
    as_list=True,
    errors=(404,),
)
def list_files(caller: Caller, query: FilesQuery) -> Response:
    """List a technician's files, newest first."""
    scope_of(caller).check(query.technician, f"There is no technician {query.technician}.")
    uploads = vending().uploads
    page = uploads.technicians_files(query, start=_FILES.start(query))
    headers = _FILES.headers(query, page, lambda: uploads.count(query.technician))
    return json_list(page.rows, headers=headers)


@bp.on(
    "GET",
    "/files/{file_id}",
    access=ONES_OWN,
    path_values=_FilePath,
    response=FileDetail,
    errors=(404,),
)
def get_file(caller: Caller, path: _FilePath) -> Response:
    """Show a file: counts of its stored, known and refused rows, and the refused lines."""
    scope = scope_of(caller)
    file = vending().uploads.detail(path.file_id)
    scope.check(file.technician, f"There is no file {path.file_id}.")
    return ok(file)


@bp.on(
    "DELETE",
    "/files/{file_id}",
    access=ONES_OWN,
    path_values=_FilePath,
    query=TechnicianQuery,
    response=FileView,
    errors=(404, 409),
)
def delete_file(caller: Caller, path: _FilePath, query: TechnicianQuery) -> Response:
    """Delete a technician's file, and the rows that no other file has."""
    owner = query.technician
    scope_of(caller).check(owner, f"There is no file {path.file_id} of {owner}.")
    return ok(vending().uploads.delete(owner, path.file_id))


@bp.on(
    "POST",
    "/imports",
    access="vending:dispatch",
    query=ImportQuery,
    upload=_log("/imports/presigned"),
    response=FileView,
    also_answers=(201,),
    errors=(409, 422),
)
def upload_import(query: ImportQuery, content: bytes) -> Response:
    """Upload a dispatcher's file, of any machines."""
    return _answer(*vending().uploads.take_import(query, content))


@bp.on(
    "POST",
    "/imports/presigned",
    access="vending:dispatch",
    body=AwaitedImport,
    response=PresignedFile,
    status=201,
)
def presign_import(body: AwaitedImport) -> Response:
    """Create a URL for uploading a dispatcher's large file to the share."""
    awaited = vending().uploads.await_import(body)
    return created(awaited, location=f"/files/{awaited.file.id}")


@bp.on(
    "GET", "/imports", access="vending:dispatch", query=ListQuery, response=FileView, as_list=True
)
def list_imports(query: ListQuery) -> Response:
    """List the dispatcher's files, newest first."""
    uploads = vending().uploads
    page = uploads.imports(query, start=_IMPORTS.start(query))
    return json_list(page.rows, headers=_IMPORTS.headers(query, page, uploads.count_imports))


@bp.on(
    "DELETE",
    "/imports/{file_id}",
    access="vending:dispatch",
    path_values=_FilePath,
    response=FileView,
    errors=(404, 409),
)
def delete_import(path: _FilePath) -> Response:
    """Delete a dispatcher's file."""
    return ok(vending().uploads.delete(DISPATCHER, path.file_id))


def _answer(file: FileView, new: bool) -> Response:
    return stored(file, new, f"/files/{file.id}")
