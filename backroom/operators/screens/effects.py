"""Screens of effects."""

import json
from collections.abc import Sequence
from datetime import datetime

from rich.console import RenderableType
from rich.text import Text

from backroom.core import show
from chalicelib.operators.models.effects import EffectLine, EffectView, KindView

_STYLES = {
    "done": show.GOOD,
    "working": show.GOOD,
    "pending": show.LATE,
    "sending": show.LATE,
    "unsure": show.WARN,
    "disabled": show.CALM,
    "paused": show.BAD,
    "dead": show.BAD,
}
_HEAD = 60


def effects(found: Sequence[EffectLine], now: datetime) -> RenderableType:
    """Return effects, one a line."""
    table = show.listing()
    table.add_ids("Effect")
    for heading in ("Kind", "State", "Tries", "Requested", "Next try", "Result"):
        table.add_column(heading, justify="right" if heading == "Tries" else "left")
    for each in found:
        table.add_row(
            show.plain(each.id),
            show.plain(each.kind),
            _state(each.state),
            show.number(each.attempts),
            show.moment(each.asked_at),
            _next(each.due_at, now),
            show.plain(_said(each)[:_HEAD]) or show.NOTHING,
        )
    return table


def effect(shown: EffectView) -> RenderableType:
    """Return an effect whole."""
    rows: list[tuple[str, str | Text]] = [
        ("effect", show.plain(shown.id)),
        ("kind", show.plain(shown.kind)),
        ("state", _state(shown.state)),
        ("tries", show.number(shown.attempts)),
        ("requested", show.moment(shown.asked_at)),
        ("next try", show.moment(shown.due_at)),
        ("claimed until", show.moment(shown.lease_until)),
        ("may be done since", show.moment(shown.unsure_at)),
        ("kind paused", show.plain(shown.stands_still or "")),
        ("last error", show.plain(_last_error(shown))),
        ("reference", show.plain(shown.reference or "")),
        ("dead because", show.plain(shown.answer or "")),
        ("over", show.moment(shown.concluded_at)),
        ("given", show.plain(json.dumps(shown.payload, ensure_ascii=False))),
    ]
    return show.facts(rows)


def tried(found: Sequence[EffectView]) -> RenderableType:
    """Return effects that were named to their workers."""
    if not found:
        return Text("Nothing was tried.")
    lines = [f"{show.plain(each.id)} is {each.state}" for each in found[:20]]
    more = [f"... and {len(found) - 20:,} more"] if len(found) > 20 else []
    words = "They are tried now, at the next sweep (5 minutes) at the latest."
    return Text("\n".join([*lines, *more, words]))


def kinds(found: Sequence[KindView]) -> RenderableType:
    """Return the kinds, one a line."""
    table = show.listing()
    for heading in ("Kind", "State", "Since", "Tried again", "Because"):
        table.add_column(heading)
    for each in found:
        table.add_row(
            show.plain(each.kind),
            _state(each.state),
            show.moment(each.since) or show.NOTHING,
            show.moment(each.probe_at) or show.NOTHING,
            show.plain(each.reason or "") or show.NOTHING,
        )
    return table


def _state(state: str) -> Text:
    return Text(state, style=_STYLES[state])


def _next(due_at: datetime | None, now: datetime) -> str | Text:
    if due_at is None:
        return show.NOTHING
    return "now" if due_at <= now else show.moment(due_at)


def _said(each: EffectLine) -> str:
    return each.answer or _last_error(each) or each.reference or ""


def _last_error(each: EffectLine) -> str:
    """Return why the last attempt failed; nothing for one that is done."""
    return "" if each.state == "done" else each.last_error or ""
