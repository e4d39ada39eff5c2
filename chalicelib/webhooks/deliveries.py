"""Deliveries as effects of the outbox: their ids and payloads, as they are stored."""

from datetime import timedelta

from chalicelib.core.outbox.effects import Effect

KIND = "webhook"
_RETENTION = timedelta(days=60)
"""Longer than any event is stored: without its event there is nothing to deliver."""


def delivery(
    subscription_id: str, event_id: str, *, replay: str = "", body: str | None = None
) -> Effect:
    """Return the delivery of an event to a subscription's receiver.

    ``replay`` distinguishes a repeat from the first one; ``body`` is that of a test, which no log
    has.
    """
    payload = {"subscription": subscription_id, "event": event_id}
    if body is not None:
        payload["body"] = body
    return Effect(effect_id(subscription_id, event_id, replay), KIND, payload, retention=_RETENTION)


def effect_id(subscription_id: str, event_id: str, replay: str = "") -> str:
    """Return the id of a delivery's effect."""
    return "#".join(each for each in (KIND, subscription_id, event_id, replay) if each)
