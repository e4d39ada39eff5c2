"""Google: tokens that end, documents that others write to, lines that are there exactly once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    RejectedError,
)
from chalicelib.integrations.gdocs import SETTLE_S, DocumentFullError, Line, as_line
from chalicelib.integrations.http import NotThereError
from chalicelib.integrations.limits import utf16_length
from tests.support.integrations.vendors import Desk

LINE = Line("order-21", "- Order 21 [Chocolate Cake] : Date 01/01/2022 06:10")


def text(desk: Desk, document: str) -> str:
    """Return the text of a document."""
    [found] = [each for each in desk.held("google", "files") if each["id"] == document]
    words: str = found["text"]
    return words


def requests(desk: Desk, path: str) -> list[Any]:
    return [each for each in desk.office.shown()["arrived"] if each["path"].endswith(path)]


def test_a_token_serves_many_calls(desk: Desk) -> None:
    for _ in range(5):
        desk.drive.owner()
        desk.docs.names(desk.document())

    assert len(requests(desk, "/token")) == 1


def test_a_token_that_has_ended_is_replaced_within_the_call(desk: Desk) -> None:
    document = desk.document()
    desk.office.google.end_tokens()

    desk.docs.append(document, [LINE])

    assert len(requests(desk, "/token")) == 2
    assert desk.docs.names(document) == {"order-21"}


def test_access_that_was_withdrawn_waits_for_an_operator(desk: Desk) -> None:
    document = desk.document()
    desk.office.google.revoke(revoked=True)

    with pytest.raises(CredentialsError, match="invalid_grant"):
        desk.docs.append(document, [LINE])

    desk.office.google.revoke(revoked=False)
    desk.docs.append(document, [LINE])
    assert desk.docs.names(document) == {"order-21"}


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("propertyLengthLimitExceeded", RejectedError),
        ("storageQuotaExceeded", RejectedError),
        ("numChildrenInNonRootLimitExceeded", RejectedError),
        ("teamDriveFileLimitExceeded", RejectedError),
        ("insufficientFilePermissions", RejectedError),
        ("appNotAuthorizedToFile", RejectedError),
        ("a reason that is new", RejectedError),
        ("accessNotConfigured", CredentialsError),
        ("domainPolicy", CredentialsError),
        ("insufficientPermissions", CredentialsError),
        ("userRateLimitExceeded", NotExecutedError),
        ("sharingRateLimitExceeded", NotExecutedError),
        ("dailyLimitExceeded", NotExecutedError),
    ],
)
def test_a_403_is_about_what_its_reason_says(
    desk: Desk, reason: str, error: type[EffectError]
) -> None:
    body = {"error": {"code": 403, "message": "no", "errors": [{"reason": reason}]}}
    desk.fail("google", "status", method="POST", path="/files", status=403, body=body)

    with pytest.raises(EffectError, match=reason) as said:
        desk.drive.create_folder("Orders")
    assert type(said.value) is error


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"status": "PERMISSION_DENIED"}, RejectedError),
        (
            {"status": "PERMISSION_DENIED", "details": [{"reason": "SERVICE_DISABLED"}]},
            CredentialsError,
        ),
        (
            {
                "status": "PERMISSION_DENIED",
                "details": [{"@type": "x"}, {"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}],
            },
            CredentialsError,
        ),
        ({"status": "RESOURCE_EXHAUSTED"}, NotExecutedError),
    ],
)
def test_a_403_in_the_newer_form_is_about_what_its_details_say(
    desk: Desk, body: dict[str, Any], error: type[EffectError]
) -> None:
    document = desk.document()
    told = {"error": {"code": 403, "message": "no", **body}}
    desk.fail(
        "google", "status", method="POST", path=":batchUpdate", status=403, body=told, times=2
    )

    with pytest.raises(EffectError) as said:
        desk.docs.append(document, [LINE])
    assert type(said.value) is error


def test_what_is_in_the_bin_counts_as_deleted_and_so_does_what_is_in_a_binned_folder(
    desk: Desk,
) -> None:
    document = desk.document()
    folder = desk.drive.find_folder("Orders")
    assert folder is not None
    assert desk.drive.exists(document)

    desk.office.google.trash(folder)
    assert not desk.drive.exists(folder)
    assert not desk.drive.exists(document)
    assert desk.drive.find_folder("Orders") is None
    assert desk.drive.find_document("mr_cakelover") is None

    desk.office.google.trash(folder, trashed=False)
    assert desk.drive.exists(document)
    desk.office.google.delete(folder)
    assert not desk.drive.exists(document)


@pytest.mark.parametrize("customer", ["ж" * 54, "李" * 36, "🎂" * 100, "x" * 107, "x" * 5_000])
def test_a_document_is_found_however_long_its_customer_s_name_is(desk: Desk, customer: str) -> None:
    """Drive takes 124 bytes of a property, key and value together."""
    made = desk.document(customer)
    other = desk.document(customer + "2")

    assert desk.drive.find_document(customer) == made
    assert desk.drive.find_document(customer + "2") == other


def test_a_document_that_is_full_is_told_before_anything_is_written(desk: Desk) -> None:
    document = desk.document()
    desk.office.google.type_into(document, "x" * 1_019_980)

    with pytest.raises(DocumentFullError):
        desk.docs.append(document, [LINE])
    assert requests(desk, ":batchUpdate") == []
    desk.docs.append(document, [Line("order-1", "short")])


def test_b13_a_folder_and_a_document_are_found_by_what_they_are_for(desk: Desk) -> None:
    folder = desk.drive.create_folder("Orders")
    made = {
        customer: desk.drive.create_document(customer, customer=customer, folder=folder)
        for customer in ("mr_cakelover", "o'hara", "back\\slash", "x' or name = 'y")
    }

    assert desk.drive.find_folder("Orders") == folder
    assert {customer: desk.drive.find_document(customer) for customer in made} == made
    assert desk.drive.find_document("somebody else") is None


def test_b13_drive_s_list_trails_a_new_document(desk: Desk) -> None:
    desk.office.google.lag_s = SETTLE_S
    made = desk.document()

    assert desk.drive.find_document("mr_cakelover") is None
    desk.office.clock.forward(SETTLE_S)
    assert desk.drive.find_document("mr_cakelover") == made


def test_b13_lines_are_appended_in_their_order_under_a_title(desk: Desk) -> None:
    document = desk.document()

    desk.docs.append(document, [Line("title", "Mr Cakelover cancelled orders"), LINE])
    desk.docs.append(document, [Line("title", "another title"), Line("order-22", "- Order 22")])

    assert text(desk, document) == (
        "Mr Cakelover cancelled orders\n"
        "- Order 21 [Chocolate Cake] : Date 01/01/2022 06:10\n"
        "- Order 22\n\n"
    )


def test_b13_a_line_that_is_there_is_not_written_again(desk: Desk) -> None:
    document = desk.document()

    for _ in range(3):
        desk.docs.append(document, [LINE])

    assert text(desk, document).count("Order 21") == 1
    assert len(requests(desk, ":batchUpdate")) == 1


def test_b13_many_writers_of_the_same_lines_write_each_once(desk: Desk) -> None:
    document = desk.document()
    lines = [Line(f"order-{n}", f"- Order {n} 🎂") for n in range(4)] * 2

    def insist(line: Line) -> None:
        while True:
            try:
                desk.docs.append(document, [line])
            except NotExecutedError:
                continue
            return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(insist, lines))

    assert sorted(text(desk, document).split("\n")) == ["", ""] + [
        f"- Order {n} 🎂" for n in range(4)
    ]


def test_b13_what_the_owner_writes_meanwhile_is_kept_and_counted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = desk.document()
    write = desk.docs._write
    typed = iter(["Notes: 🎂 "])

    def interrupted(*args: Any) -> None:
        for words in typed:
            desk.office.google.type_into(document, words)
        write(*args)

    monkeypatch.setattr(desk.docs, "_write", interrupted)
    desk.docs.append(document, [LINE])

    assert text(desk, document) == f"Notes: 🎂 \n{LINE.text}\n\n"
    assert len(requests(desk, ":batchUpdate")) == 2


def test_b13_a_document_that_never_rests_is_left_for_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = desk.document()
    write = desk.docs._write

    def interrupted(*args: Any) -> None:
        desk.office.google.type_into(document, "x")
        write(*args)

    monkeypatch.setattr(desk.docs, "_write", interrupted)

    with pytest.raises(NotExecutedError, match="too many writers"):
        desk.docs.append(document, [LINE])
    assert "Order 21" not in text(desk, document)


def test_b13_a_line_that_google_refuses_is_not_tried_for_ever(desk: Desk) -> None:
    document = desk.document()

    desk.fail("google", "status", method="POST", path=":batchUpdate", status=400, times=None)

    with pytest.raises(RejectedError):
        desk.docs.append(document, [LINE])
    assert len(requests(desk, ":batchUpdate")) == 1


def test_b13_a_line_of_a_very_long_name_is_written_once(desk: Desk) -> None:
    document = desk.document()

    for _ in range(2):
        desk.docs.append(document, [Line("🎂" * 200, "- A"), Line("🎂" * 200 + "2", "- B")])

    assert text(desk, document) == "- A\n- B\n\n"


def test_a_document_is_deleted_however_often_also_from_the_bin(desk: Desk) -> None:
    one, other = desk.document(), desk.document("others")
    desk.office.google.trash(one)

    for _ in range(2):
        desk.drive.delete(one)

    names = [each["name"] for each in desk.held("google", "files")]
    assert names == ["Orders", "others"]
    assert desk.drive.exists(other)


def test_b13_a_document_that_its_owner_has_deleted_is_told(desk: Desk) -> None:
    document = desk.document()
    desk.office.google.delete(document)

    with pytest.raises(NotThereError):
        desk.docs.append(document, [LINE])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(), min_size=1, max_size=4))
def test_b18_every_line_is_exactly_its_range_whatever_it_says(desk: Desk, texts: list[str]) -> None:
    """Lengths are UTF-16's; what Google strips is not counted."""
    document = desk.document()
    desk.docs.append(document, [Line(f"line-{n}", words) for n, words in enumerate(texts)])

    found = desk.office.google._files[document].document
    assert found is not None
    raw = found.text.encode("utf-16-le")
    ranges = {
        name: raw[2 * start - 2 : 2 * end - 2].decode("utf-16-le")
        for name, start, end in found.ranges
    }
    assert ranges == {f"line-{n}": as_line(words) for n, words in enumerate(texts)}
    assert all(words.count("\n") == 1 for words in ranges.values())


@pytest.mark.parametrize(
    ("words", "length"), [("", 0), ("abc", 3), ("é", 1), ("🎂", 2), ("👨‍🍳", 5)]
)
def test_lengths_are_in_utf_16_code_units(words: str, length: int) -> None:
    assert utf16_length(words) == length
