"""What operators' commands write to tables is in the audit trail, and the seals fit."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.audit.service import SETTLED_AFTER, AuditService
from chalicelib.audit.store import AuditStore
from chalicelib.core import aws
from chalicelib.core.audit.entries import Change
from chalicelib.core.table import ABSENT, TRANSACTION_LIMIT, ConditionError, Table, key
from infra import reconcile, restore, tables, templates, trail
from infra.deploy import RefusedError
from infra.stack import StackError
from infra.trail import OperatorTrail
from tests.support.api import Api
from tests.support.aws import client
from tests.support.dynamodb import items, make_table
from tests.support.issuer import Issuer
from tests.support.trail import misfits as misfits_of
from tests.support.whole_app import whole_app

AT = datetime(2026, 11, 29, 10, tzinfo=UTC)
THIS = "restores/2026-11-29T10:00:00Z"
HEAD = json.dumps({"backroom": "bakery", "format": 1, "at": "2026-11-29T10:00:00Z"})


class Stack:
    """A stack with sign-in, or an open one."""

    def __init__(self, auth: str = "jwt") -> None:
        self.auth = auth

    def parameters(self) -> dict[str, str]:
        return {"Auth": self.auth}

    def outputs(self) -> dict[str, str]:
        return {trail.TABLE: trail.TABLE}


@pytest.fixture
def auditor(issuer: Issuer) -> Iterator[Api]:
    """Who may read the trail of a stage."""
    with whole_app(issuer) as api:
        yield api.as_(issuer.token("audit:read"))


def recorded(command: str, auth: str = "jwt") -> AbstractContextManager[None]:
    stack: Any = Stack(auth)
    return OperatorTrail(boto3.session.Session(), stack).recording(command)


def listed(auditor: Api, **query: Any) -> list[dict[str, Any]]:
    """The entries, oldest first."""
    answer = auditor.get("/audit", **query)
    assert answer.status == 200, answer.body
    return list(reversed(answer.json))


def changes(auditor: Api) -> list[dict[str, Any]]:
    return [change for entry in listed(auditor) for change in entry["changes"]]


def export(folder: Path, *ids: str) -> Path:
    path = folder / "bakery.ndjson"
    path.write_text("".join(f"{line}\n" for line in [HEAD, *map(_order, ids)]))
    return path


def _order(id_: str) -> str:
    return json.dumps(key("ORDERS", id_))


def bakery() -> Table:
    return Table(client("dynamodb"), "BakeryTable", things=reconcile.things("BakeryTable"))


def test_an_import_is_entered_before_and_after_with_its_author_and_count(
    auditor: Api, tmp_path: Path
) -> None:
    with recorded("import"):
        tables.put_all("bakery", bakery(), export(tmp_path, "1", "2", "3"), over=False)

    began, done = listed(auditor, what="tables/bakery")
    about = {"what": "tables/bakery", "change": "changed"}
    assert began["changes"] == [{**about, "status": "began"}]
    assert done["changes"] == [{**about, "status": "done", "items": 3}]
    assert [each.get("ahead", False) for each in (began, done)] == [True, False]
    identity = boto3.session.Session().client("sts").get_caller_identity()["Arn"]
    assert [(e["who"], e["method"], e["route"]) for e in (began, done)] == [
        (identity, "COMMAND", "import")
    ] * 2
    assert listed(auditor, who=identity) == [began, done]


def test_an_import_that_is_cut_off_has_begun(
    auditor: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Table, "put_many", _cut_off)

    with pytest.raises(KeyboardInterrupt), recorded("import"):
        tables.put_all("bakery", bakery(), export(tmp_path, "1"), over=False)

    assert [each["status"] for each in changes(auditor)] == ["began"]


def test_an_import_that_is_refused_is_not_entered(auditor: Api, tmp_path: Path) -> None:
    with pytest.raises(RefusedError), recorded("import"):
        tables.put_all("bakery", bakery(), export(tmp_path, "1", "1"), over=False)

    assert changes(auditor) == []


def test_a_trail_that_is_imported_goes_on_under_its_seals(auditor: Api, tmp_path: Path) -> None:
    with recorded("import"):
        tables.put_all("bakery", bakery(), export(tmp_path, "1"), over=False)
    seal()
    table = Table(client("dynamodb"), trail.TABLE)
    path = tmp_path / "audit.ndjson"
    path.write_text("".join(f"{line}\n" for line in tables.lines("audit", table)))
    table.delete_many(
        (each["pk"]["S"], each["sk"]["S"]) for each in items(client("dynamodb"), table.name)
    )

    with recorded("import"):
        tables.put_all("audit", table, path, over=False)
    seal()

    assert [each["what"] for each in changes(auditor)] == ["tables/bakery"] * 2 + [
        "tables/audit"
    ] * 2
    assert misfits(auditor) == [None, None]


def test_an_open_stage_enters_nothing_of_its_operators(auditor: Api, tmp_path: Path) -> None:
    with recorded("import", auth="open"):
        tables.put_all("bakery", bakery(), export(tmp_path, "1"), over=False)

    assert changes(auditor) == []


def test_every_row_that_a_restore_writes_is_entered_in_its_transaction(auditor: Api) -> None:
    make_table(client("dynamodb"), "BakeryTable", "before")
    before = Table(client("dynamodb"), "before")
    before.put({**key("COUNTERS", "ORDERS"), "last": {"N": "17"}})
    before.put({**key("DOCUMENTS", "Mr Cakelover"), "document_id": {"S": "d1"}})

    with recorded("restore"):
        reconcile.counters(before, bakery())
        reconcile.documents(before, bakery())
        bakery().put(key("ORDERS", "0007"))
        with pytest.raises(ConditionError):
            bakery().put(key("ORDERS", "0007"), ABSENT)

    assert [each["what"] for each in changes(auditor)] == [
        "tables/bakery",
        "tables/bakery",
        "orders/7",
    ]
    assert "Cakelover" not in json.dumps(items(client("dynamodb"), trail.TABLE))


def test_a_full_transaction_of_an_operator_is_entered_ahead_of_it(auditor: Api) -> None:
    full = [bakery().putting(key("ORDERS", str(n))) for n in range(TRANSACTION_LIMIT)]

    with recorded("restore"):
        bakery().transact(*full)

    [entry] = listed(auditor)
    assert (entry["ahead"], len(entry["changes"])) == (True, TRANSACTION_LIMIT)


class Restore:
    """A restore whose steps note that they were taken, and one of which is interrupted."""

    def __init__(self, *, cut_off_at: str = "", done: bool = False) -> None:
        self._cut_off_at = cut_off_at
        self._done = done

    def recording(self) -> AbstractContextManager[None]:
        return recorded("restore")

    def done(self, _: datetime) -> bool:
        return self._done

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def step(*_: object) -> Any:
            if name == self._cut_off_at:
                raise KeyboardInterrupt
            return {"prepare": {}, "compare": []}.get(name)

        return step

    def run(self, *, goes_on: bool = True) -> None:
        this: Any = self
        restore.run(this, AT, drain_s=0, confirm=lambda: goes_on)


def test_a_restore_is_entered_when_it_begins_switches_and_is_done(auditor: Api) -> None:
    Restore().run()

    entries = listed(auditor, what=THIS)
    assert [(each["changes"][0]["status"], each["ahead"]) for each in entries] == [
        ("began", True),
        ("switching", True),
        ("done", False),
    ]
    assert {each["route"] for each in entries} == {"restore"}


@pytest.mark.parametrize(
    ("step", "entered"),
    [
        ("make", []),
        ("hold", ["began"]),
        ("prepare", ["began"]),
        ("compare", ["began"]),
        ("go_on", ["began", "switching"]),
    ],
)
def test_a_restore_that_is_cut_off_has_entered_what_it_began(
    auditor: Api, step: str, entered: list[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        Restore(cut_off_at=step).run()

    assert [each["status"] for each in changes(auditor)] == entered


def test_a_restore_that_was_cut_off_after_its_switch_is_done_when_it_is_run_again(
    auditor: Api,
) -> None:
    Restore(done=True).run()

    assert [each["status"] for each in changes(auditor)] == ["done"]


def test_a_restore_that_was_declined_has_begun(auditor: Api) -> None:
    Restore().run(goes_on=False)

    assert [each["status"] for each in changes(auditor)] == ["began"]


def test_what_operators_change_fits_its_seals(auditor: Api, tmp_path: Path) -> None:
    Restore().run()
    with recorded("import"):
        tables.put_all("bakery", bakery(), export(tmp_path, "1"), over=False)

    seal()

    assert misfits(auditor) == [None]


def test_a_machine_whose_clock_is_wrong_enters_nothing(
    auditor: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its entries would be missing under seals, which are two minutes behind."""
    late = datetime.now(UTC) - timedelta(minutes=2)
    monkeypatch.setattr("infra.trail.now", lambda: late)

    with (
        pytest.raises(StackError, match=r"clock of this machine is wrong by 1[12]\d s"),
        recorded("x"),
    ):
        pytest.fail("it was let in")

    assert changes(auditor) == []


def test_the_trail_itself_is_not_restored_and_every_table_has_a_name_there() -> None:
    declared = templates.merged().declared.tables

    assert trail.TABLE in declared
    assert {trail.table_name(each) for each in declared} == {
        f"tables/{context}" for context in tables.contexts()
    }
    assert trail.table_name("bakery") == trail.table_name("BakeryTable")


def test_an_entry_from_before_counts_has_the_digest_that_it_had() -> None:
    change = {"what": "orders/7", "change": "changed"}

    assert Change.model_validate(change).model_dump(exclude_defaults=True) == change


def seal() -> None:
    then = datetime.now(UTC) + SETTLED_AFTER
    AuditService(AuditStore(Table(aws.dynamodb(), trail.TABLE)), now=lambda: then).seal()


def misfits(auditor: Api) -> list[str | None]:
    entries = auditor.get("/audit", limit=500).json
    return misfits_of(auditor.get("/audit/seals").json, entries)


def _cut_off(*_: object) -> None:
    raise KeyboardInterrupt
