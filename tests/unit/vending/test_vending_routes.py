"""The vending context over HTTP: what is answered to whom, and what is refused (4r, 4d)."""

import csv
import io
import json
from typing import Any

import pytest

from tests.support.api import Answer, Api
from tests.support.vending.world import LEAP_DAY, World, log

ROWS = log("GM001", 1, 0, 2)
TOLD = {"technician": "#001", "machine": "GM001", "downloaded_at": "9/21/2018 9:34:48 AM"}
PROBLEM = "application/problem+json"


def upload(api: Api, content: Any = ROWS, media_type: Any = "text/plain", **told: Any) -> Any:
    query = {**TOLD, "downloaded_at": LEAP_DAY, **told}
    return api.post("/files", content, media_type=media_type, **query)


# --- registry -----------------------------------------------------------------------------------


def test_v1_sites_technicians_and_machines_are_put_and_read(api: Api) -> None:
    site = api.put("/sites/depot", {"name": "Depot", "time_zone": "Europe/Berlin"})
    technician = api.put("/technicians/T0003", {"name": "Ada"})
    machine = api.put("/machines/GM100", {"site": "depot", "technician": "#3"})

    assert (site.status, site.headers["Location"]) == (201, "/sites/depot")
    assert technician.json == {"technician_id": "T0003", "name": "Ada", "machines": []}
    assert (machine.status, machine.json["site"]) == (201, "depot")
    assert machine.json["state"] == "healthy"
    assert api.get("/technicians/3").json["machines"] == ["GM100"]
    assert api.put("/sites/depot", {"name": "Depot East"}).status == 200
    assert [each["site_id"] for each in api.get("/sites").json] == ["depot", "prairie"]
    assert len(api.get("/machines").json) == 4


def test_v1_closing_days_of_a_site_are_put_as_arrays_and_read_in_order(api: Api) -> None:
    body = {"name": "Mall", "closed": ["2026-12-25", "2026-01-01"], "closed_weekly": ["sunday"]}

    assert api.put("/sites/mall", body).status == 201
    site = api.get("/sites/mall").json
    assert (site["closed"], site["closed_weekly"]) == (["2026-01-01", "2026-12-25"], ["sunday"])
    wrong = api.put("/sites/mall", {"name": "Mall", "closed": ["2026-02-30"], "closed_weekly": "x"})
    assert wrong.faults.keys() == {"body.closed.0", "body.closed_weekly"}


def test_v1_an_unknown_reference_is_422_and_an_unknown_resource_404(api: Api) -> None:
    assert api.put("/machines/GM100", {"technician": "T0404"}).status == 422
    for path in ("/machines/GM404", "/sites/moon", "/technicians/T0404", "/dispatches/404"):
        answer = api.get(path)
        assert (answer.status, answer.headers["Content-Type"]) == (404, PROBLEM)
        assert answer.json["instance"] == path


def test_4d_ids_in_a_path_are_checked(api: Api) -> None:
    assert api.get("/machines/GM1").faults.keys() == {"path.serial"}
    assert api.get("/technicians/abc").faults.keys() == {"path.technician_id"}
    assert api.get("/sites/-%20-").faults.keys() == {"path.site_id"}
    for file_id in ("0", "-1", "1.5", "abc", str(10**13)):
        assert api.get(f"/files/{file_id}").faults.keys() == {"path.file_id"}


@pytest.mark.parametrize(
    ("path", "body", "fault"),
    [
        ("/machines/GM001", {"technicain": "T0001"}, "did you mean technician?"),
        ("/machines/GM001", {"sites": "depot"}, "did you mean site?"),
        ("/sites/depot", {"name": "Depot", "timezone": "UTC"}, "did you mean time_zone?"),
        ("/sites/depot", {"name": "Depot", "x": 1}, "unknown field"),
        ("/technicians/1", {"name": "Ann", "nane": "Ada"}, "did you mean name?"),
    ],
)
def test_a_field_that_is_unknown_changes_nothing_and_is_told(
    api: Api, path: str, body: dict[str, Any], fault: str
) -> None:
    before = api.get("/machines/GM001").json

    [detail] = api.put(path, body).faults.values()

    assert detail.endswith(fault)
    assert api.get("/machines/GM001").json == before


# --- uploads ------------------------------------------------------------------------------------


