"""The contract of each store, kept by DynamoDB and S3 and by the fakes of the unit tests alike.

The table is the one that the deployer makes, by its own definition.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chalicelib.vending.files import FileRecord, RefusedLine
from chalicelib.vending.models import Dispatch, Machine, MachineSummary, Site, Technician
from chalicelib.vending.ports import (
    SHARDS,
    AlreadyOpenError,
    ChangedMeanwhileError,
    Chunk,
    ChunkKind,
    KeyTakenError,
    MachineState,
    Month,
    RegionMonth,
    StaleMonthError,
    StaleRecordError,
    StaleSummaryError,
    Stretch,
)
from chalicelib.vending.rollups import MOST_ROWS, RegionDay, Rollup
from chalicelib.vending.rows import keys, pack
from tests.support.vending.cloud import vending_ports
from tests.support.vending.wiring import Ports, fake_ports

NOON = datetime(2020, 3, 1, 12, tzinfo=UTC)
DAY = date(2020, 2, 20)


@pytest.fixture(name="stores", params=["on AWS", "in memory"])
def _stores(request: pytest.FixtureRequest) -> Ports:
    if request.param == "in memory":
        return fake_ports()
    request.getfixturevalue("cloud")
    return vending_ports()


# --- the registry -------------------------------------------------------------------------------


def test_sites_and_technicians_are_new_once_and_listed_by_id(stores: Ports) -> None:
    registry = stores.registry
    east, west = Site(site_id="east", name="East"), Site(site_id="west", name="West")
    ada = Technician(technician_id="T0001", name="Ada")

    assert [registry.put_site(west), registry.put_site(east)] == [True, True]
    assert registry.put_site(east.model_copy(update={"name": "Far East"})) is False
    assert [registry.put_technician(ada), registry.put_technician(ada)] == [True, False]

    assert [site.name for site in registry.sites(limit=9)] == ["Far East", "West"]
    assert registry.site("west") == west
    assert (registry.technicians(limit=9), registry.technician("T0001")) == ([ada], ada)
    assert (registry.site("moon"), registry.technician("T0404")) == (None, None)


def test_a_machine_keeps_the_time_of_its_first_registration(stores: Ports) -> None:
    first = Machine(serial="GM001", technician="T0001", registered_at=NOON)
    second = Machine(serial="GM001", site="east", registered_at=NOON + timedelta(days=1))
    kept = second.model_copy(update={"registered_at": NOON})

    assert stores.registry.put_machine(first) == (first, True)
    assert stores.registry.put_machine(second) == (kept, False)

    assert stores.registry.machine("GM001") == kept
    assert stores.registry.serials(after="", limit=9) == ["GM001"]
    assert [note.serial for note in stores.rollups.notes(9)] == ["GM001"]
    assert stores.registry.machine("GM404") is None


# --- files' records -----------------------------------------------------------------------------


def record(stores: Ports, key: str = "incoming/a.zip", **told: Any) -> FileRecord:
    usual = {"owner": "T0001", "name": "a.zip", "state": "received"}
    times = {"uploaded_at": NOON, "not_after": NOON}
    fields = {"id": stores.files.next_id(), "key": key, **usual, **times, **told}
    return FileRecord.model_validate(fields)


def test_ids_count_up(stores: Ports) -> None:
    assert [stores.files.next_id() for _ in range(3)] == [1, 2, 3]
    assert [stores.dispatches.next_id() for _ in range(2)] == [1, 2]


def test_a_new_file_is_found_every_way_and_is_work_to_do(stores: Ports) -> None:
    created = stores.files.create(record(stores))

    assert created.version == 1
    assert stores.files.at_key("incoming/a.zip") == created
    assert stores.files.by_id(created.id) == created
    assert stores.files.owned("T0001", created.id) == created
    assert stores.files.of_owner("T0001") == [created]
    assert stores.files.waiting() == [(created.id, "T0001", "incoming/a.zip")]


def test_what_is_not_there_or_another_s_is_not_found(stores: Ports) -> None:
    created = stores.files.create(record(stores))

    assert stores.files.at_key("incoming/b.zip") is None
    assert stores.files.by_id(404) is None
    assert stores.files.owned("T0002", created.id) is None
    assert stores.files.of_owner("T0002") == []
    assert stores.files.of_owner("T000") == []


def test_one_file_stands_at_a_key(stores: Ports) -> None:
    created = stores.files.create(record(stores))

    with pytest.raises(KeyTakenError):
        stores.files.create(record(stores, owner="T0002"))

    assert stores.files.at_key("incoming/a.zip") == created
    assert stores.files.of_owner("T0002") == []
    assert len(stores.files.waiting()) == 1


def test_an_owner_s_files_are_listed_oldest_first(stores: Ports) -> None:
    ids = [stores.files.create(record(stores, f"incoming/{n}")).id for n in range(12)]

    assert [each.id for each in stores.files.of_owner("T0001")] == ids
    assert [each.id for each in stores.files.waiting()] == ids
    newest_first = stores.files.newest_first("T0001", before=None)
    assert [each.id for each in newest_first] == ids[::-1]
    older = stores.files.newest_first("T0001", before=ids[3])
    assert [each.id for each in older] == ids[2::-1]


def test_a_record_is_saved_over_the_version_that_was_read(stores: Ports) -> None:
    created = stores.files.create(record(stores))

    saved = stores.files.save(created.model_copy(update={"state": "processed"}))
    with pytest.raises(StaleRecordError):
        stores.files.save(created.model_copy(update={"state": "failed"}))
    with pytest.raises(StaleRecordError):
        stores.files.save(created, done=True)
    with pytest.raises(StaleRecordError):
        stores.files.release(created.model_copy(update={"state": "deleted"}))

    assert (saved.version, stores.files.by_id(saved.id)) == (2, saved)
    assert len(stores.files.waiting()) == 1


def test_a_record_that_was_never_created_is_not_saved(stores: Ports) -> None:
    with pytest.raises(StaleRecordError):
        stores.files.save(record(stores, version=7))


def test_a_file_that_is_done_is_no_work_any_more(stores: Ports) -> None:
    created = stores.files.create(record(stores))

    stores.files.save(created.model_copy(update={"state": "processed"}), done=True)

    assert stores.files.waiting() == []
    assert stores.files.at_key("incoming/a.zip") is not None


def test_a_released_file_frees_its_key_and_is_to_be_cleaned_up_after(stores: Ports) -> None:
    created = stores.files.create(record(stores))

    released = stores.files.release(created.model_copy(update={"state": "deleted"}))

    assert stores.files.at_key("incoming/a.zip") is None
    assert stores.files.by_id(created.id) == released
    assert stores.files.waiting() == []
    assert stores.files.to_clean() == [(created.id, "T0001", "incoming/a.zip")]
    again = stores.files.create(record(stores))
    assert stores.files.at_key("incoming/a.zip") == again
    stores.files.save(released, done=True)
    assert stores.files.to_clean() == []
    assert len(stores.files.waiting()) == 1


def test_a_file_is_released_once(stores: Ports) -> None:
    created = stores.files.create(record(stores))
    gone = stores.files.release(created.model_copy(update={"state": "deleted"}))
    heir = stores.files.create(record(stores))

    with pytest.raises(StaleRecordError):
        stores.files.release(gone)

    assert stores.files.at_key("incoming/a.zip") == heir


def test_keys_that_no_file_stands_at_are_unknown(stores: Ports) -> None:
    known = [stores.files.create(record(stores, f"imports/{n}")).key for n in range(130)]

    asked = sorted([*known, "imports/é + #.txt", "imports/new"])

    assert stores.files.unknown_keys(asked) == ["imports/new", "imports/é + #.txt"]


# --- refused lines ------------------------------------------------------------------------------


def refused(count: int, text: str = "junk") -> list[RefusedLine]:
    return [RefusedLine(line=n, reason="because", text=text) for n in range(1, count + 1)]


def test_refused_lines_are_those_of_the_live_generation(stores: Ports) -> None:
    file = record(stores, generation=1, live=1)
    newer = file.model_copy(update={"generation": 2})
    stores.files.put_refused(file, refused(600))
    stores.files.put_refused(newer, refused(2, "rust"))

    assert stores.files.refused(file) == refused(600)
    assert stores.files.refused(newer) == refused(600)
    assert stores.files.refused(newer.model_copy(update={"live": 2})) == refused(2, "rust")
    assert stores.files.refused(file.model_copy(update={"live": None})) == []


def test_refused_lines_of_older_generations_or_all_are_forgotten(stores: Ports) -> None:
    first, second = (record(stores, id=7, generation=n, live=n) for n in (1, 2))
    other = record(stores, id=8, generation=1, live=1)
    for file in (first, second, other):
        stores.files.put_refused(file, refused(300))

    stores.files.forget_refused(7, before=2)
    assert (stores.files.refused(first), stores.files.refused(second)) == ([], refused(300))

    stores.files.forget_refused(7)
    assert (stores.files.refused(second), stores.files.refused(other)) == ([], refused(300))


@pytest.mark.parametrize("character", ["\x01", "\\", "\U000e0001", "é"])
def test_a_thousand_of_the_longest_refused_lines_can_be_stored(
    stores: Ports, character: str
) -> None:
    """200 bytes of a line and 40 characters of it in the reason; an item holds 400 kB."""
    text = character * (200 // len(character.encode()))
    reason = f"not a UTC second such as 2020-02-20T11:29:44Z: {character * 40!r}"
    lines = [RefusedLine(line=10**9 + n, reason=reason, text=text) for n in range(1_000)]
    file = record(stores, generation=1, live=1)

    stores.files.put_refused(file, lines)

    assert stores.files.refused(file) == lines


# --- chunks -------------------------------------------------------------------------------------


def packed(*gumballs: int, hour: int = 8) -> bytes:
    return b"".join(pack(hour * 3_600 + n, each) for n, each in enumerate(gumballs))


def chunk(
    content: bytes, day: date = DAY, serial: str = "GM001", kind: ChunkKind = "rows"
) -> Chunk:
    return Chunk(serial, day, kind, content)


def stored(stores: Ports, *chunks: Chunk, **told: Any) -> FileRecord:
    """Store a file whose chunks count, and return its record."""
    usual = {"state": "processed", "generation": 1, "live": 1, "technician": "T0001"}
    file = record(stores, f"incoming/{stores.files.next_id()}", **{**usual, **told})
    created = stores.files.create(file)
    stores.chunks.put(created, 0, chunks)
    return created


def gumballs(stores: Ports, serial: str = "GM001") -> list[int]:
    return [key % 10 for _, day in stores.chunks.days(serial) for key in day]


def test_a_day_is_the_union_of_the_files_that_count(stores: Ports) -> None:
    stored(stores, chunk(packed(1, 2)))
    stored(stores, chunk(packed(1, 2, 3)), chunk(packed(4), date(2020, 2, 21)))
    stored(stores, chunk(packed(9), serial="GM002"))

    assert [(day, list(found)) for day, found in stores.chunks.days("GM001")] == [
        (DAY, list(keys(DAY, packed(1, 2, 3)))),
        (date(2020, 2, 21), list(keys(date(2020, 2, 21), packed(4)))),
    ]


@pytest.mark.parametrize(
    "told",
    [
        {"state": "received"},
        {"state": "rejected"},
        {"state": "held"},
        {"state": "deleted"},
        {"state": "failed"},
        {"live": 2},
        {"live": None},
    ],
)
def test_chunks_count_only_by_their_file_s_record(stores: Ports, told: dict[str, Any]) -> None:
    stored(stores, chunk(packed(1, 2)), chunk(b"1234", kind="corrupt"), **told)

    assert gumballs(stores) == []
    window = stores.chunks.log("GM001", 90)
    assert (list(window.keys), window.corrupt_lines, window.last_download_at) == ([], 0, None)
    assert stores.chunks.others("GM001", first=DAY, last=DAY, than=404) == {}


def test_a_suspect_file_s_chunks_count(stores: Ports) -> None:
    stored(stores, chunk(packed(1, 2)), state="suspect")

    assert gumballs(stores) == [1, 2]


def test_parts_of_a_day_are_joined_in_the_order_of_the_file(stores: Ports) -> None:
    file = stored(stores, chunk(packed(3, 1)))
    stores.chunks.put(file, 1, [chunk(packed(3, 1))])

    assert gumballs(stores) == [3, 3, 1, 1]
    stored(stores, chunk(packed(3, 1)))
    assert gumballs(stores) == [3, 3, 1, 1]


def test_days_are_those_requested_oldest_first(stores: Ports) -> None:
    days = [date(2019, 12, 31), date(2020, 1, 1), date(2020, 2, 29), date(2020, 3, 1)]
    stored(stores, *(chunk(packed(1), day) for day in reversed(days)))

    assert [day for day, _ in stores.chunks.days("GM001")] == days
    spans = stores.chunks.days("GM001", first=days[1], last=days[2])
    assert [day for day, _ in spans] == days[1:3]


def test_a_window_reaches_back_from_the_machine_s_newest_row(stores: Ports) -> None:
    newest = date(2020, 2, 20)
    for number, age in enumerate((0, 89, 90, 91)):
        stored(stores, chunk(packed(*[number] * 3), newest - timedelta(days=age)))

    window = stores.chunks.log("GM001", 90)

    assert [key % 10 for key in window.keys] == [2, 2, 2, 1, 1, 1, 0, 0, 0]


def test_a_window_counts_refused_lines_of_its_days_once_and_those_after_its_rows(
    stores: Ports,
) -> None:
    lines = b"aaaabbbb"
    stored(stores, chunk(packed(1)), chunk(lines, date(2020, 2, 29), kind="corrupt"))
    stored(stores, chunk(lines + b"cccc", date(2020, 2, 28), kind="corrupt"))
    stored(stores, chunk(b"dddd", date(2019, 2, 20), kind="corrupt"))

    assert stores.chunks.log("GM001", 90).corrupt_lines == 3


def test_a_machine_with_refused_lines_alone_has_a_window(stores: Ports) -> None:
    stored(stores, chunk(b"aaaa", kind="corrupt"))

    assert stores.chunks.log("GM001", 90).corrupt_lines == 1


def test_the_last_download_is_a_technician_s(stores: Ports) -> None:
    stored(stores, chunk(packed(1)), not_after=NOON)
    stored(stores, chunk(packed(1)), not_after=NOON + timedelta(hours=1))
    stored(stores, chunk(packed(1)), not_after=NOON + timedelta(days=1), technician=None)

    assert stores.chunks.log("GM001", 90).last_download_at == NOON + timedelta(hours=1)


def test_a_window_ends_at_no_lone_row(stores: Ports) -> None:
    last = date(2020, 2, 20)
    stored(stores, chunk(packed(1), date(2026, 11, 28)), chunk(packed(1, 2, 3), last))
    stored(stores, chunk(b"aaaa", last - timedelta(days=90), kind="corrupt"))
    stored(stores, chunk(b"bbbb", last - timedelta(days=91), kind="corrupt"))

    log = stores.chunks.log("GM001", 90)

    assert [key % 10 for key in log.keys] == [1, 2, 3, 1]
    assert log.corrupt_lines == 1


def test_a_log_since_a_day_holds_what_came_before_it(stores: Ports) -> None:
    newest = date(2020, 2, 20)
    ages = (0, 100, 200, 210, 220, 230, 240)
    stored(stores, *(chunk(packed(1, 1, 1), newest - timedelta(days=age)) for age in ages))

    log = stores.chunks.log("GM001", 90, since=newest - timedelta(days=200))

    assert len(log.keys) == 3 * 6  # three days before the one asked for
    assert len(stores.chunks.log("GM001", 90).keys) == 3


def test_rows_beyond_the_most_of_a_day_are_only_counted(stores: Ports) -> None:
    many = b"".join(pack(n, 1) for n in range(MOST_ROWS + 5))
    file = stored(stores, chunk(many[:-20]))
    stores.chunks.put(file, 1, [chunk((9_000).to_bytes(4), kind="beyond")])
    stored(stores, chunk(many[-40:]))

    log = stores.chunks.log("GM001", 90)

    assert (len(log.keys), len(gumballs(stores))) == (MOST_ROWS, MOST_ROWS)
    assert log.beyond == {DAY: 9_000 - MOST_ROWS}


def test_the_days_that_a_file_touched_are_those_of_all_its_generations(stores: Ports) -> None:
    file = stored(stores, chunk(packed(1)), chunk(packed(1), serial="GM002"))
    newer = file.model_copy(update={"generation": 2})
    stores.chunks.put(newer, 0, [chunk(packed(2), date(2020, 3, 1))])

    assert stores.chunks.touched(file.id) == {"GM001": {DAY, date(2020, 3, 1)}, "GM002": {DAY}}
    stores.chunks.discard(file.id, first=2, before=3)
    assert stores.chunks.touched(file.id) == {"GM001": {DAY}, "GM002": {DAY}}


def test_visits_are_the_downloads_of_the_files_that_count(stores: Ports) -> None:
    first = stored(stores, chunk(packed(1)), not_after=NOON)
    stored(stores, chunk(packed(1)), technician=None)
    stored(stores, chunk(packed(1), date(2020, 3, 1)), not_after=NOON + timedelta(days=10))

    visits = stores.chunks.visits("GM001", first=DAY, last=date(2020, 2, 29))

    assert [(visit.file, visit.technician, visit.at) for visit in visits] == [
        (first.id, "T0001", NOON)
    ]


def test_others_are_all_files_but_one_by_day_and_file(stores: Ports) -> None:
    mine = stored(stores, chunk(packed(1)), chunk(packed(2), date(2020, 2, 21)))
    stored(stores, chunk(packed(1, 1)), chunk(b"aaaa", kind="corrupt"))
    stored(stores, chunk(packed(5)), chunk(packed(6), date(2020, 2, 22)))

    others = stores.chunks.others("GM001", first=DAY, last=date(2020, 2, 21), than=mine.id)

    assert {day: list(files) for day, files in others.items()} == {
        DAY: [packed(1, 1), packed(5)],
        date(2020, 2, 21): [],
    }


def test_a_file_s_chunks_are_discarded_by_generation_or_all(stores: Ports) -> None:
    file = stored(stores, chunk(packed(1)), generation=1, live=2)
    other = stored(stores, chunk(packed(9)))
    newer = file.model_copy(update={"generation": 2})
    stores.chunks.put(newer, 0, [chunk(packed(2, 2))])

    stores.chunks.discard(file.id, before=2)
    assert gumballs(stores) == [2, 9, 2]

    stores.chunks.discard(file.id)
    assert gumballs(stores) == [9]
    stores.chunks.discard(other.id)
    assert gumballs(stores) == []


# --- conclusions --------------------------------------------------------------------------------


_COUNTS = "transactions under over gumballs credits_cents unserved_cents given_away_cents"


def summary(serial: str = "GM001", **told: Any) -> MachineSummary:
    names = [*_COUNTS.split(), "corrupt_lines", "suspected_duplicates"]
    return MachineSummary.model_validate(
        {"serial": serial, "state": "healthy", **dict.fromkeys(names, 0), **told}
    )


def state(serial: str = "GM001", place: str = "4#9999#", **told: Any) -> MachineState:
    named = {name: told.pop(name) for name in ("site", "technician") if name in told}
    machine = Machine(serial=serial, registered_at=NOON, **named)
    whole = f"{place}{serial}" if place else ""
    return MachineState(summary=summary(serial, **told), machine=machine, place=whole)


def test_a_state_replaces_the_version_that_its_rows_were_read_at(stores: Ports) -> None:
    fleet = stores.fleet
    assert fleet.machine("GM001") is None
    fleet.put(state(under=1), over=None)
    first = fleet.machine("GM001")
    fleet.put(state(under=2), over=first)

    for late in (None, first):
        with pytest.raises(StaleSummaryError):
            fleet.put(state(under=3), over=late)

    kept = fleet.machine("GM001")
    assert kept
    assert (kept.version, kept.summary.under) == (2, 2)


def test_a_machine_stands_once_in_each_of_its_lists(stores: Ports) -> None:
    fleet = stores.fleet
    for serial, place in (("GM001", "4#9999#"), ("GM002", "1##"), ("GM003", "0##")):
        fleet.put(state(serial, place, site="east", technician="T0001"), over=None)
    fleet.put(state("GM003", "2##", site="west"), over=fleet.machine("GM003"))

    def listed(*of: Any, **span: Any) -> list[str]:
        return [entry.serial for entry in fleet.entries(0, of, **span)]

    assert listed("ALL", None) == ["GM002", "GM003", "GM001"]
    assert listed("ALL", None, last="2~") == ["GM002", "GM003"]
    assert listed("ALL", None, first="1##GM002\x00") == ["GM003", "GM001"]
    assert (listed("SITE", "east"), listed("SITE", "west")) == (["GM002", "GM001"], ["GM003"])
    assert listed("TECHNICIAN", "T0001") == ["GM002", "GM001"]

    fleet.put(state("GM002", ""), over=fleet.machine("GM002"))
    assert (listed("ALL", None), listed("SITE", "east")) == (["GM003", "GM001"], ["GM001"])


def test_sums_are_stored_by_state_of_the_machines_listed(stores: Ports) -> None:
    fleet = stores.fleet
    for number in range(5):
        fleet.put(state(f"GM00{number}", transactions=number, credits_cents=25), over=None)
    fleet.put(state("GM004", state="degraded", transactions=7), over=fleet.machine("GM004"))
    fleet.put(state("GM003", "", transactions=3), over=fleet.machine("GM003"))

    totals = fleet.totals(0)

    assert set(totals) == {"healthy", "degraded"}
    assert (totals["healthy"].machines, totals["healthy"].transactions) == (3, 3)
    assert (totals["degraded"].machines, totals["degraded"].transactions) == (1, 7)
    assert totals["healthy"].credits_cents == 75


def test_machines_are_known_by_serial_shard_by_shard(stores: Ports) -> None:
    serials = {f"GM{number:03d}" for number in range(40)}
    for serial in sorted(serials)[:20]:
        stores.fleet.put(state(serial), over=None)
    stores.fleet.enrol(sorted(serials)[10:])

    found: list[str] = []
    for shard in range(SHARDS):
        after = ""
        while page := stores.fleet.serials(shard, after=after, limit=3):
            assert page == sorted(page)
            found += page
            after = page[-1]

    assert (len(found), set(found)) == (40, serials)


def test_another_epoch_has_lists_and_sums_of_its_own(stores: Ports) -> None:
    stores.fleet.put(state(transactions=2), over=None)
    stores.rollups.begin_epoch(1)
    stores.rollups.begin_epoch(1)
    assert stores.rollups.epoch() == 1
    assert list(stores.fleet.entries(1, ("ALL", None))) == []

    again = state(transactions=3).model_copy(update={"epoch": 1})
    stores.fleet.put(again, over=stores.fleet.machine("GM001"))

    assert [entry.serial for entry in stores.fleet.entries(1, ("ALL", None))] == ["GM001"]
    assert stores.fleet.totals(1)["healthy"].transactions == 3


# --- rollups and regions ------------------------------------------------------------------------

SOLD = Rollup(rows=(3, *[0] * 23), covered=(1, *[0] * 23), under=1, first=1, last=2)


def counted(stores: Ports, zone: str = "UTC") -> dict[int, tuple[int, int, int]]:
    """Return rows and covering machines of the first hour, and active machines, by day."""
    found = stores.rollups.counted(0, zone, "2020-02")
    return {day.day: (sums.rows[0], sums.covered[0], sums.active) for day, sums in found.items()}


def test_a_month_of_rollups_changes_the_sums_of_its_region_by_the_difference(
    stores: Ports,
) -> None:
    rollups = stores.rollups
    for serial in ("GM001", "GM002", "GM003"):
        rollups.put_month(serial, "2020-02", Month("UTC", {DAY: SOLD}), over=None)
    assert counted(stores) == {20: (9, 3, 3)}

    over = rollups.months("GM002")["2020-02"]
    more = SOLD._replace(rows=(5, *[0] * 23))
    rollups.put_month("GM002", "2020-02", Month("UTC", {DAY: more}), over=over)
    rollups.put_month("GM003", "2020-02", Month("UTC"), over=rollups.months("GM003")["2020-02"])

    assert counted(stores) == {20: (8, 2, 2)}
    assert rollups.months("GM002")["2020-02"].days == {DAY: more}
    with pytest.raises(StaleMonthError):
        rollups.put_month("GM002", "2020-02", Month("UTC"), over=over)
    assert counted(stores) == {20: (8, 2, 2)}


def test_a_machine_that_moves_takes_its_days_along(stores: Ports) -> None:
    stores.rollups.put_month("GM001", "2020-02", Month("UTC", {DAY: SOLD}), over=None)
    over = stores.rollups.months("GM001")["2020-02"]
    stores.rollups.put_month("GM001", "2020-02", Month("Asia/Tokyo", {DAY: SOLD}), over=over)

    assert (counted(stores), counted(stores, "Asia/Tokyo")) == ({}, {20: (3, 1, 1)})
    assert {(note.zone, note.month) for note in stores.rollups.notes(9)} == {
        ("UTC", "2020-02"),
        ("Asia/Tokyo", "2020-02"),
    }


def test_months_are_those_requested(stores: Ports) -> None:
    for name in ("2019-12", "2020-01", "2020-02"):
        day = date.fromisoformat(f"{name}-05")
        stores.rollups.put_month("GM001", name, Month("UTC", {day: SOLD}), over=None)

    assert list(stores.rollups.months("GM001")) == ["2019-12", "2020-01", "2020-02"]
    assert list(stores.rollups.months("GM001", first="2020-01")) == ["2020-01", "2020-02"]
    assert list(stores.rollups.months("GM001", last="2019-12")) == ["2019-12"]
    assert list(stores.chunks.days("GM001")) == []


def test_a_note_that_was_written_anew_is_not_struck(stores: Ports) -> None:
    stores.rollups.note("GM001")
    [old] = stores.rollups.notes(9)
    stores.rollups.note("GM001")

    stores.rollups.strike(old)
    [new] = stores.rollups.notes(9)
    assert (new.serial, new.month, new.nonce != old.nonce) == ("GM001", "", True)
    stores.rollups.strike(new)
    stores.rollups.strike(new)
    assert stores.rollups.notes(9) == []


def test_a_region_s_month_replaces_the_one_that_was_read_and_its_gaps_with_it(
    stores: Ports,
) -> None:
    gap = Stretch("UTC", 3_600, 7_200, e=1e-9, expected=20.5, machines=3, last=3_000, last_of="GM1")
    first = RegionMonth({DAY: RegionDay().plus(SOLD)}, (gap, gap._replace(start=9_000)))
    stores.rollups.put_region_month(0, "UTC", "2020-02", first, over=None)
    kept = stores.rollups.region_months(0, "UTC", ["2020-01", "2020-02"])["2020-02"]
    assert (kept.days, kept.stretches) == (first.days, first.stretches)
    assert [each.start for each in stores.rollups.gaps(0, 9)] == [9_000, 3_600]

    stores.rollups.put_region_month(0, "UTC", "2020-02", RegionMonth({}, (gap,)), over=kept)

    assert stores.rollups.gaps(0, 9) == [gap]
    with pytest.raises(StaleMonthError):
        stores.rollups.put_region_month(0, "UTC", "2020-02", first, over=kept)


def test_faults_are_settled_further_and_never_less(stores: Ports) -> None:
    assert stores.fleet.settled_until("GM001") is None
    for until in (NOON, NOON + timedelta(microseconds=1), NOON - timedelta(days=1)):
        stores.fleet.settle("GM001", until)

    assert stores.fleet.settled_until("GM001") == NOON + timedelta(microseconds=1)


# --- dispatches ---------------------------------------------------------------------------------


def dispatch(stores: Ports, machine: str = "GM001", **told: Any) -> Dispatch:
    usual = {"id": stores.dispatches.next_id(), "machine": machine, "opened_at": NOON}
    return Dispatch.model_validate({**usual, **told})


def test_a_machine_has_one_open_dispatch(stores: Ports) -> None:
    first = dispatch(stores)
    stores.dispatches.open(first)

    with pytest.raises(AlreadyOpenError) as taken:
        stores.dispatches.open(dispatch(stores))
    stores.dispatches.open(dispatch(stores, "GM002"))

    assert taken.value.dispatch == first == stores.dispatches.open_at("GM001")
    assert [each.id for each in stores.dispatches.newest_first()] == [3, 1]
    assert [each.id for each in stores.dispatches.newest_first(before=3)] == [1]
    assert sorted(each.id for each in stores.dispatches.under_way()) == [1, 3]
    assert stores.dispatches.open_at("GM404") is None
    assert stores.dispatches.get(404) is None


def test_a_dispatch_is_closed_once(stores: Ports) -> None:
    opened = dispatch(stores)
    stores.dispatches.open(opened)
    closed = opened.model_copy(update={"state": "closed", "closed_by": "dispatcher"})

    assert stores.dispatches.close(closed) is True
    assert stores.dispatches.close(closed.model_copy(update={"closed_by": "file 7"})) is False

    assert stores.dispatches.get(opened.id) == closed
    assert stores.dispatches.open_at("GM001") is None
    stores.dispatches.open(dispatch(stores))
    assert stores.dispatches.close(closed) is False


# --- the share ----------------------------------------------------------------------------------


def test_what_is_put_is_found_and_what_is_deleted_is_not(stores: Ports) -> None:
    share = stores.share
    assert share.find("incoming/a.zip") is None
    share.put("incoming/a.zip", b"12345")

    found = share.find("incoming/a.zip")

    assert found is not None
    assert found.size_bytes == 5
    share.put("incoming/a.zip", b"12345")
    assert share.find("incoming/a.zip") == found
    share.put("incoming/a.zip", b"54321")
    assert share.find("incoming/a.zip") != found
    share.delete("incoming/a.zip")
    share.delete("incoming/a.zip")
    assert share.find("incoming/a.zip") is None


def test_the_tags_of_the_share_are_those_that_are_found(stores: Ports) -> None:
    for key in ("incoming/a.zip", "imports/é + #.txt", "imports/folder/b"):
        stores.share.put(key, key.encode())

    tags = stores.share.etags()

    assert sorted(tags) == ["imports/folder/b", "imports/é + #.txt", "incoming/a.zip"]
    for key, etag in tags.items():
        found = stores.share.find(key)
        assert found is not None
        assert found.etag == etag


def test_an_object_is_read_from_any_place_in_it(stores: Ports) -> None:
    stores.share.put("incoming/a.zip", bytes(range(256)) * 10)
    found = stores.share.find("incoming/a.zip")
    assert found is not None

    with stores.share.open("incoming/a.zip", found) as source:
        assert source.read(3) == b"\x00\x01\x02"
        assert source.seek(-2, 2) == 2_558
        assert source.read() == b"\xfe\xff"
        assert source.read(1) == b""
        assert source.seek(255) == 255
        assert (source.read(2), source.tell()) == (b"\xff\x00", 257)


@pytest.mark.parametrize("deed", ["replaced", "removed"])
def test_an_object_that_is_no_longer_the_same_is_not_read_on(stores: Ports, deed: str) -> None:
    stores.share.put("incoming/a.zip", b"12345")
    found = stores.share.find("incoming/a.zip")
    assert found is not None

    with stores.share.open("incoming/a.zip", found) as source:
        if deed == "replaced":
            stores.share.put("incoming/a.zip", b"54321")
        else:
            stores.share.delete("incoming/a.zip")
        with pytest.raises(ChangedMeanwhileError):
            source.read()
