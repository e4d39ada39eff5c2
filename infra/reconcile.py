"""What the tables of a stack know that its restored ones do not, as far as it must not be lost.

Effects that were executed after the instant exist at their vendors, while the restored outbox
would execute them again, or get requests for them again. What is known of each goes beside its
place in the restored outbox (`chalicelib.core.outbox.rows`), where its worker finds it before it
calls a vendor. Ids go on at a distance, as people and vendors have seen those that were given out
since. Nothing is written that a second run would write otherwise; all of it is in the audit trail.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.bakery.service.batches import Batching
from chalicelib.bakery.store.batches import BatchStore, TicketStore
from chalicelib.bakery.store.things import thing as of_bakery
from chalicelib.core.audit.recording import Things
from chalicelib.core.outbox import rows
from chalicelib.core.outbox.effects import Effect, Ending
from chalicelib.core.outbox.index import EffectIndex
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.outbox.rows import EffectRow
from chalicelib.core.table import Condition, ConditionError, Table
from infra.trail import table_name

Lookup = Callable[[Effect], str | None]
"""Asks a vendor for the reference to what an effect did; raises where it cannot know."""

DISTANCE = 1_000
"""How many ids are skipped: more than can have been given out unseen."""
_AT_ONCE = 100
_THINGS = {"BakeryTable": of_bakery, "OutboxTable": rows.thing}
_COUNTERS, _DOCUMENTS = "COUNTERS", "DOCUMENTS"
_WRITING = timedelta(minutes=1)
"""The most between the time of an effect's request and its being stored."""


@dataclass(frozen=True)
class Known:
    """What is known of an effect that the restored outbox does not know the end of.

    ``done`` by its row, ``found`` by the vendor; ``unsure`` is looked up before any call.
    ``lost`` is one that was requested since the instant.
    """

    effect: Effect
    how: Literal["done", "found", "unsure"]
    reference: str | None
    lost: bool
    why: str | None = None
    """Why its vendor could not be queried."""


def things(logical: str) -> Things:
    """Return what the audit trail names in a restored table, by its logical id.

    No write goes without an entry: rows that are none of the stage's things are their table.
    """
    known = _THINGS.get(logical, lambda _pk, _sk: None)
    return lambda pk, sk: known(pk, sk) or table_name(logical)


def effects(
    before: Table,
    restored: Table,
    lookups: Mapping[str, Lookup],
    *,
    at: datetime,
    held_at: datetime,
) -> Iterator[Known]:
    """Note in the restored outbox, and yield, what is known of effects since ``at``.

    No worker runs since ``held_at``.
    """
    open_or_dead = EffectIndex(restored).listed(("pending", "unsure", "disabled", "dead"))
    since = EffectIndex(before).listed(rows.STATES, kinds=sorted(lookups), since=at - _WRITING)
    ids = list(dict.fromkeys((*open_or_dead, *since)))
    for some in (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)):
        before_rows, restored_rows = _rows(before, some), _rows(restored, some)
        for each in some:
            known = _known(before_rows.get(each), restored_rows.get(each), lookups, at)
            if known:
                ended = None if known.how == "unsure" else Ending("done", known.reference)
                restored.put(rows.remembered(each, held_at, ended))
                yield known


def _rows(table: Table, ids: Iterable[str]) -> dict[str, EffectRow]:
    found = map(rows.read, table.get_many(map(rows.place, ids)))
    return {row.effect.id: row for row in found}


def _known(
    before: EffectRow | None,
    restored: EffectRow | None,
    lookups: Mapping[str, Lookup],
    at: datetime,
) -> Known | None:
    """Return what is known of an effect from its rows ``before`` and as ``restored``.

    None where nothing was done that the restored row does not know.
    """
    row = before or restored
    if row is None or (restored and restored.state == "done"):
        return None
    effect, lost = row.effect, row.requested_at >= at
    if before is None:
        return Known(effect, "unsure", None, lost)
    ended = before.ended.state if before.ended else before.state
    if ended == "done":
        reference = before.ended.reference if before.ended else before.reference
        return Known(effect, "done", reference, lost) if before.token else None  # or withdrawn
    if before.doubtful_since() is None:
        return None  # certainly not done, or refused
    try:
        found = lookups[effect.kind](effect)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is looked up before any call
        return Known(effect, "unsure", None, lost, str(error) or type(error).__name__)
    return Known(effect, "found" if found else "unsure", found, lost)


def counters(before: Table, restored: Table) -> dict[str, int]:
    """Have ids go on at a distance from the last that was given out; return after what, by name."""
    moved = {}
    for counter in before.query(_COUNTERS):
        if "last" in counter:
            name, to = counter["sk"]["S"], int(counter["last"]["N"]) + DISTANCE
            less = Condition("attribute_not_exists(#last) OR #last < :to", {":to": {"N": str(to)}})
            with suppress(ConditionError):
                restored.update(
                    *(_COUNTERS, name),
                    "SET #last = :to",
                    values={":to": {"N": str(to)}},
                    names={"#last": "last"},
                    condition=less,
                )
            moved[name] = to
    return moved


def batches(
    before: Table, restored: Table, outbox: Table, *, at: datetime, now: Callable[[], datetime]
) -> list[str]:
    """Seal the batches that were sealed since ``at`` again; return what was found, in words.

    Their tickets exist: without that they would become those of orders that come later.
    """
    asking = Outbox(outbox, now=now)
    store, tickets = BatchStore(restored, asking), TicketStore(restored, asking)
    since = [
        batch
        for batch in BatchStore(before, asking).batches(None)
        if batch.sealed_at >= at - _WRITING
    ]
    report_lines = []
    for batch in sorted(since, key=lambda each: each.sealed_at):
        if batch.ticket.key:
            tickets.know(batch.ticket.key, batch.id, issue_id=batch.ticket.id)
        Batching(store, now).seal_again(batch)
        known = store.batch(batch.id)
        lost = sorted(set(batch.orders) - set(known.orders if known else ()))
        orders = f"; lost orders on its ticket: {', '.join(map(str, lost))}" if lost else ""
        report_lines.append(f"batch {batch.id.isoformat()} is sealed{orders}")
    return report_lines


def documents(before: Table, restored: Table) -> int:
    """Have the restored table know where documents are that were created since; return how many."""
    unknown = Condition("attribute_not_exists(document_id)", {})
    known = 0
    for document in before.query(_DOCUMENTS):
        with suppress(ConditionError):
            restored.put(document, unknown)
            known += 1
    return known


def report(found: Sequence[Known]) -> list[str]:
    """Return what was found, in words, by vendor."""
    words = {
        "done": "was executed",
        "found": "was found at its vendor",
        "unsure": "may have been executed; it is looked up before any call",
    }
    lines = []
    for each in sorted(found, key=lambda known: (known.effect.kind, known.effect.id)):
        lost = "; requested since, so its cause is lost" if each.lost else ""
        reference = f" ({each.reference or each.why})" if each.reference or each.why else ""
        lines.append(f"{each.effect.kind:9} {each.effect.id} {words[each.how]}{reference}{lost}")
    return lines