def test_v2_an_upload_is_answered_with_its_id_and_its_name(api: Api) -> None:
    answer = upload(api, **TOLD, filename="somefile.txt")

    assert answer.status == 201
    assert answer.headers["Location"] == f"/files/{answer.json['id']}"
    assert answer.json["name"] == "T0001.GM001.2018-09-21_093448.zip"
    assert answer.json["original_name"] == "somefile.txt"
    assert (answer.json["state"], answer.json["downloaded_at"]) == (
        "received",
        "2018-09-21T09:34:48",
    )


def test_v9_a_file_shows_its_rows_once_it_is_processed(api: Api, world: World) -> None:
    file = upload(api, ROWS + b"junk\n").json
    world.settle()

    seen = api.get(f"/files/{file['id']}").json

    assert (seen["state"], seen["rows_kept"], seen["rows_known"], seen["rows_refused"]) == (
        "suspect",
        3,
        0,
        1,
    )
    assert seen["refused"] == [{"line": 4, "reason": "1 field(s) instead of 3", "text": "junk"}]
    assert (seen["first_at"], seen["last_at"]) == ("2020-02-20T08:00:00Z", "2020-02-20T10:00:00Z")
    assert "owner" not in seen


def test_v2_c3_the_same_again_is_200_and_other_bytes_are_409(api: Api) -> None:
    first = upload(api)

    same, other = upload(api), upload(api, b"x\n")

    assert (same.status, same.json["id"]) == (200, first.json["id"])
    assert (other.status, other.json["file"]) == (409, first.json["id"])


def test_4d_every_part_that_is_missing_is_named(api: Api) -> None:
    answer = api.post("/files", ROWS, media_type="text/plain")

    assert answer.faults == dict.fromkeys(
        ["query.technician", "query.machine", "query.downloaded_at"], "is required"
    )


def test_4d_every_part_that_is_wrong_is_named(api: Api) -> None:
    faults = upload(api, technician="abc", machine="GM1", downloaded_at="now").faults

    assert faults.keys() == {"query.technician", "query.machine", "query.downloaded_at"}
    assert faults["query.machine"].startswith("must be a machine serial")


def test_4d_a_part_that_is_given_twice_is_a_fault(api: Api) -> None:
    assert upload(api, machine=["GM001", "GM002"]).faults == {"query.machine": "must be given once"}


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 400), (b"\n", 400), (b"%PDF-1.7", 415), (b"PK\x03\x04 cut", 422)],
)
def test_4d_bytes_that_are_no_log_are_refused(api: Api, content: bytes, status: int) -> None:
    answer = upload(api, content, "application/octet-stream")

    assert (answer.status, answer.headers["Content-Type"]) == (status, PROBLEM)
    assert answer.json["status"] == status


@pytest.mark.parametrize("media_type", [None, "image/png", "application/json", "multipart/x"])
def test_4d_a_media_type_that_is_no_log_s_is_415(api: Api, media_type: str | None) -> None:
    answer = api.post("/files", ROWS, media_type=media_type, **TOLD)

    assert answer.status == 415
    assert "application/zip or application/gzip or text/plain" in answer.json["detail"]


@pytest.mark.parametrize(("path", "hint"), [("/files", "/files"), ("/imports", "/imports")])
def test_4d_more_than_4_mb_are_413_with_the_other_way(api: Api, path: str, hint: str) -> None:
    told = TOLD if path == "/files" else {}

    answer = api.post(path, b"x" * (4 * 1024 * 1024 + 1), media_type="text/plain", **told)

    assert answer.status == 413
    assert f"ask POST {hint}/presigned for a URL" in answer.json["detail"]


def test_c12_a_machine_of_another_technician_is_403_with_the_own_ones(api: Api) -> None:
    answer = upload(api, machine="GM003")

    assert (answer.status, answer.json["assigned"]) == (403, ["GM001", "GM002"])


@pytest.mark.parametrize("told", [{"machine": "GM404"}, {"technician": "T0404"}])
def test_c12_an_unknown_machine_or_technician_is_404(api: Api, told: dict[str, str]) -> None:
    assert upload(api, **told).status == 404


def test_v9_a_large_file_is_sent_by_url(api: Api) -> None:
    answer = api.post("/files/presigned", TOLD)

    assert (answer.status, answer.json["file"]["state"]) == (201, "awaiting_upload")
    assert answer.headers["Location"] == f"/files/{answer.json['file']['id']}"
    assert answer.json["upload"]["method"] == "PUT"
    assert api.post("/files/presigned", {}).faults.keys() == {
        "body.technician",
        "body.machine",
        "body.downloaded_at",
    }


# --- lists and deletes --------------------------------------------------------------------------


