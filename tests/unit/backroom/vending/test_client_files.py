"""Technicians' files and the dispatcher's imports: what is said of them, how they travel."""

import errno
import gzip
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from backroom.vending import outcomes, sending
from backroom.vending.api import VendingApi
from backroom.vending.sending import BODY_LIMIT_BYTES, LogFile, Sent
from tests.support.backroom.desk import Desk, file, fleet, machine, problem, words

STORED = "T0001.GM001.2018-09-21_093448.txt"
ROWS = b"GM001|2018-09-20T11:29:44Z|1\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log that was copied off the machine on a morning in September."""
    path = tmp_path / "log.txt"
    path.write_bytes(ROWS)
    at = datetime(2018, 9, 21, 9, 34, 48).astimezone().timestamp()
    os.utime(path, (at, at))
    return path


def taking(desk: Desk, *, judged: bool = True, **told: Any) -> Desk:
    """Let the desk take a file, process it and judge its machine."""
    desk.on("POST", "/files", file(state="received"), status=201)
    desk.on("POST", "/imports", file(state="received"), status=201)
    desk.on("GET", "/files/12", file(state="received"), file(**told))
    desk.on("GET", "/machines/GM001", machine())
    return desk.on("GET", "/fleet", fleet(machine(), up_to_date=judged))


def asked(desk: Desk) -> dict[str, str]:
    """Return what was said with the file that was sent."""
    return dict(desk.sent("POST", "/files")[0].url.params)


# --- what is said about a file ------------------------------------------------------------------


def test_v2_a_file_that_has_its_stored_name_needs_no_more_words(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / STORED).write_bytes(ROWS)

    result = taking(desk).run("files", "upload", tmp_path / STORED)

    assert result.exit_code == 0, result.stderr
    assert asked(desk) == {
        "technician": "T0001",
        "machine": "GM001",
        "downloaded_at": "2018-09-21T09:34:48",
        "filename": STORED,
    }


def test_v2_the_files_own_time_is_offered_and_taken_with_enter(desk: Desk, log: Path) -> None:
    result = taking(desk).run(*upload(log), says=[""])

    assert desk.questions == [
        "log.txt: downloaded 2018-09-21 09:34:48, the file's own time? [Y/n/other time] "
    ]
    assert asked(desk)["downloaded_at"] == "2018-09-21T09:34:48"
    assert result.exit_code == 0


def test_v2_another_time_can_be_said_until_it_is_understood(desk: Desk, log: Path) -> None:
    result = taking(desk).run(*upload(log), says=["yesterday", "9/22/2018 8:00:00 PM"])

    assert "must be a date and time such as 2018-09-21T09:34:48" in result.stderr
    assert asked(desk)["downloaded_at"] == "9/22/2018 8:00:00 PM"


def test_v2_a_no_sends_nothing(desk: Desk, log: Path) -> None:
    result = taking(desk).run(*upload(log), says=["n"])

    assert (result.exit_code, desk.requests) == (1, [])
    assert "Nothing was sent." in result.stderr
    assert "--downloaded-at" in result.stderr


def test_v2_where_nobody_can_be_asked_the_time_must_be_said(desk: Desk, log: Path) -> None:
    result = taking(desk).run(*upload(log))

    assert (result.exit_code, desk.requests) == (2, [])
    assert "the file's own time? This terminal is not interactive." in result.stderr
    assert "Next: add --yes to use that time, or give another: --downloaded-at" in result.stderr


def test_v2_yes_takes_the_files_own_time(desk: Desk, log: Path) -> None:
    result = taking(desk).run(*upload(log), "--yes")

    assert result.exit_code == 0
    assert asked(desk)["downloaded_at"] == "2018-09-21T09:34:48"
    assert "log.txt: T0001, GM001, downloaded 2018-09-21 09:34:48" in result.stderr


def test_v2_a_time_that_is_said_goes_as_it_was_said(desk: Desk, log: Path) -> None:
    said = "9/21/2018 9:34:48 AM"

    taking(desk).run(*upload(log), "--downloaded-at", said)

    assert asked(desk)["downloaded_at"] == said


