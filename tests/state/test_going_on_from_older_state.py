"""What older versions have begun goes on in this one: keys, files, visits, orders, effects."""

import json
from collections.abc import Iterator

import pytest

from tests.state import story
from tests.state.upgraded import STATES, upgraded
from tests.support.api import Api
from tests.support.vending.rounds import until_the_fleet_is_quiet


@pytest.fixture(scope="module", params=STATES)
def used(request: pytest.FixtureRequest) -> Iterator[Api]:
    """A state that is worked with; each test does so in a context of its own."""
    with upgraded(request.param) as api:
        yield api


def test_what_was_requested_once_is_not_done_again(used: Api) -> None:
    """Ids and keys of older versions stand for what they stood for then."""
    key = {"Idempotency-Key": "k", "Content-Type": "application/json"}

    def again(path: str, body: str) -> tuple[int, str | None]:
        answer = used.raw("POST", path, key, body.encode())
        return answer.status, answer.headers.get("Idempotent-Replayed")

    post = json.dumps({"account_id": story.ACCOUNT, "amount": 4})
    assert again("/transactions", post) == (201, "true")
    assert again("/warranties", json.dumps(story.ITEM)) == (201, "true")
    rewritten = (
        '{"extra_ingredients": {"peanuts": 10, "sugar": 10.5}, "quantity": 1, "persons": 4, '
        '"recipe": "Chocolate Cake", "customer": "Mr. Cakelover"}'
    )
    assert again("/orders", story.EXTRAS) == (201, "true")
    assert again("/orders", rewritten) == (201, "true")
    assert again("/orders", story.EXTRAS.replace("10.50", "10.51")) == (422, None)
    named = {"account_id": story.ACCOUNT, "amount": -3}
    id_ = story.ACCOUNT.replace("1", "6")
    assert used.post("/transactions", {**named, "transaction_id": id_}).status == 201
    batch = {"transactions": [{**named, "transaction_id": id_}]}
    assert used.post("/transactions/batch", batch).headers["Idempotent-Replayed"] == "true"
    reversal = used.post(f"/transactions/{id_}/reversal")
    assert (reversal.status, reversal.headers["Idempotent-Replayed"]) == (200, "true")


def test_packages_are_duplicates_and_preferences_stand(used: Api) -> None:
    package = {
        "sender_id": "earth",
        "recipient_id": "mars",
        "package_id": "box-1",
        "package_type": "marketing",
        "timestamp": "2142-05-01T10:00:00Z",
    }
    before = used.get("/packages/box-1").json

    assert used.post("/packages", package).json["duplicate"] is True
    assert used.get("/packages/box-1").json == before
    assert used.post("/packages", {**package, "sender_id": "venus"}).status == 409
    fresh = used.post("/packages", {**package, "package_id": "box-7"}).json
    assert fresh["status"] == "dropped"
    assert [row["package_id"] for row in used.get("/packages").json] == ["box-7"]
    assert used.post("/package-list").status == 200
    listed = {row["package_id"]: row for row in used.get("/packages").json}
    assert {"box-1", "box-7"} < listed.keys()
    assert listed["box-1"].items() <= before.items()
    counted, pages = used.get("/statistics").json, used.get("/statistics/recount").json
    assert counted["by_type"] == pages["by_type"]


def test_orders_batches_and_staff_go_on(used: Api) -> None:
    assert used.post("/orders/4/ready").json["status"] == "ready"
    assert used.delete("/orders/6").status == 204
    assert used.delete("/orders/3").status == 204
    assert used.post("/orders/5/ready").status == 409
    placed = used.post("/orders", story.ORDER)
    assert (placed.status, placed.json["id"]) == (201, 7)
    assert used.post("/batches").status in (200, 201)
    change = {"githubUsername": "grace", "permissions": {"developer": True}}
    assert used.send("PATCH", "/employees/2", change).json["access"] == "pending"
    assert used.send("PATCH", "/employees/1", {"permissions": {"developer": False}}).status == 200
    assert used.delete("/employees/1").status == 204


def test_files_visits_and_machines_go_on(used: Api) -> None:
    text = story.log_text("GM006", 1).encode()
    assert used.post("/imports", text, media_type="text/plain").status == 201
    gone = used.delete("/files/1", technician="T0001")
    assert (gone.status, gone.json["state"]) == (200, "deleted")
    assert used.post("/dispatches/1/close").json["state"] == "closed"
    opened = used.post("/dispatches", {"machine": "GM002", "note": ""})
    assert (opened.status, opened.json["id"]) == (201, 3)
    moved = used.put("/machines/GM001", {"site": "mall", "technician": None})
    assert (moved.status, "technician" in moved.json) == (200, False)
    assert used.get("/machines/GM001/transactions").json == []


def test_a_sale_goes_on_and_finds_what_is_there(used: Api) -> None:
    dearer = {**story.ITEM, "item_cost": 170}
    sold = used.post("/warranties", dearer).json["warranties"]

    shown = used.get(f"/warranties/{sold[0]['id']}").json
    assert shown["item"]["item_cost"] == 170
    assert shown["store_id"] == "5f6f832c-f895-557d-955c-e415cf0f425e"
    assert len(used.get("/warranties").json) > len(sold)


def test_effects_are_retried_and_the_functions_run(used: Api) -> None:
    from chalicelib.bakery.wiring import bakery  # noqa: PLC0415 - once the tables are there
    from chalicelib.core.outbox.wiring import sweeper  # noqa: PLC0415
    from chalicelib.vending.wiring import vending  # noqa: PLC0415
    from chalicelib.warranties.wiring import archiver  # noqa: PLC0415

    waiting = [each["id"] for each in used.get("/outbox").json if each["state"] != "done"]
    assert "jira#order#3" in waiting
    for effect_id in waiting:
        assert used.post("/outbox/retry", {"id": effect_id}).status == 200
        if effect_id.startswith("archive#"):
            assert archiver().work(effect_id) == "done"
    assert sweeper().sweep().keys() >= {"jira"}
    vending().arrivals.sweep()
    until_the_fleet_is_quiet()
    bakery().batching.finish()
    assert used.get("/fleet").json["up_to_date"]