def test_v3_a_list_is_one_technician_s(api: Api) -> None:
    file = upload(api).json

    assert api.get("/files", technician="#1").json == [file]
    assert (api.get("/files", technician="2").status, api.get("/files", technician="2").json) == (
        200,
        [],
    )


def test_4d_a_list_of_nobody_is_400_and_of_a_stranger_404(api: Api) -> None:
    assert api.get("/files").faults == {"query.technician": "is required"}
    assert api.get("/files", technician="T0404").status == 404


def test_v4_c6_a_delete_is_confirmed_once_and_only_to_its_owner(api: Api) -> None:
    path = f"/files/{upload(api).json['id']}"

    assert api.delete(path, technician="T0002").status == 404
    deleted = api.delete(path, technician="T0001")
    assert (deleted.status, deleted.json["state"]) == (200, "deleted")
    assert api.delete(path, technician="T0001").status == 404
    assert api.get(path).status == 404
    assert api.delete(path).faults == {"query.technician": "is required"}


def test_v9_the_dispatcher_imports_lists_and_takes_back(api: Api, world: World) -> None:
    answer = api.post("/imports", log("GM777", 1), media_type="text/plain", filename="all.txt")
    awaited = api.post("/imports/presigned", {"filename": "large.zip"})
    world.settle()

    assert (answer.status, awaited.status) == (201, 201)
    assert [each["original_name"] for each in api.get("/imports").json] == ["large.zip", "all.txt"]
    assert api.get("/machines/GM777").json["transactions"] == 1
    assert api.delete(f"/imports/{answer.json['id']}").json["state"] == "deleted"


# --- transactions -------------------------------------------------------------------------------


def test_v7_transactions_are_listed_in_time_order(api: Api, world: World) -> None:
    upload(api)
    world.settle()

    assert api.get("/machines/GM001/transactions").json[:2] == [
        {
            "id": 1,
            "machine": "GM001",
            "at": "2020-02-20T08:00:00Z",
            "gumballs": 1,
            "credit_cents": 25,
            "suspected_duplicate": False,
        },
        {
            "id": 2,
            "machine": "GM001",
            "at": "2020-02-20T09:00:00Z",
            "gumballs": 0,
            "credit_cents": 25,
            "suspected_duplicate": False,
        },
    ]


@pytest.mark.parametrize("style", ["json", "csv"])
def test_v7_the_link_of_a_page_leads_to_the_next_one(api: Api, world: World, style: str) -> None:
    upload(api, log("GM001", *range(5), hours=13))
    world.settle()
    asked = {"from": "2020-02-20T09:00:00Z", "to": "2020-02-22T12:00:01Z", "limit": 2}

    answer = api.get("/machines/GM001/transactions", **asked, format=style)
    pages = [answer]
    while "Link" in answer.headers:
        url, _, relation = answer.headers["Link"].partition("; ")
        assert relation == 'rel="next"'
        answer = api.get(url.strip("<>"))
        pages.append(answer)

    assert [_ids(page.body, style) for page in pages] == [[2, 3], [4, 5]]


def _ids(body: bytes, style: str) -> list[int]:
    if style == "csv":
        return [int(each["id"]) for each in csv.DictReader(io.StringIO(body.decode("utf-8-sig")))]
    return [each["id"] for each in json.loads(body)]


def test_v7_transactions_come_as_csv_too(api: Api, world: World) -> None:
    upload(api, log("GM001", 1))
    world.settle()

    answer = api.get("/machines/GM001/transactions", format="csv")

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.body.decode("utf-8-sig").splitlines() == [
        "id,machine,at,gumballs,credit_cents,suspected_duplicate",
        "1,GM001,2020-02-20T08:00:00Z,1,25,False",
    ]


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"from": "yesterday"}, "query.from"),
        ({"from": "2020-02-20T08:00:00"}, "query.from"),  # in which zone?
        ({"from": ["2020-02-20T08:00:00Z", "2020-02-21T08:00:00Z"]}, "query.from"),
        ({"to": "2020-13-01T00:00:00Z"}, "query.to"),
        ({"limit": 0}, "query.limit"),
        ({"limit": 10_001}, "query.limit"),
        ({"limit": "1.5"}, "query.limit"),
        ({"format": "xml"}, "query.format"),
        ({"cursor": "made-up"}, "query.cursor"),
        ({"cursor": "é"}, "query.cursor"),
        ({"cursor": "WyIyMDIwLTAyLTIwIiwgLTEsIDBd"}, "query.cursor"),
    ],
)
def test_what_cannot_be_asked_of_transactions_is_400(
    api: Api, asked: dict[str, Any], fault: str
) -> None:
    assert api.get("/machines/GM001/transactions", **asked).faults.keys() == {fault}


