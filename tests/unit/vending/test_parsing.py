import tracemalloc
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.vending import lines, parsing, rows
from chalicelib.vending.parsing import Batch, Refusal, parse
from tests.support.vending.reference import Reading, read_log

SAMPLE = Path(__file__).parents[2] / "data" / "transactions.txt"
NOT_AFTER = datetime(2020, 2, 20, 12, tzinfo=UTC)
ROW = b"GM006|2020-02-18T11:29:44Z|1"


def read(
    text: bytes, machine: str | None = None, not_after: datetime = NOT_AFTER, max_refusals: int = 9
) -> Batch:
    [batch] = parse([text], machine=machine, not_after=not_after, max_refusals=max_refusals)
    return batch


def refusal(text: bytes, machine: str | None = None) -> Refusal:
    [refused] = read(text, machine).refusals
    return refused


def joined(batches: Iterable[Batch]) -> dict[tuple[str, date], bytes]:
    days: dict[tuple[str, date], bytes] = {}
    for batch in batches:
        for day, packed in batch.rows.items():
            days[day] = days.get(day, b"") + packed
    return days


def cut(text: bytes, ends: list[int]) -> list[bytes]:
    places = [0, *sorted(end % (len(text) + 1) for end in ends), len(text)]
    return [text[start:end] for start, end in pairwise(places)]


# Text that is nearly a log: good rows of few machines and days on both sides of not_after, the
# same with a few bytes changed, and the known nuisances.
good_rows = st.builds(
    "{}|2020-02-{}T{}:{:02}:{:02}Z|{}".format,
    st.sampled_from(["GM001", "GM002", "GM006", "GM1000"]),
    st.sampled_from(["18", "19", "20", "21"]),
    st.sampled_from(["00", "11", "12", "23"]),
    st.sampled_from([0, 29, 59]),
    st.sampled_from([0, 1, 59]),
    st.integers(0, 9),
).map(str.encode)
strange_bytes = st.sampled_from([bytes((byte,)) for byte in b"0129|:-TZGM \t\r\0\xff"]) | st.binary(
    max_size=3
)
damaged_rows = st.builds(
    lambda row, at, gone, put: row[:at] + put + row[at + gone :],
    good_rows,
    st.integers(0, 28),
    st.integers(0, 3),
    strange_bytes,
)
nuisances = st.sampled_from(
    [
        b"",
        b" \t ",
        b"\r",
        b"x" * 60,
        b" " * 60,
        b"GM006|2020-02-30T11:29:44Z|1",
        b"GM006|2020-02-18T24:00:00Z|1",
        b"GM006|2020-02-18T11:29:60Z|1",
        b"GM006|2020-W08-4T11:29:44Z|1",
        b"GM006|1969-12-31T23:59:59Z|1",
        b"GM006|0000-01-01T00:00:00Z|1",
        b"GM006|2020-02-18T11:29:44Z|10",
        b"GM006|2020-02-18T11:29:44Z|-1",
        b"GM006|2020-02-18T11:29:44Z|1.5",
        b"GM006|2020-02-20T12:00:01Z|1",
        "GM006|2020-02-18T11:29:44Z|\u0661".encode(),
        b"\xff\xfeG\0M\0",
        b"\xef\xbb\xbfGM006|2020-02-18T11:29:44Z|1",
        b"GM006|2020-02-18T11:29:44Z|1GM006|2020-02-18T11:29:45Z|2",
        b"GM006|2020-02-18T11:29:44Z|1\xef\xbb\xbfGM001|2020-02-18T11:29:45Z|x",
        b"GM006|2020-02-18T11:29:44Z|1\rGM006|2020-02-18T11:29:44Z|1",
        b"\x1a",
    ]
)
ends = st.sampled_from([b"\n", b"\r\n", b"\r\r\n"])
stretches = st.one_of(
    st.builds(
        lambda rows, end: b"".join(row + end for row in rows), st.lists(good_rows, min_size=4), ends
    ),
    st.builds(bytes.__add__, good_rows | damaged_rows | nuisances, ends),
)
logs = st.builds(
    lambda bom, body, last: bom + b"".join(body) + last,
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(stretches),
    good_rows | damaged_rows | nuisances,
)


