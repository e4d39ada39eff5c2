"""Making all conclusions anew from the files' rows, page by page, while work continues.

A new *epoch* begins: what was concluded in another one is ignored from then on. Then every machine
that the registry or a file knows is enrolled, learns of its dispatches from before 0.2.0, and a
round for each shard judges them from all their rows. A machine's places in lists move with it;
what else is left of older epochs is deleted once all machines are judged. Repeating any part of it
does no harm.
"""

from collections.abc import Iterable
from itertools import islice

from chalicelib.core.values import dataclass
from chalicelib.vending.files import DISPATCHER
from chalicelib.vending.models import Rebuild
from chalicelib.vending.ports import (
    SHARDS,
    Clearing,
    DispatchBook,
    Enrolment,
    Files,
    Fleet,
    Queues,
    Registry,
    Rollups,
    Round,
)

_PAGE = 500


@dataclass(frozen=True)
class Rebuilding:
    """Begins to make everything anew, and says how far that is."""

    rollups: Rollups
    fleet: Fleet
    registry: Registry
    files: Files
    dispatches: DispatchBook
    queues: Queues

    def begin(self) -> Rebuild:
        """Begin anew; a rebuilding that is under way is overtaken."""
        epoch = self.rollups.epoch() + 1
        self.queues.enrol(Enrolment(epoch=epoch))
        return self._progress(epoch)

    def catch_up(self) -> None:
        """Have a rebuilding finished whose messages were lost."""
        epoch = self.rollups.epoch()
        if self._progress(epoch).state == "running":
            self.queues.enrol(Enrolment(epoch=epoch))
        elif self.rollups.cleared() < epoch:
            self.queues.clear(Clearing(epoch=epoch))

    def progress(self) -> Rebuild:
        """Return how far the last rebuilding is."""
        return self._progress(self.rollups.epoch())

    def enrol(self, part: Enrolment) -> None:
        """Enrol the next machines; once there are no more, have them all judged anew."""
        self.rollups.begin_epoch(part.epoch)
        following = self._enrolled(part)
        if following:
            self.queues.enrol(following)
            return
        self.queues.go_round(Round(shard=shard, anew=part.epoch) for shard in range(SHARDS))

    def clear(self, part: Clearing) -> None:
        """Delete what is left of a region of an older epoch; the next one follows by itself."""
        following = self.rollups.clear(part.epoch, after=part.after)
        if following:
            self.queues.clear(part.model_copy(update={"after": following}))

    def _enrolled(self, part: Enrolment) -> Enrolment | None:
        if part.dispatches:
            last = self.dispatches.index(after=int(part.after or 0), limit=_PAGE)
            return part.model_copy(update={"after": str(last)}) if last else None
        if part.owner is None:
            serials = self.registry.serials(after=part.after, limit=_PAGE)
            self.fleet.enrol(serials)
            if len(serials) == _PAGE:
                return part.model_copy(update={"after": serials[-1]})
            return Enrolment(epoch=part.epoch, owner=DISPATCHER)
        before = int(part.after) if part.after else None
        records = list(islice(self.files.newest_first(part.owner, before=before), _PAGE))
        self.fleet.enrol(sorted({serial for record in records for serial in record.machines}))
        if len(records) == _PAGE:
            return part.model_copy(update={"after": str(records[-1].id)})
        owner = self._owner_after(part.owner)
        return Enrolment(epoch=part.epoch, owner=owner, dispatches=owner is None)

    def _owner_after(self, owner: str) -> str | None:
        """Return who owns files after ``owner``: first the dispatcher, then the technicians."""
        after = "" if owner == DISPATCHER else owner
        following: Iterable[str] = self.registry.technicians_after(after, limit=1)
        return next(iter(following), None)

    def _progress(self, epoch: int) -> Rebuild:
        parts = self.fleet.progress(epoch).values()
        return Rebuild(
            epoch=epoch,
            machines=sum(machines for machines, _ in parts),
            parts=SHARDS,
            parts_done=sum(over for _, over in parts),
            state="done" if not epoch or sum(over for _, over in parts) == SHARDS else "running",
        )
