"""Slack: a directory with its awkward people, direct messages, and refusals under HTTP 200."""

import re
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from infra.standins import credentials
from infra.standins.vendor import Clock, Reply, Request, Vendor, repeated

_MOST_CHARACTERS = 40_000
_BOT = "U00BACKROOM"


def person(user_id: str, real_name: str, display_name: str = "", **more: Any) -> dict[str, Any]:
    """Return a member of the directory as Slack returns it."""
    name = re.sub("[^a-z0-9]+", ".", real_name.lower()).strip(".") or user_id.lower()
    return {
        "id": user_id,
        "name": name,
        "deleted": False,
        "is_bot": False,
        "profile": {"real_name": real_name, "display_name": display_name},
        **more,
    }


PEOPLE = (
    person("USLACKBOT", "Slackbot"),
    person(_BOT, "Backroom", is_bot=True),
    person("U01", "Mr Cakelover", "cakelover"),
    person("U02", "Sam Baker"),
    person("U03", "Sam Baker", "sam"),
    person("U04", "Ada O'Hara"),
    person("U05", "Zoë 🎂 Müller"),
    person("U06", "Gone Girl", deleted=True),
    person("U07", "Grace Hopper", "Amazing Grace"),
)


@dataclass
class _Channel:
    user: str
    messages: list[dict[str, Any]] = field(default_factory=list)