@pytest.fixture(scope="module", autouse=True)
def small_windows() -> Iterator[None]:
    """Let short texts go through windows, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "SHORTEST", lines.Layout(5, b"\n", window=3))
        patch.setattr(lines, "layout_of", partial(lines.Layout, window=3))
        yield


@given(
    logs,
    st.lists(st.integers(0, 5_000)),
    st.sampled_from([None, "GM001"]),
    st.integers(1, 30),
    st.integers(1, 6),
)
@example(b"\xef\xbb\xbf" + b" " * 55 + b"\n" + ROW, [3, 57], None, 9, 9)
@example(ROW + b"\n" + b"x" * 53 + b"\n" + ROW, [29, 70, 80], None, 9, 9)
def test_the_fast_parser_agrees_with_the_naive_one(
    text: bytes, ends: list[int], machine: str | None, flush_rows: int, flush_keys: int
) -> None:
    expected = read_log(text, machine=machine, not_after=NOT_AFTER, max_line=50)

    batches = list(
        parse(
            cut(text, ends),
            machine=machine,
            not_after=NOT_AFTER,
            flush_rows=flush_rows,
            flush_keys=flush_keys,
            max_line=50,
        )
    )

    refused = [refusal.line for batch in batches for refusal in batch.refusals]
    assert Reading(joined(batches), refused) == expected
    assert sum(batch.accepted for batch in batches) == expected.accepted
    assert sum(batch.refused for batch in batches) == len(expected.refused)


@given(logs, st.lists(st.integers(0, 5_000)), st.integers(1, 30), st.integers(1, 6))
def test_batches_depend_on_the_text_and_not_on_its_blocks(
    text: bytes, ends: list[int], flush_rows: int, flush_keys: int
) -> None:
    def batches(blocks: list[bytes]) -> list[Batch]:
        return list(
            parse(
                blocks,
                machine=None,
                not_after=NOT_AFTER,
                flush_rows=flush_rows,
                flush_keys=flush_keys,
                max_line=50,
            )
        )

    whole = batches([text])

    assert batches(cut(text, ends)) == whole
    assert all(1 <= batch.lines <= flush_rows for batch in whole)
    assert all(len(batch.rows) <= flush_keys for batch in whole)


def test_a_batch_ends_after_so_many_lines() -> None:
    text = (ROW + b"\n") * 5 + b"bad\n\n" + (ROW + b"\n") * 4

    batches = parse([text], machine=None, not_after=NOT_AFTER, flush_rows=4)

    assert [(batch.accepted, batch.refused) for batch in batches] == [(4, 0), (3, 1), (2, 0)]


def test_a_batch_ends_with_its_last_new_machine_and_day() -> None:
    days = (b"1", b"1", b"2", b"1", b"x", b"3", b"1", b"4")
    text = b"".join(b"GM006|2020-02-1%sT11:29:44Z|1\n" % day for day in days)

    batches = parse([text], machine=None, not_after=NOT_AFTER, flush_keys=3)

    assert [(batch.accepted, len(batch.rows)) for batch in batches] == [(5, 3), (2, 2)]


def test_v7_the_real_file_is_2000_transactions_of_6_machines() -> None:
    batch = read(SAMPLE.read_bytes(), not_after=datetime(2020, 3, 1, tzinfo=UTC))

    assert (batch.lines, batch.accepted, batch.refused) == (2000, 2000, 0)
    assert {serial for serial, _ in batch.rows} == {f"GM00{number}" for number in range(1, 7)}
    assert sum(map(len, batch.rows.values())) == 2000 * rows.ROW_BYTES


def test_v7_the_real_file_has_one_suspected_duplicate() -> None:
    batch = read(SAMPLE.read_bytes(), not_after=datetime(2020, 3, 1, tzinfo=UTC))

    doubles = [
        (serial, rows.instant(key))
        for (serial, day), packed in batch.rows.items()
        for key, times in Counter(rows.keys(day, packed)).items()
        if times > 1
    ]

    assert [serial for serial, _ in doubles] == ["GM005"]


def test_rows_are_packed_by_machine_and_day_in_file_order() -> None:
    batch = read(
        b"GM006|2020-02-18T11:29:44Z|1\n"
        b"GM005|2020-02-18T00:00:00Z|0\n"
        b"GM006|2020-02-18T01:00:00Z|9\n"
    )

    assert batch.rows == {
        ("GM006", date(2020, 2, 18)): rows.pack(41_384, 1) + rows.pack(3_600, 9),
        ("GM005", date(2020, 2, 18)): rows.pack(0, 0),
    }


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(ROW, id="no final newline"),
        pytest.param(ROW + b"\r", id="cut inside the last line ending"),
        pytest.param(ROW + b"\r\n", id="CRLF"),
        pytest.param(b"\xef\xbb\xbf" + ROW + b"\n", id="BOM"),
        pytest.param(ROW + b"\r\r\n", id="CR CR LF, of a text turned into CRLF twice"),
        pytest.param(b"\n\r" + ROW + b"\n\r", id="LF CR"),
        pytest.param(ROW + b"\r\n\x1a", id="the end of a text under DOS"),
        pytest.param(b"\n  \n" + ROW + b"\n\r\n\n", id="blank lines"),
    ],
)
def test_what_editors_do_to_a_file_does_no_harm(text: bytes) -> None:
    batch = read(text)

    assert (batch.lines, batch.accepted, batch.refused) == (1, 1, 0)


@pytest.mark.parametrize(
    "seam",
    [
        pytest.param(b"", id="no line end at the end of the first"),
        pytest.param(b"\xef\xbb\xbf", id="the same, and a byte order mark"),
        pytest.param(b"\n\xef\xbb\xbf", id="a byte order mark"),
        pytest.param(b"\r\n\x1a\r\n", id="copied under DOS"),
        pytest.param(b"\x1a\n", id="the end of a text, and no line end before it"),
    ],
)
def test_logs_that_were_joined_are_read_as_they_were(seam: bytes) -> None:
    first, second = ROW + b"\r\n" + ROW, ROW + b"\n" + ROW + b"\n"

    batch = read(first + seam + second + b"bad\n")

    assert (batch.accepted, batch.refused) == (4, 1)
    assert batch.refusals[0].line == (first + seam + second).count(b"\n") + 1


def test_a_log_with_the_line_ends_of_an_old_mac_is_refused_with_what_helps() -> None:
    for count in (2, 100, 100_000):
        batch = read((ROW + b"\r") * count)

        assert (batch.accepted, batch.refused) == (0, 1)
        assert batch.refusals[0].reason.startswith("has carriage returns inside: lines end with LF")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"GM006|2020-02-18T11:29:44Z", "2 field(s) instead of 3"),
        (b"GM006|2020-02-18T11:29:44Z|1|1", "4 field(s) instead of 3"),
        (b"GM06|2020-02-18T11:29:44Z|1", "not a machine serial: 'GM06'"),
        (b"gm006|2020-02-18T11:29:44Z|1", "not a machine serial: 'gm006'"),
        (b"GM006|2020-02-18 11:29:44|1", "not a UTC second"),
        (b"GM006|2020-02-18T11:29:44+01:00|1", "not a UTC second"),
        (b"GM006|2020-02-30T11:29:44Z|1", "no such date or time: day is out of range"),
        (b"GM006|2020-02-18T24:29:44Z|1", "no such date or time: hour must be"),
        (b"GM006|2020-02-18T11:60:44Z|1", "no such date or time: minute must be"),
        (b"GM006|2020-02-18T11:29:60Z|1", "no such date or time: second must be"),
        (b"GM006|2020-W08-2T11:29:44Z|1", "not a UTC second"),
        (b"GM006|1969-12-31T23:59:59Z|1", "before 1970-01-01"),
        (b"GM006|2020-02-18T11:29:44Z|x", "gumballs must be a digit, 0 to 9: 'x'"),
        (b"GM006|2020-02-18T11:29:44Z|-1", "gumballs must be a digit, 0 to 9: '-1'"),
        (b"GM006|2020-02-18T11:29:44Z|1.5", "gumballs must be a digit, 0 to 9: '1.5'"),
        (b"GM006|2020-02-18T11:29:44Z|10", "gumballs must be a digit, 0 to 9: '10'"),
        (b"GM006|2020-02-18T11:29:44Z|1\r\r\r", "has carriage returns inside"),
        (b"GM006|2020-02-18T11:29:44Z|1\rGM006|2020-02-18T11:29:45Z|1", "has carriage returns"),
        (b"GM006|2020-02-18T11:29:44Z|\0", "holds NUL bytes"),
        (b"GM006|2020-02-18T11:29:44Z|\xff", "not UTF-8 text"),
        (b"GM006|2020-02-20T12:00:01Z|1", "later than the download, 2020-02-20 12:00 UTC"),
        (b"GM006|2020-02-21T00:00:00Z|1", "later than the download"),
        (b"\xef\xbb\xbf\xef\xbb\xbf" + ROW, "not a machine serial"),
        (b"GM006|" + b"1" * 1_000, "longer than 1000 bytes"),
    ],
)
def test_a_bad_line_is_refused_in_plain_words_and_its_neighbours_are_kept(
    line: bytes, reason: str
) -> None:
    batch = read(ROW + b"\n" + line + b"\n" + ROW + b"\n")

    [refused] = batch.refusals
    assert (batch.accepted, batch.refused, refused.line) == (2, 1, 2)
    assert refused.reason.startswith(reason)


def test_a_cut_last_line_is_said_to_be_cut() -> None:
    refused = refusal(ROW + b"\n" + ROW[:-1])

    assert refused.line == 2
    assert refused.reason.startswith("the last line is cut off: ")
    assert refused.text == "GM006|2020-02-18T11:29:44Z|"


def test_the_day_of_the_download_is_cut_at_its_second() -> None:
    batch = read(
        b"GM006|2020-02-20T11:59:59Z|1\n"
        b"GM006|2020-02-20T12:00:00Z|1\n"
        b"GM006|2020-02-20T12:00:01Z|1\n"
        b"GM006|2020-02-20T00:00:00Z|1\n"
    )

    assert len(batch.rows["GM006", date(2020, 2, 20)]) == 3 * rows.ROW_BYTES
    assert [refused.line for refused in batch.refusals] == [3]


def test_the_download_may_be_told_in_any_zone() -> None:
    tokyo = datetime.fromisoformat("2020-02-19T02:00:00+09:00")

    batch = read(ROW + b"\nGM006|2020-02-18T17:00:01Z|1\n", not_after=tokyo)

    assert (batch.accepted, batch.refused) == (1, 1)


def test_a_technicians_file_holds_its_machine_only() -> None:
    refused = refusal(b"GM001|2020-02-18T00:00:00Z|1\n" + ROW + b"\n", machine="GM001")

    assert refused.reason == "wrong machine GM006, this file is for GM001"
    assert refused.serial == "GM001"


@pytest.mark.parametrize(
    ("line", "serial"),
    [
        (b"GM006|2020-02-18T11:29:44Z|x", "GM006"),
        (b"GM006", None),
        (b"GM0\xff6|2020-02-18T11:29:44Z|1", None),
    ],
)
def test_in_an_import_a_refused_line_counts_against_the_machine_it_names(
    line: bytes, serial: str | None
) -> None:
    batch = read(line + b"\n")

    assert batch.refusals[0].serial == serial
    assert list(batch.corrupt) == ([serial] if serial else [])


def test_a_refused_line_leaves_its_checksum() -> None:
    line = b"GM006|2020-02-18T11:29:44Z|x"

    batch = read(line + b"\r\n" + line + b"\n")

    assert batch.corrupt == {"GM006": crc32(line).to_bytes(4, "big") * 2}


def test_refused_bytes_can_be_shown() -> None:
    refused = refusal(b"\xff\0" + b"\xc3\xa9" * 200)

    assert refused.text == "\\xff\0" + "é" * 99


def test_refusals_beyond_the_limit_are_counted_and_not_listed() -> None:
    batch = read(b"GM006|bad\n" * 50, max_refusals=10)

    assert len(batch.refusals) == 10
    assert batch.refused == 50
    assert len(batch.corrupt["GM006"]) == 50 * 4


def test_checksums_of_a_machine_are_bounded_over_all_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parsing, "MAX_CHECKSUMS", 15)

    batches = parse([b"GM006|bad\n" * 40], machine=None, not_after=NOT_AFTER, flush_rows=10)

    assert sum(len(batch.corrupt.get("GM006", b"")) for batch in batches) == 15 * 4


def test_a_line_without_end_is_refused_in_bounded_memory() -> None:
    blocks = (b"GM006|" + b"x" * 100_000 for _ in range(1_000))
    tracemalloc.start()

    [batch] = parse(blocks, machine=None, not_after=NOT_AFTER)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert batch.refusals[0].reason == "longer than 1000 bytes"
    assert len(batch.refusals[0].text) == 200
    assert peak < 1_000_000


def test_a_text_without_lines_has_no_batches() -> None:
    assert list(parse([b"", b"\n \r\n", b"\t"], machine=None, not_after=NOT_AFTER)) == []
