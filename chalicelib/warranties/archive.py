"""What is archived of a sale, and under which name; pure, so that each try archives the same.

The text of an object never changes, whatever the API answers by now: a retry years later has to
archive the bytes whose checksum is on record. A golden test pins it.
"""

import base64
from typing import Any

from chalicelib.core import canonical, strict_json
from chalicelib.core.instants import STORED, sortable
from chalicelib.core.outbox.effects import Effect
from chalicelib.warranties import money
from chalicelib.warranties.answers import SaleAnswer
from chalicelib.warranties.models import Cancellation, Sale

_ADDED = {"number", "currency", "cancelled_at", "refund"}


def effect(sale: Sale) -> Effect:
    """Return the effect that archives a sale; the sale's own record holds all that it needs."""
    return Effect(f"archive#{sale.request_id}", "archive", {"request_id": sale.request_id})


def key(sale: Sale) -> str:
    """Return the name of the object: ``warranties/{yyyy}/{mm}/{dd}/{request_id}.json``, in UTC."""
    return f"warranties/{sortable(sale.received_at)[:10].replace('-', '/')}/{sale.request_id}.json"


def content(sale: Sale) -> bytes:
    """Return the object: the request as it was understood, and the answer that it got."""
    request = {**sale.requested(), "item_cost": money.amount(sale.item_cost)}
    body = SaleAnswer.of(sale).model_dump(context=STORED)
    if sale.number is None:  # of an older version, whose answers had less
        body["warranties"] = [_without_added(each) for each in body["warranties"]]
    document = {
        "request_id": sale.request_id,
        "received_at": sortable(sale.received_at),
        "request": request,
        "response": {
            "status": 201 if sale.offers else 200,
            "body": body,
        },
    }
    return strict_json.dumps(document).encode()


def _without_added(warranty: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in warranty.items() if name not in _ADDED}


def cancellation_effect(warranty_id: str) -> Effect:
    """Return the effect that archives how a warranty was cancelled."""
    payload = {"cancelled_warranty_id": warranty_id}
    return Effect(f"archive#{warranty_id}#cancelled", "archive", payload)


def cancellation_key(warranty_id: str, cancellation: Cancellation) -> str:
    """Return the name of the object, of the day of the cancellation in UTC."""
    day = sortable(cancellation.cancelled_at)[:10].replace("-", "/")
    return f"warranties/{day}/{warranty_id}-cancelled.json"


def cancellation_content(sale: Sale, cancellation: Cancellation) -> bytes:
    """Return the object: which warranty was cancelled, when, why, and what it gave back."""
    document = {
        "warranty_id": f"{sale.request_id}-{cancellation.months}",
        "number": sale.number and f"{sale.number}-{cancellation.months}",
        "store_uuid": sale.store_uuid,
        "cancelled_at": sortable(cancellation.cancelled_at),
        "reason": cancellation.reason,
        "refund": money.amount(cancellation.refund_cents),
        "currency": sale.currency,
        "calculation": cancellation.calculation,
        "rate_card": cancellation.rate_card,
    }
    return strict_json.dumps(document).encode()


def sha256(what: bytes) -> str:
    """Return the checksum of an object, in hexadecimal."""
    return canonical.sha256(what)


def sha256_base64(what: bytes) -> str:
    """Return the checksum of an object as S3 writes it."""
    return base64.b64encode(bytes.fromhex(sha256(what))).decode()


def reference(object_key: str, checksum: str) -> str:
    """Return what an archived object is called: its name and its checksum."""
    return f"{object_key}#sha256={checksum}"


def checksum_of(referred: str) -> str:
    """Return the checksum in what `reference` made."""
    return referred.rpartition("#sha256=")[2]
