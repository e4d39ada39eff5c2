"""What comes in, what is kept and what goes out."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.vending.files import FileRecord
from chalicelib.vending.models import (
    DispatchBody,
    Machine,
    RowView,
    SiteBody,
    TechnicianBody,
    UploadQuery,
    Verdict,
)

NOON = datetime(2020, 3, 1, 12, tzinfo=UTC)


def record(**told: Any) -> FileRecord:
    usual = {"id": 7, "name": "a.zip", "owner": "T0001", "key": "incoming/a.zip"}
    times = {"uploaded_at": NOON, "not_after": NOON}
    return FileRecord.model_validate({**usual, **times, "state": "received", **told})


# --- what comes in ------------------------------------------------------------------------------


def test_v2_an_upload_is_told_in_the_words_of_the_brief() -> None:
    told = UploadQuery(technician="#001", machine="GM001", downloaded_at="9/21/2018 9:34:48 AM")

    assert (told.technician, told.machine, told.filename) == ("T0001", "GM001", None)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (UploadQuery, {"technician": "abc", "machine": "GM1", "downloaded_at": "soon"}),
        (UploadQuery, {}),
    ],
)
def test_4d_every_fault_of_an_upload_is_named_at_once(
    model: type[UploadQuery], told: dict[str, str]
) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(told)

    faulty = {error["loc"] for error in refused.value.errors()}
    assert faulty == {("technician",), ("machine",), ("downloaded_at",)}


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "two\nlines", "bell\a"])
def test_a_name_is_one_line_of_text(name: str) -> None:
    with pytest.raises(ValidationError):
        TechnicianBody(name=name)


def test_a_site_is_in_utc_unless_it_says_otherwise() -> None:
    assert SiteBody(name=" Depot ") == SiteBody(name="Depot", time_zone="UTC", address="")
    with pytest.raises(ValidationError, match="IANA"):
        SiteBody(name="Depot", time_zone="Mars/Olympus")


def test_a_note_is_at_most_a_page() -> None:
    assert DispatchBody(machine="GM001", note=" bring a wheel ").note == "bring a wheel"
    with pytest.raises(ValidationError):
        DispatchBody(machine="GM001", note="x" * 1_001)


# --- what is kept and what goes out -------------------------------------------------------------


def test_a_value_never_changes() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        record().state = "deleted"  # type: ignore[misc]


def test_c5_callers_see_a_file_and_not_how_it_is_kept() -> None:
    kept = record(etag="abc", generation=3, live=3, machines=("GM001",), version=9, judged=True)

    seen = json.loads(kept.view().json_text())

    assert seen == {
        "id": 7,
        "name": "a.zip",
        "state": "received",
        "uploaded_at": "2020-03-01T12:00:00Z",
        "judged": True,
    }


def test_a_record_comes_back_from_its_json_as_it_was() -> None:
    kept = record(etag="abc", generation=3, live=3, machines=("GM001",), version=9, rows_kept=2)

    assert FileRecord.model_validate_json(kept.json_text()) == kept


@pytest.mark.parametrize(
    ("told", "arrived"),
    [({}, False), ({"generation": 1}, True), ({"etag": "abc"}, True), ({"state": "failed"}, False)],
)
def test_a_file_has_arrived_once_its_object_was_seen(told: dict[str, Any], arrived: bool) -> None:
    assert record(**told).arrived is arrived


def test_an_instant_is_told_in_utc_whatever_zone_it_came_in() -> None:
    chicago = timezone(timedelta(hours=-6))
    machine = Machine(serial="GM001", registered_at=NOON.astimezone(chicago))

    assert json.loads(machine.json_text())["registered_at"] == "2020-03-01T12:00:00Z"


def test_a_time_without_a_zone_is_no_instant() -> None:
    with pytest.raises(ValidationError):
        Machine(serial="GM001", registered_at=NOON.replace(tzinfo=None))


def test_the_field_from_is_called_so_on_the_wire() -> None:
    words = {"why": "silence", "clears_when": "rows"}
    verdict = Verdict(kind="lost_log", first_known_at=NOON, from_=NOON, to=NOON, **words)

    wire = json.loads(verdict.json_text())

    assert wire["from"] == "2020-03-01T12:00:00Z"
    assert Verdict.model_validate_json(verdict.json_text()) == verdict


def test_v5_a_transaction_is_a_credit_of_25_cents() -> None:
    assert RowView(id=1, machine="GM001", at=NOON, gumballs=0).credit_cents == 25


def test_closing_days_are_stored_in_order_and_once() -> None:
    site = SiteBody.model_validate(
        {
            "name": "Mall",
            "closed": ["2026-12-26", "2026-12-25", "2026-12-26"],
            "closed_weekly": ["sunday", "monday", "sunday"],
        }
    )

    assert site.closed == (date(2026, 12, 25), date(2026, 12, 26))
    assert site.closed_weekly == ("monday", "sunday")


@pytest.mark.parametrize(
    "told", [{"closed": ["9999-12-31"]}, {"closed": ["someday"]}, {"closed_weekly": ["payday"]}]
)
def test_a_day_that_is_none_is_refused(told: dict[str, list[str]]) -> None:
    with pytest.raises(ValidationError):
        SiteBody.model_validate({"name": "Mall", **told})


def test_a_machine_may_retire() -> None:
    stored = Machine.model_validate(
        {"serial": "GM1000", "retired": "2026-06-30", "registered_at": NOON}
    )

    assert json.loads(stored.json_text())["retired"] == "2026-06-30"