def test_v2_what_is_said_counts_more_than_the_name(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / STORED).write_bytes(ROWS)

    taking(desk).run("files", "upload", tmp_path / STORED, "--technician", "#12345")

    assert asked(desk)["technician"] == "T12345"


@pytest.mark.parametrize(
    ("said", "missing"),
    [((), "--technician"), (("--technician", "1"), "--machine")],
)
def test_v2_what_neither_name_nor_options_say_is_requested(
    desk: Desk, log: Path, said: tuple[str, ...], missing: str
) -> None:
    result = desk.run("files", "upload", log, *said)

    assert (result.exit_code, desk.requests) == (2, [])
    assert f"{missing}: the name log.txt does not contain it" in words(result, "stderr")


def test_v2_one_time_is_for_one_file(desk: Desk, log: Path) -> None:
    result = desk.run(*upload(log), log, "--downloaded-at", "2018-09-21T09:34:48")

    assert (result.exit_code, desk.requests) == (2, [])


@pytest.mark.parametrize("command", ["files upload", "import", "audit"])
def test_a_file_that_is_not_there_is_named_before_anything_is_sent(
    desk: Desk, log: Path, command: str
) -> None:
    missing = desk.run(*command.split(), log, log.parent / "lost.txt")
    folder = desk.run(*command.split(), log.parent)

    assert (missing.exit_code, folder.exit_code, desk.requests) == (1, 1, [])
    assert "lost.txt cannot be read: No such file or directory." in missing.stderr
    assert "Next: check its name" in missing.stderr
    assert f"Next: name the files in it: {log.parent}/*" in folder.stderr


def upload(path: Path) -> tuple[object, ...]:
    return "files", "upload", path, "--technician", "#001", "--machine", "GM001"


# --- how it travels -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (ROWS, "application/octet-stream"),
        (gzip.compress(ROWS, mtime=0), "application/gzip"),
        (b"PK\x03\x04", "application/zip"),
    ],
)
def test_a_small_file_goes_as_it_is(desk: Desk, log: Path, content: bytes, media_type: str) -> None:
    log.write_bytes(content)

    taking(desk).run(*upload(log), "--yes")

    sent = desk.sent("POST", "/files")[0]
    assert sent.content == content
    assert sent.headers["content-type"] == media_type


def test_a_large_text_is_zipped_here_and_may_then_be_small_enough(desk: Desk, log: Path) -> None:
    text = ROWS * (BODY_LIMIT_BYTES // len(ROWS) + 1)
    log.write_bytes(text)

    taking(desk).run(*upload(log), "--yes")

    sent = desk.sent("POST", "/files")[0]
    assert sent.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(sent.content)) as archive:
        assert archive.read("log.txt") == text


def large(path: Path) -> bytes:
    """Write an archive that is too large for a request."""
    content = b"\x1f\x8b" + random.Random(1).randbytes(BODY_LIMIT_BYTES)
    path.write_bytes(content)
    return content


def presigning(desk: Desk, path: str) -> Desk:
    where = {
        "method": "PUT",
        "url": "http://share.test/box?signature=1",
        "headers": {"Content-Type": "application/octet-stream"},
        "expires_at": "2018-09-21T10:34:48Z",
    }
    desk.on("POST", path, {"file": file(state="awaiting_upload"), "upload": where}, status=201)
    return desk.on("PUT", "/box", httpx.Response(200))


def test_a_file_over_4_mb_goes_straight_to_the_share(desk: Desk, log: Path) -> None:
    content = large(log)

    result = presigning(taking(desk), "/files/presigned").run(*upload(log), "--yes")

    assert result.exit_code == 0, result.stderr
    assert desk.sent("POST", "/files") == []
    asked = json.loads(desk.sent("POST", "/files/presigned")[0].content)
    assert asked["machine"] == "GM001"
    assert asked["size_bytes"] == len(content)
    assert asked["sha256"] == hashlib.sha256(content).hexdigest()
    sent = desk.sent("PUT", "/box")[0]
    assert sent.content == content
    assert sent.headers["content-length"] == str(len(content))


def test_a_large_import_goes_straight_to_the_share_too(desk: Desk, log: Path) -> None:
    content = large(log)

    result = presigning(taking(desk), "/imports/presigned").run("import", log)

    assert result.exit_code == 0, result.stderr
    assert desk.sent("PUT", "/box")[0].content == content


