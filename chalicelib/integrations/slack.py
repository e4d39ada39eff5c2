"""Slack's Web API: the directory, direct messages, and whether one was sent before.

Slack refuses with HTTP 200 and ``ok: false``; the word that it gives decides.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from pydantic import Field, SecretStr, ValidationError

from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    RejectedError,
)
from chalicelib.integrations import limits
from chalicelib.integrations.http import Answer, Http, Read
from chalicelib.integrations.settings import VendorSettings

_EVENT = "backroom_effect"
# Words of refusal, as the methods' pages document them; any other is about this request.
_LIMITED = {
    "external_channel_migrating",
    "message_limit_exceeded",
    "rate_limited",
    "ratelimited",
    "team_added_to_org",  # the workspace is being moved, says Slack: try again
}
_NO_USER = {"user_not_found", "user_not_visible"}
_UNKNOWN = {"fatal_error", "internal_error", "request_timeout", "service_unavailable"}
_DENIED = {
    "access_denied",
    "accesslimited",
    "account_inactive",
    "deprecated_endpoint",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "invalid_auth",
    "messages_tab_disabled",
    "method_deprecated",
    "missing_scope",
    "no_permission",
    "not_allowed_token_type",
    "not_authed",
    "org_login_required",
    "restricted_action",
    "team_access_not_granted",
    "token_expired",
    "token_revoked",
    "two_factor_setup_required",
    "upgrade_required",
}


class SlackSettings(VendorSettings):
    """A bot of one workspace."""

    slack_url: str = "https://slack.com/api"
    slack_token: SecretStr


class UnknownUserError(RejectedError):
    """The workspace has no such user, or none that we may see."""


class UnknownMessageError(RejectedError):
    """There is no such message."""


class _Verdict(Read):
    ok: bool
    error: str = "no reason was given"


class _Next(Read):
    cursor: str = Field("", alias="next_cursor")


class _Paged(Read):
    following: _Next = Field(_Next(next_cursor=""), alias="response_metadata")


class _Profile(Read):
    real_name: str = ""
    display_name: str = ""


class User(Read):
    """Somebody in the directory, bots and those who left included."""

    id: str
    name: str = ""
    deleted: bool = False
    is_bot: bool = False
    profile: _Profile = _Profile()

    @property
    def reachable(self) -> bool:
        """Return whether this is a person whom a direct message reaches."""
        return not (self.deleted or self.is_bot or self.id == "USLACKBOT")

    @property
    def names(self) -> tuple[str, ...]:
        """Return what people may know them by."""
        names = (self.profile.real_name, self.profile.display_name, self.name)
        return tuple(name for name in names if name)


class Identity(Read):
    """Who the token belongs to."""

    user: str
    team: str


class _Users(_Paged):
    members: tuple[User, ...]


class _Known(Read):
    user: User


class _Channel(Read):
    id: str


class _Opened(Read):
    channel: _Channel


class _Posted(Read):
    ts: str


class _Message(Read):
    ts: str
    text: str = ""
    metadata: Any = None


class _History(_Paged):
    messages: tuple[_Message, ...]


class Slack:
    """One workspace, as its bot sees it."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def identity(self) -> Identity:
        """Return who the token belongs to."""
        return self._http.read("GET", "/auth.test").into(Identity)

    def users(self) -> tuple[User, ...]:
        """Return the whole directory, all pages.

        Slack allows about 20 pages a minute: keep the answer for a quarter of an hour.
        """
        return tuple(self._users())

    def user(self, user_id: str) -> User | None:
        """Return a person's present entry, None when the workspace has none."""
        try:
            answer = self._http.read("GET", "/users.info", query={"user": user_id})
        except UnknownUserError:
            return None
        return answer.into(_Known).user

    def open_dm(self, user_id: str) -> str:
        """Return the channel of direct messages with a user. Repeat-safe."""
        body = {"users": user_id}
        return self._http.read("POST", "/conversations.open", json=body).into(_Opened).channel.id

    def post(self, channel: str, text: str, *, effect_id: str) -> str:
        """Post ``text`` as it is (shortened if it is too long to be shown), and return its id.

        Not repeat-safe: `find` finds an earlier call's result.
        """
        body = {
            "channel": channel,
            "text": escaped(limits.shortened(text, limits.SLACK_SECTION, measure=_length)),
            "mrkdwn": False,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": _EVENT, "event_payload": {"effect": effect_id}},
        }
        return self._http.write("POST", "/chat.postMessage", json=body).into(_Posted).ts

    def find(self, channel: str, *, effect_id: str, since: float = 0) -> str | None:
        """Return the timestamp of the message that carries ``effect_id``, None if there is none.

        ``since`` (seconds of the epoch) is when it may have been sent first.
        """
        for message in self._messages(channel, since):
            if _effect(message.metadata) == effect_id:
                return message.ts
        return None

    def delete(self, channel: str, message: str) -> None:
        """Delete a message of ours, by its channel and timestamp. Repeat-safe."""
        with suppress(UnknownMessageError):
            self._http.read("POST", "/chat.delete", json={"channel": channel, "ts": message})

    def _users(self) -> Iterator[User]:
        query = {"limit": str(limits.SLACK_USERS_PAGE)}
        while True:
            page = self._http.read("GET", "/users.list", query=query).into(_Users)
            yield from page.members
            if not page.following.cursor:
                return
            query = {**query, "cursor": page.following.cursor}

    def _messages(self, channel: str, since: float) -> Iterator[_Message]:
        query = {
            "channel": channel,
            "oldest": f"{since:.6f}",
            "limit": str(limits.SLACK_MESSAGES_PAGE),
            "include_all_metadata": "true",
        }
        while True:
            page = self._http.read("GET", "/conversations.history", query=query).into(_History)
            yield from page.messages
            if not page.following.cursor:
                return
            query = {**query, "cursor": page.following.cursor}


def escaped(text: str) -> str:
    """Return ``text`` so that Slack shows it as it is: no mention, no link, no command."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _length(text: str) -> int:
    return len(escaped(text))


def judge(answer: Answer, now: float) -> EffectError | None:
    """Read the word that Slack gives for a refusal under HTTP 200."""
    if answer.status != HTTPStatus.OK:
        return None
    try:
        verdict = _Verdict.model_validate_json(answer.content)
    except ValidationError:
        return answer.unknown("the answer is not Slack's")
    if verdict.ok:
        return None
    why = f"Slack {answer.request}: {verdict.error[:100]}"
    if verdict.error in _LIMITED:
        return NotExecutedError(why, retry_after_s=answer.retry_after_s(now))
    if verdict.error in _UNKNOWN:
        return answer.unknown(verdict.error)
    return _refusal(verdict.error)(why)


def _refusal(word: str) -> type[EffectError]:
    if word in _DENIED:
        return CredentialsError
    if word == "message_not_found":
        return UnknownMessageError
    return UnknownUserError if word in _NO_USER else RejectedError


def _effect(metadata: object) -> object:
    payload = metadata.get("event_payload") if isinstance(metadata, Mapping) else None
    return payload.get("effect") if isinstance(payload, Mapping) else None
