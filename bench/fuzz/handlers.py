"""Events for the functions that no route leads to: each ends with its messages judged."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from bench.fuzz.hostile import Mutator
from bench.fuzz.watching import HangError, within_limit
from chalicelib.deliveries.events import package_sent
from chalicelib.outbox.events import relay
from chalicelib.vending.events import file_arrived, fleet_changed
from chalicelib.warranties.events import archive
from chalicelib.webhooks.events import recorded
from tests.support.examples import stage

_S3 = {
    "Records": [
        {
            **{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"},
            "s3": {"bucket": {"name": "share"}, "object": {"key": "incoming/a.txt", "size": 5}},
        }
    ]
}
_PACKAGE = {
    **{"timestamp": "2026-11-21T09:30:00Z", "sender_id": "shop-12", "recipient_id": "ann"},
    **{"package_id": "p-1001", "package_type": "personal"},
}
_IMAGE = {
    **{"pk": {"S": "EFFECT#archive#1"}, "sk": {"S": "EFFECT"}, "kind": {"S": "archive"}},
    **{"id": {"S": "archive#1"}, "state": {"S": "pending"}},
}
_STREAM = {
    "eventID": "1",
    "eventName": "INSERT",
    "eventSourceARN": "arn:aws:dynamodb:us-east-1:1:table/LedgerTable/stream/1",
    "dynamodb": {
        "ApproximateCreationDateTime": 1_795_219_200,
        **{"Keys": {"pk": _IMAGE["pk"], "sk": _IMAGE["sk"]}, "NewImage": _IMAGE},
    },
}
QUEUES: Mapping[str, tuple[Callable[..., Any], list[Any]]] = {
    "vending_file_arrived": (file_arrived, [_S3, {"keys": ["imports/transactions.txt"]}]),
    "vending_fleet_changed": (
        fleet_changed,
        [{}, {"round": {"day": "2026-11-29"}}, {"enrolment": {}}, {"clearing": {}}],
    ),
    "deliveries_package_sent": (package_sent, [_PACKAGE]),
    "warranties_archive": (archive, [{"effect_id": "archive#1"}]),
}
STREAMS: Mapping[str, Callable[..., Any]] = {
    "outbox_relay": relay,
    "webhooks_recorded": recorded,
}


def run(mutator: Mutator, count: int) -> Iterator[tuple[str, str, str | None, bytes]]:
    """Yield of each of ``count`` events its function, what became of it, what is wrong, and it."""
    with stage():
        names = [*QUEUES, *STREAMS]
        for number in range(count):
            name = names[number % len(names)]
            if name in QUEUES:
                handler, good = QUEUES[name]
                raw = mutator.body(json.dumps(mutator.chance.choice(good)).encode())
                event: Any = {"Records": [_message(raw, mutator)]}
            else:
                handler, raw = STREAMS[name], mutator.body(json.dumps(_STREAM).encode())
                event = {"Records": [_record(raw)]}
            yield name, *_fault(handler, event), raw


def _message(raw: bytes, mutator: Mutator) -> dict[str, Any]:
    return {
        **{"messageId": "m-1", "receiptHandle": "r", "body": raw.decode(errors="replace")},
        "attributes": {"ApproximateReceiveCount": str(mutator.chance.randint(1, 6))},
    }


def _record(raw: bytes) -> Any:
    """Return a record of a stream whose change is odd; the record itself is AWS's own."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    change = found.get("dynamodb") if isinstance(found, dict) else None
    return {**_STREAM, "dynamodb": change if isinstance(change, dict) else _STREAM["dynamodb"]}


def _fault(handler: Callable[..., Any], event: Any) -> tuple[str, str | None]:
    """Return what became of an event: its messages done, or named for another time."""
    try:
        found = within_limit(partial(handler, event, None))
    except HangError:
        return "hang", "hangs"
    except Exception as failed:  # noqa: BLE001 - whatever it is, it is what is looked for
        return "raised", f"raised {type(failed).__name__}: {failed}"
    again = isinstance(found, dict) and found.get("batchItemFailures")
    return ("again" if again else "done"), None
