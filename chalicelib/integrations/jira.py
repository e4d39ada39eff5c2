"""Jira Cloud, REST API version 3: issues, comments, transitions and the search for them.

Searching trails writes by seconds to minutes, so "not found" is no proof before the settle time
(`SETTLE_S`); what is read by key is always up to date.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from http import HTTPStatus
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationError

from chalicelib.core.outbox.effects import CredentialsError, EffectError, RejectedError
from chalicelib.integrations import adf, limits
from chalicelib.integrations.http import Answer, Http, NotThereError, Read
from chalicelib.integrations.settings import WEBHOOK_SECRET, VendorSettings

SETTLE_S = 900.0
"""How long the search may trail a write ("seconds to minutes", says Atlassian), made sure of."""

Category = Literal["new", "indeterminate", "done", "undefined"]
_FIELDS = ["summary", "labels", "status", "created", "updated"]
_MARK = "Reference: "
_ISSUE = "/rest/api/3/issue"


class JiraSettings(VendorSettings):
    """One project of one site."""

    jira_url: str
    jira_project: str
    jira_user: str
    jira_token: SecretStr
    jira_issue_type: str = "Task"


class JiraWebhookSettings(VendorSettings):
    """What Jira signs its webhooks with, and what it signed them with before."""

    secret: ClassVar[str] = WEBHOOK_SECRET

    jira_webhook_secret: SecretStr
    jira_webhook_secret_previous: SecretStr | None = None


class _StatusCategory(Read):
    key: str


class _Status(Read):
    name: str
    category: _StatusCategory = Field(alias="statusCategory")


class _Fields(Read):
    summary: str
    labels: tuple[str, ...] = ()
    status: _Status


class Created(Read):
    """A new issue: ``id`` is a number in digits, ``key`` what people call it."""

    id: str
    key: str


class Issue(Read):
    """An issue as it is now."""

    id: str
    key: str
    fields: _Fields

    @property
    def labels(self) -> tuple[str, ...]:
        """Return its labels."""
        return self.fields.labels

    @property
    def closed(self) -> bool:
        """Return whether its status is one of those that mean done, whatever its name."""
        return self.fields.status.category.key == "done"


class Account(Read):
    """Who the token belongs to."""

    account_id: str = Field(alias="accountId")
    name: str = Field("", alias="displayName")


class _Comment(Read):
    id: str
    body: Any = None


class _Comments(Read):
    comments: tuple[_Comment, ...]
    total: int


class _Errors(Read):
    errors: dict[str, str] = Field(default_factory=dict)


class _Found(Read):
    issues: tuple[Issue, ...] = ()
    token: str | None = Field(None, alias="nextPageToken")


class _Transition(Read):
    id: str
    to: _Status


class _Transitions(Read):
    transitions: tuple[_Transition, ...]


class Jira:
    """One project on one site."""

    def __init__(self, http: Http, project: str, *, issue_type: str = "Task") -> None:
        self._http = http
        self._project = project
        self._issue_type = issue_type

    def myself(self) -> Account:
        """Return who the token belongs to."""
        return self._http.read("GET", "/rest/api/3/myself").into(Account)

    def create(
        self,
        summary: str,
        description: adf.Node,
        *,
        labels: Sequence[str],
        due: date | None = None,
        properties: Mapping[str, object] | None = None,
    ) -> Created:
        """Create an issue. Of the marks it carries only ``labels`` can be searched for.

        Not repeat-safe: a second call makes a second issue.
        """
        fields: dict[str, Any] = {
            "project": {"key": self._project},
            "issuetype": {"name": self._issue_type},
            "summary": limits.shortened(" ".join(summary.split()), limits.JIRA_SUMMARY),
            "labels": list(map(_label, labels)),
            "description": description,
        }
        if due:
            fields["duedate"] = due.isoformat()
        body = {
            "fields": fields,
            "properties": [{"key": k, "value": v} for k, v in (properties or {}).items()],
        }
        return self._http.write("POST", _ISSUE, json=body).into(Created)

    def issue(self, key: str) -> Issue | None:
        """Return an issue as it is now, None when there is none."""
        try:
            answer = self._http.read("GET", _path(key), query={"fields": ",".join(_FIELDS)})
        except NotThereError:
            return None
        return answer.into(Issue)

    def labelled(self, label: str, *, sure_of: Sequence[str] = ()) -> tuple[Issue, ...]:
        """Return the issues with ``label``, oldest first; the latest may be missing yet.

        Of the issues whose ids are in ``sure_of`` (at most 50) the present state is searched.
        """
        clause = f"labels = {quoted(_label(label))} ORDER BY created ASC"
        return self.search(clause, sure_of=sure_of)

    def closed_with(self, label: str, *, within_days: int) -> tuple[Issue, ...]:
        """Return the closed issues with ``label`` that were changed lately, of any project.

        An issue may have been moved to another one.
        """
        return tuple(
            self._found(
                _query(
                    f"labels = {quoted(label)} AND statusCategory = Done"
                    f" AND updated >= -{within_days}d ORDER BY created ASC"
                )
            )
        )

    def search(self, clause: str, *, sure_of: Sequence[str] = ()) -> tuple[Issue, ...]:
        """Return the project's issues that meet a JQL clause, all pages."""
        query = _query(f"project = {quoted(self._project)} AND {clause}")
        if sure_of:
            query["reconcileIssues"] = [int(each) for each in sure_of[: limits.JIRA_RECONCILED]]
        return tuple(self._found(query))

    def comment(self, key: str, body: adf.Node, *, effect_id: str) -> str:
        """Comment on an issue and return the comment's id; ``effect_id`` is its last line.

        Not repeat-safe: `find_comment` finds an earlier call's result.
        """
        marked = {**body, "content": [*body["content"], adf.paragraph(f"{_MARK}{effect_id}")]}
        path = f"{_path(key)}/comment"
        return self._http.write("POST", path, json={"body": marked}).into(_Comment).id

    def find_comment(self, key: str, effect_id: str) -> str | None:
        """Return the id of the comment that carries ``effect_id``, None when there is none."""
        for comment in self._comments(key):
            if f"{_MARK}{effect_id}" in adf.words(comment.body):
                return comment.id
        return None

    def close(self, key: str) -> None:
        """Move an issue to a status that means done, unless it is there. Repeat-safe."""
        self._move(key, "done")

    def _move(self, key: str, category: Category) -> None:
        issue = self.issue(key)
        if issue is None:
            raise NotThereError(f"Jira: there is no issue {key}")
        if issue.fields.status.category.key == category:
            return
        path = f"{_path(key)}/transitions"
        offered = self._http.read("GET", path).into(_Transitions).transitions
        fitting = [each.id for each in offered if each.to.category.key == category]
        if not fitting:
            raise CredentialsError(f"Jira: no transition that we may use leads {key} to {category}")
        moved = self._http.write("POST", path, json={"transition": {"id": fitting[0]}})
        if moved.status != HTTPStatus.NO_CONTENT:
            raise moved.unknown(f"{moved.status} says nothing of a transition")

    def _found(self, query: dict[str, Any]) -> Iterator[Issue]:
        while True:
            page = self._http.read("POST", "/rest/api/3/search/jql", json=query).into(_Found)
            yield from page.issues
            if not page.token:
                return
            query = {**query, "nextPageToken": page.token}

    def _comments(self, key: str) -> Iterator[_Comment]:
        seen = 0
        while True:
            query = {"startAt": str(seen), "maxResults": str(limits.JIRA_PAGE)}
            page = self._http.read("GET", f"{_path(key)}/comment", query=query).into(_Comments)
            yield from page.comments
            seen += len(page.comments)
            if not page.comments or seen >= page.total:
                return


