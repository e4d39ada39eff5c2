"""What the tables of a stack know that its restored ones do not, as far as it must not be lost.

Effects that were executed after the instant exist at their vendors, while the restored outbox
would execute them, or be asked for them again. What is known of each goes beside its place in the
restored outbox (`chalicelib.core.outbox.rows`), where its worker finds it before it calls anybody.
Ids go on at a distance, as people and vendors have seen those that were given out since. Nothing
is written that a second run would write otherwise.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.bakery.service.batches import Batching
from chalicelib.bakery.store.batches import BatchStore, TicketStore
from chalicelib.core.outbox import rows
from chalicelib.core.outbox.effects import Effect, Ending
from chalicelib.core.outbox.index import EffectIndex
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.outbox.rows import EffectRow
from chalicelib.core.table import Condition, ConditionError, Table

Look = Callable[[Effect], str | None]
"""Asks a vendor for the reference to what an effect did; raises where it cannot know."""

DISTANCE = 1_000
"""As many ids are left out as nobody can have given out unseen."""
_AT_ONCE = 100
_COUNTERS, _DOCUMENTS = "COUNTERS", "DOCUMENTS"
_WRITING = timedelta(minutes=1)
"""Between the time that an effect says it was asked for and its being stored."""


@dataclass(frozen=True)
class Known:
    """What is known of an effect that the restored outbox does not know the end of.

    ``done`` says the row, ``found`` says the vendor; ``unsure`` is looked up before any call.
    ``lost`` is one that was asked for since the instant.
    """

    effect: Effect
    how: Literal["done", "found", "unsure"]
    reference: str | None
    lost: bool
    why: str | None = None
    """Why its vendor could not be asked."""


def effects(
    before: Table, restored: Table, looks: Mapping[str, Look], *, at: datetime, held_at: datetime
) -> Iterator[Known]:
    """Note in the restored outbox, and yield, what is known of effects since ``at``.

    Nobody works on any since ``held_at``.
    """
    open_or_dead = EffectIndex(restored).listed(("pending", "unsure", "disabled", "dead"))
    since = EffectIndex(before).listed(rows.STATES, kinds=sorted(looks), since=at - _WRITING)
    ids = list(dict.fromkeys((*open_or_dead, *since)))
    for some in (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)):
        stood, stands = _rows(before, some), _rows(restored, some)
        for each in some:
            known = _known(stood.get(each), stands.get(each), looks, at)
            if known:
                ended = None if known.how == "unsure" else Ending("done", known.reference)
                restored.put(rows.remembered(each, held_at, ended))
                yield known


def _rows(table: Table, ids: Iterable[str]) -> dict[str, EffectRow]:
    found = map(rows.read, table.get_many(map(rows.place, ids)))
    return {row.effect.id: row for row in found}


def _known(
    stood: EffectRow | None, stands: EffectRow | None, looks: Mapping[str, Look], at: datetime
) -> Known | None:
    """Return what is known of an effect that was as it ``stood`` and is restored as it ``stands``.

    None where nothing was done that the restored row does not know.
    """
    row = stood or stands
    if row is None or (stands and stands.state == "done"):
        return None
    effect, lost = row.effect, row.asked_at >= at
    if stood is None:
        return Known(effect, "unsure", None, lost)
    ended = stood.ended.state if stood.ended else stood.state
    if ended == "done":
        reference = stood.ended.reference if stood.ended else stood.reference
        return Known(effect, "done", reference, lost) if stood.token else None  # or withdrawn
    if stood.doubtful_since() is None:
        return None  # certainly not done, or refused
    try:
        found = looks[effect.kind](effect)
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
    stands, tickets = BatchStore(restored, asking), TicketStore(restored, asking)
    since = [
        batch
        for batch in BatchStore(before, asking).batches(None)
        if batch.sealed_at >= at - _WRITING
    ]
    said = []
    for batch in sorted(since, key=lambda each: each.sealed_at):
        if batch.ticket.key:
            tickets.know(batch.ticket.key, batch.id, issue_id=batch.ticket.id)
        Batching(stands, now).seal_again(batch)
        known = stands.batch(batch.id)
        lost = sorted(set(batch.orders) - set(known.orders if known else ()))
        orders = f"; lost orders on its ticket: {', '.join(map(str, lost))}" if lost else ""
        said.append(f"batch {batch.id.isoformat()} is sealed{orders}")
    return said


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
        lost = "; asked for since, so its cause is lost" if each.lost else ""
        reference = f" ({each.reference or each.why})" if each.reference or each.why else ""
        lines.append(f"{each.effect.kind:9} {each.effect.id} {words[each.how]}{reference}{lost}")
    return lines
