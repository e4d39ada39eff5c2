"""Cakes, orders, batches, employees at the command line."""

import json
from typing import Any

import httpx
import pytest

from tests.support.backroom.desk import Desk, problem, run, words

AT = "2026-11-21T06:00:00Z"
CAKE = (
    '{"id":"carrot_cake","name":"Carrot Cake","ingredients":{"carrots":50.0,"eggs":2},'
    '"created_at":"2026-11-21T06:00:00Z"}'
)
STEP = {"status": "open", "at": AT, "by": "customer", "reason": "ordered"}
ORDER = {
    "id": 21,
    "customer": "Mr Cakelover\x1b[2J",
    "recipe": "carrot_cake",
    "recipe_name": "Carrot Cake",
    "persons": 4,
    "quantity": 1,
    "extra_ingredients": {},
    "urgent": False,
    "ingredients": [
        {"name": "carrots", "amount": 200.5, "unit": "g"},
        {"name": "eggs", "amount": 8, "unit": "unit"},
    ],
    "status": "ticketed",
    "created_at": AT,
    "reason": "joined the batch of 2026-11-21",
    "history": [STEP],
    "batch": "2026-11-21",
    "ticket": {"state": "created", "key": "ING-12"},
    "notice": {"state": "sent", "channel": "mail", "to": "a@b.example", "reason": "Slack is off"},
}
TICKET = {"state": "created", "key": "ING-12"}
BATCH = {
    "date": "2026-11-21",
    "status": "sealed",
    "cutoff": AT,
    "sealed_at": AT,
    "by": "schedule",
    "orders": list(range(1, 13)),
    "lines": [
        {
            "name": "carrots",
            "amount": 600.0,
            "unit": "g",
            "orders": [{"order": number, "amount": 50.0} for number in range(1, 13)],
        }
    ],
    "ticket": TICKET,
}
NEXT = {name: BATCH[name] for name in ("date", "cutoff", "orders", "lines")} | {"waiting": 12}
LISTED = {**BATCH, "orders": 12, "ticket": TICKET}
EMPLOYEE = {
    "id": 10,
    "firstName": "Ada",
    "lastName": "Lovelace",
    "permissions": {"developer": True},
    "access": "needs_username",
    "createdAt": AT,
}

NOTICE: dict[str, Any] = {
    "channel": "mail",
    "to": "ann@gmail.com",
    "guessed": True,
    "reason": "no Slack user has this name",
    "subject": "Order 21 is ready",
    "text": "Hello Ann,\n\nyour order 21 is ready.",
    "delay_s": 60.0,
}

COMMANDS: list[tuple[str, str, str, Any]] = [
    ("cakes list", "GET", "/cakes", f"[{CAKE}]"),
    ("cakes show carrot_cake", "GET", "/cakes/carrot_cake", CAKE),
    ("cakes add Carrot carrots=50g eggs=2", "POST", "/cakes", CAKE),
    ("orders list --status open", "GET", "/orders", [ORDER]),
    ("orders show 21", "GET", "/orders/21", ORDER),
    ("orders place Ann carrot_cake", "POST", "/orders", ORDER),
    ("orders notice 21", "GET", "/orders/21/notice", NOTICE),
    ("orders ready 21", "POST", "/orders/21/ready", ORDER),
    ("orders undo-ready 21 --reason burnt", "DELETE", "/orders/21/ready", ORDER),
    ("orders list --customer Ann --due 2026-12-24", "GET", "/orders", [ORDER]),
    ("batches next", "GET", "/batches/next", NEXT),
    ("batches list", "GET", "/batches", [LISTED]),
    ("batches show 2026-11-21", "GET", "/batches/2026-11-21", BATCH),
    ("batches run", "POST", "/batches", BATCH),
    ("employees list", "GET", "/employees", [EMPLOYEE]),
    ("employees show 10", "GET", "/employees/10", EMPLOYEE),
    ("employees hire Ada Lovelace --developer", "POST", "/employees", EMPLOYEE),
    ("employees change 10 --github ada", "PATCH", "/employees/10", EMPLOYEE),
]
SILENT: list[tuple[str, str]] = [
    ("cakes remove carrot_cake", "/cakes/carrot_cake"),
    ("orders cancel 21 --yes", "/orders/21"),
    ("employees fire 10 --yes", "/employees/10"),
]


@pytest.mark.parametrize(("command", "method", "path", "answer"), COMMANDS)
def test_s9_json_is_the_apis_own_word_for_word(
    desk: Desk, command: str, method: str, path: str, answer: Any
) -> None:
    text = answer if isinstance(answer, str) else httpx.Response(200, json=answer).text
    said = text.replace('":', '" : ')
    desk.on(method, path, said)

    result = desk.run(*command.split(), "--json")

    assert (result.exit_code, result.stdout) == (0, f"{said}\n")


