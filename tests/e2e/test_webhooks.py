"""Events on the deployed stack: from what happens to receivers, of which some fail."""

import socket
from collections.abc import Callable
from typing import Any

from standardwebhooks import Webhook

from tests.support.deployed import Deployed
from tests.support.ids import uuid
from tests.support.patience import eventually
from tests.support.sockets import server
from tests.support.webhooks.receiver import Receiver, receiving

KINDS = ["entry.posted", "package.decided", "warranty.sold"]
ACCOUNT = uuid(0xE7E27)


def subscribe(stack: Deployed, receiver: Receiver) -> str:
    answer = stack.api.post("/subscriptions", json={"url": receiver.url, "kinds": KINDS})
    assert answer.status_code == 201, answer.text
    receiver.secret = answer.json()["secret"]
    return f"/subscriptions/{answer.json()['id']}"


def post(stack: Deployed, path: str, body: Any) -> Any:
    answer = stack.api.post(path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


def mine(receiver: Receiver) -> dict[str, dict[str, Any]]:
    """Return the events of this test that a receiver got, by id."""
    return {
        each["id"]: each
        for each in receiver.events()
        if "webhook story" in str(each["data"]) or ACCOUNT in str(each["data"])
    }


def got(receiver: Receiver, *kinds: str) -> Callable[[], bool]:
    def look() -> bool:
        assert sorted(each["type"] for each in mine(receiver).values()) == sorted(kinds)
        return True

    return look


def failing(stack: Deployed, path: str) -> Callable[[], bool]:
    return lambda: bool(stack.api.get(path).json()["health"]["state"] == "failing")


def babble(connection: socket.socket) -> None:
    """Answer what is no HTTP."""
    connection.recv(4096)
    connection.sendall(b"\x00babble" * 100)


def test_what_happens_reaches_subscribers_though_some_fail(guarded: Deployed) -> None:
    """A receiver fails and recovers beside others that hang or babble; then events are replayed.

    Where IAM is enforced, so that each function has the rights that it needs.
    """
    stack = guarded
    with receiving() as receiver, receiving() as hanging, server(babble) as babbling:
        hanging.status, receiver.status = None, 500
        path, other = subscribe(stack, receiver), subscribe(stack, hanging)
        third = post(stack, "/subscriptions", {"url": babbling, "kinds": KINDS})
        babbler = f"/subscriptions/{third['id']}"
        package = {
            "timestamp": "2026-11-29T12:00:00Z",
            "sender_id": "webhook story",
            "recipient_id": "mars",
            "package_id": "webhook story",
            "package_type": "personal",
        }
        post(stack, "/packages", package)
        post(stack, "/transactions", {"account_id": ACCOUNT, "amount": 4})
        sale = {"store_uuid": "b21ad0676f26439", "item_type": "furniture", "item_sku": "story"}
        sold = post(
            stack, "/warranties", {**sale, "item_cost": 150.0, "item_title": "webhook story"}
        )["warranties"]
        warranties = ["warranty.sold"] * len(sold)

        eventually(lambda: bool(receiver.got))
        receiver.status = 204
        eventually(got(receiver, "entry.posted", "package.decided", *warranties))
        eventually(lambda: bool(hanging.got))

        events = mine(receiver)
        about = {"subject": "packages/webhook story"}
        listed = eventually(lambda: stack.api.get("/events", params=about).json())  # settled ones
        assert [each["id"] for each in listed] == [
            each["id"] for each in events.values() if each["type"] == "package.decided"
        ]
        event_id = listed[0]["id"]
        assert stack.api.get(f"/events/{event_id}").json() == events[event_id] == listed[0]
        eventually(lambda: stack.api.get(f"{path}/deliveries/{event_id}").json()["state"] == "done")
        # Known once the attempt that hangs has come to its deadline.
        for each in (other, babbler):
            eventually(failing(stack, each))

        old, before = receiver.secret, receiver.times(event_id)
        receiver.secret = post(stack, f"{path}/secret", None)["secret"]
        assert post(stack, f"{path}/replay", {"event_id": event_id}) == {"events": 1}
        eventually(lambda: receiver.times(event_id) > before)
        headers, body = [each for each in receiver.got if each[0]["webhook-id"] == event_id][-1]
        for secret in (old, receiver.secret):
            assert Webhook(secret).verify(body, headers) == listed[0]

        for each in (path, other, babbler):
            assert stack.api.delete(each).status_code == 204
