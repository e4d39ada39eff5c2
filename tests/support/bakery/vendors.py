"""The bakery's vendors in memory, to watch, and to let fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from chalicelib.integrations.gdocs import DocumentFullError
from chalicelib.integrations.http import NotThereError
from chalicelib.integrations.mail import Letter


@dataclass
class Vendor:
    """A vendor that fails as configured: before it has executed a request, or after."""

    before: list[Exception] = field(default_factory=list)
    after: list[Exception] = field(default_factory=list)

    def fail(self, when: list[Exception]) -> None:
        if when:
            raise when.pop(0)


@dataclass
class FakeIssue:
    id: str
    key: str
    summary: str
    description: dict[str, Any]
    labels: tuple[str, ...]
    due: date | None
    properties: Any
    closed: bool = False
    comments: dict[str, Any] = field(default_factory=dict)


class FakeDesk(Vendor):
    """Jira, whose search shows everything at once."""

    def __init__(self) -> None:
        super().__init__()
        self.issues: dict[str, FakeIssue] = {}

    def create(self, summary: str, description: Any, **fields: Any) -> FakeIssue:
        self.fail(self.before)
        number = len(self.issues) + 1
        key = f"ING-{number}"
        self.issues[key] = FakeIssue(str(10_000 + number), key, summary, description, **fields)
        self.fail(self.after)
        return self.issues[key]

    def labelled(self, label: str) -> Sequence[FakeIssue]:
        return [issue for issue in self.issues.values() if label in issue.labels]

    def issue(self, issue: str) -> FakeIssue | None:
        found = (each for each in self.issues.values() if issue in {each.id, each.key})
        return next(found, None)

    def move(self, key: str, to: str) -> FakeIssue:
        """Have somebody move an issue to another project: another key, the same id."""
        self.issues[to] = self.issues.pop(key)
        self.issues[to].key = to
        return self.issues[to]

    def closed_with(self, label: str, *, within_days: int) -> Sequence[FakeIssue]:
        return [issue for issue in self.labelled(label) if issue.closed]

    def comment(self, issue: str, body: Any, *, effect_id: str) -> str:
        self.fail(self.before)
        found = self.issue(issue)
        if found is None:
            raise NotThereError(f"Jira: there is no issue {issue}")
        assert effect_id not in found.comments
        found.comments[effect_id] = body
        self.fail(self.after)
        return f"comment {effect_id}"

    def find_comment(self, issue: str, effect_id: str) -> str | None:
        found = self.issue(issue)
        return f"comment {effect_id}" if found and effect_id in found.comments else None

    def short(self, key: str, *labels: str) -> None:
        """Have the provider say that something is missing, and close the ticket."""
        self.issues[key].labels += ("missing-ingredients", *labels)
        self.issues[key].closed = True


@dataclass(frozen=True)
class FakePerson:
    id: str
    names: tuple[str, ...]
    reachable: bool = True


class FakeMessenger(Vendor):
    """Slack, with its directory."""

    def __init__(self) -> None:
        super().__init__()
        self.people: list[FakePerson] = []
        self.requests = 0
        self.posted: list[tuple[str, str, str]] = []
        self.deleted: list[tuple[str, str]] = []

    def users(self) -> Sequence[FakePerson]:
        self.requests += 1
        self.fail(self.before)
        return list(self.people)

    def user(self, user_id: str) -> FakePerson | None:
        return next((each for each in self.people if each.id == user_id), None)

    def open_dm(self, user_id: str) -> str:
        return f"D{user_id}"

    def post(self, channel: str, text: str, *, effect_id: str) -> str:
        self.fail(self.before)
        self.posted.append((channel, text, effect_id))
        self.fail(self.after)
        return str(len(self.posted))

    def find(self, channel: str, *, effect_id: str, since: float = 0) -> str | None:
        for number, (where, _, marked) in enumerate(self.posted, start=1):
            if (where, marked) == (channel, effect_id):
                return str(number)
        return None

    def delete(self, channel: str, message: str) -> None:
        self.fail(self.before)
        self.deleted.append((channel, message))


class FakeMailbox(Vendor):
    """A mail server."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Letter] = []

    def send(self, letter: Letter) -> str:
        self.fail(self.before)
        self.sent.append(letter)
        self.fail(self.after)
        return f"<{letter.effect_id}@bakery>"


