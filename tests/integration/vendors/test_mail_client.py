"""Mail: nothing without encryption, nothing twice, nothing into a header."""

import socket
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.integrations.mail import composed, message_id
from infra.standins import certificates
from tests.support.integrations.vendors import Desk, letter


def test_b12_a_letter_arrives_as_it_was_written(desk: Desk) -> None:
    reference = desk.mail().send(letter(subject="Order 21 is ready 🎂", text="Hé\n.\n..\nBye"))

    [arrived] = desk.held("mail", "letters")
    assert arrived["subject"] == "Order 21 is ready 🎂"
    assert arrived["text"].replace("\r\n", "\n") == "Hé\n.\n..\nBye\n"
    assert (arrived["from"], arrived["to"]) == (
        "bakery@backroom.example",
        ["mr_cakelover@gmail.com"],
    )
    assert arrived["message_id"] == reference == "<ready#21@backroom.example>"


def test_b12_a_letter_that_was_sent_again_can_be_told_for_one(desk: Desk) -> None:
    assert desk.mail().send(letter()) == desk.mail().send(letter())

    assert desk.doubled() == ["letter <ready#21@backroom.example>"]


@pytest.mark.parametrize(
    ("stage", "fault", "kind"),
    [
        ("RCPT", {"kind": "status", "status": 450}, NotExecutedError),
        ("RCPT", {"kind": "status", "status": 550}, RejectedError),
        ("RCPT", {"kind": "limit"}, NotExecutedError),
        ("RCPT", {"kind": "drop"}, NotExecutedError),
        ("RCPT", {"kind": "stall"}, NotExecutedError),
        ("DATA", {"kind": "status", "status": 452}, NotExecutedError),
        ("DATA", {"kind": "status", "status": 554}, RejectedError),
        ("DATA", {"kind": "drop"}, OutcomeUnknownError),
        ("DATA", {"kind": "drop_after"}, OutcomeUnknownError),
        ("DATA", {"kind": "stall"}, OutcomeUnknownError),
        ("DATA", {"kind": "stall_after"}, OutcomeUnknownError),
    ],
)
def test_b12_what_breaks_off_is_known_to_be_unsent_until_the_text_has_left(
    desk: Desk, stage: str, fault: dict[str, Any], kind: type[EffectError]
) -> None:
    desk.fail("mail", method=stage, **fault)
    impatient: Any = {"RCPT": {"timeout_s": 1}, "DATA": {"last_word_s": 0.1}}[stage]
    mail = desk.mail(**impatient if fault["kind"].startswith("stall") else {})

    with pytest.raises(kind) as said:
        mail.send(letter())

    assert type(said.value) is kind
    sent = 1 if fault["kind"].endswith("_after") else 0
    assert len(desk.held("mail", "letters")) == sent


@pytest.mark.parametrize("method", ["RCPT", "DATA"])
def test_b12_an_account_that_has_sent_enough_today_waits(desk: Desk, method: str) -> None:
    words = "5.4.5 Daily user sending limit exceeded."
    desk.fail("mail", "status", method=method, status=550, body=words)

    with pytest.raises(NotExecutedError, match="limit exceeded") as said:
        desk.mail().send(letter())
    assert said.value.retry_after_s == 3_600


def test_b12_a_subject_is_shortened_before_a_client_cuts_it(desk: Desk) -> None:
    desk.mail().send(letter(subject="ä" * 1_000))

    [sent] = desk.held("mail", "letters")
    assert sent["subject"] == "ä" * 254 + "…"


@pytest.mark.parametrize("local", ["x" * 65, "ü", ""])
def test_b12_a_local_part_that_mail_does_not_take_is_refused_before(desk: Desk, local: str) -> None:
    with pytest.raises(RejectedError, match="the address is none"):
        desk.mail().send(letter(to=f"{local}@gmail.com"))


def test_b12_an_address_without_a_mailbox_is_no_case_for_another_try(desk: Desk) -> None:
    with pytest.raises(RejectedError, match="550"):
        desk.mail().send(letter(to="nobody@gmail.com"))


@pytest.mark.parametrize("method", ["RCPT", "DATA"])
def test_who_a_letter_is_for_is_in_no_error(desk: Desk, method: str) -> None:
    words = "5.1.1 <Mr_Cakelover@gmail.com>: user unknown"
    desk.fail("mail", "status", method=method, status=550, body=words)

    with pytest.raises(RejectedError, match="the recipient>: user unknown") as said:
        desk.mail().send(letter())
    assert "cakelover" not in str(said.value).lower()


def test_a_wrong_password_waits_for_an_operator_and_is_not_told(desk: Desk) -> None:
    with pytest.raises(CredentialsError) as said:
        desk.mail(password="hunter2").send(letter())

    assert "hunter2" not in str(said.value)
    assert "hunter2" not in repr(desk.mail(password="hunter2"))


def test_a_server_with_another_certificate_gets_nothing(desk: Desk, tmp_path: Path) -> None:
    other, _ = certificates.certificate(tmp_path)

    with pytest.raises(NotExecutedError, match="nothing was sent"):
        desk.mail(trust=str(other)).send(letter())
    with pytest.raises(NotExecutedError, match="nothing was sent"):
        desk.mail(trust=None).send(letter())


def test_a_server_without_encryption_gets_nothing(desk: Desk) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    plain = Controller(object(), hostname="127.0.0.1", port=port)
    plain.start()
    try:
        with pytest.raises(CredentialsError, match="STARTTLS"):
            desk.mail(port=port).send(letter())
    finally:
        plain.stop()


def test_when_no_server_listens_nothing_was_sent(desk: Desk) -> None:
    with pytest.raises(NotExecutedError, match="nothing was sent"):
        desk.mail(port=1).send(letter())


@pytest.mark.parametrize("subject", ["a\nBcc: x@y.example", "a\r\n\r\nbody", "a\x00b", "a\u2028b"])
def test_b18_a_subject_cannot_become_a_header(desk: Desk, subject: str) -> None:
    with pytest.raises(RejectedError):
        desk.mail().send(letter(subject=subject))
    assert desk.held("mail", "letters") == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "@gmail.com",
        "a@b",
        "a@gmail.com\nBcc: b@gmail.com",
        "a@gmail.com, b@gmail.com",
        "a@gmail.com>",
        "<a@gmail.com>",
        "a b@gmail.com",
        '"a b"@gmail.com',
        "mönch@gmail.com",
        "a@gmail.com\x00",
    ],
)
def test_b12_what_is_no_single_address_is_refused(desk: Desk, address: str) -> None:
    with pytest.raises(RejectedError, match="address"):
        desk.mail().send(letter(to=address))
    assert desk.held("mail", "letters") == []


@given(st.text(), st.text(), st.text(min_size=1))
def test_b18_no_text_makes_a_header_of_its_own(subject: str, text: str, effect_id: str) -> None:
    try:
        message = composed(letter(effect_id, subject=subject, text=text), "bakery@backroom.example")
    except RejectedError:
        return

    raw = message.as_bytes()
    names = [line.partition(b":")[0] for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n")]
    known = {
        *(b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted"),
        *(b"Content-Type", b"Content-Transfer-Encoding", b"MIME-Version"),
    }
    assert {name for name in names if not name.startswith((b" ", b"\t"))} <= known
    assert isinstance(message, EmailMessage)


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_another_effect_has_another_message_id(one: str, other: str) -> None:
    ids = {message_id(each, "b@backroom.example") for each in (one, other)}

    assert len(ids) == len({one, other})
    assert all(each.isascii() and not set(each) & set(' \r\n\t"(),:;[]\\') for each in ids)
