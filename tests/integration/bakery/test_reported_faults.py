"""Faults that others met elsewhere, from the API through the workers to the stand-ins."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from chalice.test import Client

from chalicelib.bakery import workers
from chalicelib.core.outbox import wiring as outbox
from chalicelib.core.outbox.store import EffectStore
from tests.support.bakery.table import Stores
from tests.support.integrations.vendors import Desk
from tests.support.outbox.fakes import MemoryQueues

CAKE = {"name": "Demo Cake", "ingredients": {"flour": 10.0}}
WORKERS = {"google": workers.files, "notify": workers.notices, "github": workers.access}
TOO_LONG = {"domain": "global", "reason": "propertyLengthLimitExceeded", "message": "too long"}


@dataclass
class Bakery:
    """The bakery as its callers see it, with a worker that is called by hand."""

    client: Client
    desk: Desk
    effects: EffectStore

    def post(self, path: str, body: object = None, status: int = 201) -> Any:
        headers = {"Content-Type": "application/json"}
        content = b"" if body is None else json.dumps(body).encode()
        answer = self.client.http.post(path, headers=headers, body=content)
        assert answer.status_code == status, answer.body
        return answer.json_body

    def order(self, customer: str) -> int:
        wish = {"customer": customer, "recipe": "demo_cake", "persons": 1, "quantity": 1}
        order_id: int = self.post("/orders", wish)["id"]
        return order_id

    def cancelled(self, customer: str) -> int:
        order_id = self.order(customer)
        assert self.client.http.delete(f"/orders/{order_id}").status_code == 204
        return order_id

    def shown(self, order_id: int) -> Any:
        return self.client.http.get(f"/orders/{order_id}").json_body

    def work(self, effect_id: str) -> str:
        kept = self.effects.get(effect_id)
        assert kept
        return WORKERS[kept.effect.kind].__wrapped__().work(effect_id)

    def file(self, customer: str) -> str:
        """Cancel an order, have it filed, and return the text that it stands in."""
        order_id = self.cancelled(customer)
        assert self.work(f"cancelled#{order_id}") == "done"
        assert self.shown(order_id)["filed"]
        [text] = [each["text"] for each in self.documents() if f"Order {order_id} " in each["text"]]
        return str(text)

    def documents(self) -> list[Any]:
        files = self.desk.held("google", "files")
        return [each for each in files if each["text"] is not None and not each["trashed"]]

    def folder(self) -> str:
        [found] = [
            each["id"]
            for each in self.desk.held("google", "files")
            if each["text"] is None and not each["trashed"]
        ]
        return str(found)


@pytest.fixture
def bakery(client: Client, stores: Stores, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Bakery:
    queues = MemoryQueues(lambda: pytest.fail("asked for the time"))
    monkeypatch.setattr(queues, "send", lambda *_, **__: [])
    monkeypatch.setattr(outbox, "to_queues", lambda: queues)
    made = Bakery(client, desk, EffectStore(stores.effects))
    made.post("/cakes", CAKE)
    return made


@pytest.mark.parametrize("act", ["delete", "trash"])
@pytest.mark.parametrize("what", ["folder", "document"])
def test_what_is_gone_from_drive_is_made_anew(bakery: Bakery, act: str, what: str) -> None:
    bakery.file("Mr. Cakelover")
    gone = bakery.folder() if what == "folder" else bakery.documents()[0]["id"]
    getattr(bakery.desk.office.google, act)(gone)

    text = bakery.file("Mr. Cakelover")
    bakery.file("Somebody New")

    assert text.startswith("Mr Cakelover cancelled orders\n")
    assert text.count("- Order") == 1
    assert len(bakery.documents()) == 2
    assert bakery.folder()


@pytest.mark.parametrize(
    "customer",
    [
        "Общество с ограниченной ответственностью Ромашка и партнёры из Нижнего Новгорода",  # noqa: RUF001
        "李" * 100,
        "🎂" * 100,
        "\ufdfa" * 100,
        "ß" * 100,
    ],
)
def test_every_customer_is_filed_whatever_their_name(bakery: Bakery, customer: str) -> None:
    bakery.file(customer)

    assert bakery.file(customer).count("- Order") == 2
    assert bakery.file(f"{customer[:-1]}1").count("- Order") == 1


def test_a_403_about_one_file_is_dead_and_the_next_is_done(bakery: Bakery) -> None:
    body = {"error": {"code": 403, "message": "too long", "errors": [TOO_LONG]}}
    bakery.desk.fail(
        "google", "status", status=403, method="POST", path="/drive/v3/files$", body=body
    )
    first, second = bakery.cancelled("Ann"), bakery.cancelled("Bob")

    assert bakery.work(f"cancelled#{first}") == "dead"
    assert bakery.work(f"cancelled#{second}") == "done"

    kept = bakery.effects.get(f"cancelled#{first}")
    assert kept
    assert "propertyLengthLimitExceeded" in str(kept.answer)


def test_names_partly_in_another_script_are_nobody_else_s(bakery: Bakery) -> None:
    texts = {name: bakery.file(name) for name in ("李 (VIP)", "王 (VIP)", "Əli", "VIP", "Li")}
    assert len(set(texts.values())) == len(bakery.documents()) == 5

    for name in ("李 (VIP)", "王 (VIP)", "Əli", "x" * 65):
        order_id = bakery.order(name)
        bakery.post(f"/orders/{order_id}/ready", status=200)
        assert bakery.work(f"ready#{order_id}") == "dead"
        assert bakery.shown(order_id)["notice"]["state"] == "unreachable"
    assert bakery.desk.held("mail", "letters") == []


def test_an_ingredient_is_the_same_whatever_nobody_sees_in_its_name(bakery: Bakery) -> None:
    body = {"name": "Soft", "ingredients": {"choco\u00adlate": 10.0, "chocolate": 5.0}}

    refused = bakery.post("/cakes", body, status=400)

    assert "is the same ingredient" in json.dumps(refused)


def test_a_developer_who_was_renamed_at_github_loses_access(bakery: Bakery) -> None:
    github = bakery.desk.office.github
    ada = {"firstName": "Ada", "lastName": "King", "permissions": {"developer": True}}
    hired = bakery.post("/employees", {**ada, "githubUsername": "ada"})["id"]
    assert bakery.work(f"access#{hired}#grant#v1") == "done"
    github.accept("ada")
    github.rename("ada", "ada-king")
    github.logins.append("ada")

    assert bakery.client.http.delete(f"/employees/{hired}").status_code == 204
    assert bakery.work(f"access#{hired}#remove#v3") == "done"

    assert bakery.desk.held("github", "collaborators") == {}


def test_cakes_that_share_only_latin_letters_are_two_and_each_is_found_by_its_id(
    bakery: Bakery,
) -> None:
    ids = []
    for name in ("李 cake", "王 cake", "Cake"):
        ids.append(bakery.post("/cakes", {"name": name, "ingredients": {"flour": 1.0}})["id"])

    assert len(set(ids)) == 3
    for cake_id in ids:
        path = f"/cakes/{quote(cake_id)}"
        assert bakery.client.http.get(path).json_body["id"] == cake_id
        wish = {"customer": "Ann", "recipe": cake_id, "persons": 1, "quantity": 1}
        assert bakery.post("/orders", wish)["recipe"] == cake_id
        assert bakery.client.http.delete(path).status_code == 204
