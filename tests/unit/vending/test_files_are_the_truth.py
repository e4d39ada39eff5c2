"""The invariant of the vending context: what stands in the share is what counts.

Whatever happened, in whatever order, with messages twice, late or lost, with processes that died
and with people who acted in the middle of it: after the night's sweep everybody sees what an
empty system would show in which only the files that are left had arrived. One more night, and
nothing is left over of what does not count.
"""

import gzip
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from chalicelib.core.errors import BackroomError
from chalicelib.vending.anomalies import Keys
from chalicelib.vending.archives import open_log, pack_log
from chalicelib.vending.files import DISPATCHER, FileRecord
from chalicelib.vending.local_time import every_day, local_day
from chalicelib.vending.models import AwaitedImport, AwaitedUpload, MachineBody, RowView
from chalicelib.vending.rollups import RegionDay, Rollup, region_days, rollups
from chalicelib.vending.rows import keys
from tests.support.stage import Killed
from tests.support.vending.conclusions import conclusions, of_older_epochs, stored
from tests.support.vending.reference import read_log
from tests.support.vending.share import FakeShare
from tests.support.vending.world import WHEN, Fuse, World, log, row, with_fuse, world

SERIALS = ("GM001", "GM002", "GM003", "GM009")
DOWNLOADS = ("2020-02-29T08:00:00", "2020-02-29T17:30:00", "2020-01-05T08:00:00")
DROPPED_NAMES = (
    "T0001.GM001.2020-02-29_080000.zip",
    "T0001.GM002.2020-02-29_080000.txt",
    "T0002.GM003.2020-01-05_080000.gz",
    "T0002.GM009.2020-02-29_080000.zip",  # GM009 becomes T0002's only later
    "T0404.GM001.2020-02-29_080000.zip",
    "holiday.zip",
)


def _as_zip(text: bytes) -> bytes:
    return pack_log([text], member="log.txt").content


def _as_gzip(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)  # the same bytes whenever it is packed


# Few rows, so that files overlap: faults, rows of months ago, one between two readings of a
# technician's clock, one after the download, and lines that cannot be read.
_LINES = (
    *(line + b"\n" for each in SERIALS for line in log(each, 0, 0, 0, 1, 2).splitlines()),
    *(row(each, datetime(2019, 11, 1, 12, tzinfo=UTC)) for each in SERIALS),
    *(row(each, datetime(2020, 2, 29, 15, tzinfo=UTC), 0) for each in SERIALS),
    *(row(each, datetime(2020, 3, 1, 7, 59, tzinfo=UTC), 0) for each in SERIALS),
    b"GM001|2020-02-20T08:00:00Z|x\n",
    b"GM003|2020-02-30T08:00:00Z|1\n",
    b"junk\n",
    b"\n",
)
_PACKINGS: tuple[Callable[[bytes], bytes], ...] = (bytes, _as_gzip, _as_zip)
logs = st.lists(st.sampled_from(_LINES), max_size=12).map(b"".join)
contents = st.one_of(
    st.builds(lambda pack, text: pack(text), st.sampled_from(_PACKINGS), logs),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04 cut short"]),
)
places = st.integers(0, 30)


