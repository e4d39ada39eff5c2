"""What holds for every command: pure JSON, exit codes, plain words, an example in its help."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from typer.main import get_command

from backroom.cli import app
from backroom.core.errors import ClientError
from tests.support.backroom.desk import Desk, file, fleet, machine, problem, run, words

SITE = {"name": "Mall", "time_zone": "UTC", "address": "", "site_id": "mall"}
ANN = {"name": "Ann", "technician_id": "T0001", "machines": []}
DISPATCH = {
    "id": 4,
    "machine": "GM001",
    "technician": "T0001",
    "state": "open",
    "opened_at": "2020-02-20T11:29:44Z",
}
WORK = {
    "machine": "GM001",
    "state": "healthy",
    "causes": [],
    "parts": [],
    "overdue": False,
    "dispatch": DISPATCH,
}
ROW = {"id": 1, "machine": "GM001", "at": "2020-02-20T11:29:44Z", "gumballs": 1}

# Command, the request that it comes down to, and an answer.
COMMANDS: list[tuple[str, str, str, Any]] = [
    ("status", "GET", "/health", {"status": "ok", "version": "1"}),
    ("fleet", "GET", "/fleet", fleet(machine())),
    ("worklist", "GET", "/worklist", [WORK]),
    ("worklist --technician #1", "GET", "/worklist", []),
    ("machines list", "GET", "/machines", [machine()]),
    ("machines show GM001", "GET", "/machines/GM001", machine()),
    ("machines put GM001 --site mall --technician 1", "PUT", "/machines/GM001", machine()),
    ("machines transactions GM001", "GET", "/machines/GM001/transactions", [ROW]),
    ("sites list", "GET", "/sites", [SITE]),
    ("sites put mall --name Mall", "PUT", "/sites/mall", SITE),
    ("technicians list", "GET", "/technicians", [ANN]),
    ("technicians put #001 --name Ann", "PUT", "/technicians/T0001", ANN),
    ("dispatch open GM001 --note go", "POST", "/dispatches", DISPATCH),
    ("dispatch list --state open", "GET", "/dispatches", [DISPATCH]),
    ("dispatch show 4", "GET", "/dispatches/4", DISPATCH),
    ("dispatch close 4", "POST", "/dispatches/4/close", DISPATCH),
    ("files list --technician 1", "GET", "/files", [file()]),
    ("files show 12", "GET", "/files/12", file()),
    ("files delete 12 --technician 1 --yes", "DELETE", "/files/12", file()),
    ("imports list", "GET", "/imports", [file()]),
    ("imports show 12", "GET", "/files/12", file()),
    ("imports delete 12 --yes", "DELETE", "/imports/12", file()),
]


@pytest.mark.parametrize(("command", "method", "path", "answer"), COMMANDS)
def test_v9_json_is_the_apis_own_word_for_word_and_nothing_else(
    desk: Desk, command: str, method: str, path: str, answer: Any
) -> None:
    said = httpx.Response(200, json=answer).text.replace('":', '" : ')  # as no client would write
    desk.on(method, path, said)

    result = desk.run(*command.split(), "--json")

    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{said}\n"


@pytest.mark.parametrize(("command", "method", "path", "answer"), COMMANDS)
def test_v9_every_answer_can_be_read_by_a_person(
    desk: Desk, command: str, method: str, path: str, answer: Any
) -> None:
    desk.on(method, path, answer).on("GET", "/machines", [machine()])

    result = desk.run(*command.split())

    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip()
    assert "{" not in result.stdout


@pytest.mark.parametrize(("command", "method", "path", "_"), COMMANDS)
def test_v9_a_refusal_ends_with_1_and_leaves_stdout_empty(
    desk: Desk, command: str, method: str, path: str, _: Any
) -> None:
    desk.on(method, path, problem(404, "There is no machine GM001.", "Not found"))

    result = desk.run(*command.split(), "--json")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Not found: There is no machine GM001." in result.stderr
    assert "Next: backroom machines put GM001 --technician T0001" in result.stderr


@pytest.mark.parametrize("command", [*(command for command, *_ in COMMANDS), "demo", "doctor"])
def test_v9_without_a_response_every_command_ends_with_3_and_names_make_up(command: str) -> None:
    result = run(*command.split())

    assert (result.exit_code, result.stdout) == (3, "")
    assert "Nothing answers at http://localhost:8000." in result.stderr
    assert "Next: make up" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        "nonsense",
        "fleet --nonsense",
        "machines show GM1",
        "machines show gm001",
        "files list",
        "files list --technician abc",
        "files show twelve",
        "files show 0",
        "sites put mall --time-zone Mars/Base",
        "dispatch list --state gone",
        "machines transactions GM001 --from yesterday",
        "machines transactions GM001 --csv --json",
        "simulate somewhere --faults gremlins",
    ],
)
def test_v9_a_command_that_cannot_be_meant_ends_with_2_before_anything_is_sent(
    desk: Desk, command: str
) -> None:
    result = desk.run(*command.split())

    assert (result.exit_code, result.stdout, desk.requests) == (2, "", [])


def test_every_fault_of_a_request_is_named(desk: Desk) -> None:
    faults = [
        {"in": "body", "field": "name", "detail": "must not be empty"},
        {"in": "body", "field": "address", "detail": "is too long"},
    ]
    desk.on("GET", "/fleet", problem(400, "2 fault(s)", "Invalid input", errors=faults))

    result = desk.run("fleet")

    assert result.stderr.splitlines()[:3] == [
        "Invalid input",
        "  name: must not be empty",
        "  address: is too long",
    ]


def test_what_the_api_says_cannot_steer_the_terminal(desk: Desk) -> None:
    desk.on("GET", "/fleet", problem(404, "no \x1b[2J [red]site[/red] :boom:"))
    desk.on("GET", "/dispatches", [DISPATCH | {"note": "\x1b]0;owned\x07[bold] é\u202e"}])

    refused, listed = desk.run("fleet"), desk.run("dispatch", "list", width=200)

    assert "\x1b" not in refused.stderr + listed.stdout
    assert r"no \x1b[2J [red]site[/red] :boom:" in refused.stderr
    assert r"\x1b]0;owned\x07[bold] é\u202e" in listed.stdout


def test_the_address_comes_from_the_option_or_the_environment(desk: Desk, monkeypatch: Any) -> None:
    desk.on("GET", "/health", {"status": "ok"})

    monkeypatch.setenv("BACKROOM_API", "http://far.test")
    desk.run("status")
    desk.run("--api", "http://near.test", "status")

    assert [each.url.host for each in desk.requests] == ["far.test", "near.test"]


def leaves(command: Any, path: str = "backroom") -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from leaves(child, f"{path} {name}")


@pytest.mark.parametrize(("name", "command"), list(leaves(get_command(app))))
def test_v9_every_commands_help_has_one_example_of_it(name: str, command: Any) -> None:
    assert command.help
    assert command.epilog.startswith(f"Example: {name} ") or command.epilog == f"Example: {name}"


@pytest.mark.parametrize(("name", "command"), list(leaves(get_command(app))))
def test_v9_every_command_offers_json(name: str, command: Any) -> None:
    assert "--json" in [option for param in command.params for option in param.opts], name


def test_help_lists_the_commands_in_the_order_of_their_use() -> None:
    help_ = words(run("--help"))

    places = [help_.index(f" {name} ") for name in ("fleet", "files", "machines", "audit", "demo")]
    assert places == sorted(places)


def test_the_version_is_told() -> None:
    assert words(run("--version")).startswith("backroom ")


def errors(kind: type[ClientError]) -> Iterator[type[ClientError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from errors(child)


def test_exit_codes_are_those_of_the_contract() -> None:
    assert {error.exit_code for error in errors(ClientError)} == {1, 2, 3}
