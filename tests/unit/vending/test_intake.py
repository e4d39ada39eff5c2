"""Taking files in and giving them back (V2, V3, V4)."""

import gzip
import hashlib
import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core import paging
from chalicelib.core.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    MediaTypeError,
    NotFoundError,
    TooLargeError,
    UnprocessableError,
)
from chalicelib.vending.files import DISPATCHER, FileView
from chalicelib.vending.models import AwaitedImport, AwaitedUpload, FilesQuery, ImportQuery
from tests.support.vending.share import FakeShare
from tests.support.vending.world import World, log

RAW = log("GM001", 1, 0, 1, first="2018-09-20T10:00:00")
OTHER = log("GM001", 2, 2, 2, first="2018-09-20T10:00:00")
NAME = "T0001.GM001.2018-09-21_093448.zip"
DOWNLOADED = "9/21/2018 9:34:48 AM"


def brief_s_upload(filename: str | None = None) -> AwaitedUpload:
    return AwaitedUpload(
        technician="#001", machine="GM001", downloaded_at=DOWNLOADED, filename=filename
    )


def upload(world: World, content: bytes = RAW) -> FileView:
    return world.upload(content, at=DOWNLOADED)


def stored(world: World, key: str) -> bytes | None:
    assert isinstance(world.ports.share, FakeShare)
    return world.ports.share.objects.get(key)


def gzipped(content: bytes) -> bytes:
    """Return it compressed; undated, as the names of tests hold it."""
    return gzip.compress(content, mtime=0)