class FilesAreTheTruth(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.moved = False
        self.world = world()
        self.world.open_site("prairie", "America/Chicago")
        self.world.employ("T0001", "GM001", site="prairie")
        self.world.employ("T0001", "GM002")
        self.world.employ("T0002", "GM003")

    # --- what people do ---

    @rule(serial=st.sampled_from(SERIALS), at=st.sampled_from(DOWNLOADS), content=contents)
    def upload(self, serial: str, at: str, content: bytes) -> None:
        technician = "T0001" if serial in {"GM001", "GM002"} else "T0002"
        with suppress(BackroomError):
            self.world.upload(content, serial, technician, at)

    @rule(content=contents)
    def take_import(self, content: bytes) -> None:
        with suppress(BackroomError):
            self.world.take_import(content)

    @rule(at=st.sampled_from(DOWNLOADS), content=st.none() | contents)
    def send_by_url(self, at: str, content: bytes | None) -> None:
        told = AwaitedUpload(technician="T0001", machine="GM001", downloaded_at=at)
        with suppress(BackroomError):
            awaited = self.world.vending.uploads.await_upload(told)
            if content is not None:
                self.world.drop(awaited.file.name, content)

    @rule(content=contents)
    def send_import_by_url(self, content: bytes) -> None:
        awaited = self.world.vending.uploads.await_import(AwaitedImport())
        self.world.drop_import(awaited.file.name, content)

    @rule(name=st.sampled_from(DROPPED_NAMES), content=contents)
    def drop(self, name: str, content: bytes) -> None:
        self.world.drop(name, content)

    @rule(name=st.sampled_from(["all.txt", "old logs/all.txt"]), content=contents)
    def drop_import(self, name: str, content: bytes) -> None:
        self.world.drop_import(name, content)

    @precondition(lambda self: self.standing)
    @rule(place=places, content=contents)
    def replace(self, place: int, content: bytes) -> None:
        self.world.ports.share.put(self.some_key(place), content)

    @precondition(lambda self: self.standing)
    @rule(place=places)
    def remove_by_hand(self, place: int) -> None:
        self.world.ports.share.delete(self.some_key(place))

    @precondition(lambda self: self.world.files())
    @rule(place=places)
    def delete(self, place: int) -> None:
        files = sorted(self.world.files().items())
        _, file = files[place % len(files)]
        self.world.vending.uploads.delete(file.technician or DISPATCHER, file.id)

    @rule()
    def assign_the_last_machine(self) -> None:
        body = MachineBody(technician="T0002", site="prairie")
        self.world.vending.registry.put_machine("GM009", body)

    # --- what the platform does, and fails to do ---

    @precondition(lambda self: self.messages)
    @rule(place=places)
    def deliver(self, place: int) -> None:
        self.world.deliver(self.some_message(place))

    @precondition(lambda self: self.messages)
    @rule(place=places)
    def deliver_twice(self, place: int) -> None:
        self.messages.append(self.messages[self.some_message(place)])
        self.world.deliver(self.some_message(place))

    @precondition(lambda self: self.messages)
    @rule(place=places)
    def lose(self, place: int) -> None:
        del self.messages[self.some_message(place)]

    @rule(zone=st.sampled_from(["America/Chicago", "Asia/Kolkata", "UTC"]))
    def move_the_clocks(self, zone: str) -> None:
        self.moved = True
        self.world.open_site("prairie", zone)

    @rule(serial=st.sampled_from(SERIALS[:2]), site=st.sampled_from(["prairie", None]))
    def move_a_machine(self, serial: str, site: str | None) -> None:
        body = MachineBody(technician="T0001", site=site)
        self.moved = True
        self.world.vending.registry.put_machine(serial, body)

    @rule()
    def rebuild(self) -> None:
        self.world.vending.rebuilding.begin()

    @rule()
    def lose_what_is_to_be_done_about_the_fleet(self) -> None:
        self.world.queues.fleet.clear()

    @rule()
    def look_at_the_fleet(self) -> None:
        self.world.look_at_the_fleet()

    @precondition(lambda self: self.world.queues.fleet)
    @rule(at=st.integers(1, 20), when=st.sampled_from(WHEN))
    def die_while_looking_at_the_fleet(self, at: int, when: str) -> None:
        fuse = Fuse(at, when)  # type: ignore[arg-type]
        fuse.lit = True
        with suppress(Killed):
            with_fuse(self.world, fuse).look_at_the_fleet()

    @precondition(lambda self: self.messages)
    @rule(place=places, at=st.integers(1, 40), when=st.sampled_from(WHEN))
    def look_at_the_fleet_while_delivering(self, place: int, at: int, when: str) -> None:
        self.deliver_with(Fuse(at, when, self.world.look_at_the_fleet), place)  # type: ignore[arg-type]

    @precondition(lambda self: self.messages and self.world.queues.fleet)
    @rule(place=places, at=st.integers(1, 40), when=st.sampled_from(WHEN))
    def deliver_while_looking_at_the_fleet(self, place: int, at: int, when: str) -> None:
        def meanwhile() -> None:
            if self.messages:
                self.world.deliver(self.some_message(place))

        fuse = Fuse(at, when, meanwhile)  # type: ignore[arg-type]
        fuse.lit = True
        with_fuse(self.world, fuse).look_at_the_fleet()

    @rule()
    def night_falls(self) -> None:
        self.world.night_falls()

    @precondition(lambda self: self.standing)
    @rule(place=places)
    def give_up(self, place: int) -> None:
        self.world.vending.arrivals.give_up(self.some_key(place), "failed five times")

    @precondition(lambda self: self.messages)
    @rule(place=places, at=st.integers(1, 25), when=st.sampled_from(WHEN))
    def die_while_delivering(self, place: int, at: int, when: str) -> None:
        with suppress(Killed):
            self.deliver_with(Fuse(at, when), place)  # type: ignore[arg-type]

    @precondition(lambda self: self.messages)
    @rule(
        place=places, at=st.integers(1, 50), when=st.sampled_from(WHEN), other=places, new=contents
    )
    def act_while_delivering(self, place: int, at: int, when: str, other: int, new: bytes) -> None:
        """Look at the same key meanwhile, or change the object there, or take the file back."""
        key = self.messages[self.some_message(place)]

        def meanwhile() -> None:
            match other % 6:
                case 0:
                    self.world.vending.arrivals.look_at(key)
                case 1:
                    self.world.ports.share.put(key, new)
                    self.world.vending.arrivals.look_at(key)
                case 2:
                    self.world.ports.share.put(key, new)
                case 3:
                    self.world.ports.share.delete(key)
                case 4 if file := self.world.files().get(key):
                    self.world.vending.uploads.delete(file.technician or DISPATCHER, file.id)
                case 5 if file := self.world.files().get(key):
                    self.world.vending.uploads.delete(file.technician or DISPATCHER, file.id)
                    self.world.vending.arrivals.look_at(key)

        self.deliver_with(Fuse(at, when, meanwhile), place)  # type: ignore[arg-type]

    @rule(at=st.integers(1, 6), when=st.sampled_from(WHEN), place=places, content=contents)
    def die_while_serving(self, at: int, when: str, place: int, content: bytes) -> None:
        """Die in the middle of a request whose caller never tries again."""
        whole, fuse = self.world, Fuse(at, when)  # type: ignore[arg-type]
        self.world = with_fuse(whole, fuse)
        fuse.lit = True
        try:
            with suppress(Killed):
                match place % 3:
                    case 0:
                        self.upload(SERIALS[place % 4], DOWNLOADS[0], content)
                    case 1:
                        self.take_import(content)
                    case 2 if self.world.files():
                        self.delete(place)
        finally:
            self.world = whole

    def teardown(self) -> None:
        self.world.night_falls()
        seen, concluded = self.world.picture(), conclusions(self.world.ports)
        assert as_seen(self.world) == as_read(self.world)
        assert as_counted(self.world) == as_summed(self.world, as_read(self.world))
        if not self.moved:  # else downloads were read by another clock than they would be now
            replayed = self.world.replayed()
            replayed.night_falls()
            assert seen == replayed.picture()
            assert concluded == conclusions(replayed.ports)
        self.world.vending.rebuilding.begin()
        self.world.night_falls()
        assert conclusions(self.world.ports) == concluded
        assert of_older_epochs(self.world.ports) == []
        # A file that was deleted while a run held it is cleaned up after once that run is over.
        self.world.night_falls()
        assert leftovers(self.world) == []

    # --- what there is ---

    @property
    def messages(self) -> list[str]:
        return self.world.queues.arrivals

    @property
    def standing(self) -> list[str]:
        assert isinstance(self.world.ports.share, FakeShare)
        return sorted(self.world.ports.share.objects)

    def some_message(self, place: int) -> int:
        return place % len(self.messages)

    def some_key(self, place: int) -> str:
        return self.standing[place % len(self.standing)]

    def deliver_with(self, fuse: Fuse, place: int) -> None:
        fuse.lit = True
        with_fuse(self.world, fuse).deliver(self.some_message(place))


def as_seen(seen: World) -> dict[str, Keys]:
    """Return the rows of every machine that has some."""
    return {
        each.serial: Keys("Q", [_key(row) for row in seen.rows(each.serial)])
        for each in seen.machines()
        if each.transactions
    }


def as_read(seen: World) -> dict[str, Keys]:
    """Return the same by reading, one line after the other, the files that count."""
    highest: dict[str, Counter[int]] = defaultdict(Counter)
    for key, found in seen.ports.share.etags().items():
        record = seen.ports.files.at_key(key)
        assert record
        assert record.etag == found
        if record.state in {"processed", "suspect"}:
            for serial, held in _read(seen, record).items():
                highest[serial] |= Counter(held)
    return {serial: Keys("Q", sorted(held.elements())) for serial, held in highest.items()}


def as_summed(seen: World, read: dict[str, Keys]) -> dict[tuple[str, date], RegionDay]:
    """Return the region-days that these rows add up to."""
    machines: dict[str, list[dict[date, Rollup]]] = defaultdict(list)
    for serial, held in read.items():
        machine = seen.ports.registry.machine(serial)
        site = seen.ports.registry.site(machine.site) if machine and machine.site else None
        zone = site.time_zone if site else "UTC"
        days = every_day(*(local_day(zone, held[end] // 10) for end in (0, -1)))
        machines[zone].append(rollups(held, zone, days))
    return {
        (zone, day): total
        for zone, each in machines.items()
        for day, total in region_days(each).items()
    }


def as_counted(seen: World) -> dict[tuple[str, date], RegionDay]:
    """Return the region-days as they are kept."""
    ports, epoch = seen.ports, seen.ports.rollups.epoch()
    return {
        (zone, day): total
        for zone in ("UTC", "America/Chicago", "Asia/Kolkata")
        for month in ("2019-10", "2019-11", "2019-12", "2020-01", "2020-02", "2020-03")
        for day, total in ports.rollups.counted(epoch, zone, month).items()
    }


def _read(seen: World, record: FileRecord) -> dict[str, list[int]]:
    found = seen.ports.share.find(record.key)
    assert found
    with seen.ports.share.open(record.key, found) as source:
        text = b"".join(open_log(source, max_bytes=10**6))
    reading = read_log(text, machine=record.machine, not_after=record.not_after)
    held: dict[str, list[int]] = defaultdict(list)
    for (serial, day), packed in reading.rows.items():
        held[serial] += keys(day, packed)
    return held


def _key(row: RowView) -> int:
    return int(row.at.timestamp()) * 10 + row.gumballs


def leftovers(seen: World) -> list[object]:
    """Return what is stored or noted that nobody will ever look at again."""
    files = seen.ports.files
    records = {record.id: record for record in all_records(seen)}
    live = {(each.id, each.live) for each in records.values() if each.state != "deleted"}
    stored_of = [
        (int(told[2 if kind == "chunk" else 0]), int(told[3 if kind == "chunk" else 1]))
        for kind, told in _stored_of_files(seen)
    ]
    return [
        *(each for each in stored_of if each not in live),
        *(w for w in files.waiting() if records[w.id].state not in {"held", "failed"}),
        *files.to_clean(),
        *seen.ports.rollups.notes(100),
    ]


def _stored_of_files(seen: World) -> Iterator[tuple[str, list[str]]]:
    """Yield what stands in the table of files' rows and of their refused lines, by its key."""
    for pk, items in stored(seen.ports).items():
        for sk in items:
            if pk.startswith("MACHINE#") and sk[0].isdigit():
                yield "chunk", sk.split("#")
            elif sk.startswith(("refused#", "chunks#")):
                yield "list", [pk.removeprefix("FILE#"), sk.split("#")[1]]


def all_records(seen: World) -> Iterator[FileRecord]:
    for owner in ("T0001", "T0002", "T0404", DISPATCHER):
        yield from seen.ports.files.of_owner(owner)


def test_a_file_replaced_and_read_while_it_is_read_again_leaves_nothing_behind() -> None:
    """Found by the machine above: the run that was overtaken had claimed the file meanwhile."""
    story = FilesAreTheTruth()
    story.take_import(row("GM001", datetime(2020, 2, 20, 8, tzinfo=UTC), 0))
    story.deliver_twice(place=0)
    story.act_while_delivering(place=0, at=2, when="before", other=1, new=b"")
    story.remove_by_hand(place=0)
    story.teardown()


TestFilesAreTheTruth = FilesAreTheTruth.TestCase
TestFilesAreTheTruth.settings = settings(stateful_step_count=25)
