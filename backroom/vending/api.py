"""The routes of vending as typed calls, one method a route.

Every call returns an `Answer`: the parsed value and the API's own JSON. Raises ApiError (the API
refused) or UnreachableError (no response).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from http import HTTPStatus
from typing import BinaryIO, TypeVar

from pydantic import TypeAdapter

from backroom.core.connection import Answer, Connection
from backroom.core.errors import ApiError
from backroom.core.requests import given, part
from chalicelib.vending.files import FileDetail, FileView, PresignedFile, Upload
from chalicelib.vending.models import (
    DayView,
    Dispatch,
    FleetReport,
    MachineBody,
    MachineView,
    Rebuild,
    RowView,
    ServiceBody,
    ServiceVisit,
    Site,
    SiteBody,
    Technician,
    WorkItem,
)

Found = TypeVar("Found")

MOST_ROWS = 10_000
"""Rows that a page may have."""


@dataclass(frozen=True)
class LogDetails:
    """The data of a technician's file beside its bytes."""

    technician: str
    machine: str
    downloaded_at: str
    filename: str

    def query(self) -> dict[str, str]:
        """Return the names and values of the API."""
        return dict(vars(self))


_DISPATCH = TypeAdapter(Dispatch)
_DISPATCHES = TypeAdapter(tuple[Dispatch, ...])
_FILE = TypeAdapter(FileView)
_FILES = TypeAdapter(tuple[FileView, ...])
_FILE_DETAIL = TypeAdapter(FileDetail)
_FLEET = TypeAdapter(FleetReport)
_MACHINE = TypeAdapter(MachineView)
_MACHINES = TypeAdapter(tuple[MachineView, ...])
_DAYS = TypeAdapter(tuple[DayView, ...])
_PRESIGNED = TypeAdapter(PresignedFile)
_REBUILD = TypeAdapter(Rebuild)
_ROWS = TypeAdapter(tuple[RowView, ...])
_SERVICE_VISIT = TypeAdapter(ServiceVisit)
_SERVICE_VISITS = TypeAdapter(tuple[ServiceVisit, ...])
_SITE = TypeAdapter(Site)
_SITES = TypeAdapter(tuple[Site, ...])
_TECHNICIAN = TypeAdapter(Technician)
_TECHNICIANS = TypeAdapter(tuple[Technician, ...])
_WORK = TypeAdapter(tuple[WorkItem, ...])