def test_an_archive_whose_text_is_too_long_to_be_checked_at_once_takes_the_long_way(
    desk: Desk, log: Path
) -> None:
    desk.on("POST", "/files", problem(413, "the log is longer than 67,108,864 bytes"))

    result = presigning(taking(desk), "/files/presigned").run(*upload(log), "--yes")

    assert result.exit_code == 0, result.stderr
    assert desk.sent("PUT", "/box")[0].content == ROWS


def test_a_large_text_that_is_none_is_found_out_here(desk: Desk, log: Path) -> None:
    log.write_bytes(b"%PDF-" + bytes(BODY_LIMIT_BYTES))

    result = taking(desk).run(*upload(log), "--yes")

    assert (result.exit_code, desk.requests) == (1, [])
    assert "log.txt: this is a PDF document" in words(result, "stderr")


# --- what became of it --------------------------------------------------------------------------


def test_v9_an_upload_waits_and_shows_what_was_accepted_known_and_refused(
    desk: Desk, log: Path
) -> None:
    lines = [
        {"line": number, "reason": "holds NUL bytes", "text": f"row {number}"}
        for number in range(7, 12)
    ]
    taking(desk, rows_refused=5, refused=lines)

    result = desk.run(*upload(log), "--yes")

    assert len(desk.sent("GET", "/files/12")) == 2
    assert "345 rows stored, 45 of them known before; 5 lines refused" in result.stdout
    assert "line 7 holds NUL bytes row 7 line 8" in words(result)
    assert "and 2 more: backroom files show 12" in result.stdout
    assert "row 10" not in result.stdout


def test_v9_an_upload_ends_with_the_verdict_of_the_machine(desk: Desk, log: Path) -> None:
    verdict = {
        "kind": "under",
        "first_known_at": "2018-09-20T11:29:44Z",
        "why": "6 of 317 credits gave no gumball",
        "clears_when": "never",
    }
    desk.on("GET", "/machines/GM001", machine(state="degraded", verdicts=[verdict]))

    result = taking(desk).run(*upload(log), "--yes")

    last = result.stdout.strip().splitlines()[-1]
    assert last == "GM001 is degraded: 6 of 317 credits gave no gumball"


def test_a_verdict_is_not_told_before_the_fleet_was_judged_with_the_file(
    desk: Desk, log: Path
) -> None:
    unjudged = file(judged=False)
    desk.on("POST", "/files", file(state="received"), status=201)
    desk.on("GET", "/files/12", file(state="received"), unjudged, unjudged, file())
    desk.on("GET", "/fleet", fleet(up_to_date=False), fleet())
    desk.on("GET", "/machines/GM001", machine())

    result = desk.run(*upload(log), "--yes")

    assert len(desk.sent("GET", "/files/12")) == 4
    assert [dict(asked.url.params) for asked in desk.sent("GET", "/fleet")] == [{"limit": "1"}] * 2
    assert "GM001 is healthy" in result.stdout
    assert "still being evaluated" not in result.stdout


def test_a_verdict_that_is_late_is_told_as_such(desk: Desk, log: Path) -> None:
    result = taking(desk, judged=False).run(*upload(log), "--yes")

    assert result.exit_code == 0
    assert "Missing sales are still being evaluated; try again in a moment." in result.stdout
    assert sum(desk.slept_s) < 15


def test_the_same_file_again_says_that_it_was_there(desk: Desk, log: Path) -> None:
    desk.on("POST", "/files", file(), status=200)

    result = taking(desk).run(*upload(log), "--yes")

    assert result.exit_code == 0
    assert "the same file was stored before" in result.stdout


def test_without_waiting_the_next_step_is_to_look_later(desk: Desk, log: Path) -> None:
    result = taking(desk).run(*upload(log), "--yes", "--no-wait")

    assert result.exit_code == 0
    assert "Next: backroom files show 12" in result.stdout
    assert len(desk.sent("GET", "/files/12")) == 1


