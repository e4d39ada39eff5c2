"""GitHub's REST API: who may push to one repository, invited people included.

A grant becomes an invitation until it is accepted. Taking access away takes both away, as deleting
a collaborator does not delete the invitation that was sent to them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote

from pydantic import ConfigDict, TypeAdapter, ValidationError

from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    RejectedError,
)
from chalicelib.integrations.http import Answer, Http, NotThereError, Read

Access = Literal["member", "invited", "none"]
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}

_PAGE = 100
_MOST_ROUNDS = 3
_NOT_ENOUGH = ("resource not accessible by", "must have admin rights")
_FORBIDDEN = {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}


class _Invitee(Read):
    login: str


class Invitation(Read):
    """An invitation that nobody has answered; an expired one can only be deleted."""

    id: int
    invitee: _Invitee | None = None
    expired: bool = False

    def is_for(self, username: str) -> bool:
        """Return whether it was sent to ``username``; GitHub does not mind capitals."""
        return self.invitee is not None and self.invitee.login.lower() == username.lower()


_INVITATIONS = TypeAdapter(tuple[Invitation, ...], config=ConfigDict(defer_build=True))


@dataclass(frozen=True)
class GitHub:
    """One repository, ``owner/name``."""

    http: Http
    repository: str

    def check(self) -> None:
        """Return when the token may look after the repository's collaborators."""
        self._invitations_page(1, per_page=1)

    def grant(self, username: str) -> Access:
        """Let somebody push. Repeat-safe: the second time the same invitation is answered.

        Raises NotThereError when nobody has that name.
        """
        try:
            answer = self.http.write("PUT", self._person(username), json={"permission": "push"})
        except NotThereError:
            self._know(username)
            raise CredentialsError(f"GitHub: {self.repository} is hidden from this token") from None
        return "invited" if answer.status == HTTPStatus.CREATED else "member"

    def remove(self, username: str) -> None:
        """Take access away, and every invitation, and return when both are gone. Repeat-safe."""
        for _ in range(_MOST_ROUNDS):
            for invitation in self._invitations_of(username):
                self._delete(f"{self._repo}/invitations/{invitation.id}")
            self._delete(self._person(username))
            if self.access(username) == "none":
                return
        raise NotExecutedError(f"GitHub: {username} still has access or an invitation")

    def access(self, username: str) -> Access:
        """Return what somebody may do now; an expired invitation counts as one."""
        invited = self._invitations_of(username)
        try:
            self.http.read("GET", self._person(username))
        except NotThereError:
            return "invited" if invited else "none"
        return "member"

    @property
    def _repo(self) -> str:
        return f"/repos/{quote(self.repository, safe='/')}"

    def _person(self, username: str) -> str:
        return f"{self._repo}/collaborators/{quote(username, safe='')}"

    def _know(self, username: str) -> None:
        try:
            self.http.read("GET", f"/users/{quote(username, safe='')}")
        except NotThereError:
            raise NotThereError(f"GitHub: nobody is called {username}") from None

    def _delete(self, path: str) -> None:
        try:
            self.http.write("DELETE", path)
        except NotThereError:
            return  # somebody was first

    def _invitations_of(self, username: str) -> list[Invitation]:
        return [each for each in self._invitations() if each.is_for(username)]

    def _invitations(self) -> Iterator[Invitation]:
        page = 1
        while found := self._invitations_page(page):
            yield from found
            if len(found) < _PAGE:
                return
            page += 1

    def _invitations_page(self, page: int, *, per_page: int = _PAGE) -> tuple[Invitation, ...]:
        query = {"per_page": str(per_page), "page": str(page)}
        try:
            answer = self.http.read("GET", f"{self._repo}/invitations", query=query)
        except NotThereError as hidden:
            # Who may not see a repository is told that there is none; "no invitation" is another
            # thing, and nobody's access must be taken for removed because of it.
            raise CredentialsError(
                f"GitHub: {self.repository} is hidden from this token"
            ) from hidden
        try:
            return _INVITATIONS.validate_json(answer.content)
        except ValidationError as odd:
            raise answer.unknown("the answer is no list of invitations") from odd


def judge(answer: Answer, now: float) -> EffectError | None:
    """Tell a limit from a refusal: both come as 403."""
    if answer.status not in _FORBIDDEN:
        return None
    why = f"GitHub {answer.request}: {answer.status} {answer.words()}"
    wait_s = answer.retry_after_s(now)
    if answer.headers.get("x-ratelimit-remaining") == "0":
        reset = answer.headers.get("x-ratelimit-reset", "")
        left_s = max(float(reset) - now, 0.0) if reset.isdigit() else None
        return NotExecutedError(why, retry_after_s=wait_s if wait_s is not None else left_s)
    if wait_s is not None or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return NotExecutedError(why, retry_after_s=wait_s)
    said = answer.words().lower()
    if "secondary rate limit" in said:
        return NotExecutedError(why, retry_after_s=60)
    return (
        CredentialsError(why) if any(words in said for words in _NOT_ENOUGH) else RejectedError(why)
    )
