"""Jira Cloud: one project, its issues, comments and transitions, and a search that lags behind."""

import base64
import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from infra.standins import credentials, jira_rules, jql
from infra.standins.contracts import Contracts
from infra.standins.vendor import Clock, RefusedError, Reply, Request, Vendor, repeated

ACCOUNT = {"accountId": "5b10-backroom", "displayName": "Backroom", "active": True}
PROVIDER = {"accountId": "5b10-provider", "displayName": "The provider", "active": True}
_STATUSES = {
    "new": {"id": "10000", "name": "To Do", "statusCategory": {"key": "new", "name": "To Do"}},
    "indeterminate": {
        "id": "10001",
        "name": "In Progress",
        "statusCategory": {"key": "indeterminate", "name": "In Progress"},
    },
    "done": {"id": "10002", "name": "Done", "statusCategory": {"key": "done", "name": "Done"}},
}
_TRANSITIONS = {"11": "new", "21": "indeterminate", "31": "done"}
_MOST_RESULTS = 50


@dataclass
class _Issue:
    """An issue, all its earlier states for the index, and its comments."""

    state: dict[str, Any]
    properties: dict[str, Any]
    versions: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)

    def keep(self, now: float) -> None:
        self.versions.append((now, copy.deepcopy(self.state)))

    def as_of(self, when: float) -> dict[str, Any] | None:
        return next((state for at, state in reversed(self.versions) if at <= when), None)