class SlackStandin(Vendor):
    """One workspace; its pages are short (``page_size``), as Slack's may be."""

    name = "slack"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.on("GET", "/auth.test", self._identity)
        self.on("GET", "/users.list", self._users)
        self.on("GET", "/users.info", self._user)
        self.on("POST", "/conversations.open", self._open)
        self.on("GET", "/conversations.history", self._history)
        self.on("POST", "/chat.postMessage", self._post)
        self.on("POST", "/chat.delete", self._delete)

    def reset(self) -> None:
        """Forget all messages; the directory is the first one again."""
        self.tokens = {credentials.SLACK_TOKEN}
        self.people: list[dict[str, Any]] = [dict(member) for member in PEOPLE]
        self.page_size = 4
        self._channels: dict[str, _Channel] = {}
        self._numbers = count(1)

    def admit(self, request: Request) -> None:
        """Demand the bot's token."""
        if not request.bearer():
            raise self.refuse(200, "not_authed")
        if request.bearer() not in self.tokens:
            raise self.refuse(200, "invalid_auth")

    def refusal(self, status: int, words: str) -> Reply:
        """Return a refusal as Slack writes it; a path that is none is an unknown method."""
        return Reply(200 if status == 404 else status, {"ok": False, "error": _word(status, words)})

    def limited(self, retry_after_s: float) -> Reply:
        """Return what Slack answers to too many requests."""
        body = {"ok": False, "error": "ratelimited"}
        return Reply(429, body, {"Retry-After": f"{retry_after_s:g}"})

    def shown(self) -> dict[str, Any]:
        """Return the directory and all messages."""
        with self.lock:
            names = {member["id"]: member["profile"]["real_name"] for member in self.people}
            messages = [
                {"channel": key, "user": channel.user, "name": names.get(channel.user), **message}
                for key, channel in self._channels.items()
                for message in channel.messages
            ]
            return {"people": list(self.people), "messages": messages}

    def doubles(self) -> list[str]:
        """Return messages with the same metadata, or without any the same text, in a channel."""
        with self.lock:
            return repeated(
                [
                    f"message {key} {message.get('metadata') or message['text']}"
                    for key, channel in self._channels.items()
                    for message in channel.messages
                ]
            )

    def _identity(self, request: Request) -> Reply:
        identity = {"url": "https://bakery.slack.com/", "team": "Bakery", "team_id": "T01"}
        return Reply(200, {"ok": True, **identity, "user": "backroom", "user_id": _BOT})

    def _users(self, request: Request) -> Reply:
        page, following = self._page(self.people, request)
        paging = {"cache_ts": int(self.clock()), "response_metadata": following}
        return Reply(200, {"ok": True, "members": page, **paging})

    def _user(self, request: Request) -> Reply:
        wanted = request.query.get("user")
        member = next((each for each in self.people if each["id"] == wanted), None)
        if member is None:
            raise self.refuse(200, "user_not_found")
        return Reply(200, {"ok": True, "user": member})

    def _open(self, request: Request) -> Reply:
        users = str(self._body(request).get("users") or "")
        member = next((each for each in self.people if each["id"] == users), None)
        if member is None:
            raise self.refuse(200, "user_not_found" if users else "users_list_not_supplied")
        if member["deleted"]:
            raise self.refuse(200, "user_disabled")
        if member["is_bot"] or users == "USLACKBOT":
            raise self.refuse(200, "cannot_dm_bot")
        channel = f"D{users.removeprefix('U'):0>9}"
        known = channel in self._channels
        self._channels.setdefault(channel, _Channel(users))
        return Reply(200, {"ok": True, "channel": {"id": channel}, "already_open": known})

    def _post(self, request: Request) -> Reply:
        body = self._body(request)
        channel = self._channels.get(str(body.get("channel")))
        text, metadata = body.get("text"), body.get("metadata")
        if channel is None:
            raise self.refuse(200, "channel_not_found")
        if not isinstance(text, str) or not text:
            raise self.refuse(200, "no_text")
        if len(text) > _MOST_CHARACTERS:
            raise self.refuse(200, "msg_too_long")
        if metadata is not None and not _is_metadata(metadata):
            raise self.refuse(200, "invalid_metadata_format")
        ts = f"{int(self.clock())}.{next(self._numbers):06d}"
        message = {"type": "message", "ts": ts, "user": _BOT, "text": text}
        channel.messages.append({**message, "metadata": metadata} if metadata else message)
        return Reply(200, {"ok": True, "channel": body["channel"], "ts": ts, "message": message})

    def _delete(self, request: Request) -> Reply:
        body = self._body(request)
        channel = self._channels.get(str(body.get("channel")))
        if channel is None:
            raise self.refuse(200, "channel_not_found")
        left = [each for each in channel.messages if each["ts"] != body.get("ts")]
        if len(left) == len(channel.messages):
            raise self.refuse(200, "message_not_found")
        channel.messages = left
        return Reply(200, {"ok": True, "channel": body["channel"], "ts": body["ts"]})

    def _history(self, request: Request) -> Reply:
        channel = self._channels.get(request.query.get("channel", ""))
        if channel is None:
            raise self.refuse(200, "channel_not_found")
        oldest = float(request.query.get("oldest", "0"))
        with_metadata = request.query.get("include_all_metadata") in {"true", "1"}
        found = [
            message if with_metadata else {k: v for k, v in message.items() if k != "metadata"}
            for message in reversed(channel.messages)
            if float(message["ts"]) > oldest
        ]
        page, following = self._page(found, request)
        more = bool(following["next_cursor"])
        body = {"ok": True, "messages": page, "has_more": more, "response_metadata": following}
        pins = {"pin_count": 0, "channel_actions_ts": None, "channel_actions_count": 0}
        return Reply(200, {**body, **pins})

    def _page(
        self, found: list[dict[str, Any]], request: Request
    ) -> tuple[list[dict[str, Any]], dict[str, str]]:
        cursor = request.query.get("cursor") or "0"
        if not cursor.isdigit():
            raise self.refuse(200, "invalid_cursor")
        start, size = int(cursor), min(int(request.query.get("limit", "100")), self.page_size)
        end = start + size
        return found[start:end], {"next_cursor": str(end) if end < len(found) else ""}

    def _body(self, request: Request) -> dict[str, Any]:
        """Return the arguments of a call, as JSON or as a form."""
        if request.media_type == "application/x-www-form-urlencoded":
            return dict(parse_qsl(request.body.decode()))
        if request.media_type != "application/json":
            raise self.refuse(200, "invalid_post_type")
        try:
            body = request.json()
        except ValueError as broken:
            raise self.refuse(200, "invalid_json") from broken
        if not isinstance(body, dict):
            raise self.refuse(200, "json_not_object")
        return body


def _word(status: int, words: str) -> str:
    return "unknown_method" if status == 404 else words


def _is_metadata(metadata: object) -> bool:
    if not isinstance(metadata, dict):
        return False
    kind, payload = metadata.get("event_type"), metadata.get("event_payload")
    return isinstance(kind, str) and bool(kind) and isinstance(payload, dict)
