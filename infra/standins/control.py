"""The control of the stand-ins: below ``/control``, and no vendor has anything there.

| request                                | what it does                                           |
|----------------------------------------|--------------------------------------------------------|
| `GET /control/state`                   | everything that is held and what arrived, as JSON      |
| `GET /control/doubles`                 | what is there twice though it was meant once           |
| `POST /control/reset`                  | forgets everything                                     |
| `POST /control/faults`                 | lets something go wrong (`faults.Fault`)               |
| `DELETE /control/faults`               | lets everything go right again                         |
| `POST /control/lag`                    | `{"jira": 60, "google": 5}`: how long searches trail   |
| `POST /control/clock`                  | `{"forward_s": 900}`: sends the clock ahead            |
| `POST /control/jira/webhook`           | `{"url", "secret"}`: where Jira sends its events       |
| `POST /control/jira/issues/{key}`      | changes an issue as the provider would, see `changed`  |
| `POST /control/jira/issues/{key}/move` | `{"to": "OPS-7"}`: moves it, with another key          |
| `POST /control/slack/people`           | replaces the directory                                 |
| `POST /control/github/{login}/accept`  | accepts an invitation; `expire` lets a week go by      |
| `POST /control/github/{login}/rename`  | `{"to"}`: another name, the same id                    |
| `POST /control/github/logins`          | `{"logins": []}`: who has an account                   |
| `POST /control/google/{act}`           | `revoke`, `restore`, `end-tokens`; with `{"id"}`:      |
|                                        | `delete`, `trash`, `untrash`, and `type` (`"text"`)    |
| `POST /control/mail/unknown`           | `{"addresses": []}`: who has no mailbox                |
"""

import re
from collections.abc import Callable
from itertools import permutations
from typing import Any
from urllib.parse import unquote

from infra.standins import credentials
from infra.standins.faults import Fault
from infra.standins.office import Office
from infra.standins.slack import person
from infra.standins.vendor import RefusedError, Reply, Request
from infra.standins.webhooks import Delivery

Act = Callable[..., Any]


class Control:
    """Serves the requests under ``/control``."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._routes: list[tuple[str, re.Pattern[str], Act]] = [
            (method, re.compile(f"/control{pattern}"), act)
            for method, pattern, act in (
                ("GET", "/state", lambda _: office.shown()),
                ("GET", "/doubles", lambda _: office.doubles()),
                ("POST", "/reset", lambda _: office.reset()),
                ("GET", "/faults", lambda _: office.faults.shown()),
                ("POST", "/faults", lambda body: office.faults.add(Fault(**body))),
                ("DELETE", "/faults", lambda _: office.faults.clear()),
                ("POST", "/lag", self._lag),
                ("POST", "/clock", lambda body: office.clock.forward(body["forward_s"])),
                ("POST", "/jira/webhook", self._webhook),
                ("POST", "/jira/issues/([^/]+)", self._changed),
                ("POST", "/jira/issues/([^/]+)/move", self._moved),
                ("POST", "/slack/people", self._people),
                ("POST", "/github/logins", self._logins),
                ("POST", "/github/([^/]+)/(accept|expire)", self._invitation),
                ("POST", "/github/([^/]+)/rename", self._renamed),
                ("POST", "/google/(revoke|restore|end-tokens)", self._account),
                ("POST", "/google/(delete|trash|untrash|type)", self._file),
                ("POST", "/mail/unknown", self._unknown),
            )
        ]

    def handle(self, request: Request) -> Reply:
        """Do it; 204 without a result."""
        for method, pattern, act in self._routes:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                return self._done(act, request, tuple(map(unquote, match.groups())))
        return Reply(404, {"message": "There is no such control."})

    def _done(self, act: Act, request: Request, parts: tuple[str, ...]) -> Reply:
        try:
            body = act(request.json() or {}, *parts)
        except RefusedError as refused:
            return refused.reply
        except (LookupError, TypeError, ValueError, re.error) as wrong:
            return Reply(400, {"message": f"{type(wrong).__name__}: {wrong}"})
        return Reply(204) if body is None else Reply(200, body)

    def _lag(self, body: dict[str, float]) -> None:
        if body.keys() - {"jira", "google"}:
            raise ValueError("only jira and google have searches that lag")
        self._office.jira.lag_s = body.get("jira", self._office.jira.lag_s)
        self._office.google.lag_s = body.get("google", self._office.google.lag_s)

    def _webhook(self, body: dict[str, str]) -> None:
        self._office.webhooks.url = body["url"]
        self._office.webhooks.secret = body.get("secret", credentials.JIRA_WEBHOOK_SECRET)

    def _changed(self, body: dict[str, Any], key: str) -> dict[str, Any]:
        """Change an issue and send the webhooks; return the status that each ended with.

        ``labels`` are added, ``status`` is one of new, indeterminate and done; each is an edit
        and an event of its own. ``edits`` is their order (``["status", "labels"]``), ``order``
        that of the events (``[1, 0]`` sends the second first), ``deliver`` is a `Delivery`.
        """
        edits = body.get("edits", ["labels", "status"])
        wanted = {
            "labels": {"add_labels": body.get("labels")},
            "status": {"status": body.get("status")},
        }
        events = [self._office.jira.change(key, **wanted[edit]) for edit in edits if body.get(edit)]
        order = tuple(body.get("order", range(len(events))))
        if order not in set(permutations(range(len(events)))):
            raise ValueError("order must name each event once")
        how = Delivery(**body.get("deliver", {}))
        return {"delivered": [self._office.webhooks.deliver(events[each], how) for each in order]}

    def _moved(self, body: dict[str, Any], key: str) -> None:
        self._office.jira.move(key, str(body["to"]))

    def _people(self, body: dict[str, Any]) -> None:
        people = [person(**each) for each in body["people"]]
        with self._office.slack.lock:
            self._office.slack.people = people
            self._office.slack.page_size = body.get("page_size", self._office.slack.page_size)

    def _logins(self, body: dict[str, Any]) -> None:
        with self._office.github.lock:
            self._office.github.logins = [str(login) for login in body["logins"]]

    def _invitation(self, _: Any, login: str, act: str) -> None:
        done = {"accept": self._office.github.accept, "expire": self._office.github.expire}
        if not done[act](login):
            raise LookupError(f"{login} has no invitation")

    def _renamed(self, body: dict[str, Any], login: str) -> None:
        if not self._office.github.rename(login, str(body["to"])):
            raise LookupError(f"{login} has no account, or {body['to']} has one")

    def _account(self, _: Any, act: str) -> None:
        google = self._office.google
        if act == "end-tokens":
            google.end_tokens()
        else:
            google.revoke(revoked=act == "revoke")

    def _file(self, body: dict[str, Any], act: str) -> None:
        google = self._office.google
        done = {
            "delete": lambda: google.delete(body["id"]),
            "trash": lambda: google.trash(body["id"]),
            "untrash": lambda: google.trash(body["id"], trashed=False),
            "type": lambda: google.type_into(body["id"], body["text"]),
        }
        if not done[act]():
            raise LookupError(f"there is no file {body['id']}")

    def _unknown(self, body: dict[str, Any]) -> None:
        self._office.mail.unknown = {str(address) for address in body["addresses"]}