@pytest.mark.parametrize(("command", "method", "path", "answer"), COMMANDS)
def test_s9_every_answer_can_be_read_by_a_person(
    desk: Desk, command: str, method: str, path: str, answer: Any
) -> None:
    desk.on(method, path, answer)

    result = desk.run(*command.split())

    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip()
    assert "{" not in result.stdout
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize(("command", "path"), SILENT)
def test_what_is_done_without_an_answer_is_said(desk: Desk, command: str, path: str) -> None:
    desk.on("DELETE", path, httpx.Response(204))

    assert desk.run(*command.split()).stdout.strip()
    assert desk.run(*command.split(), "--json").stdout == ""


@pytest.mark.parametrize(
    ("command", "method", "path"),
    [
        *[(command, method, path) for command, method, path, _ in COMMANDS],
        *[(command, "DELETE", path) for command, path in SILENT],
    ],
)
def test_s9_a_refusal_ends_with_1_and_leaves_stdout_empty(
    desk: Desk, command: str, method: str, path: str
) -> None:
    desk.on(method, path, problem(404, "There is no order 21."))

    result = desk.run(*command.split())

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Next: backroom orders list --status all" in result.stderr


@pytest.mark.parametrize("command", [each[0] for each in (*COMMANDS, *SILENT)])
def test_s9_without_a_response_it_ends_with_3(command: str) -> None:
    result = run(*command.split())

    assert (result.exit_code, result.stdout) == (3, "")


@pytest.mark.parametrize("command", ["cakes list", "orders list", "batches list", "employees list"])
def test_s9_an_empty_list_says_what_to_do(desk: Desk, command: str) -> None:
    desk.on("GET", f"/{command.partition(' ')[0]}", [])

    assert "Next: backroom" in desk.run(*command.split()).stdout


# --- amounts --------------------------------------------------------------------------------------


def test_5c2_amounts_are_sent_with_their_unit_and_their_digits(desk: Desk) -> None:
    desk.on("POST", "/cakes", CAKE)

    desk.run("cakes", "add", "Carrot Cake", "carrots=50g", "sugar=30.50", "oil=0.10g", "eggs=2")

    assert desk.requests[0].content.decode() == (
        '{"name":"Carrot Cake","ingredients":{"carrots":{"amount":50,"unit":"g"},'
        '"sugar":{"amount":30.50,"unit":"g"},"oil":{"amount":0.10,"unit":"g"},'
        '"eggs":{"amount":2,"unit":"unit"}}}'
    )


@pytest.mark.parametrize("given", ["flour", "flour=", "=1", "flour=-1", "flour=1kg", "flour=x"])
def test_what_is_no_amount_is_a_mistake_in_the_usage(desk: Desk, given: str) -> None:
    added = desk.run("cakes", "add", "X", given)
    placed = desk.run("orders", "place", "Ann", "x", "--extra", given)

    assert (added.exit_code, placed.exit_code) == (2, 2)
    assert "flour=17g" in words(added, "stderr")
    assert desk.requests == []


def test_an_ingredient_that_is_named_twice_is_a_mistake(desk: Desk) -> None:
    assert desk.run("cakes", "add", "X", "eggs=1", "eggs=2").exit_code == 2


def test_5c2_grams_and_units_are_distinguished(desk: Desk) -> None:
    desk.on("GET", "/cakes", f"[{CAKE}]").on("GET", "/orders/21", ORDER)

    assert "carrots 50 g, eggs 2 units" in words(desk.run("cakes", "list"))
    assert "carrots 200.5 g eggs 8 units" in words(desk.run("orders", "show", "21"))


# --- orders, batches, employees -------------------------------------------------------------------


def test_an_order_says_what_it_is_told(desk: Desk) -> None:
    desk.on("POST", "/orders", ORDER)

    desk.run(
        *("orders", "place", "Mr Cakelover", "carrot_cake", "--persons", "4", "--quantity", "2"),
        *("--extra", "nuts=3", "--urgent", "--email", "a@b.example"),
    )

    assert desk.requests[0].headers["Idempotency-Key"]
    assert json.loads(desk.requests[0].content) == {
        "customer": "Mr Cakelover",
        "recipe": "carrot_cake",
        "persons": 4,
        "quantity": 2,
        "extra_ingredients": {"nuts": {"amount": 3, "unit": "unit"}},
        "urgent": True,
        "email": "a@b.example",
    }


