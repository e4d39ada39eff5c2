"""Technicians' files: every way in, the list, and the way out again (V2, V3, V4)."""

import gzip
import hashlib
import io
import zipfile
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.e2e.test_events import sweep
from tests.support.deployed import Deployed
from tests.support.patience import CLIENT_S, eventually
from tests.support.vending.crew import Crew, agrees, drop, dropped, get, hired, log, put, settled

AT_THE_MACHINE = "2018-09-21T09:34:48"
STAMP = "2018-09-21_093448"


def zipped(text: str, *, name: str = "anything.log") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return packed.getvalue()


def kept(stack: Deployed, key: str) -> tuple[str, bytes]:
    """Return the name and the bytes of the one member of a zip in the share."""
    content = stack.client("s3").get_object(Bucket=stack.bucket, Key=key)["Body"].read()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        [member] = archive.infolist()
        return member.filename, archive.read(member)


def early(serial: str, **shape: int) -> str:
    """Return a log that was read on the day of `AT_THE_MACHINE`."""
    return log(serial, rows=shape.get("rows", 10)).replace("2020-03-02", "2018-09-20")


WAYS: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "zip": ("application/zip", zipped),
    "gzip": ("application/gzip", lambda text: gzip.compress(text.encode())),
    "text": ("text/plain", str.encode),
    "bytes": ("application/octet-stream", str.encode),
}


@pytest.mark.parametrize("way", WAYS)
def test_v2_an_upload_is_stored_under_its_name_with_the_original_bytes(
    crew: Crew, way: str
) -> None:
    media_type, packed = WAYS[way]
    text = early(crew.machine)

    answer = crew.upload(
        packed(text), media_type=media_type, downloaded_at=AT_THE_MACHINE, filename="GM.log"
    )

    file = answer.json()
    name = f"{crew.technician}.{crew.machine}.{STAMP}.zip"
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/files/{file['id']}"
    assert (file["name"], file["original_name"]) == (name, "GM.log")
    assert file["downloaded_at"] == AT_THE_MACHINE
    assert kept(crew.stack, f"incoming/{name}")[1] == text.encode()
    assert settled(crew.stack, file["id"])["rows_kept"] == 10
    eventually(lambda: agrees(crew.stack, crew.machine, [text]))


def test_v2_the_words_of_the_brief_do_as_well(crew: Crew) -> None:
    number = crew.technician.removeprefix("T")

    answer = crew.stack.api.post(
        "/files",
        params={
            "technician": f"#{number}",
            "machine": crew.machine,
            "downloaded_at": "9/21/2018 9:34:48 AM",
        },
        content=early(crew.machine),
        headers={"Content-Type": "text/plain; charset=utf-8"},
    )

    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == f"{crew.technician}.{crew.machine}.{STAMP}.zip"


def test_the_same_upload_again_is_the_same_file_and_other_bytes_clash(crew: Crew) -> None:
    text = log(crew.machine)

    first = crew.upload(text)
    again = crew.upload(text)
    packed = crew.upload(zipped(text), media_type="application/zip")
    other = crew.upload(log(crew.machine, rows=9))

    assert [first.status_code, again.status_code, packed.status_code] == [201, 200, 200]
    assert first.json()["id"] == again.json()["id"] == packed.json()["id"]
    assert other.status_code == 409
    assert other.json()["file"] == first.json()["id"]
    assert len(crew.files()) == 1


def test_a_file_too_large_for_a_request_goes_by_url(crew: Crew) -> None:
    text = log(crew.machine, rows=180_000, every_s=2)
    refused = crew.upload(text)
    told = {
        "technician": crew.technician,
        "machine": crew.machine,
        "downloaded_at": "2020-04-01T12:00:00",
        "filename": "large.txt",
    }

    awaited = crew.stack.api.post("/files/presigned", json=told).json()
    before = get(crew.stack, f"/files/{awaited['file']['id']}")
    upload = awaited["upload"]
    sent = httpx.request(
        upload["method"],
        upload["url"],
        headers=upload["headers"],
        content=text.encode(),
        timeout=CLIENT_S,
    )

    assert refused.status_code == 413
    assert "/files/presigned" in refused.json()["detail"]
    assert before["state"] == "awaiting_upload"
    assert sent.status_code == 200, sent.text
    file = settled(crew.stack, awaited["file"]["id"], within_s=60)
    assert (file["state"], file["rows_kept"]) == ("processed", 180_000)
    assert file["original_name"] == "large.txt"


