"""`backroom doctor`: what a person reads, what to do, and when it ends with 1."""

import json
from typing import Any

import httpx
import pytest

from backroom.core.options import instant
from tests.support.backroom.desk import Desk, hours_ago, problem, words

NOW = "Sat, 21 Nov 2026 12:00:00 GMT"
EFFECT = {"id": "jira#1", "kind": "jira", "state": "pending", "attempts": 1}


def checkup(state: str = "ok", **told: Any) -> dict[str, Any]:
    return {"integration": "jira", "state": state, "configured": True, "detail": "Fine.", **told}


def letters(depth: int = 0, **told: Any) -> dict[str, Any]:
    return {"queue": "vending-uploads", "depth": depth, "redrivable": True, **told}


def schedule(name: str = "outbox_sweeper", **told: Any) -> dict[str, Any]:
    return {"name": name, "every_s": 300, "ran_at": hours_ago(0.05), "overdue": False, **told}


def effects(*found: dict[str, Any]) -> Any:
    """Return what answers a list of effects by the state that is asked for."""

    def answer(request: httpx.Request) -> httpx.Response:
        wanted = request.url.params["state"]
        return httpx.Response(200, json=[each for each in found if each["state"] == wanted])

    return answer


@pytest.fixture
def well(desk: Desk) -> Desk:
    """A stage where nothing is wrong; what a test says first is said instead."""
    desk.on("GET", "/integrations", [checkup()])
    desk.on("GET", "/outbox/kinds", [{"kind": "jira", "state": "working"}])
    desk.on("GET", "/outbox", effects()).on("GET", "/dlq", [letters()])
    desk.on("GET", "/schedules", [schedule()])
    return desk.on("GET", "/health", {"status": "ok"}, Date=NOW)


def instead(desk: Desk, path: str, *answers: object, status: int = 200, **headers: str) -> Desk:
    desk._answers.pop(("GET", path))
    return desk.on("GET", path, *answers, status=status, **headers)


def found(desk: Desk) -> dict[tuple[str, str], dict[str, Any]]:
    listed = json.loads(desk.run("doctor", "--json").stdout)
    return {(each["area"], each["name"]): each for each in listed}


def test_b19_a_stage_where_nothing_is_wrong_has_ticks_alone(well: Desk) -> None:
    result = well.run("doctor", width=120)

    told = words(result)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "✗" not in told
    for line in (
        "✓ vendors jira Fine.",
        "✓ outbox waiting No effect waits.",
        "✓ dead No effect is dead.",
        "✓ dead letters queues 1 queue, no dead letters.",
        "✓ queues messages No message waits.",
        "✓ schedules outbox sweeper ran 3 min ago",
        "✓ clock this machine The clock agrees with the API's.",
    ):
        assert line in told


@pytest.mark.parametrize(
    ("path", "answer", "name", "said", "step"),
    [
        (
            "/integrations",
            [checkup("denied", next_step="mend it")],
            ("vendors", "jira"),
            "Fine.",
            "mend it",
        ),
        (
            "/outbox/kinds",
            [{"kind": "jira", "state": "paused", "since": hours_ago(2), "reason": "401"}],
            ("outbox", "jira"),
            "paused 2 h ago: 401",
            "backroom outbox kinds",
        ),
        (
            "/outbox",
            effects(
                EFFECT | {"asked_at": hours_ago(0.5)},
                EFFECT | {"id": "jira#0", "state": "unsure", "asked_at": hours_ago(1.1)},
            ),
            ("outbox", "waiting"),
            "2 effects wait, the oldest was requested 1 h ago: jira#0",
            "backroom outbox show 'jira#0'",
        ),
        (
            "/outbox",
            effects(*[EFFECT | {"state": "dead", "asked_at": hours_ago(2)}] * 2),
            ("outbox", "jira"),
            "2 effects are dead",
            "backroom outbox list --state dead --kind jira",
        ),
        (
            "/dlq",
            [letters(2)],
            ("dead letters", "vending-uploads"),
            "2 dead letters",
            "backroom dlq list",
        ),
        (
            "/dlq",
            [letters(waiting=3, in_process=0)],
            ("queues", "vending-uploads"),
            "3 messages wait, and no function takes any",
            "see that the stack is not held: docs/operations.md",
        ),
        (
            "/schedules",
            [schedule("bakery_daily_batch", ran_at=hours_ago(30), overdue=True)],
            ("schedules", "daily batch"),
            "ran yesterday 06:00; it is overdue",
            "make logs, or the function's log: docs/operations.md",
        ),
    ],
)
def test_b19_what_does_not_work_has_a_cross_and_what_to_do_and_ends_with_1(
    well: Desk, path: str, answer: Any, name: tuple[str, str], said: str, step: str
) -> None:
    instead(well, path, answer)

    result = well.run("doctor", width=200)
    one = found(well)[name]

    assert result.exit_code == 1
    assert (one["state"], one["detail"], one["next_step"]) == ("failed", said, step)
    assert "✗" in result.stdout
    assert f"Needs action: {name[0]} ({name[1]})." in result.stderr
    assert result.stderr.count("Next:") == 1
    assert f"Next: {step}" in result.stderr
    assert [each["area"] for each in found(well).values() if each["state"] == "failed"] == [name[0]]