def test_an_order_shows_its_ticket_and_its_notice(desk: Desk) -> None:
    desk.on("GET", "/orders/21", ORDER)

    said = words(desk.run("orders", "show", "21"))

    assert "ticket ING-12" in said
    assert "sent by mail to a@b.example (Slack is off)" in said


@pytest.mark.parametrize("command", ["orders cancel 21", "employees fire 10"])
def test_what_does_not_come_back_is_asked_first(desk: Desk, command: str) -> None:
    declined = desk.run(*command.split(), says=["n"])
    nobody = desk.run(*command.split())

    assert (declined.exit_code, nobody.exit_code) == (1, 2)
    assert desk.requests == []


def test_5c17_firing_says_first_that_forks_go(desk: Desk) -> None:
    desk.run("employees", "fire", "10", says=["n"])

    assert "forks of a private repository" in desk.questions[0]


def test_a_reason_is_sent_along(desk: Desk) -> None:
    desk.on("DELETE", "/orders/21", httpx.Response(204))

    desk.run("orders", "cancel", "21", "--reason", "no guests", "--yes")

    assert dict(desk.requests[0].url.params) == {"reason": "no guests"}


def test_a_line_shows_its_orders_and_counts_the_rest(desk: Desk) -> None:
    desk.on("GET", "/batches/2026-11-21", BATCH)

    said = words(desk.run("batches", "show", "2026-11-21"))

    assert "12 orders; its ticket: ING-12" in said
    assert "600 g" in said
    assert "8 (50 g), 4 more" in said


def test_b9_nothing_to_order_is_reported_in_words(desk: Desk) -> None:
    desk.on("POST", "/batches", {"date": "2026-11-21", "status": "empty", "orders": []})

    assert "nothing is ordered" in desk.run("batches", "run").stdout


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_run_that_leaves_orders_for_tomorrow_says_so_and_fails(
    desk: Desk, as_json: tuple[str, ...]
) -> None:
    desk.on("POST", "/batches", BATCH | {"waiting": 500})

    result = desk.run("batches", "run", *as_json)

    assert result.exit_code == 1
    if not as_json:
        assert "Nothing was ordered now: today's ticket was created today 06:00" in words(
            result, "stderr"
        )
        assert "500 orders left: on tomorrow's ticket." in words(result, "stderr")


def test_what_a_ticket_has_no_room_for_is_named_before_it_goes_and_after(desk: Desk) -> None:
    desk.on("GET", "/batches/next", NEXT | {"waiting": 12_012})
    full = BATCH | {"message": "full; further orders are on ticket 2"}
    desk.on("POST", "/batches", full, status=201)

    assert "12 orders, and 12,000 more on further tickets" in words(desk.run("batches", "next"))
    assert "The ticket is full; further orders are on ticket 2." in words(
        desk.run("batches", "run"), "stderr"
    )


def test_a_run_that_leaves_orders_offers_an_extra_ticket_and_extra_makes_it(desk: Desk) -> None:
    left = BATCH | {"waiting": 500, "next_ticket": 2}
    extra = BATCH | {"number": 2}
    desk.on("POST", "/batches", left)
    desk.on("POST", "/batches", left)
    desk.on("POST", "/batches", extra, status=201)

    offered = desk.run("batches", "run")
    made = desk.run("batches", "run", "--extra")

    assert "Next: backroom batches run --extra" in words(offered, "stderr")
    assert (offered.exit_code, made.exit_code) == (1, 0)
    assert "2026-11-21, ticket 2: 12 orders" in words(made)
    asked = [str(request.url.query, "ascii") for request in desk.sent("POST", "/batches")]
    assert asked == ["", "", "ticket=2"]


def test_an_order_says_when_it_is_due_whom_to_call_and_a_note(desk: Desk) -> None:
    told = {"due_at": "2026-12-24T09:00:00Z", "phone": "+43 1 234", "note": "no nuts"}
    desk.on("POST", "/orders", ORDER | told, status=201)

    said = words(
        desk.run(
            *("orders", "place", "Ann", "carrot_cake", "--due", "2026-12-24T10:00:00+01:00"),
            *("--phone", "+43 1 234", "--note", "no nuts"),
        )
    )

    sent = json.loads(desk.requests[0].content)
    assert sent["due_at"] == "2026-12-24T10:00:00+01:00"
    assert (sent["phone"], sent["note"]) == ("+43 1 234", "no nuts")
    assert "phone +43 1 234" in said
    assert "note no nuts" in said