class JiraStandin(Vendor):
    """One site; ``lag_s`` is how long the search trails writes."""

    name = "jira"

    def __init__(self, clock: Clock, contracts: Contracts | None = None) -> None:
        self.lag_s = 0.0
        self._contracts = contracts
        self._issues: dict[str, _Issue] = {}
        super().__init__(clock)
        key = "/rest/api/3/issue/([^/]+)"
        self.on("GET", "/rest/api/3/myself", lambda _: Reply(200, ACCOUNT))
        self.on("POST", "/rest/api/3/issue", self._create)
        self.on("GET", key, self._show)
        self.on("GET", f"{key}/transitions", self._transitions)
        self.on("POST", f"{key}/transitions", self._transit)
        self.on("GET", f"{key}/comment", self._comments)
        self.on("POST", f"{key}/comment", self._comment)
        self.on("POST", "/rest/api/3/search/jql", self._search)

    def reset(self) -> None:
        """Forget all issues."""
        self.tokens = {credentials.JIRA_TOKEN}
        self._issues.clear()
        self._moved: dict[str, str] = {}
        self._made = 0
        self._events = 0

    def admit(self, request: Request) -> None:
        """Demand the account's name and token."""
        pairs = (f"{credentials.JIRA_USER}:{token}".encode() for token in self.tokens)
        expected = {f"Basic {base64.b64encode(pair).decode()}" for pair in pairs}
        if request.headers.get("authorization") not in expected:
            raise self.refuse(401, "Client must be authenticated to access this resource.")

    def refusal(self, status: int, words: str, **errors: str) -> Reply:
        """Return an error collection."""
        return Reply(status, {"errorMessages": [words] if words else [], "errors": errors})

    def shown(self) -> dict[str, Any]:
        """Return all issues with comments and properties."""
        with self.lock:
            return {
                "issues": [
                    {
                        "properties": issue.properties,
                        "comments": copy.deepcopy(issue.comments),
                        **copy.deepcopy(issue.state),
                    }
                    for issue in self._issues.values()
                ],
                "lag_s": self.lag_s,
            }

    def doubles(self) -> list[str]:
        """Return tickets with the same labels and summary, and comments with the same text."""
        with self.lock:
            fields = [issue.state["fields"] for issue in self._issues.values()]
            issues = [f"issue {' '.join(sorted(f['labels']))} {f['summary']}" for f in fields]
            comments = [
                f"comment {key} {comment['body']}"
                for key, issue in self._issues.items()
                for comment in issue.comments
            ]
            return repeated(issues) + repeated(comments)

    # --- what a person in Jira does ---

    def change(
        self, key: str, *, add_labels: list[str] | None = None, status: str | None = None
    ) -> dict[str, Any]:
        """Change an issue as the provider would; return the body of the webhook for it."""
        with self.lock:
            issue = self._issue(key)
            fields = issue.state["fields"]
            items = []
            if add_labels:
                before = " ".join(fields["labels"])
                fields["labels"] = list(dict.fromkeys([*fields["labels"], *add_labels]))
                items.append(_item("labels", before, " ".join(fields["labels"])))
            if status:
                before = fields["status"]["name"]
                fields["status"] = _STATUSES[status]
                items.append(_item("status", before, fields["status"]["name"]))
            self._touch(issue)
            return self._event(issue, items)

    def move(self, key: str, to: str) -> None:
        """Move an issue to another project: another key, the same id; the old key leads to it."""
        with self.lock:
            if to in self._issues or to in self._moved:
                raise ValueError(f"{to} is taken")
            issue = self._issue(key)
            self._moved[issue.state["key"]] = to
            self._issues[to] = self._issues.pop(issue.state["key"])
            issue.state["key"] = to
            self._touch(issue)

    def _event(self, issue: _Issue, items: list[dict[str, Any]]) -> dict[str, Any]:
        self._events += 1
        return {
            "timestamp": int(self.clock() * 1000),
            "webhookEvent": "jira:issue_updated",
            "issue_event_type_name": "issue_generic",
            "user": PROVIDER,
            "issue": copy.deepcopy(issue.state),
            "changelog": {"id": str(10_500 + self._events), "items": items},
        }

    # --- the API ---

    def _create(self, request: Request) -> Reply:
        body = self._object(request)
        fields = body.get("fields")
        faults = jira_rules.field_faults(fields) | self._document_fault(fields, "description")
        properties = body.get("properties", [])
        if not jira_rules.are_properties(properties):
            faults["properties"] = "Properties must have unique keys of at most 255 characters."
        if faults or not isinstance(fields, dict):
            raise _refused(faults)
        issue = self._new(fields)
        issue.properties = {each["key"]: each["value"] for each in properties}
        key = issue.state["key"]
        made = {"id": issue.state["id"], "key": key, "self": f"/rest/api/3/issue/{key}"}
        return Reply(201, made)

    def _new(self, fields: dict[str, Any]) -> _Issue:
        self._made += 1
        number = self._made
        key = f"{credentials.JIRA_PROJECT}-{number}"
        at = self._iso()
        fields_ = {
            **{name: fields.get(name) for name in ("summary", "duedate", "description")},
            "labels": list(fields.get("labels", [])),
            "status": _STATUSES["new"],
            "created": at,
            "updated": at,
        }
        issue = _Issue({"id": str(10_000 + number), "key": key, "fields": fields_}, {})
        issue.keep(self.clock())
        self._issues[key] = issue
        return issue

    def _show(self, request: Request, key: str) -> Reply:
        state = self._issue(key).state
        return Reply(200, _cut(state, request.query.get("fields", "*all").split(",")))

    def _transitions(self, request: Request, key: str) -> Reply:
        self._issue(key)
        offered = [
            {"id": each, "name": _STATUSES[to]["name"], "to": _STATUSES[to]}
            for each, to in _TRANSITIONS.items()
        ]
        return Reply(200, {"transitions": offered})

    def _transit(self, request: Request, key: str) -> Reply:
        issue = self._issue(key)
        wanted = self._object(request).get("transition")
        to = _TRANSITIONS.get(str(wanted.get("id"))) if isinstance(wanted, dict) else None
        if to is None:
            raise self.refuse(400, "It is not on the appropriate screen, or unknown.")
        issue.state["fields"]["status"] = _STATUSES[to]
        self._touch(issue)
        return Reply(204)

    def _comments(self, request: Request, key: str) -> Reply:
        found = self._issue(key).comments
        start = int(request.query.get("startAt", "0"))
        most = min(int(request.query.get("maxResults", "50")), _MOST_RESULTS)
        page = found[start : start + most]
        body = {"comments": page, "startAt": start, "maxResults": most, "total": len(found)}
        return Reply(200, body)

    def _comment(self, request: Request, key: str) -> Reply:
        issue = self._issue(key)
        body = self._object(request)
        if faults := self._document_fault(body, "body"):
            raise _refused(faults)
        count = sum(len(each.comments) for each in self._issues.values())
        comment = {"id": str(20_000 + count), "author": ACCOUNT, "body": body["body"]}
        issue.comments.append({**comment, "created": self._iso()})
        self._touch(issue)
        return Reply(201, comment)

    def _search(self, request: Request) -> Reply:
        body = self._object(request)
        try:
            query = jql.parsed(str(body.get("jql", "")))
        except jql.JqlError as wrong:
            raise self.refuse(400, str(wrong)) from wrong
        if query.value("project") not in {None, credentials.JIRA_PROJECT}:
            raise self.refuse(400, "The value does not exist for the field 'project'.")
        found = [state for state in self._indexed(body) if query.meets(state, self.clock())]
        found.sort(key=lambda state: int(state["id"]), reverse=query.newest_first)
        start = int(body.get("nextPageToken") or 0)
        most = min(int(body.get("maxResults", 50)), _MOST_RESULTS)
        page = [_cut(state, body.get("fields", ["id"])) for state in found[start : start + most]]
        if start + most >= len(found):
            return Reply(200, {"issues": page, "isLast": True})
        token = str(start + most)
        return Reply(200, {"issues": page, "isLast": False, "nextPageToken": token})

    def _indexed(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the issues as the index has them; those to be reconciled as they are."""
        sure = {str(issue_id) for issue_id in body.get("reconcileIssues", [])}
        horizon = self.clock() - self.lag_s
        seen = [
            issue.state if issue.state["id"] in sure else issue.as_of(horizon)
            for issue in self._issues.values()
        ]
        return [state for state in seen if state is not None]

    def _issue(self, key: str) -> _Issue:
        by_id = (issue for issue in self._issues.values() if issue.state["id"] == key)
        while key in self._moved:
            key = self._moved[key]
        found = self._issues.get(key) or next(by_id, None)
        if found is None:
            raise self.refuse(404, "Issue does not exist or you do not have permission to see it.")
        return found

    def _touch(self, issue: _Issue) -> None:
        issue.state["fields"]["updated"] = self._iso()
        issue.keep(self.clock())

    def _iso(self) -> str:
        return datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="milliseconds")

    def _object(self, request: Request) -> dict[str, Any]:
        try:
            body = request.json()
        except ValueError as broken:
            raise self.refuse(400, "There was an error parsing JSON.") from broken
        if not isinstance(body, dict):
            raise self.refuse(400, "Invalid request payload. Refer to the REST API documentation.")
        return body

    def _document_fault(self, body: object, name: str) -> dict[str, str]:
        document = body.get(name) if isinstance(body, dict) else None
        if document is None and name == "description":
            return {}
        if not jira_rules.is_document(document):
            return {name: "Operation value must be an Atlassian Document."}
        if too_long := jira_rules.text_fault(document):
            return {name: too_long}
        faults = self._contracts.document_faults(document) if self._contracts else []
        return {name: faults[0]} if faults else {}


def _refused(faults: dict[str, str]) -> RefusedError:
    return RefusedError(Reply(400, {"errorMessages": [], "errors": faults}))


def _cut(state: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    """Return an issue with these fields only; with ``id`` alone, as the search has it."""
    if fields == ["id"]:
        return {"id": state["id"]}
    if "*all" in fields:
        return copy.deepcopy(state)
    fields_ = {name: value for name, value in state["fields"].items() if name in fields}
    return copy.deepcopy({"id": state["id"], "key": state["key"], "fields": fields_})


def _item(field_id: str, before: str, after: str) -> dict[str, Any]:
    sides = {"from": None, "fromString": before, "to": None, "toString": after}
    return {"field": field_id, "fieldId": field_id, **sides}