class FakeDrive(Vendor):
    """Drive and Docs; two files may have one name."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[tuple[str, str]] = []
        self.texts: dict[str, dict[str, str]] = {}
        self.gone: set[str] = set()
        self.full: set[str] = set()
        self.folder_goes = False

    def exists(self, file_id: str) -> bool:
        return file_id not in self.gone

    def find_folder(self, name: str) -> str | None:
        return self._found("folder", name)

    def create_folder(self, name: str) -> str:
        return self._created("folder", name)

    def find_document(self, customer: str) -> str | None:
        return self._found("document", customer)

    def create_document(self, name: str, *, customer: str, folder: str) -> str:
        if self.folder_goes:
            self.folder_goes = False
            self.gone.add(folder)
        if folder in self.gone:
            raise NotThereError("gone")
        return self._created("document", name)

    def delete(self, file_id: str) -> None:
        self.fail(self.before)
        self.gone.add(file_id)

    def names(self, document_id: str) -> frozenset[str]:
        return frozenset(self.texts.get(document_id, {}))

    def append(self, document_id: str, lines: Sequence[Any]) -> None:
        self.fail(self.before)
        if document_id in self.gone:
            raise NotThereError("gone")
        if document_id in self.full:
            raise DocumentFullError("full")
        text = self.texts.setdefault(document_id, {})
        for line in lines:
            text.setdefault(line.name, line.text)
        self.fail(self.after)

    def _found(self, kind: str, name: str) -> str | None:
        known = [
            f"{k}-{n}" for n, (k, called) in enumerate(self.files) if (k, called) == (kind, name)
        ]
        return next((each for each in known if each not in self.gone), None)

    def _created(self, kind: str, name: str) -> str:
        self.fail(self.before)
        self.files.append((kind, name))
        self.fail(self.after)
        return f"{kind}-{len(self.files) - 1}"


class FakeRepository(Vendor):
    """GitHub; ``meanwhile`` happens during the next call. Everybody has an account but nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: dict[str, int] = {}
        self.members: set[str] = set()
        self.invited: set[str] = set()
        self.meanwhile: list[Callable[[], object]] = []

    def rename(self, login: str, to: str) -> None:
        """Let somebody take another name, and somebody new the old one."""
        self.ids[to] = self.user_id(login)
        self.ids[login] = 1_000 + len(self.ids)
        for names in (self.members, self.invited):
            if login in names:
                names.remove(login)
                names.add(to)

    def user_id(self, username: str) -> int:
        if username == "nobody":
            raise NotThereError("GitHub: nobody is called nobody")
        return self.ids.setdefault(username.lower(), len(self.ids) + 1)

    def grant(self, username: str, user_id: int | None = None) -> Any:
        self._happen()
        self.fail(self.before)
        if user_id not in {None, self.user_id(username)}:
            return self.access(username, user_id)
        if username in self.members:
            return "member"
        self.invited.add(username)
        self.fail(self.after)
        return "invited"

    def remove(self, username: str, user_id: int | None = None) -> None:
        self._happen()
        self.fail(self.before)
        name = self._called(username, user_id)
        self.members.discard(name)
        self.invited.discard(name)

    def access(self, username: str, user_id: int | None = None) -> Any:
        name = self._called(username, user_id)
        if name in self.members:
            return "member"
        return "invited" if name in self.invited else "none"

    def _called(self, username: str, user_id: int | None) -> str:
        names = {known: name for name, known in self.ids.items()}
        return username if user_id is None else names[user_id]

    def _happen(self) -> None:
        if self.meanwhile:
            self.meanwhile.pop(0)()