def zipped(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.txt", text)
    return content.getvalue()


# --- uploading ----------------------------------------------------------------------------------


def test_v2_an_upload_is_stored_under_its_name_with_the_original_bytes_inside(
    world: World,
) -> None:
    file, new = world.vending.uploads.upload(brief_s_upload("somefile.txt"), RAW)

    assert new
    assert (file.name, file.original_name, file.state) == (NAME, "somefile.txt", "received")
    assert (file.technician, file.machine) == ("T0001", "GM001")
    assert file.downloaded_at == "2018-09-21T09:34:48"
    with zipfile.ZipFile(io.BytesIO(stored(world, f"incoming/{NAME}") or b"")) as archive:
        [member] = archive.namelist()
        assert archive.read(member) == RAW


def test_v2_c5_ids_count_up(world: World) -> None:
    first = upload(world)
    second = world.upload(RAW, at="2018-09-22T09:34:48")

    assert first.id < second.id


def test_v5_storing_a_file_is_what_has_it_processed(world: World) -> None:
    upload(world)

    assert world.queues.arrivals == [f"incoming/{NAME}"]


@pytest.mark.parametrize("sent", [RAW, gzipped(RAW), zipped(log=RAW)])
def test_v2_c4_an_archive_is_opened_and_packed_anew_never_a_zip_in_a_zip(
    world: World, sent: bytes
) -> None:
    file = upload(world, sent)

    assert file.sha256 == hashlib.sha256(RAW).hexdigest()
    assert file.size_bytes == len(RAW)
    with zipfile.ZipFile(io.BytesIO(stored(world, f"incoming/{NAME}") or b"")) as archive:
        assert [archive.read(member) for member in archive.namelist()] == [RAW]


@pytest.mark.parametrize("again", [RAW, gzipped(RAW), zipped(renamed=RAW)])
def test_v2_c3_the_same_name_with_the_same_bytes_is_the_same_file(
    world: World, again: bytes
) -> None:
    first = upload(world)
    world.settle()

    second, new = world.vending.uploads.upload(brief_s_upload(), again)

    assert (second.id, second.state, new) == (first.id, "processed", False)
    assert world.queues.arrivals == []


def test_v2_c3_the_same_name_with_other_bytes_is_a_conflict_that_names_the_file(
    world: World,
) -> None:
    first = upload(world)

    with pytest.raises(ConflictError, match="with other bytes") as refused:
        upload(world, OTHER)

    assert refused.value.facts == {"file": first.id}
    world.settle()
    assert [each.gumballs for each in world.rows("GM001")] == [1, 0, 1]


def test_v2_c3_a_file_that_was_dropped_by_hand_is_known_by_its_bytes_too(
    world: World,
) -> None:
    key = world.drop(NAME, RAW)
    world.settle()

    same = upload(world, gzipped(RAW))
    with pytest.raises(ConflictError):
        upload(world, OTHER)

    assert world.files() == {key: same}


def test_v2_c3_what_was_put_in_a_file_s_place_by_hand_is_what_counts(world: World) -> None:
    file = upload(world)
    world.settle()
    world.drop(NAME, OTHER)
    world.settle()

    with pytest.raises(ConflictError):
        upload(world, RAW)

    assert upload(world, OTHER).id == file.id


def test_an_upload_that_stopped_half_way_is_finished_by_the_same_request(world: World) -> None:
    file = upload(world)
    assert isinstance(world.ports.share, FakeShare)
    world.ports.share.objects.clear()  # as if it had died before this

    again = upload(world)

    assert again.id == file.id
    world.settle()
    assert world.file(file.id).state == "processed"


def test_v2_c1_the_clock_of_the_name_is_the_technician_s_whatever_the_offset(
    world: World,
) -> None:
    told = AwaitedUpload(
        technician="T0001", machine="GM001", downloaded_at="2018-09-21T09:34:48-05:00"
    )

    assert world.vending.uploads.upload(told, RAW)[0].name == NAME


def test_4d_a_file_name_with_a_path_and_quotes_is_text_and_no_key(world: World) -> None:
    nasty = "../../etc/\"passwd'"

    file, _ = world.vending.uploads.upload(brief_s_upload(nasty), RAW)

    assert file.original_name == nasty
    assert world.queues.arrivals == [f"incoming/{NAME}"]


# --- what is not taken --------------------------------------------------------------------------


def test_c12_a_machine_of_another_technician_is_forbidden_and_the_own_ones_are_listed(
    world: World,
) -> None:
    with pytest.raises(ForbiddenError, match="GM003 is not assigned to T0001") as refused:
        world.upload(RAW, machine="GM003", technician="T0001")

    assert refused.value.facts == {"assigned": ["GM001", "GM002"]}
    assert world.files() == {}


@pytest.mark.parametrize(
    ("machine", "technician", "missing"),
    [
        ("GM404", "T0001", "machine GM404"),
        ("GM001", "T0404", "technician T0404"),
        ("GM404", "T0404", "technician T0404"),
    ],
)
def test_c12_an_unknown_machine_or_technician_is_not_found(
    world: World, machine: str, technician: str, missing: str
) -> None:
    with pytest.raises(NotFoundError, match=f"There is no {missing}"):
        world.upload(RAW, machine, technician)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", InvalidInputError),
        (b" \r\n\t\n", InvalidInputError),
        (gzipped(b""), InvalidInputError),
        (b"%PDF-1.7 ...", MediaTypeError),
        (b"\x89PNG\r\n\x1a\n....", MediaTypeError),
        (b"\xff\xd8\xff\xe0....", MediaTypeError),
        (zipped(one=RAW, two=RAW), UnprocessableError),
        (zipped(inner=zipped(log=RAW)), UnprocessableError),
        (zipped(**{"../log": RAW}), UnprocessableError),
        (zipped(log=RAW)[:-9], UnprocessableError),
        (gzipped(RAW)[:-9], UnprocessableError),
        (gzipped(b"\n" * 2_000_000), UnprocessableError),
    ],
)
def test_4d_bytes_that_are_no_log_are_refused_and_nothing_is_stored(
    world: World, content: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        upload(world, content)
    with pytest.raises(error):
        world.take_import(content)

    assert world.files() == {}
    assert world.queues.arrivals == []


def test_4d_a_log_too_long_to_wait_for_is_sent_to_the_other_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.vending.service.uploads._TEXT_LIMIT", 10)

    with pytest.raises(TooLargeError, match="POST /files/presigned"):
        upload(world)


def test_v2_c2_a_download_of_tomorrow_is_no_download(world: World) -> None:
    ahead = world.clock().replace(tzinfo=None) + timedelta(days=3)

    with pytest.raises(InvalidInputError) as refused:
        world.upload(RAW, at=ahead.isoformat())

    [fault] = refused.value.faults
    assert (fault["place"], fault["field"]) == ("query", "downloaded_at")


# --- imports ------------------------------------------------------------------------------------


def test_v7_c9_the_dispatcher_imports_a_file_of_any_machines(world: World) -> None:
    mixed = log("GM001", 1) + log("GM777", 2)

    file, new = world.vending.uploads.take_import(ImportQuery(filename="all.txt"), mixed)
    world.settle()

    assert new
    assert (file.machine, file.technician, file.downloaded_at) == (None, None, None)
    assert file.original_name == "all.txt"
    assert world.machine("GM001").transactions == world.machine("GM777").transactions == 1


def test_c3_the_same_import_is_the_same_file_and_another_one_is_another(world: World) -> None:
    first = world.take_import(RAW)

    assert world.take_import(RAW).id == first.id
    assert world.take_import(OTHER).id != first.id


# --- large files, straight to the share ---------------------------------------------------------


def test_4d_a_large_file_is_awaited_and_sent_by_url(world: World) -> None:
    awaited = world.vending.uploads.await_upload(brief_s_upload())

    assert awaited.file.state == "awaiting_upload"
    assert awaited.upload.method == "PUT"
    assert awaited.upload.headers["If-None-Match"] == "*"
    assert awaited.upload.expires_at == world.clock() + timedelta(minutes=10)
    assert f"incoming/{NAME}" in awaited.upload.url

    world.drop(NAME, gzipped(RAW))
    world.settle()
    file = world.file(awaited.file.id)
    assert (file.state, file.rows_kept, file.size_bytes) == ("processed", 3, len(RAW))


def sent_by_url(world: World, content: bytes, number: int = -1) -> bool:
    """Send bytes to the URL that was given last, or as the one before; return if they are taken."""
    share = world.vending.uploads.share
    assert isinstance(share, FakeShare)
    key, sending = share.sendings[number]
    return share.receive(key, content, sending)


def test_one_url_is_for_one_file_of_one_size_and_digest(world: World) -> None:
    content = gzipped(RAW)
    digest = hashlib.sha256(content).hexdigest()
    told = brief_s_upload().model_copy(update={"size_bytes": len(content), "sha256": digest})
    awaited = world.vending.uploads.await_upload(told)

    assert not sent_by_url(world, content + b"x")
    assert not sent_by_url(world, bytes(len(content)))
    assert sent_by_url(world, content)
    world.settle()
    assert world.file(awaited.file.id).state == "processed"
    assert not sent_by_url(world, content)


def test_a_url_brings_no_deleted_file_back(world: World) -> None:
    awaited = world.vending.uploads.await_upload(brief_s_upload())
    assert sent_by_url(world, gzipped(RAW))
    world.settle()
    world.vending.uploads.delete("T0001", awaited.file.id)
    world.settle()

    assert sent_by_url(world, gzipped(RAW))  # nothing stands there, so the share takes it
    world.settle()

    assert world.files_of("T0001") == []
    assert world.machine("GM001").transactions == 0


def test_a_url_of_a_deleted_file_is_not_the_file_that_came_after_it(world: World) -> None:
    first = world.vending.uploads.await_upload(brief_s_upload())
    world.vending.uploads.delete("T0001", first.file.id)
    second = world.vending.uploads.await_upload(brief_s_upload())

    assert sent_by_url(world, gzipped(RAW), -2)
    world.settle()

    assert world.file(second.file.id).state == "awaiting_upload"


def test_an_upload_that_arrives_after_the_machine_changed_hands_is_held(world: World) -> None:
    awaited = world.vending.uploads.await_upload(brief_s_upload())
    world.employ("T0002", "GM001")

    assert sent_by_url(world, gzipped(RAW))
    world.settle()

    file = world.file(awaited.file.id)
    assert (file.state, file.rows_kept) == ("held", None)
    assert file.reason
    assert "not assigned to T0001" in file.reason


def test_asking_again_for_a_url_is_the_same_file(world: World) -> None:
    first = world.vending.uploads.await_upload(brief_s_upload())

    assert world.vending.uploads.await_upload(brief_s_upload()).file.id == first.file.id


def test_c3_a_url_is_not_given_for_a_file_that_is_here_already(world: World) -> None:
    file = upload(world)
    world.settle()

    with pytest.raises(ConflictError, match="is here already") as refused:
        world.vending.uploads.await_upload(brief_s_upload())

    assert refused.value.facts == {"file": file.id}


def test_a_file_that_was_to_come_by_url_may_come_in_a_request_instead(world: World) -> None:
    awaited = world.vending.uploads.await_upload(brief_s_upload())

    file, new = world.vending.uploads.upload(brief_s_upload(), RAW)
    world.settle()

    assert (file.id, file.state, new) == (awaited.file.id, "received", False)
    assert world.file(file.id).state == "processed"


def test_v5_an_upload_that_broke_off_can_be_sent_again_either_way(world: World) -> None:
    awaited = world.vending.uploads.await_upload(brief_s_upload()).file
    world.night_falls()
    assert world.file(awaited.id).state == "failed"
    assert world.file(awaited.id).reason == (
        "the upload broke off: nothing arrived; send the file again"
    )

    by_url = world.vending.uploads.await_upload(brief_s_upload()).file
    assert (by_url.id, by_url.state, by_url.reason) == (awaited.id, "awaiting_upload", None)
    world.night_falls()
    assert world.file(awaited.id).state == "failed"

    in_request = upload(world)
    assert (in_request.id, in_request.state, in_request.reason) == (awaited.id, "received", None)
    world.settle()
    assert world.file(awaited.id).state == "processed"


def test_c3_a_request_that_broke_off_is_taken_up_only_by_the_same_bytes(world: World) -> None:
    file = upload(world)
    assert isinstance(world.ports.share, FakeShare)
    world.ports.share.objects.clear()
    world.queues.arrivals.clear()
    world.night_falls()
    assert world.file(file.id).state == "failed"

    with pytest.raises(ConflictError, match="with other bytes"):
        upload(world, OTHER)

    assert upload(world).id == file.id


def test_every_import_by_url_is_another_one(world: World) -> None:
    first = world.vending.uploads.await_import(AwaitedImport(filename="a.zip"))
    second = world.vending.uploads.await_import(AwaitedImport(filename="a.zip"))

    assert first.file.id != second.file.id
    world.drop_import(second.file.name, log("GM777", 1))
    world.settle()
    assert world.file(second.file.id).state == "processed"
    assert world.file(first.file.id).state == "awaiting_upload"


# --- listing ------------------------------------------------------------------------------------


def test_v3_technicians_see_their_own_files_only_newest_first(world: World) -> None:
    older = upload(world)
    newer = world.upload(RAW, at="2018-09-22T09:34:48")
    world.upload(log("GM003", 1), "GM003", "T0002")
    world.take_import(RAW)

    assert world.files_of("T0001") == [newer, older]


def test_v3_none_yet_is_an_empty_list_and_an_unknown_technician_is_not_found(
    world: World,
) -> None:
    assert world.files_of("T0002") == []
    assert world.imports() == []
    with pytest.raises(NotFoundError, match="There is no technician T0404"):
        world.files_of("T0404")


def test_v9_a_file_shows_what_was_accepted_known_and_refused_and_why(world: World) -> None:
    upload(world)
    world.settle()
    file = world.upload(RAW + log("GM002", 1) + b"junk\n", at="2018-09-22T09:34:48")
    world.settle()

    seen = world.file(file.id)

    assert (seen.rows_kept, seen.rows_known, seen.rows_refused) == (3, 3, 2)
    assert (seen.first_at, seen.last_at) == (
        datetime(2018, 9, 20, 10, tzinfo=UTC),
        datetime(2018, 9, 20, 12, tzinfo=UTC),
    )
    assert [line.model_dump() for line in seen.refused] == [
        {
            "line": 4,
            "reason": "wrong machine GM002, this file is for GM001",
            "text": "GM002|2020-02-20T08:00:00Z|1",
        },
        {"line": 5, "reason": "1 field(s) instead of 3", "text": "junk"},
    ]


def test_an_unknown_file_is_not_found(world: World) -> None:
    with pytest.raises(NotFoundError, match="There is no file 404"):
        world.file(404)


# --- deleting -----------------------------------------------------------------------------------


def test_v4_a_deleted_file_is_gone_from_the_share_and_from_the_list(world: World) -> None:
    file = upload(world)
    world.settle()

    deleted = world.vending.uploads.delete("T0001", file.id)

    assert (deleted.state, deleted.deleted_at) == ("deleted", world.clock())
    assert stored(world, f"incoming/{NAME}") is None
    assert world.files_of("T0001") == []
    with pytest.raises(NotFoundError):
        world.file(file.id)


def test_13_3_a_page_of_files_looks_at_so_many_and_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_READ", 3)
    first, *others = [world.upload(RAW, at=f"2018-09-2{day}T09:34:48") for day in range(1, 6)]
    for each in others:
        world.vending.uploads.delete("T0001", each.id)
    query = FilesQuery(technician="T0001")

    page = world.vending.uploads.technicians_files(query, start=None)
    rest = world.vending.uploads.technicians_files(query, start=page.next)

    assert page.rows == []
    assert [each.id for each in rest.rows] == [first.id]
    assert rest.next is None


def test_v4_c6_a_foreign_or_unknown_file_and_a_second_delete_are_not_found(
    world: World,
) -> None:
    file = upload(world)

    for owner, file_id in [("T0002", file.id), (DISPATCHER, file.id), ("T0001", 404)]:
        with pytest.raises(NotFoundError, match=f"There is no file {file_id} of {owner}"):
            world.vending.uploads.delete(owner, file_id)
    world.vending.uploads.delete("T0001", file.id)
    with pytest.raises(NotFoundError):
        world.vending.uploads.delete("T0001", file.id)


def test_v4_c7_an_audit_line_of_a_deleted_file_stays(world: World) -> None:
    file = upload(world)
    world.settle()
    world.vending.uploads.delete("T0001", file.id)
    world.settle()

    kept = world.ports.files.by_id(file.id)

    assert kept is not None
    assert (kept.state, kept.name, kept.deleted_at) == ("deleted", NAME, world.clock())


def test_v4_a_deleted_file_s_name_is_free_again(world: World) -> None:
    first = upload(world)
    world.vending.uploads.delete("T0001", first.id)

    second = upload(world, OTHER)
    world.settle()

    assert second.id != first.id
    assert [each.gumballs for each in world.rows("GM001")] == [2, 2, 2]


def test_the_dispatcher_takes_an_import_back(world: World) -> None:
    file = world.take_import(log("GM777", 1))
    world.settle()

    world.vending.uploads.delete(DISPATCHER, file.id)
    world.settle()

    assert world.imports() == []
    with pytest.raises(NotFoundError, match="There is no machine GM777"):
        world.machine("GM777")