def test_a_file_that_is_never_processed_is_given_up_with_the_next_step(
    desk: Desk, log: Path
) -> None:
    desk.on("POST", "/files", file(state="received"), status=201)
    desk.on("GET", "/files/12", file(state="received"))

    result = desk.run(*upload(log), "--yes")

    assert result.exit_code == 1
    assert "File 12 is still received after" in result.stderr
    assert "Next: backroom files show 12, later" in result.stderr
    assert 180 < sum(desk.slept_s) < 190


@pytest.mark.parametrize("state", ["rejected", "failed", "held"])
def test_a_file_whose_rows_do_not_count_ends_with_1_and_its_reason(
    desk: Desk, log: Path, state: str
) -> None:
    result = taking(desk, state=state, reason="not one of 3 lines could be read").run(
        *upload(log), "--yes"
    )

    assert result.exit_code == 1
    assert "not one of 3 lines could be read" in result.stdout
    assert "GM001 is" not in result.stdout


def test_v9_json_of_an_upload_is_the_processed_file_and_nothing_else(desk: Desk, log: Path) -> None:
    result = taking(desk).run(*upload(log), "--yes", "--json")

    assert result.stdout == f"{json.dumps(file())}\n"


def test_v9_json_of_several_files_is_one_answer_a_line(desk: Desk, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.txt", "b.txt")]
    for path in paths:
        path.write_bytes(ROWS)

    result = taking(desk).run("import", *paths, "--json")

    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [12, 12]


def test_a_file_that_is_refused_does_not_hold_up_the_others(desk: Desk, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("bad.txt", "good.txt")]
    for path in paths:
        path.write_bytes(ROWS)
    desk.on("POST", "/imports", problem(415, "this is a PNG image", "Unsupported media type"))

    result = taking(desk).run("import", *paths)

    assert result.exit_code == 1
    assert "bad.txt: Unsupported media type: this is a PNG image" in result.stderr
    assert "Next: send the log itself" in result.stderr
    assert "345 rows stored" in result.stdout


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (
            problem(403, "GM001 is not assigned to T0001.", assigned=["GM002", "GM003"]),
            "Theirs are: GM002, GM003 Next: backroom machines put GM001 --technician T0001",
        ),
        (problem(403, "GM001 is not assigned to T0001.", assigned=[]), "Theirs are: none yet"),
        (
            problem(409, "x.zip is here already, as file 7, with other bytes; delete it first."),
            "Next: backroom files show 7",
        ),
        (problem(404, "There is no technician T0001."), "backroom technicians put T0001"),
    ],
)
def test_a_refused_upload_says_which_command_helps(
    desk: Desk, log: Path, refusal: httpx.Response, told: str
) -> None:
    desk.on("POST", "/files", refusal)

    result = desk.run(*upload(log), "--yes")

    assert result.exit_code == 1
    assert told in words(result, "stderr")


# --- lists, and taking back ---------------------------------------------------------------------


