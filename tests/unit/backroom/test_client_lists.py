"""What holds for every list: CSV, ids that can be copied, times in words, one next step."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text
from typer.main import get_command

from backroom.cli import app
from backroom.core import watching
from backroom.core.errors import ApiError, UnreachableError
from backroom.core.session import Session
from tests.support.backroom.desk import NOW, Desk, file, fleet, hours_ago, machine, problem, words

AT = hours_ago(2)
UUID = "123e4567-e89b-12d3-a456-426614174000"
OTHER = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
LONG = "gm-parts/2026-11-21/return-of-a-very-long-shipment-of-metering-wheels"
EFFECT = f"archive#sale#{UUID}#12"
SERIAL = "GM123456789012345678"
SUBSCRIPTION = f"sub_{'0' * 32}"
WARRANTY = f"{UUID}-12"

EXAMPLES: dict[str, tuple[str, Any, list[str]]] = {
    "fleet": ("/fleet", fleet(machine(SERIAL, last_at=AT)), [SERIAL]),
    "worklist": (
        "/worklist",
        [{"machine": SERIAL, "state": "healthy", "causes": [], "parts": [], "overdue": False}],
        [SERIAL],
    ),
    "dispatch list": (
        "/dispatches",
        [
            {
                "id": 123456,
                "machine": SERIAL,
                "technician": "T000000001",
                "state": "open",
                "opened_at": AT,
                "note": "take both parts, the wheel and the brush, and the key of the back door",
            }
        ],
        ["123456", SERIAL, "T000000001"],
    ),
    "imports list": ("/imports", [file(123456)], ["123456"]),
    "files list --technician 1": (
        "/files",
        [file(123456, name=f"T000000001.{SERIAL}.2018-09-21_093448.zip")],
        ["123456", f"T000000001.{SERIAL}.2018-09-21_093448.zip"],
    ),
    "machines list": (
        "/machines",
        [machine(SERIAL, site="a-site-of-a-long-name", technician="T000000001", last_at=AT)],
        [SERIAL, "a-site-of-a-long-name", "T000000001"],
    ),
    "sites list": (
        "/sites",
        [{"site_id": "s" * 64, "name": "Riverside Mall", "time_zone": "America/Chicago"}],
        ["s" * 64],
    ),
    "technicians list": (
        "/technicians",
        [{"technician_id": "T000000001", "name": "Ann", "machines": [SERIAL, "GM001"]}],
        ["T000000001", SERIAL],
    ),
    "packages list": (
        "/packages",
        [
            {
                "package_id": LONG,
                "status": "delivered",
                "reason": "Because.",
                "sender_id": UUID,
                "recipient_id": OTHER,
                "package_type": "marketing",
                "timestamp": AT,
                "decided_at": AT,
            }
        ],
        [LONG, UUID, OTHER],
    ),
    "warranties list": (
        "/warranties",
        [
            {
                "id": WARRANTY,
                "store_uuid": OTHER,
                "store_id": "s",
                "item_type": "furniture",
                "item_sku": "986kjeo8fy9qhu",
                "item_cost": 150.0,
                "item_title": "Amy's Sectional Sofa",
                "warranty_duration_months": 12,
                "warranty_price": 20.0,
                "created_at": AT,
                "rate_card": "2026-11-21",
            }
        ],
        [WARRANTY, OTHER],
    ),
    "ledger list": (
        "/transactions",
        [
            {
                "transaction_id": UUID,
                "account_id": OTHER,
                "amount": -9_007_199_254_740_991,
                "created_at": AT,
            }
        ],
        [UUID, OTHER],
    ),
    "cakes list": (
        "/cakes",
        [{"id": "c" * 64, "name": "Cake", "ingredients": {"eggs": 2}, "created_at": AT}],
        ["c" * 64],
    ),
    "orders list": (
        "/orders",
        [
            {
                "id": 123456789012,
                "customer": "Keisha",
                "recipe": "carrot_cake",
                "recipe_name": "Carrot Cake",
                "persons": 4,
                "quantity": 1,
                "extra_ingredients": {},
                "urgent": False,
                "ingredients": [],
                "status": "ticketed",
                "created_at": AT,
                "reason": "joined the batch of 2026-11-21",
                "history": [],
                "ticket": {"state": "created", "key": "ING-12"},
            }
        ],
        ["123456789012"],
    ),
    "batches list": (
        "/batches",
        [
            {
                "date": "2026-11-21",
                "status": "sealed",
                "cutoff": AT,
                "sealed_at": AT,
                "by": "schedule",
                "orders": 12,
                "ticket": {"state": "created", "key": "INGREDIENTS-1234567890"},
            }
        ],
        ["2026-11-21", "INGREDIENTS-1234567890"],
    ),
    "employees list": (
        "/employees",
        [
            {
                "id": 123456,
                "firstName": "Ada",
                "lastName": "Lovelace",
                "permissions": {"developer": True},
                "githubUsername": "a" * 39,
                "access": "failed",
                "access_reason": "the repository's owner has no seats left for private forks",
                "created_at": AT,
            }
        ],
        ["123456", "a" * 39],
    ),
    "outbox list": (
        "/outbox",
        [
            {
                "id": EFFECT,
                "kind": "archive",
                "state": "dead",
                "attempts": 20,
                "asked_at": AT,
                "answer": "400: no such bucket " * 9,
            }
        ],
        [EFFECT, "archive"],
    ),
    "outbox kinds": (
        "/outbox/kinds",
        [{"kind": "archive", "state": "paused", "since": AT, "reason": "401", "probe_at": AT}],
        ["archive"],
    ),
    "trail list": (
        "/audit",
        [
            {
                "id": "r1-1",
                "at": AT,
                "who": f"auth0|{UUID}",
                "scopes": ["bakery:write"],
                "method": "POST",
                "route": "/orders",
                "changes": [{"what": f"packages/{LONG}", "change": "created"}],
                "request_id": "r1",
            }
        ],
        [f"auth0|{UUID}", f"packages/{LONG}"],
    ),
    "events list": (
        "/events",
        [
            {
                "id": "evt_1795939200000000",
                "type": "warranty.cancelled",
                "timestamp": AT,
                "subject": f"warranties/{WARRANTY}",
                "data": {"refund": 1.5},
            }
        ],
        ["evt_1795939200000000", f"warranties/{WARRANTY}"],
    ),
    "webhooks list": (
        "/subscriptions",
        [
            {
                "id": SUBSCRIPTION,
                "url": "https://example.com/hooks/of/a/very/long/path/that/does/not/fit",
                "kinds": ["package.decided", "order.changed"],
                "active": True,
                "created_at": AT,
            }
        ],
        [SUBSCRIPTION, "https://example.com/hooks/of/a/very/long/path/that/does/not/fit"],
    ),
    "dlq list": (
        "/dlq",
        [
            {
                "queue": "vending-uploads",
                "depth": 2,
                "redrivable": True,
                "letters": [{"message_id": UUID, "sent_at": AT, "body": "{}"}],
            }
        ],
        ["vending-uploads"],
    ),
}
LISTS = [(command, *example) for command, example in EXAMPLES.items()]
OF_THE_API = {
    "packages list",
    "ledger statement",
    "machines transactions",
}  # their CSV is the API's


def leaves(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands") or command.invoke_without_command:
        yield path.strip(), command
    for name, child in getattr(command, "commands", {}).items():
        yield from leaves(child, f"{path} {name}")


def options(command: Any) -> set[str]:
    return {option for param in command.params for option in param.opts}


ALL = dict(leaves(get_command(app)))


def test_every_list_can_be_had_as_csv_and_is_tried_here() -> None:
    lists = {name for name in ALL if name.endswith(" list")} | {"fleet", "worklist", "outbox kinds"}

    assert {name for name in ALL if "--csv" in options(ALL[name])} == lists | OF_THE_API
    assert {" ".join(command.split(" --")[0].split()) for command in EXAMPLES} == lists


@pytest.mark.parametrize("command", ["fleet", "worklist", "outbox list", "orders list"])
def test_four_lists_can_be_watched(command: str) -> None:
    assert "--watch" in options(ALL[command])


# --- as a person reads them -----------------------------------------------------------------------


@pytest.mark.parametrize(("command", "path", "answer", "ids"), LISTS)
@pytest.mark.parametrize("width", [80, 120])
def test_no_id_is_cut_on_a_narrow_terminal(
    desk: Desk, command: str, path: str, answer: Any, ids: list[str], width: int
) -> None:
    desk.on("GET", path, answer)
    if command == "fleet":
        desk.on("GET", "/machines", answer["machines"])

    lines = desk.run(*command.split(), width=width).stdout.splitlines()

    assert "…" not in "".join(lines)
    assert [each for each in ids if not readable(each, lines)] == []


def readable(text: str, lines: list[str]) -> bool:
    """Return whether ``text`` is there, in one line or folded: one part right under the other."""
    for number, line in enumerate(lines):
        for start in range(len(line)):
            rest, below = text, number
            while rest and below < len(lines):
                part = lines[below][start:].split("  ")[0].split(" ")[0].rstrip(",")
                if not part or not rest.startswith(part):
                    break
                rest, below = rest[len(part) :], below + 1
            if not rest:
                return True
    return False


def test_no_id_is_cut_in_the_details_of_a_thing(desk: Desk) -> None:
    _, [effect], _ = EXAMPLES["outbox list"]
    id_ = "archive#" + "x" * 240
    desk.on("GET", "/outbox/effect", effect | {"id": id_, "payload": {"at": "s" * 200}})

    lines = desk.run("outbox", "show", id_, width=80).stdout.splitlines()

    assert readable(id_, lines)
    assert "…" not in "".join(lines)


def test_an_id_that_is_cut_is_not_readable() -> None:
    assert readable("abcdef", ["x  abc  y", "   def"])
    assert not readable("abcdef", ["x  abc  y", "   de"])
    assert not readable("abcdef", ["x  abc…  y"])


@pytest.mark.parametrize(("command", "path", "answer", "_"), LISTS)
def test_times_are_words_or_exact(desk: Desk, command: str, path: str, answer: Any, _: Any) -> None:
    desk.on("GET", path, answer)

    in_words = desk.run(*command.split(), width=200).stdout
    exact = desk.run("--utc", *command.split(), width=200).stdout

    assert "T10:00:00Z" not in in_words
    assert in_words.count("2 h ago") == exact.count("2026-11-21T10:00:00Z")


def test_the_json_knows_no_words(desk: Desk) -> None:
    desk.on("GET", "/orders", EXAMPLES["orders list"][1])

    assert AT in desk.run("orders", "list", "--json").stdout


@pytest.mark.parametrize(("command", "path", "answer", "_"), LISTS)
@pytest.mark.parametrize("empty", [True, False])
def test_no_command_tells_more_than_one_next_step(
    desk: Desk, command: str, path: str, answer: Any, _: Any, *, empty: bool
) -> None:
    desk.on("GET", path, [] if empty and isinstance(answer, list) else answer)

    result = desk.run(*command.split())

    assert (result.stdout + result.stderr).count("Next:") <= 1


def test_of_several_refusals_the_first_says_what_to_do_next(desk: Desk) -> None:
    gone = problem(404, "There is no effect b.", "Not found")
    desk.on("POST", "/outbox/retry", problem(409, "a is done, and nothing is done twice."), gone)

    result = desk.run("outbox", "retry", "a", "b")

    assert result.stderr.count("Next:") == 1
    assert "Next: backroom outbox show a" in result.stderr


# --- as CSV ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "path", "answer", "ids"), [each for each in LISTS if each[0] not in OF_THE_API]
)
def test_csv_has_the_rows_of_the_json_whole(
    desk: Desk, command: str, path: str, answer: Any, ids: list[str]
) -> None:
    desk.on("GET", path, answer)

    result = desk.run(*command.split(), "--csv")

    names, *rows = csv.reader(io.StringIO(result.stdout.removeprefix("\ufeff")))
    assert result.exit_code == 0, result.stderr
    assert len(rows) == 1
    assert len(set(names)) == len(names) == len(rows[0])
    assert all(any(each in cell for cell in rows[0]) for each in ids)


@pytest.mark.parametrize(("command", "path", "answer", "_"), LISTS)
def test_csv_and_json_together_are_refused_before_anything_is_sent(
    desk: Desk, command: str, path: str, answer: Any, _: Any
) -> None:
    for both in (("--csv", "--json"), ("--json", "--csv")):
        result = desk.run(*command.split(), *both)

        assert (result.exit_code, result.stdout, desk.requests) == (2, "", [])


def test_csv_has_all_pages_under_one_heading(desk: Desk) -> None:
    _, [order], _ = EXAMPLES["orders list"]
    desk.on("GET", "/orders", [order], Link='</orders?cursor=x>; rel="next"')
    desk.on("GET", "/orders", [order | {"id": 2, "customer": "=1+1", "ticket": None}])

    result = desk.run("orders", "list", "--csv", "--limit", "1")

    first, second = csv.DictReader(io.StringIO(result.stdout.removeprefix("\ufeff")))
    assert (first["customer"], first["ticket.key"]) == ("Keisha", "ING-12")
    assert (second["id"], second["customer"], second["ticket.key"]) == ("2", "'=1+1", "")


def test_csv_of_an_empty_list_is_its_heading(desk: Desk) -> None:
    desk.on("GET", "/employees", [])

    result = desk.run("employees", "list", "--csv")

    assert result.stdout.removeprefix("\ufeff").startswith("id,firstName,lastName,")
    assert len(result.stdout.splitlines()) == 1


def test_a_list_in_a_field_is_one_cell(desk: Desk) -> None:
    desk.on("GET", "/technicians", EXAMPLES["technicians list"][1])
    desk.on("GET", "/dlq", EXAMPLES["dlq list"][1])

    technicians, letters = (
        desk.run("technicians", "list", "--csv"),
        desk.run("dlq", "list", "--csv"),
    )

    [ann] = csv.DictReader(io.StringIO(technicians.stdout.removeprefix("\ufeff")))
    [queue] = csv.DictReader(io.StringIO(letters.stdout.removeprefix("\ufeff")))
    assert ann["machines"] == f"{SERIAL}, GM001"
    assert json.loads(queue["letters"]) == [{"message_id": UUID, "sent_at": AT, "body": "{}"}]


# --- what was meant -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("outbox list --state ded", "dead"),
        ("orders list --status Redy", "ready"),
        ("dispatch list --state opn", "open"),
        ("packages list --outcome droped", "dropped"),
        ("packages list --type personel", "personal"),
        ("preferences set mars --declines marketting", "marketing"),
        ("events list --kind package.decide", "package.decided"),
        ("machines show gm005", "GM005"),
        ("machines show GMOO5", "GM005"),
        ("demo vendin", "vending"),
        ("simulate x --faults lost_lg", "lost_log"),
        ("simulate x --rhythm mal", "mall"),
        ("flet", "fleet"),
        ("orders lst", "list"),
        ("fleet --al", "--all"),
    ],
)
def test_a_mistyped_value_is_refused_with_what_was_meant(
    desk: Desk, command: str, meant: str
) -> None:
    result = desk.run(*command.split())

    assert (result.exit_code, desk.requests) == (2, [])
    assert meant in words(result, "stderr")


@pytest.mark.parametrize(
    ("command", "path", "refusal", "listed", "known", "meant"),
    [
        (
            "machines show GM050",
            "/machines/GM050",
            "There is no machine GM050.",
            "/machines",
            [{"serial": f"GM00{number}"} for number in range(1, 10)],
            "GM005",
        ),
        (
            "cakes show carot_cake",
            "/cakes/carot_cake",
            "There is no cake carot_cake.",
            "/cakes",
            [{"id": "carrot_cake"}, {"id": "cheese_cake"}],
            "carrot_cake",
        ),
        (
            "worklist --technician 12",
            "/worklist",
            "There is no technician T0012.",
            "/technicians",
            [{"technician_id": "T0002"}, {"technician_id": "T0112"}],
            "T0112",
        ),
    ],
)
def test_what_is_not_there_is_refused_with_what_comes_closest(
    desk: Desk, command: str, path: str, refusal: str, listed: str, known: Any, meant: str
) -> None:
    desk.on("GET", path, problem(404, refusal, "Not found")).on("GET", listed, known)

    result = desk.run(*command.split())

    assert result.exit_code == 1
    assert f"Did you mean {meant}?" in result.stderr


@pytest.mark.parametrize("known", [[], [{"serial": "GM777"}], problem(403, "no", "Forbidden")])
def test_where_nothing_comes_close_nothing_is_suggested(desk: Desk, known: Any) -> None:
    desk.on("GET", "/machines/GM050", problem(404, "There is no machine GM050.", "Not found"))
    desk.on("GET", "/machines", known)

    result = desk.run("machines", "show", "GM050")

    assert result.exit_code == 1
    assert "Did you mean" not in result.stderr


def test_a_kind_without_effects_is_answered_with_the_kind_that_was_meant(desk: Desk) -> None:
    desk.on("GET", "/outbox", []).on("GET", "/outbox/kinds", EXAMPLES["outbox kinds"][1])

    mistyped = desk.run("outbox", "list", "--kind", "archve").stdout
    known = desk.run("outbox", "list", "--kind", "archive").stdout

    assert "did you mean archive?" in mistyped
    assert known == "No effects found.\n"


# --- help, and what is over -----------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ALL, ""])
def test_the_help_names_no_type_where_an_option_is_a_flag(desk: Desk, name: str) -> None:
    shown = desk.run(*name.split(), "--help").stdout

    assert "<bool>" not in shown
    assert "--help" in shown


def test_an_effect_that_is_done_shows_no_old_error(desk: Desk) -> None:
    _, [effect], _ = EXAMPLES["outbox list"]
    done = effect | {"state": "done", "last_error": "503 at first", "reference": "ING-7"}
    del done["answer"]
    desk.on("GET", "/outbox", [done]).on("GET", "/outbox/effect", done | {"payload": {}})

    listed = desk.run("outbox", "list", width=160).stdout
    shown = desk.run("outbox", "show", EFFECT).stdout

    assert "503" not in listed + shown
    assert "ING-7" in listed
    assert "ING-7" in shown


# --- watching -------------------------------------------------------------------------------------


class Watched:
    """Somebody at a terminal who looks a few times and then presses Ctrl-C."""

    def __init__(self, *looks: str | Exception) -> None:
        self.console = Console(
            force_terminal=True, file=io.StringIO(), width=80, height=10, highlight=False
        )
        self._looks = iter(looks)
        self.left = len(looks) - 1

    def look(self) -> Text:
        seen = next(self._looks)
        if isinstance(seen, Exception):
            raise seen
        return Text(seen)

    def sleep(self, seconds: float) -> None:
        assert seconds == watching.NEXT_LOOK_S
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1

    def begin(self) -> str:
        here = Session(now=lambda: NOW, sleep=self.sleep)
        assert watching.watched(here, self.console, self.look)
        file = self.console.file
        assert isinstance(file, io.StringIO)
        return file.getvalue()


def test_a_watched_list_is_drawn_anew_until_somebody_leaves() -> None:
    seen = Watched("first", "second", "third").begin()

    assert seen.index("first") < seen.index("second") < seen.index("third")
    assert "Updated at 12:00:00." in seen


@pytest.mark.parametrize(
    "trouble", [UnreachableError("Nothing answers."), ApiError(503, "", "Off")]
)
def test_a_watched_list_stays_while_nothing_answers(trouble: Exception) -> None:
    seen = Watched("first", trouble, "second").begin()

    assert f"Not up to date: {trouble}" in seen
    assert seen.index("Not up to date") < seen.index("second")


def test_a_watched_list_that_is_refused_ends() -> None:
    with pytest.raises(ApiError, match="Sign in"):
        Watched("first", ApiError(401, "Unauthorized", "Sign in")).begin()


def test_without_a_terminal_a_watched_list_is_shown_once(desk: Desk) -> None:
    desk.on("GET", "/orders", EXAMPLES["orders list"][1])

    result = desk.run("orders", "list", "--watch")

    assert "Keisha" in result.stdout
    assert desk.slept_s == []
