"""`backroom trail`: who changed what, and the proof that the trail is as it was sealed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.audit import seals
from chalicelib.audit.seals import Seal
from chalicelib.core.audit.entries import AuditEntry, Change
from tests.support.backroom.desk import Desk, problem, run, words

BEGUN = datetime(2026, 11, 29, tzinfo=UTC)
COMMANDS = ("trail list", "trail verify")


def entry(minute: int, who: str = "ada", **told: Any) -> AuditEntry:
    return AuditEntry(
        id=f"r{minute}-1",
        at=BEGUN + timedelta(minutes=minute),
        who=who,
        scopes=("bakery:write",),
        method="POST",
        route="/orders",
        changes=(Change(what=f"orders/{minute}", change="created", status="open"),),
        request_id=f"r{minute}",
        **told,
    )


ENTRIES = [entry(minute) for minute in range(5)]


def sealed() -> list[Seal]:
    first = seals.following(None, ENTRIES[:2], BEGUN + timedelta(minutes=2))
    return [first, seals.following(first, ENTRIES[2:4], BEGUN + timedelta(minutes=4))]


def served(desk: Desk, entries: list[AuditEntry], chain: list[Seal]) -> None:
    """Answer as the API does: newest first."""
    for path, rows in (("/audit", entries), ("/audit/seals", chain)):
        desk.on("GET", path, [json.loads(row.json_text()) for row in reversed(rows)])


def test_the_form_of_a_seal_never_changes() -> None:
    """Whoever kept a hash must find it again."""
    assert sealed()[-1].hash == ("07e1237801504b4eb8e1ba889c262b878c517f61ba1ec35427f57ab8c8780704")


def test_the_size_of_an_import_is_shown(desk: Desk) -> None:
    change = Change(what="tables/bakery", change="changed", status="done", items=1_101)
    loaded = entry(0, who="arn:operator").model_copy(update={"changes": (change,)})
    served(desk, [loaded], [])

    shown = words(desk.run("trail", "list"))

    assert "tables/bakery changed (done, 1,101 items)" in shown


def test_an_empty_page_that_has_a_next_one_is_not_the_end(desk: Desk) -> None:
    link: dict[str, Any] = {"Link": '</audit?cursor=x>; rel="next"'}
    desk.on("GET", "/audit", [], **link).on("GET", "/audit", [])

    some, none = desk.run("trail", "list", "--who", "eve"), desk.run("trail", "list")

    assert "there may be more" in words(some)
    assert "No changes found" not in words(some)
    assert "No changes found" in words(none)


def test_a_person_reads_who_changed_what(desk: Desk) -> None:
    served(desk, [entry(1, who="eve\x1b[2J\nada"), entry(2, who="")], [])

    result = desk.run("trail", "list", "--what", "orders", "--who", "eve", "--from", "2026-11-29")

    assert result.exit_code == 0
    assert r"eve\x1b[2J\nada" in words(result)
    assert "orders/1 created (open)" in words(result)
    [asked] = desk.requests
    assert dict(asked.url.params) == {
        "what": "orders",
        "who": "eve",
        "from": "2026-11-29T00:00:00+00:00",
        "limit": "50",
        "count": "true",
    }


def test_a_trail_as_it_was_sealed_is_proved(desk: Desk) -> None:
    served(desk, ENTRIES, sealed())

    result = desk.run("trail", "verify")

    assert result.exit_code == 0
    said = words(result)
    assert "The trail is as it was sealed: 4 entries under 2 seals." in said
    assert "1 entry waits for the next seal." in said
    assert sealed()[-1].hash in said


@pytest.mark.parametrize(
    ("entries", "what"),
    [
        ([entry(0, who="eve"), *ENTRIES[1:]], "an entry is not as it was sealed"),
        (ENTRIES[1:], "it sealed 2 entries, and 1 are there"),
        ([*ENTRIES, entry(1, who="eve")], "it sealed 2 entries, and 3 are there"),
    ],
)
def test_a_trail_that_was_changed_ends_with_1(
    desk: Desk, entries: list[AuditEntry], what: str
) -> None:
    served(desk, entries, sealed())

    told = json.loads(desk.run("trail", "verify", "--json").stdout)
    result = desk.run("trail", "verify")

    assert [(each["sequence"], each["what"]) for each in told["misfits"]] == [(1, what)]
    assert result.exit_code == 1
    assert what in words(result)


def test_a_seal_that_was_taken_out_is_missed(desk: Desk) -> None:
    served(desk, ENTRIES, sealed()[1:])

    assert "it does not continue where the previous seal ends" in desk.run("trail", "verify").stdout


def test_a_chain_that_was_made_anew_is_missed_by_who_kept_a_hash(desk: Desk) -> None:
    kept = sealed()[0].hash
    served(desk, ENTRIES, sealed())
    assert desk.run("trail", "verify", "--kept", kept).exit_code == 0

    forged = [entry(0, who="eve"), *ENTRIES[1:]]
    served(desk, forged, [seals.following(None, forged[:4], BEGUN + timedelta(minutes=4))])
    assert desk.run("trail", "verify").exit_code == 0
    result = desk.run("trail", "verify", "--kept", kept)

    assert result.exit_code == 1
    assert "No seal has the given hash" in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_refusal_ends_with_1(desk: Desk, command: str) -> None:
    for path in ("/audit", "/audit/seals"):
        desk.on("GET", path, problem(403, "This takes a token with the scope audit:read."))

    result = desk.run(*command.split(), "--json")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "audit:read" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_response_every_command_ends_with_3(command: str) -> None:
    assert run(*command.split()).exit_code == 3