def test_a_url_takes_the_bytes_that_were_given_and_takes_them_once(crew: Crew) -> None:
    content = log(crew.machine).encode()
    told = {
        "technician": crew.technician,
        "machine": crew.machine,
        "downloaded_at": "2020-04-01T12:00:00",
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    awaited = crew.stack.api.post("/files/presigned", json=told).json()
    url, headers = awaited["upload"]["url"], awaited["upload"]["headers"]

    def put(sent: bytes, **other: str) -> int:
        return httpx.put(
            url, headers={**headers, **other}, content=sent, timeout=CLIENT_S
        ).status_code

    assert put(content[:-1] + b"x") == 400
    assert put(content + b"x") in {400, 403}
    assert put(content, **{"x-amz-meta-backroom-file": "0"}) == 403
    assert put(content) == 200
    settled(crew.stack, awaited["file"]["id"])
    assert put(content) == 412

    assert crew.delete(awaited["file"]["id"]).status_code == 200
    put(content)
    sweep(crew.stack)
    eventually(lambda: agrees(crew.stack, crew.machine, []))
    assert crew.files() == []


def test_what_was_awaited_by_url_may_come_in_a_request_instead(crew: Crew) -> None:
    told = {"technician": crew.technician, "machine": crew.machine}
    when = {"downloaded_at": "2020-04-01T12:00:00"}
    awaited = crew.stack.api.post("/files/presigned", json={**told, **when}).json()

    answer = crew.upload(log(crew.machine), **when)

    assert answer.json()["id"] == awaited["file"]["id"]
    assert settled(crew.stack, awaited["file"]["id"])["state"] == "processed"


def test_an_import_by_url_is_the_dispatchers(stack: Deployed, crew: Crew) -> None:
    text = log(crew.machine)
    awaited = stack.api.post("/imports/presigned", json={"filename": "all.txt"}).json()

    upload = awaited["upload"]
    httpx.put(upload["url"], headers=upload["headers"], content=text.encode(), timeout=CLIENT_S)

    assert settled(stack, awaited["file"]["id"])["rows_kept"] == 10
    assert awaited["file"]["id"] in [file["id"] for file in get(stack, "/imports")]
    assert crew.files() == []


@pytest.mark.parametrize(("way", "ending"), [("zip", "zip"), ("gzip", "gz"), ("text", "txt")])
def test_a_dropped_file_is_the_technicians_its_name_says(crew: Crew, way: str, ending: str) -> None:
    text, packed = early(crew.machine), WAYS[way][1]

    crew.drop(f"{crew.technician}.{crew.machine}.{STAMP}.{ending}", packed(text))

    [file] = eventually(crew.files)
    assert file["machine"] == crew.machine
    assert file["downloaded_at"] == AT_THE_MACHINE
    assert settled(crew.stack, file["id"])["rows_kept"] == 10
    eventually(lambda: agrees(crew.stack, crew.machine, [text]))


def test_a_dropped_file_of_a_machine_that_is_not_assigned_waits_until_it_is(
    stack: Deployed, crew: Crew
) -> None:
    colleague = hired(stack)
    text = early(crew.machine)

    colleague.drop(f"{colleague.technician}.{crew.machine}.{STAMP}.txt", text)

    [file] = eventually(lambda: [f for f in colleague.files() if f["state"] == "held"])
    assert "not assigned" in file["reason"]
    assert get(stack, f"/machines/{crew.machine}")["transactions"] == 0
    put(stack, f"/machines/{crew.machine}", technician=colleague.technician)
    eventually(lambda: agrees(stack, crew.machine, [text]))
    assert settled(stack, file["id"])["state"] == "processed"


def test_a_dropped_file_that_is_nobodys_is_rejected_and_the_dispatcher_sees_it(
    stack: Deployed,
) -> None:
    key = drop(stack, "incoming/Größe 10% & mehr+.log", "GM001|2020-02-20T11:29:44Z|1\n")

    file = settled(stack, dropped(stack, key)["id"])

    assert file["state"] == "rejected"
    assert "T0001.GM001.2018-09-21_093448.zip" in file["reason"]


def test_refused_lines_are_shown_with_line_reason_and_text(crew: Crew) -> None:
    good = log(crew.machine, rows=8)
    bad = f"{crew.machine}|2020-02-30T10:00:00Z|1\nGM099|2020-03-02T10:00:00Z|1\nnonsense\n"

    file = settled(crew.stack, crew.upload(good + bad).json()["id"])

    assert (file["state"], file["rows_kept"], file["rows_refused"]) == ("suspect", 8, 3)
    assert [line["line"] for line in file["refused"]] == [9, 10, 11]
    assert all(line["reason"] for line in file["refused"])
    assert file["refused"][2]["text"] == "nonsense"
    eventually(lambda: _report(crew)["corrupt_lines"] == 3)
    assert _report(crew)["transactions"] == 8


def test_overlapping_files_count_each_row_once(crew: Crew) -> None:
    whole, half = log(crew.machine, rows=20), log(crew.machine, rows=10)

    for day, text in enumerate([half, whole, half], start=1):
        crew.upload(text, downloaded_at=f"2020-04-0{day}T12:00:00")

    eventually(lambda: agrees(crew.stack, crew.machine, [whole]))
    assert len(crew.files()) == 3


def test_v3_a_technician_lists_their_own_files_newest_first(stack: Deployed) -> None:
    one, other = hired(stack), hired(stack)
    first = one.upload(log(one.machine)).json()["id"]
    second = one.upload(log(one.machine), downloaded_at="2020-04-02T12:00:00").json()["id"]
    theirs = other.upload(log(other.machine)).json()["id"]

    assert [file["id"] for file in one.files()] == [second, first]
    assert [file["id"] for file in other.files()] == [theirs]
    assert hired(stack).files() == []
    assert stack.api.get("/files?technician=T98765").status_code == 404
    assert stack.api.get("/files").status_code == 400


def test_v4_a_deleted_file_is_gone_from_share_list_and_rows(crew: Crew) -> None:
    stays, goes = log(crew.machine, rows=10), log(crew.machine, rows=25)
    crew.upload(stays)
    file = crew.upload(goes, downloaded_at="2020-04-02T12:00:00").json()
    eventually(lambda: agrees(crew.stack, crew.machine, [stays, goes]))

    answer = crew.delete(file["id"])

    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["state"]) == (file["id"], "deleted")
    assert f"incoming/{file['name']}" not in crew.stack.objects()
    assert file["id"] not in [f["id"] for f in crew.files()]
    eventually(lambda: agrees(crew.stack, crew.machine, [stays]))
    assert crew.delete(file["id"]).status_code == 404
    assert crew.stack.api.get(f"/files/{file['id']}").status_code == 404


