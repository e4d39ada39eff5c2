"""`backroom warranties`, over canned answers and over the real routes in memory."""

import csv
import json
from collections.abc import Iterator
from threading import Lock
from unittest.mock import patch

import httpx
import pytest
from chalice.test import Client
from typer.testing import Result

from app import app
from backroom.core.session import Session
from tests.support.backroom.desk import Desk, problem, run, words
from tests.support.warranties.fakes import SOFA, MemoryStore, a_service

ID = "00000001-0000-4000-8000-000000000001-12"
CREATE = [
    *("warranties", "create", "--store", SOFA["store_uuid"], "--type", "furniture"),
    *("--sku", SOFA["item_sku"], "--cost", "150.00", "--title", SOFA["item_title"]),
]
COMMANDS = [
    CREATE,
    ["warranties", "list"],
    ["warranties", "show", ID],
    ["warranties", "find", ID],
    ["warranties", "quote", "--type", "furniture", "--cost", "150.00"],
    ["warranties", "cancel", ID],
    ["warranties", "plans"],
    ["warranties", "plans", "--card", "2026-11-21"],
    ["warranties", "plans", "--refusals"],
    ["warranties", "export", "b1"],
    ["warranties", "seed"],
]


class Shop:
    """The real routes over warranties in memory."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.service = a_service(self.store)
        self.requests: list[httpx.Request] = []
        self._client = Client(app)
        self._one_at_a_time = Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        with self._one_at_a_time:
            answered = self._client.http.request(
                request.method,
                request.url.raw_path.decode(),
                headers=dict(request.headers),
                body=request.read(),
            )
        return httpx.Response(answered.status_code, content=answered.body, headers=answered.headers)

    def run(self, *args: str, width: int = 200) -> Result:
        session = Session(transport=httpx.MockTransport(self), sleep=lambda _: None)
        return run(*args, session=session, width=width)


@pytest.fixture
def shop() -> Iterator[Shop]:
    opened = Shop()
    with (
        patch("chalicelib.warranties.routes.warranties", lambda: opened.service),
        patch("chalicelib.core.log.emit"),
        patch("chalicelib.core.log.count"),
        patch("chalicelib.core.log.logger"),
    ):
        yield opened


# --- what holds for every command -----------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_speaks_to_people_and_to_programs(shop: Shop, command: list[str]) -> None:
    shop.run(*CREATE)
    shop.run("warranties", "seed")

    person, program = shop.run(*command), shop.run(*command, "--json")

    assert (person.exit_code, program.exit_code) == (0, 0), person.stderr + program.stderr
    assert person.stdout.strip()
    assert "{" not in person.stdout
    for line in program.stdout.splitlines():
        json.loads(line)


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_response_every_command_ends_with_3(command: list[str]) -> None:
    result = run(*command)

    assert (result.exit_code, result.stdout) == (3, "")
    assert "Nothing answers" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_refusal_ends_with_1_and_prints_nothing_else(desk: Desk, command: list[str]) -> None:
    result = desk.run(*command, "--json")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Next: " in result.stderr


@pytest.mark.parametrize("wrong", ["150,00", "1.234", "-1", "1e3", "NaN", "", "٣"])
def test_a_cost_that_cannot_be_meant_ends_with_2_before_anything_is_sent(
    desk: Desk, wrong: str
) -> None:
    result = desk.run(*CREATE[:9], wrong, *CREATE[10:])

    assert (result.exit_code, result.stdout) == (2, "")
    assert not desk.requests


# --- create ---------------------------------------------------------------------------------------


def test_create_says_what_the_warranties_cost(shop: Shop) -> None:
    said = words(shop.run(*CREATE))

    assert f"20.00 for 12 months: {ID}" in said
    assert "27.00 for 24 months" in said


def test_create_sends_the_cost_to_the_letter_and_always_a_key(shop: Shop) -> None:
    shop.run(*CREATE)
    shop.run(*CREATE)

    first, second = shop.requests
    assert b'"item_cost":150.00' in first.content
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]
    assert len(shop.store.rows) == 2


def test_the_same_key_again_creates_nothing(shop: Shop) -> None:
    shop.run(*CREATE, "--key", "order-7")
    again = shop.run(*CREATE, "--key", "order-7")

    assert "repeated request" in again.stdout
    assert len(shop.store.rows) == 1


def test_a_create_whose_answer_was_lost_says_how_to_ask_again(desk: Desk) -> None:
    def lost(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    desk.on("POST", "/warranties", lost)

    result = desk.run(*CREATE)

    key = desk.requests[0].headers["Idempotency-Key"]
    assert result.exit_code == 3
    assert f"--key {key}: it is stored once" in result.stderr


def test_what_no_plan_fits_says_why_and_ends_well(shop: Shop) -> None:
    result = shop.run(*CREATE[:9], "5", *CREATE[10:])

    assert result.exit_code == 0
    assert "No plan matches: cost below 10.00." in result.stdout
    assert "Next: backroom warranties plans" in result.stdout


def test_every_fault_is_told(shop: Shop) -> None:
    command = [*CREATE[:3], "a b", "--type", " ", "--sku", "", "--cost", "0", "--title", "x"]

    result = shop.run(*command)

    assert result.exit_code == 1
    for field in ("store_uuid", "item_type", "item_sku", "item_cost"):
        assert field in result.stderr


# --- list, show, plans, export, seed --------------------------------------------------------------


def test_list_takes_any_mix_of_filters(shop: Shop) -> None:
    seeded = shop.run("warranties", "seed")

    said = shop.run("warranties", "list", "--sku", SOFA["item_sku"], "--limit", "2")
    ours = shop.run("warranties", "list", "--store", "B21AD0676F26439", "--type", "appliance")

    assert [each.stderr for each in (seeded, said, ours)] == ["", "", ""]
    assert "Yoga Set" not in said.stdout
    assert "2 of 3. For more: --limit 20" in said.stdout
    assert "Kettle, 2 l" in ours.stdout
    assert "Sofa" not in ours.stdout


def test_an_empty_list_says_what_to_do(shop: Shop) -> None:
    assert "No warranties yet. Next: backroom warranties seed" in words(
        shop.run("warranties", "list")
    )
    assert "No warranties found." in shop.run("warranties", "list", "--type", "toy").stdout


def test_show_explains_a_price(shop: Shop) -> None:
    shop.run(*CREATE)

    said = words(shop.run("warranties", "show", ID))

    assert "because 5.00 + 10 % of the cost (150.00)" in said
    assert "archive pending" in said


def test_a_quote_writes_the_arithmetic_out(shop: Shop) -> None:
    said = words(shop.run("warranties", "quote", "--type", "furniture", "--cost", "150.00"))

    assert "20.00 USD for 12 months: 5.00 + 10 % of 150.00 = 20.00" in said
    assert "By rate card 2026-11-29, in force since " in said
    assert said.endswith("Nothing was sold.")
    assert not shop.store.rows
    none = words(shop.run("warranties", "quote", "--type", "ship", "--cost", "5"))
    assert "No plan matches: type unknown" in none


def test_find_reads_a_number_as_it_is_told_on_the_phone(shop: Shop) -> None:
    number = json.loads(shop.run(*CREATE, "--json").stdout)["warranties"][0]["number"]

    said = words(shop.run("warranties", "find", number.lower().replace("-", " ")))

    assert ID in said
    none = words(shop.run("warranties", "find", "FNVV-0BDY-A999"))
    assert "No warranty has this number." in none
    mistyped = shop.run("warranties", "find", "FNVV-0BDY-A998")
    assert mistyped.exit_code == 1
    assert "typing mistake" in mistyped.stderr


def test_cancel_says_what_is_given_back_and_again_the_same(shop: Shop) -> None:
    shop.run(*CREATE)

    before = words(shop.run("warranties", "show", ID))
    first = words(shop.run("warranties", "cancel", ID, "--reason", "item returned"))
    again = words(shop.run("warranties", "cancel", ID))

    assert "refund now 20.00 USD" in before
    assert "Cancelled. Refund: 20.00 USD" in first
    assert "cancelled within 30 days: the whole price, 20.00 (rate card 2026-11-29)" in first
    assert "Cancelled (it was cancelled before, 2142-" in again
    shown = words(shop.run("warranties", "show", ID))
    assert "status cancelled" in shown
    assert "item returned" in shown
    assert "cancelled; furniture" in words(shop.run("warranties", "list"))


def test_an_unknown_warranty_says_where_to_look(shop: Shop) -> None:
    result = shop.run("warranties", "show", ID)

    assert result.exit_code == 1
    assert "Next: backroom warranties list" in result.stderr


def test_plans_of_one_type(shop: Shop) -> None:
    said = shop.run("warranties", "plans", "--type", "toy").stdout

    assert "0.50 + 12.5 % of the cost" in said
    assert "furniture" not in said


def test_plans_of_a_type_that_is_not_on_the_card_names_those_that_are(shop: Shop) -> None:
    result = shop.run("warranties", "plans", "--type", "ship")

    assert result.exit_code == 1
    assert "use one of furniture, appliance" in words(result, "stderr")


def test_refusals_tell_what_the_card_lacks(shop: Shop) -> None:
    assert "No refusals yet." in shop.run("warranties", "plans", "--refusals").stdout
    shop.run("warranties", "seed")

    said = words(shop.run("warranties", "plans", "--refusals"))

    assert "spaceship type unknown 1 999,999.99" in said
    assert shop.run("warranties", "plans", "--refusals", "--type", "toy").exit_code == 2
    assert shop.run("warranties", "plans", "--refusals", "--card", "x").exit_code == 2


def test_export_puts_the_pages_together_under_one_line_of_names(desk: Desk) -> None:
    link = {"Link": '</stores/b1/warranties.csv?cursor=x>; rel="next"'}
    desk.on(
        "GET", "/stores/b1/warranties.csv", httpx.Response(200, text="id\r\n1\r\n", headers=link)
    )
    desk.on("GET", "/stores/b1/warranties.csv", httpx.Response(200, text="id\r\n2\r\n"))

    assert desk.run("warranties", "export", "b1").stdout_bytes == b"id\r\n1\r\n2\r\n"


def test_export_is_what_a_spreadsheet_reads(shop: Shop) -> None:
    shop.run("warranties", "seed")

    told = shop.run("warranties", "export", "00d8e6b4").stdout_bytes.decode("utf-8-sig")
    rows = list(csv.DictReader(told.splitlines()))
    everything = json.loads(shop.run("warranties", "export", "00d8e6b4", "--json").stdout)

    assert [row["id"] for row in rows] == [each["id"] for each in everything]
    assert {row["item_title"] for row in rows} == {'Laptop, 14"', "Phone, 128 GB"}


def test_w9_seeding_again_adds_nothing(shop: Shop) -> None:
    first = shop.run("warranties", "seed")
    count = len(shop.store.rows)
    again = shop.run("warranties", "seed")

    assert first.exit_code == again.exit_code == 0
    assert len(shop.store.rows) == count == 10
    assert len(shop.store.stores) == 3


def test_a_refusal_of_a_key_says_to_take_another(desk: Desk) -> None:
    desk.on("POST", "/warranties", problem(422, "... A new sale needs a new key."))

    assert "Next: run it with another --key" in desk.run(*CREATE).stderr