class VendingApi:
    """What the API does with machines, their logs, and the technicians assigned to them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- the fleet, the machines ---

    def fleet(self) -> Answer[FleetReport]:
        """Return every machine's verdicts, most urgent first: all pages as one report."""
        first, *rest = self._connection.pages(_FLEET, "/fleet")
        if not rest:
            return first
        machines = [machine for page in (first, *rest) for machine in page.value.machines]
        whole = first.value.model_copy(update={"machines": tuple(machines)})
        return replace(first, value=whole, text=whole.json_text(), next_page=None)

    def is_up_to_date(self) -> bool:
        """Return whether no machine is still to be judged by what its region did."""
        query = {"limit": "1"}
        return self._connection.answer(_FLEET, "GET", "/fleet", params=query).value.up_to_date

    def machines(
        self, *, site: str | None = None, technician: str | None = None, state: str | None = None
    ) -> Answer[tuple[MachineView, ...]]:
        """Return the machines with their site and technician, most urgent first."""
        query = given({"site": site, "technician": technician, "state": state})
        return self._connection.whole(_MACHINES, "/machines", params=query)

    def days(
        self, serial: str, *, first: str | None = None, last: str | None = None
    ) -> Answer[tuple[DayView, ...]]:
        """Return a machine's local days, those of its window by default; the days are ISO 8601."""
        query = given({"from": first, "to": last})
        return self._connection.answer(_DAYS, "GET", f"/machines/{serial}/days", params=query)

    def rebuild(self) -> Answer[Rebuild]:
        """Rebuild all verdicts."""
        return self._connection.answer(_REBUILD, "POST", "/fleet/rebuild")

    def rebuilding(self) -> Answer[Rebuild]:
        """Return how far that is."""
        return self._connection.answer(_REBUILD, "GET", "/fleet/rebuild")

    def machine(self, serial: str) -> Answer[MachineView]:
        """Return one machine."""
        return self._connection.answer(_MACHINE, "GET", f"/machines/{serial}")

    def find_machine(self, serial: str) -> MachineView | None:
        """Return one machine, None when it does not exist."""
        return _known(lambda: self.machine(serial).value)

    def put_machine(
        self,
        serial: str,
        *,
        site: str | None,
        technician: str | None,
        retired: date | None = None,
        capacity: int | None = None,
    ) -> Answer[MachineView]:
        """Register a machine or replace its registration; what is omitted is empty afterwards."""
        body = MachineBody(site=site, technician=technician, retired=retired, capacity=capacity)
        return self._connection.answer(
            _MACHINE, "PUT", f"/machines/{serial}", json=body.model_dump(mode="json")
        )

    def report_visit(self, serial: str, visit: ServiceBody) -> Answer[ServiceVisit]:
        """Report a visit to a machine; the same again is the same visit."""
        body = visit.model_dump(mode="json", exclude_none=True)
        return self._connection.answer(
            _SERVICE_VISIT, "POST", f"/machines/{serial}/visits", json=body
        )

    def visits(self, serial: str) -> Answer[tuple[ServiceVisit, ...]]:
        """Return a machine's visits, newest first."""
        return self._connection.whole(_SERVICE_VISITS, f"/machines/{serial}/visits")

    def transactions(
        self, serial: str, *, since: str | None = None, until: str | None = None
    ) -> Iterator[Answer[tuple[RowView, ...]]]:
        """Yield a machine's rows page by page, in time order; the instants are ISO 8601."""
        query = given({"from": since, "to": until, "limit": MOST_ROWS})
        return self._connection.pages(_ROWS, f"/machines/{serial}/transactions", params=query)

    def transactions_csv(
        self, serial: str, *, since: str | None = None, until: str | None = None
    ) -> Iterator[str]:
        """Yield the same as CSV, page by page, with one heading in all."""
        query = given({"from": since, "to": until, "limit": MOST_ROWS, "format": "csv"})
        return self._connection.csv(f"/machines/{serial}/transactions", params=query)

    # --- the registry ---

    def sites(self) -> Answer[tuple[Site, ...]]:
        """Return all sites."""
        return self._connection.whole(_SITES, "/sites")

    def find_site(self, site_id: str) -> Site | None:
        """Return one site, None when there is none."""
        path = f"/sites/{part(site_id)}"
        return _known(lambda: self._connection.answer(_SITE, "GET", path).value)

    def put_site(self, site_id: str, body: SiteBody) -> Answer[Site]:
        """Create a site or change it."""
        path = f"/sites/{part(site_id)}"
        return self._connection.answer(_SITE, "PUT", path, json=body.model_dump(mode="json"))

    def technicians(self) -> Answer[tuple[Technician, ...]]:
        """Return all technicians and their machines."""
        return self._connection.whole(_TECHNICIANS, "/technicians")

    def put_technician(self, technician_id: str, name: str) -> Answer[Technician]:
        """Create a technician or change their name."""
        path = f"/technicians/{technician_id}"
        return self._connection.answer(_TECHNICIAN, "PUT", path, json={"name": name})

    # --- work ---

    def worklist(self, technician: str | None = None) -> Answer[tuple[WorkItem, ...]]:
        """Return where to go and why, of one technician or of all."""
        query = given({"technician": technician})
        return self._connection.whole(_WORK, "/worklist", params=query)

    def dispatches(
        self, *, state: str | None = None, machine: str | None = None
    ) -> Answer[tuple[Dispatch, ...]]:
        """Return the dispatches, newest first."""
        query = given({"state": state, "machine": machine})
        return self._connection.whole(_DISPATCHES, "/dispatches", params=query)

    def dispatch(self, dispatch_id: int) -> Answer[Dispatch]:
        """Return a dispatch."""
        return self._connection.answer(_DISPATCH, "GET", f"/dispatches/{dispatch_id}")

    def open_dispatch(self, machine: str, note: str) -> Answer[Dispatch]:
        """Send the machine's technician to it."""
        body = {"machine": machine, "note": note}
        return self._connection.answer(_DISPATCH, "POST", "/dispatches", json=body)

    def close_dispatch(self, dispatch_id: int, note: str = "") -> Answer[Dispatch]:
        """Close a dispatch: the machine's faults until now count as resolved."""
        path = f"/dispatches/{dispatch_id}/close"
        return self._connection.answer(_DISPATCH, "POST", path, json={"note": note})

    # --- files ---

    def upload(self, details: LogDetails, content: bytes, media_type: str) -> Answer[FileView]:
        """Send a technician's file of at most 4 MB; 200 when it was there already."""
        return self._with_bytes("/files", details.query(), content, media_type)

    def take_import(self, filename: str, content: bytes, media_type: str) -> Answer[FileView]:
        """Send a dispatcher's file of at most 4 MB; 200 when it was there already."""
        return self._with_bytes("/imports", {"filename": filename}, content, media_type)

    def presign(self, details: LogDetails, size_bytes: int, sha256: str) -> Answer[PresignedFile]:
        """Request a URL for a technician's large file; size and digest are of the bytes sent."""
        body = {**details.query(), "size_bytes": size_bytes, "sha256": sha256}
        return self._connection.answer(_PRESIGNED, "POST", "/files/presigned", json=body)

    def presign_import(self, filename: str, size_bytes: int, sha256: str) -> Answer[PresignedFile]:
        """Request a URL for a dispatcher's large file; size and digest are of the bytes sent."""
        body = {"filename": filename, "size_bytes": size_bytes, "sha256": sha256}
        return self._connection.answer(_PRESIGNED, "POST", "/imports/presigned", json=body)

    def put_to_share(self, upload: Upload, content: BinaryIO, size_bytes: int) -> None:
        """Send a large file to the URL of `presign`; ``content`` is read piece by piece."""
        headers = {**upload.headers, "Content-Length": str(size_bytes)}
        response = self._connection.send(
            upload.method, upload.url, content=content, headers=headers
        )
        if response.status_code == HTTPStatus.PRECONDITION_FAILED:
            raise ApiError(
                response.status_code, "The file is in the share already", "delete it first"
            )
        if not response.is_success:
            message = re.search("<Message>(.*?)</Message>", response.text)
            detail = message[1] if message else f"it answered {response.status_code}"
            raise ApiError(response.status_code, "The share refused the file", detail)

    def files(self, technician: str) -> Answer[tuple[FileView, ...]]:
        """Return a technician's files, newest first."""
        query = {"technician": technician}
        return self._connection.whole(_FILES, "/files", params=query)

    def imports(self) -> Answer[tuple[FileView, ...]]:
        """Return the dispatcher's files, newest first."""
        return self._connection.whole(_FILES, "/imports")

    def file(self, file_id: int) -> Answer[FileDetail]:
        """Return a file with its refused lines."""
        return self._connection.answer(_FILE_DETAIL, "GET", f"/files/{file_id}")

    def delete_file(self, technician: str, file_id: int) -> Answer[FileView]:
        """Take a technician's file back, and the rows that no other file holds."""
        path, query = f"/files/{file_id}", {"technician": technician}
        return self._connection.answer(_FILE, "DELETE", path, params=query)

    def delete_import(self, file_id: int) -> Answer[FileView]:
        """Take a dispatcher's file back."""
        return self._connection.answer(_FILE, "DELETE", f"/imports/{file_id}")

    def _with_bytes(
        self, path: str, query: dict[str, str], content: bytes, media_type: str
    ) -> Answer[FileView]:
        headers = {"Content-Type": media_type}
        return self._connection.answer(
            _FILE, "POST", path, repeatable=True, params=query, content=content, headers=headers
        )


def _known(ask: Callable[[], Found]) -> Found | None:
    try:
        return ask()
    except ApiError as refused:
        if refused.status == HTTPStatus.NOT_FOUND:
            return None
        raise