def test_a_span_to_the_ends_of_the_calendar_is_answered(api: Api, world: World) -> None:
    upload(api)
    world.settle()
    ends = {"from": "0001-01-01T00:00:00+14:00", "to": "9999-12-31T23:59:59-12:00"}

    assert len(api.get("/machines/GM001/transactions", **ends).json) == 3


def test_transactions_of_an_unknown_machine_are_404(api: Api) -> None:
    assert api.get("/machines/GM404/transactions").status == 404
    assert api.get("/machines/GM001/transactions").json == []


# --- the fleet and the work ---------------------------------------------------------------------


def test_v6_the_fleet_is_answered_whole(api: Api, world: World) -> None:
    upload(api, log("GM001", *[0] * 9))
    world.settle()

    fleet = api.get("/fleet").json

    assert (fleet["up_to_date"], fleet["window_days"], fleet["fleet_gaps"]) == (True, 90, [])
    assert fleet["machines"][0]["serial"] == "GM001"
    assert fleet["machines"][0] == {
        key: value
        for key, value in api.get("/machines/GM001").json.items()
        if key not in {"site", "technician", "registered_at"}
    }


def test_v6_the_worklist_is_everybody_s_or_one_technician_s(api: Api, world: World) -> None:
    upload(api, log("GM001", *[0] * 9))
    world.settle()

    [item] = api.get("/worklist", technician="#1").json

    assert (item["machine"], item["parts"]) == (
        "GM001",
        ["dispensing mechanism", "dispense sensor"],
    )
    assert api.get("/worklist").json == [item]
    assert api.get("/worklist", technician="#2").json == []
    assert api.get("/worklist", technician="#404").status == 404


def test_v6_a_dispatch_is_opened_once_and_closed(api: Api) -> None:
    opened = api.post("/dispatches", {"machine": "GM001", "note": "bring a wheel"})
    again = api.post("/dispatches", {"machine": "GM001", "note": "bring a wheel"})
    other = api.post("/dispatches", {"machine": "GM001", "note": "bring a sensor"})

    assert (opened.status, opened.json["technician"]) == (201, "T0001")
    assert (again.status, again.json) == (200, opened.json)
    assert (other.status, other.json["dispatch"]) == (409, opened.json["id"])
    path = f"/dispatches/{opened.json['id']}"
    closed = api.post(f"{path}/close")
    assert (closed.json["state"], closed.json["closed_by"]) == ("closed", "dispatcher")
    assert api.post(f"{path}/close", {"note": "late"}).json == closed.json == api.get(path).json
    assert api.get("/dispatches", state="open").json == []
    assert api.get("/dispatches", state="ajar").faults.keys() == {"query.state"}
    assert api.post("/dispatches", {"machine": "GM404"}).status == 422


# --- lists, page by page ------------------------------------------------------------------------


def test_s7_files_come_page_by_page_newest_first(api: Api, world: World) -> None:
    days = ("2018-09-21", "2018-09-22", "2018-09-23")
    ids = [world.upload(log("GM001", 1), at=f"{day}T09:00:00").id for day in days]

    first = api.get("/files", technician="1", limit="2")
    rest = api.get(_next(first))

    assert [each["id"] for each in first.json] == ids[:0:-1]
    assert [each["id"] for each in rest.json] == ids[:1]
    assert "Link" not in rest.headers


def test_s7_a_page_that_holds_all_leads_nowhere(api: Api, world: World) -> None:
    world.take_import(log("GM001", 1))

    assert "Link" not in api.get("/imports", limit="1").headers
    assert api.get("/imports", cursor="1").faults.keys() == {"query.cursor"}


def test_s7_dispatches_keep_their_filter_from_page_to_page(api: Api) -> None:
    for machine in ("GM001", "GM002", "GM003"):
        api.post("/dispatches", {"machine": machine, "note": ""})
    api.post("/dispatches/2/close")

    first = api.get("/dispatches", state="open", limit="1")
    rest = api.get(_next(first))

    assert [each["machine"] for each in (*first.json, *rest.json)] == ["GM003", "GM001"]
    assert "Link" not in rest.headers


def test_s7_limit_and_cursor_are_checked(api: Api) -> None:
    faulty = api.get("/dispatches", limit="1001", cursor="soon")

    assert (faulty.status, faulty.faults.keys()) == (400, {"query.limit", "query.cursor"})


def _next(answer: Answer) -> str:
    return answer.headers["Link"].partition(">")[0].removeprefix("<")
