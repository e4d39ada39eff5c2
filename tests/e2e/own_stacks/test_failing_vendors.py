"""Each thing that can go wrong at each vendor, through the deployed functions.

One storm for all: every way in which a request can fail is planted at every request of ours that
changes something, and what follows is asked for at once. Then each vendor is looked at: everything
was done, and nothing twice. A letter whose end nobody knows is the exception, by design: it goes
once more, under the same Message-ID.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from itertools import chain, count
from threading import Event
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.integrations.settings import RENEWED_S
from infra.standins.faults import Fault
from tests.support.bakery.deployed import DeployedBakery, somebody, together
from tests.support.deployed import Deployed
from tests.support.patience import eventually

BEFORE = ("status", "drop", "stall", "limit")
AFTER = ("status_after", "drop_after", "stall_after")
WRITES = {
    "ticket": ("jira", "POST", "/issue$"),
    "comment": ("jira", "POST", "/comment$"),
    "message": ("slack", "POST", "/chat.postMessage$"),
    "letter": ("mail", "DATA", ""),
    "document": ("google", "POST", "/drive/v3/files$"),
    "line": ("google", "POST", ":batchUpdate$"),
    "grant": ("github", "PUT", "/collaborators/"),
    "removal": ("github", "DELETE", "/collaborators/"),
}
# As many effects of each sort as there are faults, so that each fault finds a request.
_MANY = len(BEFORE) + len(AFTER)
_PATIENCE_S = 150
ADA = {"firstName": "Ada", "lastName": "Lovelace", "permissions": {"developer": True}}


@dataclass
class Storm:
    """Who was to hear of what, and which faults were planted."""

    house: DeployedBakery
    guests: list[str] = field(default_factory=lambda: [somebody() for _ in range(_MANY)])
    strangers: list[str] = field(default_factory=lambda: [somebody() for _ in range(_MANY)])
    regular: str = field(default_factory=somebody)
    logins: list[str] = field(
        default_factory=lambda: [f"new{uuid4().hex[:8]}" for _ in range(_MANY)]
    )
    leavers: list[str] = field(
        default_factory=lambda: [f"old{uuid4().hex[:8]}" for _ in range(_MANY)]
    )
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    asked: dict[str, list[int]] = field(default_factory=dict)

    def prepare(self) -> None:
        """Have tickets to comment on, a document to write into, people to fire."""
        house = self.house
        people = [
            {"user_id": f"U7{number:02}", "real_name": name}
            for number, name in enumerate(self.guests, start=1)
        ]
        house.control("slack/people", people=people)
        house.control("github/logins", logins=[*self.logins, *self.leavers])
        known = house.order(self.regular)
        house.cancel(known)
        self.asked["comment"] = [house.order(somebody(), urgent=True) for _ in range(_MANY)]
        self.asked["line"] = [house.order(self.regular) for _ in range(_MANY)]
        self.asked["removal"] = [self._hire(login) for login in self.leavers]
        for order in self.asked["comment"]:
            house.ticket(order)
        for employee in self.asked["removal"]:
            eventually(partial(self._access, employee, "invited"))
        eventually(lambda: house.get(f"/orders/{known}")["filed"])

    def break_loose(self) -> None:
        """Plant the faults, and ask for everything at once."""
        house = self.house
        for name, (vendor, method, path) in WRITES.items():
            kinds = [kind for kind in (*BEFORE, *AFTER) if _possible(vendor, kind)]
            status = 451 if vendor == "mail" else 503
            self.faults[name] = [
                Fault(vendor, kind, method, path, status=status)  # type: ignore[arg-type]
                for kind in kinds
            ]
            for fault in self.faults[name]:
                house.standins.office.faults.add(fault)
        self.asked["ticket"] = [house.order(somebody(), urgent=True) for _ in range(_MANY)]
        self.asked["message"] = [house.order(guest) for guest in self.guests]
        self.asked["letter"] = [house.order(guest) for guest in self.strangers]
        self.asked["grant"] = [self._hire(login) for login in self.logins]
        for employee in self.asked["removal"]:
            assert house.stack.api.delete(f"/employees/{employee}").status_code == 204
        for order in self.asked["comment"] + self.asked["line"]:
            assert house.cancel(order) == 204
        for order in self.asked["message"] + self.asked["letter"]:
            house.post(f"/orders/{order}/ready", status=200)

    def _hire(self, login: str) -> int:
        employee: int = self.house.post("/employees", {**ADA, "githubUsername": login})["id"]
        return employee

    def _access(self, employee: int, wanted: str) -> bool:
        return bool(self.house.get(f"/employees/{employee}")["access"] == wanted)


def _possible(vendor: str, kind: str) -> bool:
    """Return whether it can happen: a mail server that says 4xx has not taken the letter."""
    return (vendor, kind) != ("mail", "status_after")


@pytest.fixture(scope="module")
def storm(house: DeployedBakery) -> Iterator[Storm]:
    """Everything was asked for, and every fault lies in wait."""
    storm = Storm(house)
    house.standins.office.faults.clear()
    storm.prepare()
    storm.break_loose()
    yield storm
    house.standins.office.faults.clear()


def doubles(house: DeployedBakery, vendor: str) -> list[str]:
    found: list[str] = house.standins.office.shown()["doubles"][vendor]
    return found


@pytest.mark.parametrize("write", WRITES)
def test_s6_each_fault_strikes_each_request_that_changes_something(
    storm: Storm, write: str
) -> None:
    def struck() -> bool:
        waiting = [fault.kind for fault in storm.faults[write] if not fault.happened]
        assert not waiting, waiting
        return True

    eventually(struck, within_s=_PATIENCE_S)


def test_5c9_every_urgent_order_has_one_ticket_all_the_same(storm: Storm) -> None:
    house = storm.house

    keys = [
        eventually(partial(house.ticket, order), within_s=_PATIENCE_S)
        for order in storm.asked["ticket"]
    ]

    for order, key in zip(storm.asked["ticket"], keys, strict=True):
        assert [issue["key"] for issue in house.issues(f"order-{order}")] == [key]
    assert doubles(house, "jira") == []


def test_5c10_every_cancelled_order_is_commented_on_once_all_the_same(storm: Storm) -> None:
    house = storm.house
    for order in storm.asked["comment"]:
        eventually(partial(done, house, f"comment#{order}"), within_s=_PATIENCE_S)

    for order in storm.asked["comment"]:
        [issue] = house.issues(f"order-{order}")
        assert len(issue["comments"]) == 1
    assert doubles(house, "jira") == []


def test_b11_every_guest_on_slack_has_one_message_all_the_same(storm: Storm) -> None:
    house, orders = storm.house, storm.asked["message"]
    for order in orders:
        eventually(partial(told, house, order, "slack"), within_s=_PATIENCE_S)

    messages = house.held("slack", "messages")
    for order, guest in zip(orders, storm.guests, strict=True):
        names = [each["name"] for each in messages if f"order {order} " in each["text"]]
        assert names == [guest]
    assert doubles(house, "slack") == []


def test_b12_every_other_guest_has_a_letter_all_the_same(storm: Storm) -> None:
    house, orders = storm.house, storm.asked["letter"]
    for order in orders:
        eventually(partial(told, house, order, "mail"), within_s=_PATIENCE_S)

    arrived: Counter[int] = Counter()
    names: dict[int, set[str]] = {}
    for letter in house.held("mail", "letters"):
        for order in orders:
            if f"order {order} " in letter["text"]:
                arrived[order] += 1
                names.setdefault(order, set()).add(letter["message_id"])
    assert set(arrived) == set(orders)
    assert max(arrived.values()) <= 2
    assert all(len(ids) == 1 for ids in names.values())
    # Twice are those whose last word was lost after the letter had been taken, and no others.
    lost = sum(fault.happened for fault in storm.faults["letter"] if fault.kind in AFTER)
    assert sum(arrived.values()) == len(orders) + lost


def test_b13_every_cancelled_order_stands_in_one_document_all_the_same(storm: Storm) -> None:
    house, regular = storm.house, storm.asked["line"]
    for order in storm.asked["comment"] + regular:
        eventually(partial(filed, house, order), within_s=_PATIENCE_S)

    lines = Counter(
        line for each in house.held("google", "files") for line in each["lines"] or () if line
    )
    assert {lines[f"order-{order}"] for order in storm.asked["comment"] + regular} == {1}
    assert doubles(house, "google") == []


def test_b15_who_is_hired_is_invited_and_who_is_fired_is_out_all_the_same(storm: Storm) -> None:
    house = storm.house
    for employee in storm.asked["grant"]:
        eventually(partial(invited, house, employee), within_s=_PATIENCE_S)
    for employee in storm.asked["removal"]:
        eventually(partial(done, house, f"access#{employee}#remove#v3"), within_s=_PATIENCE_S)

    logins = Counter(each["invitee"]["login"] for each in house.held("github", "invitations"))
    assert {logins[login] for login in storm.logins} == {1}
    assert {logins[login] for login in storm.leavers} == {0}
    assert doubles(house, "github") == []


def test_s6_after_the_storm_nothing_is_dead(storm: Storm) -> None:
    house = storm.house
    mine = {str(order) for asked in storm.asked.values() for order in asked}
    for kind in ("jira", "notify", "google", "github"):
        dead = house.get(f"/outbox?state=dead&kind={kind}")
        assert not [each for each in dead if mine & set(each["id"].split("#"))]


# --- an outage, a closed door ---------------------------------------------------------------------


@pytest.fixture
def mended(house: DeployedBakery) -> Iterator[None]:
    """Whatever a test has vendors do wrong ends with it, also when it fails."""
    yield
    house.standins.office.faults.clear()


@pytest.mark.usefixtures("mended")
def test_b19_after_two_hours_without_jira_there_is_one_ticket(
    house: DeployedBakery, day: date
) -> None:
    effect = f"jira#batch#{day}"
    house.fail("jira", "status", status=503, times=None)
    order = house.order(somebody())
    together(*[partial(house.run, day)] * 2)
    for _ in range(4):
        tries = eventually(partial(tried, house, effect))
        house.wait(effect, hours=1)  # as long as the longest pause between two tries
        house.sweep()
        eventually(partial(tried, house, effect, more_than=tries))
    assert house.issues(f"order-batch-{day}") == []
    assert house.get(f"/batches/{day}")["ticket"] == {"state": "asked"}

    house.standins.office.faults.clear()
    house.wait(effect, hours=1)
    house.sweep()

    key = house.ticket(order)
    assert [issue["key"] for issue in house.issues(f"order-batch-{day}")] == [key]
    assert house.get(f"/orders/{order}")["status"] == "ticketed"


DENIALS: dict[str, dict[str, Any]] = {
    "jira": {"status": 401},
    "slack": {"status": 200, "body": {"ok": False, "error": "token_revoked"}},
    "google": {"status": 401, "times": 2},  # a refused access token is replaced once
    "github": {"status": 401},
    "mail": {"status": 535},
}


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize("vendor", DENIALS)
def test_a_vendor_that_denies_us_loses_nothing_and_goes_on_when_mended(
    house: DeployedBakery, vendor: str
) -> None:
    guest, login = somebody(), f"eve{uuid4().hex[:8]}"
    house.control("github/logins", logins=[login])
    on_slack = vendor == "slack"
    house.control(
        "slack/people", people=[{"user_id": "U801", "real_name": guest}] if on_slack else []
    )
    write = {"jira": "ticket", "slack": "message", "mail": "letter"}
    _, method, path = WRITES[{**write, "google": "line", "github": "grant"}[vendor]]
    house.fail(vendor, "status", method=method, path=path, **DENIALS[vendor])

    effect = asked_of(house, vendor, guest, login)
    kind = "notify" if vendor in {"slack", "mail"} else vendor
    eventually(partial(stands_still, house, kind))
    # That its kind stands still is stored before its own state is.
    eventually(lambda: house.effect(effect)["state"] in {"pending", "unsure"})

    house.post("/outbox/retry", {"id": effect}, status=200)
    eventually(partial(done, house, effect), within_s=60)
    assert not stands_still(house, kind)
    assert doubles(house, vendor) == [] or vendor == "mail"


def test_b19_a_vendor_without_credentials_is_off_until_it_has_some(house: DeployedBakery) -> None:
    stack, login, since_ms = house.stack, f"eve{uuid4().hex[:8]}", int(time.time() * 1000)
    secret, settings = stack.outputs["VendorsSecret"], stack.standins.settings()
    put = partial(stack.client("secretsmanager").put_secret_value, SecretId=secret)
    house.control("github/logins", logins=[login])
    try:
        put(SecretString=json.dumps({**settings, "GITHUB_TOKEN": ""}))
        start_anew(stack, "bakery-access-asked")
        employee = house.post("/employees", {**ADA, "githubUsername": login})["id"]
        effect = f"access#{employee}#grant#v1"
        eventually(lambda: house.effect(effect)["state"] == "disabled")
    finally:
        put(SecretString=json.dumps(settings))
        start_anew(stack, "bakery-access-asked")

    assert house.get(f"/employees/{employee}")["access"] == "pending"
    [line] = stack.records("bakery-access-asked", "kind paused", since_ms)
    assert (line["level"], line["state"]) == ("WARNING", "disabled")
    assert "GITHUB_TOKEN" in line["reason"]
    house.post("/outbox/retry", {"id": effect}, status=200)
    eventually(partial(invited, house, employee))
    assert house.effect(effect)["attempts"] == 1


# --- secrets are replaced -------------------------------------------------------------------------


@contextmanager
def going_on(act: Callable[[], Any]) -> Iterator[list[Any]]:
    """Do something again and again while the block runs; it gets what each time has come to."""
    over, found = Event(), list[Any]()

    def keep_on() -> None:
        while not over.is_set():
            found.append(act())

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(keep_on)
        try:
            yield found
        finally:
            over.set()
        busy.result()


def at_least(number: int, found: list[Any]) -> None:
    """Wait until so many more have come."""
    enough = len(found) + number
    eventually(lambda: len(found) >= enough, within_s=_PATIENCE_S)


@pytest.fixture
def secrets(house: DeployedBakery) -> Iterator[Callable[..., None]]:
    """Changes settings in one of the stack's secrets; afterwards all is as it was.

    Vendors then take old and new tokens, as functions may have read either.
    """
    stack, before = house.stack, house.standins.settings()

    def put(output: str, **changed: str) -> None:
        stack.client("secretsmanager").put_secret_value(
            SecretId=stack.outputs[output], SecretString=json.dumps({**before, **changed})
        )

    yield put
    for output in ("VendorsSecret", "WebhookSecret"):
        put(output)
    for vendor, name in TOKENS.items():
        house.standins.office.vendors[vendor].tokens.add(before[name])
    start_anew(stack, "api")


TOKENS = {
    "jira": "JIRA_TOKEN",
    "slack": "SLACK_TOKEN",
    "google": "GOOGLE_REFRESH_TOKEN",
    "github": "GITHUB_TOKEN",
}


@pytest.mark.usefixtures("mended")
def test_13_8_tokens_are_replaced_and_revoked_under_load_and_nothing_waits(
    house: DeployedBakery, secrets: Callable[..., None]
) -> None:
    """As docs/integrations.md says: new ones into the secret, then the old ones are revoked."""
    office, since_ms = house.standins.office, int(time.time() * 1000)
    guests = [{"user_id": f"U5{number:02}", "real_name": somebody()} for number in range(20)]
    logins = [f"may{uuid4().hex[:8]}" for _ in range(900)]
    house.control("slack/people", people=guests)
    house.control("github/logins", logins=logins)
    asked = count()

    def ask() -> list[str]:
        number = next(asked)
        guest = str(guests[number % len(guests)]["real_name"])
        return [asked_of(house, vendor, guest, logins[number]) for vendor in TOKENS]

    with going_on(ask) as effects:
        at_least(1, effects)
        for effect in effects[0]:
            eventually(partial(done, house, effect), within_s=_PATIENCE_S)
        for vendor, name in TOKENS.items():
            office.vendors[vendor].tokens.add(f"{name}-new")
        secrets("VendorsSecret", **{name: f"{name}-new" for name in TOKENS.values()})
        time.sleep(RENEWED_S + 1)  # a secret that was read just now is not read again
        for vendor, name in TOKENS.items():
            office.vendors[vendor].tokens = {f"{name}-new"}
        office.google.end_tokens()
        at_least(5, effects)

    for effect in chain.from_iterable(effects):
        eventually(partial(done, house, effect), within_s=_PATIENCE_S)
    kinds = ("jira", "notify", "google", "github")
    assert [stands_still(house, kind) for kind in kinds] == [False] * len(kinds)
    assert [doubles(house, vendor) for vendor in TOKENS] == [[]] * len(TOKENS)
    for name in ("ticket", "notice", "filing", "access"):
        assert house.stack.records(f"bakery-{name}-asked", "the credentials were renewed", since_ms)


def test_13_8_the_webhook_s_secret_is_replaced_under_load_and_no_call_is_refused(
    house: DeployedBakery, secrets: Callable[..., None]
) -> None:
    """In three steps; containers that start anew have read the secret, as all have in 5 minutes."""
    webhooks, ticket = house.standins.office.webhooks, house.ticket(house.order(urgent=True))
    old, labels = webhooks.secret, count()

    def call() -> int:
        [[status]] = house.provider(ticket, labels=[f"seen-{next(labels)}"])
        return status

    try:
        with going_on(call) as answers:
            at_least(5, answers)
            secrets("WebhookSecret", JIRA_WEBHOOK_SECRET="new", JIRA_WEBHOOK_SECRET_PREVIOUS=old)
            start_anew(house.stack, "api")
            at_least(5, answers)
            webhooks.secret = "new"
            at_least(5, answers)
            secrets("WebhookSecret", JIRA_WEBHOOK_SECRET="new")
            start_anew(house.stack, "api")
            at_least(5, answers)
        assert set(answers) == {200}
        webhooks.secret = old
        assert call() == 401
    finally:
        webhooks.secret = old


def start_anew(stack: Deployed, name: str) -> None:
    """Have a function read its settings anew: those of a secret are kept for five minutes.

    A changed configuration does it on AWS; the embedded AWS keeps its processes.
    """
    stack.client("lambda").update_function_configuration(
        FunctionName=stack.function(name), Description=uuid4().hex
    )
    stack.kill_all(name)


def asked_of(house: DeployedBakery, vendor: str, guest: str, login: str) -> str:
    """Ask for something of a vendor's; return the effect's id."""
    if vendor == "github":
        employee = house.post("/employees", {**ADA, "githubUsername": login})["id"]
        return f"access#{employee}#grant#v1"
    order = house.order(guest, urgent=vendor == "jira")
    if vendor == "jira":
        return f"jira#order#{order}"
    if vendor == "google":
        house.cancel(order)
        return f"cancelled#{order}"
    house.post(f"/orders/{order}/ready", status=200)
    return f"ready#{order}"


def stands_still(house: DeployedBakery, kind: str) -> bool:
    kinds = {each["kind"]: each for each in house.get("/outbox/kinds")}
    return bool(kinds[kind]["state"] == "paused")


def done(house: DeployedBakery, effect_id: str) -> bool:
    effect = house.effect(effect_id)
    assert effect, f"{effect_id} was never asked for"
    assert effect["state"] == "done", effect
    return True


def tried(house: DeployedBakery, effect_id: str, more_than: int = 0) -> int:
    """Return how often it was tried once that is more than before, and no try goes on."""
    effect = house.effect(effect_id)
    assert effect, f"{effect_id} was never asked for"
    assert effect["state"] != "sending", effect
    return int(effect["attempts"]) if effect["attempts"] > more_than else 0


def told(house: DeployedBakery, order: int, channel: str) -> bool:
    notice = house.get(f"/orders/{order}")["notice"]
    assert (notice["state"], notice["channel"]) == ("sent", channel), notice
    return True


def filed(house: DeployedBakery, order: int) -> bool:
    assert house.get(f"/orders/{order}")["filed"], house.effect(f"cancelled#{order}")
    return True


def invited(house: DeployedBakery, employee: int) -> bool:
    found = house.get(f"/employees/{employee}")
    assert found["access"] == "invited", found
    return True