def test_a_queue_that_is_worked_on_is_no_fault(well: Desk) -> None:
    instead(well, "/dlq", [letters(waiting=3, in_process=2)])

    assert found(well)["queues", "messages"] == {
        "area": "queues",
        "name": "messages",
        "state": "ok",
        "detail": "5 messages wait or are being processed.",
        "next_step": "",
    }


def test_a_message_that_has_just_come_is_no_fault(well: Desk) -> None:
    come, gone = letters(waiting=1, in_process=0), letters(waiting=0, in_process=1)
    instead(well, "/dlq", [come], [gone])

    assert found(well)["queues", "messages"]["state"] == "ok"


def test_an_effect_that_waits_for_less_than_an_hour_is_no_fault(well: Desk) -> None:
    instead(well, "/outbox", effects(EFFECT | {"asked_at": hours_ago(0.9)}))

    assert well.run("doctor").exit_code == 0


def test_what_is_switched_off_may_get_old(well: Desk) -> None:
    instead(well, "/outbox/kinds", [{"kind": "jira", "state": "disabled", "reason": "no token"}])
    instead(well, "/outbox", effects(EFFECT | {"asked_at": hours_ago(99)}))

    assert well.run("doctor").exit_code == 0


def test_the_oldest_effect_is_looked_for_on_all_pages(well: Desk) -> None:
    young, old = (EFFECT | {"id": id_, "asked_at": hours_ago(h)} for id_, h in (("y", 0), ("o", 9)))
    more = httpx.Response(
        200, json=[young], headers={"Link": '</outbox?state=pending&c=1>; rel="next"'}
    )
    instead(well, "/outbox", more, [old], [], [])

    assert "today 03:00: o" in found(well)["outbox", "waiting"]["detail"]


@pytest.mark.parametrize(
    ("date", "state", "said"),
    [
        ("Sat, 21 Nov 2026 11:59:00 GMT", "ok", "agrees"),
        ("Sat, 21 Nov 2026 12:01:00 GMT", "ok", "agrees"),
        ("Sat, 21 Nov 2026 11:58:00 GMT", "failed", "1 minute ahead of"),
        ("Sat, 21 Nov 2026 14:00:00 GMT", "failed", "2 hours behind"),
        ("yesterday", "unknown", "does not say"),
    ],
)
def test_the_clock_of_this_machine_is_held_against_the_apis(
    well: Desk, date: str, state: str, said: str
) -> None:
    instead(well, "/health", {"status": "ok"}, Date=date)

    clock = found(well)["clock", "this machine"]

    assert clock["state"] == state
    assert said in clock["detail"]


@pytest.mark.parametrize("quiet", [checkup("off", configured=False, next_step="set MAIL_URL")])
def test_b19_a_vendor_that_is_off_is_no_fault_and_says_how_it_is_set_up(
    well: Desk, quiet: Any
) -> None:
    instead(well, "/integrations", [quiet])

    result = well.run("doctor", width=160)

    assert result.exit_code == 0
    assert "· vendors jira Fine. set MAIL_URL" in words(result)


def test_a_schedule_that_has_not_run_yet_is_no_fault(well: Desk) -> None:
    instead(well, "/schedules", [schedule(ran_at=None)])

    assert well.run("doctor").exit_code == 0
    assert found(well)["schedules", "outbox sweeper"]["state"] == "unknown"


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize(
    "path", ["/integrations", "/outbox/kinds", "/outbox", "/dlq", "/schedules"]
)
def test_what_one_may_not_see_or_an_older_api_lacks_is_unknown(
    well: Desk, path: str, status: int
) -> None:
    instead(well, path, problem(status, "Not for you."))

    result = well.run("doctor")

    assert result.exit_code == 0
    assert "Not for you." in words(result)
    assert "? " in result.stdout


def test_what_fails_is_a_finding_and_the_rest_is_checked(well: Desk) -> None:
    instead(well, "/dlq", problem(500, "It broke."))

    result = well.run("doctor")

    assert result.exit_code == 1
    assert "It broke." in words(result)
    assert found(well)["clock", "this machine"]["state"] == "ok"


def test_who_has_to_sign_in_is_told_so(well: Desk) -> None:
    instead(well, "/integrations", problem(401, "This takes a bearer token.", "Unauthorized"))

    result = well.run("doctor")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Next: backroom login" in result.stderr


def test_b19_what_a_vendor_says_cannot_steer_the_terminal(well: Desk) -> None:
    instead(well, "/integrations", [checkup(detail="\x1b[2J [red]x[/red]", next_step="\x07")])

    result = well.run("doctor", width=200)

    assert "\x1b" not in result.stdout
    assert r"\x1b[2J [red]x[/red]" in result.stdout


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_fits_the_terminal(well: Desk, width: int) -> None:
    instead(well, "/integrations", [checkup("denied", detail="word " * 40, next_step="do " * 40)])

    lines = well.run("doctor", width=width).stdout.splitlines()

    assert max(map(len, lines)) <= width


def test_exact_times_can_be_pasted_into_other_commands(well: Desk) -> None:
    told = words(well.run("--utc", "doctor", width=200))

    at = told.partition("outbox sweeper ran ")[2].split()[0]
    assert instant(at).startswith("2026-11-21T11:57")
