"""Stories in which a process may die: how they begin, and the deed in the middle of which it does.

In a happening the platform delivers messages; in an errand somebody asks for something.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.vending.files import DISPATCHER
from chalicelib.vending.models import (
    AwaitedUpload,
    ClosingBody,
    DispatchBody,
    MachineBody,
    ServiceBody,
)
from tests.support.vending.conclusions import conclusions
from tests.support.vending.world import LEAP_DAY, World, log, world

NAME = "T0001.GM001.2020-02-29_080000.zip"
KEY = f"incoming/{NAME}"
FAULTY = log("GM001", 1, 0, 0, 0) + b"junk\n"
MIXED = FAULTY + log("GM777", *[1] * 60, first="2019-12-20T08:00:00", hours=24)
CLEAN = log("GM001", *[1] * 12, first="2020-03-01T09:00:00")


@dataclass(frozen=True)
class Story:
    """``before`` is what has happened; ``deed`` is what may be broken off."""

    name: str
    before: Callable[[World], object]
    deed: Callable[[World], object]

    def __str__(self) -> str:
        return self.name

    def begin(self, empty: Callable[[], World] = world) -> World:
        begun = empty()
        begun.employ("T0001", "GM001", "GM002")
        begun.upload(log("GM001", 1, 0), at="2020-02-28T08:00:00")
        begun.settle()
        self.before(begun)
        return begun


def outcome(ended: World) -> dict[str, Any]:
    """Return what there is to see once everything has settled and the night has passed."""
    ended.settle()
    ended.night_falls()
    every = list(ended.ports.dispatches.newest_first())
    visits = [visit.model_dump(exclude={"id", "closed_at"}) for visit in every]
    open_work = [each.key for each in ended.ports.files.waiting()]
    to_clean = ended.ports.files.to_clean()
    settled = {
        serial: ended.ports.fleet.settled_until(serial) for serial in ("GM001", "GM002", "GM777")
    }
    return ended.picture() | {
        "conclusions": conclusions(ended.ports),
        "visits": visits,
        "settled": settled,
        "work": (open_work, to_clean, ended.queues.arrivals),
    }


def _deliver(busy: World) -> None:
    busy.settle()


def _processed(busy: World) -> None:
    busy.upload(FAULTY)
    busy.settle()


def _processed_and_replaced(busy: World) -> None:
    _processed(busy)
    busy.drop(NAME, log("GM001", 2, 2, 2))


def _processed_and_removed(busy: World) -> None:
    _processed(busy)
    busy.ports.share.delete(KEY)


def _processed_and_deleted(busy: World) -> None:
    _processed(busy)
    _delete(busy)


def _replaced_by_a_picture(busy: World) -> None:
    _processed(busy)
    busy.drop(NAME, b"\x89PNG\r\n\x1a\n")


def _held_and_assigned(busy: World) -> None:
    busy.drop("T0001.GM009.2020-02-29_080000.zip", log("GM009", 1))
    busy.settle()
    busy.employ("T0001", "GM009")


def _visited_and_mended(busy: World) -> None:
    _processed(busy)
    busy.vending.dispatching.open(DispatchBody(machine="GM001"))
    busy.clock.forward(days=1)
    busy.upload(CLEAN, at="2020-03-02T07:00:00")


def _neglected(busy: World) -> None:
    """Let a day go by of which no message tells."""
    _processed(busy)
    gone = busy.upload(log("GM002", 0, 0, 0), "GM002")
    removed = busy.upload(log("GM002", 2, 2, 2), "GM002", at="2020-02-29T09:00:00")
    busy.settle()
    awaited = AwaitedUpload(
        technician="T0001", machine="GM002", downloaded_at="2020-02-29T10:00:00"
    )
    busy.vending.uploads.await_upload(awaited)
    busy.vending.uploads.delete("T0001", gone.id)
    busy.ports.share.delete(f"incoming/{removed.name}")
    busy.drop(NAME, log("GM001", 2, 2, 2))
    busy.drop_import("all.txt", log("GM777", 1))
    busy.queues.arrivals.clear()
    busy.clock.forward(hours=3)


def _sweep(busy: World) -> None:
    busy.vending.arrivals.sweep()
    busy.settle()


HAPPENINGS = (
    Story("a file arrives", lambda busy: busy.upload(FAULTY), _deliver),
    Story("an import arrives", lambda busy: busy.take_import(MIXED), _deliver),
    Story("a file is dropped", lambda busy: busy.drop(NAME, FAULTY), _deliver),
    Story("a nameless file is dropped", lambda busy: busy.drop("a.zip", FAULTY), _deliver),
    Story("a picture is dropped", lambda busy: busy.drop(NAME, b"\x89PNG\r\n\x1a\n"), _deliver),
    Story("an object is replaced", _processed_and_replaced, _deliver),
    Story("an object is replaced by a picture", _replaced_by_a_picture, _deliver),
    Story("an object is removed by hand", _processed_and_removed, _deliver),
    Story("a file was deleted", _processed_and_deleted, _deliver),
    Story("a held file's machine is assigned", _held_and_assigned, _deliver),
    Story("a visit has helped", _visited_and_mended, _deliver),
    Story("a night after much neglect", _neglected, _sweep),
)


def _await(busy: World) -> None:
    body = AwaitedUpload(technician="T0001", machine="GM001", downloaded_at=LEAP_DAY)
    busy.vending.uploads.await_upload(body)
    busy.drop(NAME, FAULTY)


def _delete(busy: World) -> None:
    """Delete the file; a client that tries again finds it gone, and is content."""
    file = busy.files().get(KEY)
    if file:
        busy.vending.uploads.delete("T0001", file.id)


def _delete_import(busy: World) -> None:
    for file in busy.imports():
        busy.vending.uploads.delete(DISPATCHER, file.id)


def _held(busy: World) -> None:
    busy.drop("T0001.GM009.2020-02-29_080000.zip", log("GM009", 1))
    busy.settle()


def _assign(busy: World) -> None:
    busy.vending.registry.put_machine("GM009", MachineBody(technician="T0001"))


def _visited(busy: World) -> None:
    _processed(busy)
    busy.vending.dispatching.open(DispatchBody(machine="GM001"))


def _close(busy: World) -> None:
    for visit in list(busy.ports.dispatches.newest_first()):
        busy.vending.dispatching.close(visit.id, ClosingBody(note="was unplugged"))


def _close_and_fill(busy: World) -> None:
    for visit in list(busy.ports.dispatches.newest_first()):
        busy.vending.dispatching.close(visit.id, ClosingBody(full=True, cash_cents=75))


def _fill(busy: World) -> None:
    body = {"at": "2020-02-29T08:00:00Z", "full": True, "cash_cents": 75}
    done = ServiceBody.model_validate(body)
    busy.vending.visiting.report("GM001", done)


def _imported(busy: World) -> None:
    busy.take_import(MIXED)
    busy.settle()


ERRANDS = (
    Story("upload", lambda _: None, lambda busy: busy.upload(FAULTY)),
    Story("import", lambda _: None, lambda busy: busy.take_import(MIXED)),
    Story("send by URL", lambda _: None, _await),
    Story("upload what was awaited", _await, lambda busy: busy.upload(FAULTY)),
    Story("delete", _processed, _delete),
    Story("delete before it is processed", lambda busy: busy.upload(FAULTY), _delete),
    Story("delete an import", _imported, _delete_import),
    Story("assign a machine", _held, _assign),
    Story(
        "open a dispatch",
        lambda _: None,
        lambda busy: busy.vending.dispatching.open(DispatchBody(machine="GM001")),
    ),
    Story("close a dispatch", _visited, _close),
    Story("close a dispatch with what was done", _visited, _close_and_fill),
    Story("report a visit", _processed, _fill),
)