def test_v4_nobody_deletes_the_file_of_another(stack: Deployed, crew: Crew) -> None:
    colleague = hired(stack)
    file = crew.upload(log(crew.machine)).json()["id"]

    foreign, absent = colleague.delete(file), colleague.delete(10**9)

    assert (foreign.status_code, absent.status_code) == (404, 404)
    assert crew.technician not in foreign.text
    assert stack.api.delete(f"/imports/{file}").status_code == 404
    assert [f["id"] for f in crew.files()] == [file]


def test_v4_a_deleted_name_is_free_for_other_bytes(crew: Crew) -> None:
    wrong, right = log(crew.machine, rows=3), log(crew.machine, rows=12)
    first = crew.upload(wrong).json()
    crew.delete(first["id"])

    second = crew.upload(right)

    assert second.status_code == 201
    assert second.json()["name"] == first["name"]
    assert second.json()["id"] > first["id"]
    eventually(lambda: agrees(crew.stack, crew.machine, [right]))


def test_an_object_deleted_by_hand_is_a_file_deleted(crew: Crew) -> None:
    file = crew.upload(log(crew.machine)).json()
    settled(crew.stack, file["id"])

    crew.stack.client("s3").delete_object(Bucket=crew.stack.bucket, Key=f"incoming/{file['name']}")

    eventually(lambda: crew.files() == [])
    eventually(lambda: agrees(crew.stack, crew.machine, []))


def test_an_object_replaced_by_hand_is_read_again(crew: Crew) -> None:
    old, new = log(crew.machine, rows=5), log(crew.machine, rows=7)
    file = crew.upload(old).json()
    settled(crew.stack, file["id"])

    crew.drop(file["name"], new)

    eventually(lambda: agrees(crew.stack, crew.machine, [new]))
    assert [f["id"] for f in crew.files()] == [file["id"]]


def _report(crew: Crew) -> dict[str, Any]:
    found: dict[str, Any] = get(crew.stack, f"/machines/{crew.machine}")
    return found
