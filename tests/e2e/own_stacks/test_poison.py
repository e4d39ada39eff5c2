"""Messages that can never be processed: neighbours go on, and after five tries it is said so.

The waits between the tries add up to two minutes, so the poison is sent when the session begins
(see conftest.py), and these tests come last.
"""

import json
from functools import partial
from typing import Any

from tests.e2e.test_events import tell
from tests.support.deployed import Deployed
from tests.support.patience import eventually
from tests.support.vending.crew import agrees, get, hired, log

PATIENCE_S = 200


def test_poison_does_not_keep_its_neighbours_from_being_processed(
    guarded: Deployed, poison: dict[str, str]
) -> None:
    crews = [hired(guarded) for _ in range(4)]
    texts = {crew.machine: log(crew.machine) for crew in crews}

    tell(guarded, "{", "[]", *poison.values())
    for crew in crews:
        crew.upload(texts[crew.machine])
    tell(guarded, json.dumps({"Records": [{"s3": {}}]}))

    for crew in crews:
        eventually(partial(agrees, guarded, crew.machine, [texts[crew.machine]]))


def test_poison_ends_in_the_dead_letter_queue(guarded: Deployed, poison: dict[str, str]) -> None:
    sqs, url = guarded.client("sqs"), guarded.outputs["VendingUploadsDlq"]
    dead: set[str] = set()

    def all_dead() -> bool:
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60)
        dead.update(message["Body"] for message in got.get("Messages", []))
        return set(poison.values()) <= dead

    eventually(all_dead, within_s=PATIENCE_S, every_s=0.5)


def test_a_file_that_cannot_be_processed_says_so(
    guarded: Deployed, forbidden_file: dict[str, Any]
) -> None:
    def failed() -> dict[str, Any]:
        file: dict[str, Any] = get(guarded, f"/files/{forbidden_file['id']}")
        assert file["state"] == "failed", file
        return file

    assert "failed 5 times" in eventually(failed, within_s=PATIENCE_S)["reason"]
