"""Signatures of webhooks, in the form of Standard Webhooks (standardwebhooks.com)."""

import base64
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32


def secret(random: bytes) -> str:
    """Return the text of a secret of these bytes, 24 to 64 of them."""
    return PREFIX + base64.b64encode(random).decode()


def well_formed(text: str) -> bool:
    """Return whether a text is a secret: the prefix, and 24 to 64 bytes in base64."""
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError:
        return False
    return text.startswith(PREFIX) and 24 <= len(key) <= 64


def headers(event_id: str, body: bytes, secrets: Iterable[str], now: datetime) -> Mapping[str, str]:
    """Return the headers of a webhook, signed with each of ``secrets``.

    A receiver that knows one of them accepts it, so a secret can be exchanged without a gap.
    """
    second = str(int(now.timestamp()))
    signed = f"{event_id}.{second}.".encode() + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": second,
        "webhook-signature": " ".join(_signature(each, signed) for each in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