def judge(answer: Answer, _: float) -> EffectError | None:
    """Tell what is about one issue from what is about the account, or about how Jira is set up.

    The permission for one issue may be denied (it was moved). A project, a type or a field that
    Jira does not take is wrong for every ticket: settings have to be corrected, here or there.
    """
    why = f"Jira {answer.request}: {answer.status} {answer.words()}"
    path = answer.request.partition(" ")[2]
    if answer.status == HTTPStatus.FORBIDDEN and path.startswith(f"{_ISSUE}/"):
        denied = "X-Authentication-Denied-Reason" in answer.headers
        return CredentialsError(why) if denied else RejectedError(why)
    if answer.status == HTTPStatus.BAD_REQUEST and path == _ISSUE and _of_settings(answer):
        return CredentialsError(why)
    return None


def _of_settings(answer: Answer) -> bool:
    """Return whether Jira refuses a project, a type, or a field that every ticket has or lacks."""
    try:
        errors = _Errors.model_validate_json(answer.content).errors
    except ValidationError:
        return False
    return any(
        name in {"project", "pid", "issuetype"}
        or "cannot be set" in words
        or (name.startswith("customfield_") and "required" in words)
        for name, words in errors.items()
    )


def _label(label: str) -> str:
    return limits.identified(label, limits.JIRA_LABEL, measure=len)


def _query(jql: str) -> dict[str, Any]:
    return {"jql": jql, "fields": _FIELDS, "maxResults": limits.JIRA_PAGE}


def quoted(value: str) -> str:
    """Return a value as JQL takes it: a string, with nothing in it that would end it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _path(key: str) -> str:
    return f"{_ISSUE}/{quote(key, safe='')}"
