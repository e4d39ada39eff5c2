"""Slack: refusals under HTTP 200, all pages, messages that are found again, text as data."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.integrations.slack import escaped
from tests.support.integrations.vendors import Desk


def test_b11_the_whole_directory_is_read_page_by_page(desk: Desk) -> None:
    users = desk.slack.users()

    assert [user.id for user in users] == [each["id"] for each in desk.held("slack", "people")]
    pages = [each for each in desk.office.shown()["arrived"] if each["path"] == "/users.list"]
    assert len(pages) == 3


def test_b11_a_user_is_read_by_id_as_they_are_now(desk: Desk) -> None:
    user = desk.slack.user("U07")

    assert user is not None
    assert user.names == ("Grace Hopper", "Amazing Grace", "grace.hopper")
    assert desk.slack.user("U404") is None


def test_b11_bots_and_those_who_left_are_distinguished(desk: Desk) -> None:
    reachable = {user.id for user in desk.slack.users() if user.reachable}

    assert reachable == {"U01", "U02", "U03", "U04", "U05", "U07"}


def test_b11_a_person_s_names_are_all_told(desk: Desk) -> None:
    [grace] = [user for user in desk.slack.users() if user.id == "U07"]

    assert grace.names == ("Grace Hopper", "Amazing Grace", "grace.hopper")


def test_b11_a_message_is_found_by_its_effect_however_far_back(desk: Desk) -> None:
    channel = desk.slack.open_dm("U01")
    sent = [
        desk.slack.post(channel, "An order is ready", effect_id=f"ready#{n}") for n in range(12)
    ]

    assert [desk.slack.find(channel, effect_id=f"ready#{n}") for n in range(12)] == sent
    assert desk.slack.find(channel, effect_id="ready#12") is None


def test_a_message_is_deleted_however_often_and_no_other(desk: Desk) -> None:
    channel = desk.slack.open_dm("U01")
    one, other = (desk.slack.post(channel, "Ready", effect_id=f"ready#{n}") for n in (1, 2))

    for _ in range(2):
        desk.slack.delete(channel, one)

    assert [each["ts"] for each in desk.held("slack", "messages")] == [other]


def test_a_message_that_is_not_ours_is_refused(desk: Desk) -> None:
    body = {"ok": False, "error": "cant_delete_message"}
    desk.fail("slack", "status", path="/chat.delete$", status=200, body=body)

    with pytest.raises(RejectedError, match="cant_delete_message"):
        desk.slack.delete("D1", "1.2")


def test_opening_a_channel_again_is_the_same_channel(desk: Desk) -> None:
    assert desk.slack.open_dm("U01") == desk.slack.open_dm("U01")


@pytest.mark.parametrize("user", ["U06", "U404", "USLACKBOT"])
def test_whom_slack_cannot_reach_is_no_case_for_another_try(desk: Desk, user: str) -> None:
    with pytest.raises(RejectedError):
        desk.slack.open_dm(user)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("ratelimited", NotExecutedError),
        ("invalid_auth", CredentialsError),
        ("token_expired", CredentialsError),
        ("missing_scope", CredentialsError),
        ("restricted_action", CredentialsError),
        ("accesslimited", CredentialsError),
        ("ekm_access_denied", CredentialsError),
        ("team_added_to_org", NotExecutedError),
        ("message_limit_exceeded", NotExecutedError),
        ("user_disabled", RejectedError),
        ("cannot_dm_bot", RejectedError),
        ("msg_too_long", RejectedError),
        ("is_archived", RejectedError),
        ("internal_error", OutcomeUnknownError),
        ("fatal_error", OutcomeUnknownError),
        ("channel_not_found", RejectedError),
        ("a_word_of_tomorrow", RejectedError),
    ],
)
def test_slack_s_word_decides(desk: Desk, word: str, kind: type[EffectError]) -> None:
    channel = desk.slack.open_dm("U01")
    body = {"ok": False, "error": word}
    desk.fail("slack", "status", path="/chat.postMessage", status=200, body=body)

    with pytest.raises(kind, match=word) as said:
        desk.slack.post(channel, "Order 21 is ready", effect_id="ready#21")

    assert type(said.value) is kind


@pytest.mark.parametrize("text", ["&" * 50_000, "a" * 2_999 + "&&", "🎂" * 3_001])
def test_a_message_that_slack_would_cut_is_shortened_between_characters(
    desk: Desk, text: str
) -> None:
    channel = desk.slack.open_dm("U01")

    desk.slack.post(channel, text, effect_id="ready#21")

    [message] = desk.held("slack", "messages")
    assert len(message["text"]) <= 3_000
    shown = html.unescape(message["text"])
    assert shown.endswith("…")
    assert text.startswith(shown[:-1])


def test_b18_a_message_cannot_mention_or_link(desk: Desk) -> None:
    channel = desk.slack.open_dm("U01")

    desk.slack.post(channel, "<!channel> & <https://x.test|*free* cake>", effect_id="ready#21")

    [message] = desk.held("slack", "messages")
    assert message["text"] == "&lt;!channel&gt; &amp; &lt;https://x.test|*free* cake&gt;"


@given(st.text())
def test_b18_any_text_is_shown_as_it_is(text: str) -> None:
    safe = escaped(text)

    assert not {"<", ">"} & set(safe)
    assert html.unescape(safe.replace("&amp;", "\0")).replace("\0", "&") == text or "\0" in text
