"""Screens of events and their receivers."""

import json
from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from backroom.core import show
from chalicelib.webhooks.models import (
    KINDS,
    DeliveryView,
    EventView,
    HealthView,
    NewSecret,
    SubscriptionView,
)

_STYLES = {"done": show.GOOD, "dead": show.BAD}


def events(found: Sequence[EventView]) -> RenderableType:
    """Return events, one a line."""
    table = show.listing()
    table.add_ids("Event")
    for heading in ("Happened", "Kind", "About"):
        table.add_column(heading)
    for each in found:
        table.add_row(
            show.plain(each.id),
            show.moment(each.timestamp),
            show.plain(each.type),
            show.plain(each.subject),
        )
    return table


def event(shown: EventView) -> RenderableType:
    """Return an event whole."""
    rows: list[tuple[str, str | Text]] = [
        ("event", show.plain(shown.id)),
        ("kind", show.plain(shown.type)),
        ("happened", show.moment(shown.timestamp)),
        ("about", show.plain(shown.subject)),
        ("data", show.plain(json.dumps(shown.data, ensure_ascii=False))),
    ]
    return show.facts(rows)


def subscriptions(found: Sequence[SubscriptionView]) -> RenderableType:
    """Return subscriptions, one a line."""
    table = show.listing()
    table.add_ids("Subscription")
    for heading in ("Receiver", "Kinds", "Active"):
        table.add_column(heading)
    for each in found:
        table.add_row(
            show.plain(each.id), show.plain(each.url), _kinds(each), "yes" if each.active else "no"
        )
    return table


def subscription(shown: SubscriptionView) -> RenderableType:
    """Return a subscription whole; with its secret where that is new."""
    rows: list[tuple[str, str | Text]] = [
        ("subscription", show.plain(shown.id)),
        ("receiver", show.plain(shown.url)),
        ("kinds", _kinds(shown)),
        ("description", show.plain(shown.description or "")),
        ("active", "yes" if shown.active else f"no {show.plain(shown.why_inactive or '')}".strip()),
        ("made", show.moment(shown.created_at)),
        ("old secret until", show.moment(shown.old_secret_until)),
        ("receiver's health", _health(shown.health) if shown.health else ""),
    ]
    if isinstance(shown, NewSecret):
        rows.append(("secret", Text(show.plain(shown.secret), style=show.WARN)))
    return show.facts(rows)


def delivery(shown: DeliveryView) -> RenderableType:
    """Return the screen of a delivery."""
    rows: list[tuple[str, str | Text]] = [
        ("event", show.plain(shown.event_id)),
        ("state", Text(shown.state, style=_STYLES.get(shown.state, show.LATE))),
        ("tries", show.number(shown.attempts)),
        ("requested", show.moment(shown.asked_at)),
        ("next try", show.moment(shown.due_at)),
        ("last error", show.plain("" if shown.state == "done" else shown.last_error or "")),
        ("answer", show.plain(shown.answer or "")),
        ("over", show.moment(shown.concluded_at)),
    ]
    return show.facts(rows)


def _kinds(shown: SubscriptionView) -> str:
    return "all" if set(shown.kinds) == set(KINDS) else show.plain(", ".join(shown.kinds))


def _health(health: HealthView) -> Text:
    if health.state == "slow":
        return Text("slow: it gets one event at a time", style=show.LATE)
    why = show.plain(health.last_error or "")
    failed = show.plural(health.failures, "failure")
    since = show.moment(health.since)
    return Text(f"failing since {since}, {failed} in a row: {why}", style=show.BAD)