def test_the_list_is_requested_by_customer_and_due_day(desk: Desk) -> None:
    desk.on("GET", "/orders", [ORDER])

    desk.run("orders", "list", "--customer", "Ann", "--due", "2026-12-24")
    wrong = desk.run("orders", "list", "--due", "tomorrow")

    sent = dict(desk.requests[0].url.params)
    assert sent == {"limit": "50", "customer": "Ann", "due": "2026-12-24", "count": "true"}
    assert (wrong.exit_code, len(desk.requests)) == (2, 1)


def test_a_notice_is_shown_with_its_guess_before_it_is_sent(desk: Desk) -> None:
    desk.on("GET", "/orders/21/notice", NOTICE)

    shown = words(desk.run("orders", "notice", "21"))

    assert "mail ann@gmail.com (a guess: check it)" in shown
    assert "no Slack user has this name" in shown
    assert "your order 21 is ready." in shown


def test_undo_ready_says_where_the_order_stands(desk: Desk) -> None:
    desk.on("POST", "/orders/21/ready", ORDER | {"status": "ready"})
    desk.on("DELETE", "/orders/21/ready", ORDER)

    ready = words(desk.run("orders", "ready", "21"))
    undone = words(desk.run("orders", "undo-ready", "21", "--reason", "burnt"))

    assert "Next: backroom orders undo-ready 21, within a minute" in ready
    assert "Order 21 is ticketed again; no notice was sent." in undone
    assert dict(desk.requests[1].url.params) == {"reason": "burnt"}


def test_a_run_after_which_no_order_is_left_succeeds(desk: Desk) -> None:
    desk.on("POST", "/batches", BATCH)

    result = desk.run("batches", "run")

    assert result.exit_code == 0
    assert "Nothing was ordered now" in words(result, "stderr")


def test_who_is_hired_without_a_user_name_is_asked_for_it(desk: Desk) -> None:
    desk.on("POST", "/employees", EMPLOYEE, status=201)

    result = desk.run("employees", "hire", "Ada", "Lovelace", "--developer")

    assert "Next: backroom employees change 10 --github NAME" in result.stdout


def test_a_change_says_only_what_is_new(desk: Desk) -> None:
    desk.on("PATCH", "/employees/10", EMPLOYEE)

    desk.run("employees", "change", "10", "--github", "ada", "--no-developer")

    assert json.loads(desk.requests[0].content) == {
        "permissions": {"developer": False},
        "githubUsername": "ada",
    }
    assert desk.run("employees", "change", "10").exit_code == 2


@pytest.mark.parametrize("day", ["x", "2026-02-30", "20261121"])
def test_what_is_no_day_is_a_mistake_in_the_usage(desk: Desk, day: str) -> None:
    assert desk.run("batches", "show", day).exit_code == 2


# --- erasing --------------------------------------------------------------------------------------

ERASED = {
    "dry_run": False,
    "orders": [9, 7],
    "documents": 1,
    "messages": 1,
    "letters": 0,
    "waiting": [],
    "before": 7,
}
LAST = {**ERASED, "orders": [3], "documents": 0, "messages": 0, "letters": 1, "before": None}
WAITS = {**LAST, "waiting": [{"order": 5, "reason": "it is open: cancel it"}]}


def test_a_customer_is_erased_page_by_page(desk: Desk) -> None:
    desk.on("POST", "/erasures", ERASED, LAST)

    result = desk.run("erase", "--customer", "Mr Cakelover", "--yes", "--json")

    assert result.exit_code == 0, result.stderr
    whole = {**ERASED, "orders": [9, 7, 3], "letters": 1}
    del whole["before"]
    assert json.loads(result.stdout) == whole
    assert [json.loads(each.content) for each in desk.requests] == [
        {"customer": "Mr Cakelover", "dry_run": False},
        {"customer": "Mr Cakelover", "dry_run": False, "before": 7},
    ]


def test_orders_that_wait_are_shown_and_end_with_1(desk: Desk) -> None:
    desk.on("POST", "/erasures", WAITS)

    result = desk.run("erase", "--customer", "Mr Cakelover", "--yes")

    assert result.exit_code == 1
    assert "Order 5 waits: it is open: cancel it" in words(result)
    assert "1 order still has the customer." in result.stderr


def test_a_dry_run_asks_nothing_and_erasing_asks_first(desk: Desk) -> None:
    desk.on("POST", "/erasures", {**WAITS, "dry_run": True})

    assert desk.run("erase", "--customer", "Mr Cakelover", "--dry-run").exit_code == 0
    assert desk.run("erase", "--customer", "Mr Cakelover").exit_code == 2
    assert len(desk.requests) == 1