def test_v3_the_list_names_files_rows_and_states(desk: Desk) -> None:
    desk.on("GET", "/files", [file(13, "suspect", rows_refused=40), file(12)])

    wide = desk.run("files", "list", "--technician", "1", width=120)
    narrow = desk.run("files", "list", "--technician", "1", width=80)

    assert dict(desk.requests[0].url.params) == {"technician": "T0001"}
    assert wide.stdout.index("13") < wide.stdout.index("12 ")
    assert "log.txt" in wide.stdout
    for result in (wide, narrow):
        assert "T0001.GM001.2018-09-21_093448.zip" in result.stdout
        assert "suspect" in result.stdout
    assert max(map(len, narrow.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("command", "path", "step"),
    [
        ("files list --technician 1", "/files", "backroom files upload PATH --technician T0001"),
        ("imports list", "/imports", "backroom import PATH"),
    ],
)
def test_v3_an_empty_list_says_what_to_do_next(
    desk: Desk, command: str, path: str, step: str
) -> None:
    desk.on("GET", path, [])

    result = desk.run(*command.split())

    assert result.exit_code == 0
    assert f"Next: {step}" in result.stdout


def test_v3_a_file_is_shown_with_all_its_refused_lines(desk: Desk) -> None:
    lines = [{"line": n, "reason": "not UTF-8 text", "text": f"row {n}"} for n in range(1, 6)]
    desk.on("GET", "/files/12", file(rows_refused=1_200, refused=lines))

    result = desk.run("files", "show", 12)

    assert "row 5" in result.stdout
    assert "and 1,195 more" in result.stdout
    assert "backroom files show" not in result.stdout
    assert "2018-09-21 09:34:48" in result.stdout


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_long_refused_line_cuts_neither_its_number_nor_itself(desk: Desk, width: int) -> None:
    text, reason = "#" * 300, f"gumballs must be a digit, 0 to 9: '{'%' * 40}'"
    refused = [{"line": 2_998, "reason": reason, "text": text}]
    desk.on("GET", "/files/12", file(rows_refused=1, refused=refused))

    result = desk.run("files", "show", 12, width=width)

    assert "line 2,998" in result.stdout
    assert (result.stdout.count("#"), result.stdout.count("%")) == (300, 40)


@pytest.mark.parametrize(
    ("command", "path"),
    [("files delete 12 --technician 1", "/files/12"), ("imports delete 12", "/imports/12")],
)
def test_v4_deleting_is_asked_about(desk: Desk, command: str, path: str) -> None:
    desk.on("DELETE", path, file(state="deleted"))

    declined = desk.run(*command.split(), says=[""])
    unasked = desk.run(*command.split())
    silent = desk.run(*command.split(), says=[])

    assert (declined.exit_code, unasked.exit_code, silent.exit_code) == (1, 2, 2)
    assert desk.requests == []
    assert "the rows that no other file holds? [y/N]" in desk.questions[0]
    assert "Nothing was done." in declined.stderr
    assert "Next: add --yes" in unasked.stderr


@pytest.mark.parametrize("consent", [(["yes"], ()), (None, ("--yes",))])
def test_v4_a_deleted_file_is_named(
    desk: Desk, consent: tuple[list[str] | None, tuple[str]]
) -> None:
    says, options = consent
    desk.on("DELETE", "/files/12", file(state="deleted"))

    result = desk.run("files", "delete", 12, "--technician", "1", *options, says=says)

    assert result.exit_code == 0
    assert dict(desk.requests[0].url.params) == {"technician": "T0001"}
    assert result.stdout == "Deleted file 12, T0001.GM001.2018-09-21_093448.zip.\n"


# --- names on disk --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        (b"bad\xffname.txt", "bad\\xffname.txt"),
        (b"\xed\xa0\x80.txt", "\\xed\\xa0\\x80.txt"),  # half of a surrogate pair
        (b"new\nline.txt", "new\\nline.txt"),
        ("caf\u00e9 \u674e.txt".encode(), "caf\u00e9 \u674e.txt"),
        (b"\xff" * 100 + b".txt", ("\\xff" * 100 + ".txt")[-255:]),
    ],
)
def test_a_file_goes_whatever_its_name_is_and_so_do_the_others(
    desk: Desk, tmp_path: Path, name: bytes, sent: str
) -> None:
    first = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    for path in (first, tmp_path / "b.txt"):
        path.write_bytes(ROWS)

    result = taking(desk).run("import", first, tmp_path / "b.txt")

    assert result.exit_code == 0, result.stderr
    names = [request.url.params["filename"] for request in desk.sent("POST", "/imports")]
    assert names == [sent, "b.txt"]


def test_local_files_are_judged_whatever_their_names_are(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/bad\xffname.txt"
    Path(os.fsdecode(name)).write_bytes(ROWS + b"nonsense\n")

    done = subprocess.run(
        [sys.executable, "-c", "from backroom.cli import main; main()", "audit", name],
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert b"bad\\xffname.txt: 1 of 2 lines refused" in done.stderr


def test_a_file_that_cannot_be_read_to_its_end_does_not_hold_up_the_others(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_bytes(ROWS)
    send = sending.send

    def broken(api: VendingApi, log: LogFile) -> Sent:
        if log.path.name == "a.txt":
            raise OSError(errno.EIO, "Input/output error")
        return send(api, log)

    monkeypatch.setattr(outcomes, "send", broken)
    result = taking(desk).run("import", tmp_path / "a.txt", tmp_path / "b.txt")

    assert result.exit_code == 1
    assert "a.txt: it cannot be read: Input/output error" in words(result, "stderr")
    assert len(desk.sent("POST", "/imports")) == 1
