"""GitHub's REST API: who may push to one repository, invited people included.

A grant becomes an invitation until it is accepted. Taking access away takes both away, as deleting
a collaborator does not delete the invitation that was sent to them.
"""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Literal, TypeVar
from urllib.parse import quote

from pydantic import ConfigDict, SecretStr, TypeAdapter, ValidationError

from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    RejectedError,
)
from chalicelib.core.values import dataclass
from chalicelib.integrations import limits
from chalicelib.integrations.http import Answer, Http, NotThereError, Read
from chalicelib.integrations.settings import VendorSettings

R = TypeVar("R", bound=Read)

Access = Literal["member", "invited", "none"]
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}

_MOST_ROUNDS = 3
_LIMIT_S = 60
# What GitHub says of a limit ("Rate limits for the REST API"), and of a token, its account or the
# repository ("Troubleshooting the REST API"). Any other 403 is about the user or the request.
_NOT_NOW = re.compile(
    "rate limit|abuse detection|exceeded .*invitation|invitation.* limit|too many|try again later"
)
_THIS_ACCOUNT = re.compile(
    "resource not accessible by|must have admin rights|must have push access|administrative rules"
    "|account (was|is|has been) suspended|archived|read-only|repository access blocked"
    "|saml|single sign-on|ip allow list|access restrictions|forbids access|not permitted to access"
    "|personal access token|oauth|enabled or disabled"
)
_GRANTED: Mapping[int, Access] = {HTTPStatus.CREATED: "invited", HTTPStatus.NO_CONTENT: "member"}
_FORBIDDEN = {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}


class GitHubSettings(VendorSettings):
    """One repository, ``owner/name``."""

    github_url: str = "https://api.github.com"
    github_repository: str
    github_token: SecretStr


class User(Read):
    """A GitHub user: ``id`` is permanent, ``login`` may change and be taken by another user."""

    id: int
    login: str


class Invitation(Read):
    """A pending invitation; an expired one can only be deleted."""

    id: int
    invitee: User | None = None
    expired: bool = False

    def is_for(self, username: str, user_id: int | None) -> bool:
        """Return whether it was sent to a user: by id, or by name where no id is known."""
        if self.invitee is None:
            return False
        if user_id is not None:
            return self.invitee.id == user_id
        return self.invitee.login.lower() == username.lower()


_USERS = TypeAdapter(tuple[User, ...], config=ConfigDict(defer_build=True))
_INVITATIONS = TypeAdapter(tuple[Invitation, ...], config=ConfigDict(defer_build=True))


@dataclass(frozen=True)
class GitHub:
    """One repository, ``owner/name``."""

    http: Http
    repository: str

    def check(self) -> None:
        """Return when the token may manage the repository's collaborators."""
        self._page("invitations", _INVITATIONS, 1, per_page=1)

    def user_id(self, username: str) -> int:
        """Return the id of a name's present user. Raises NotThereError when there is none."""
        try:
            answer = self.http.read("GET", f"/users/{quote(username, safe='')}")
        except NotThereError:
            raise NotThereError(f"GitHub: there is no user {username}") from None
        return answer.into(User).id

    def grant(self, username: str, user_id: int | None = None) -> Access:
        """Let a user push. Repeat-safe: the second time the same invitation is answered.

        Only ``user_id`` is invited, even if another user has the name now. Raises NotThereError
        when the name does not exist, or another user has it and this one has no access.
        """
        if user_id is not None and not self._is_called(user_id, username):
            access = self.access(username, user_id)
            if access == "none":
                raise NotThereError(f"GitHub: user {user_id} is not called {username} any more")
            return access
        try:
            answer = self.http.write("PUT", self._person(username), json={"permission": "push"})
        except NotThereError:
            self.user_id(username)
            raise CredentialsError(f"GitHub: {self.repository} is hidden from this token") from None
        if answer.status not in _GRANTED:
            raise answer.unknown(f"{answer.status} says nothing of an invitation")
        return _GRANTED[answer.status]

    def remove(self, username: str, user_id: int | None = None) -> None:
        """Take access away, and every invitation, and return when both are gone. Repeat-safe.

        With ``user_id`` it is taken from that user, whatever their name is now.
        """
        for _ in range(_MOST_ROUNDS):
            for invitation in self._invitations_of(username, user_id):
                self._delete(f"{self._repo}/invitations/{invitation.id}")
            for login in self._names_of(username, user_id):
                self._delete(self._person(login))
            if self.access(username, user_id) == "none":
                return
        raise NotExecutedError(f"GitHub: {username} still has access or an invitation")

    def access(self, username: str, user_id: int | None = None) -> Access:
        """Return a user's current access; an expired invitation counts as one."""
        invited = self._invitations_of(username, user_id)
        if self._is_member(username, user_id):
            return "member"
        return "invited" if invited else "none"

    @property
    def _repo(self) -> str:
        return f"/repos/{quote(self.repository, safe='/')}"

    def _person(self, username: str) -> str:
        return f"{self._repo}/collaborators/{quote(username, safe='')}"

    def _is_called(self, user_id: int, username: str) -> bool:
        try:
            return self.user_id(username) == user_id
        except NotThereError:
            return False

    def _is_member(self, username: str, user_id: int | None) -> bool:
        if user_id is not None:
            return bool(self._collaborators(user_id))
        try:
            self.http.read("GET", self._person(username))
        except NotThereError:
            return False
        return True

    def _names_of(self, username: str, user_id: int | None) -> list[str]:
        """Return the names under which a user may have access now.

        Whoever accepts an invitation at this moment is no collaborator yet, but has their name.
        """
        if user_id is None:
            return [username]
        found = self._collaborators(user_id)
        return found or ([username] if self._is_called(user_id, username) else [])

    def _collaborators(self, user_id: int) -> list[str]:
        """Return the name that a user has now as a collaborator, none when they are none."""
        users = self._pages("collaborators", _USERS)
        return [user.login for user in users if user.id == user_id]

    def _delete(self, path: str) -> None:
        try:
            self.http.write("DELETE", path)
        except NotThereError:
            return  # another request was first

    def _invitations_of(self, username: str, user_id: int | None) -> list[Invitation]:
        invitations = self._pages("invitations", _INVITATIONS)
        return [each for each in invitations if each.is_for(username, user_id)]

    def _pages(self, what: str, listed: TypeAdapter[tuple[R, ...]]) -> Iterator[R]:
        page = 1
        while found := self._page(what, listed, page):
            yield from found
            if len(found) < limits.GITHUB_PAGE:
                return
            page += 1

    def _page(
        self,
        what: str,
        listed: TypeAdapter[tuple[R, ...]],
        page: int,
        *,
        per_page: int = limits.GITHUB_PAGE,
    ) -> tuple[R, ...]:
        query = {"per_page": str(per_page), "page": str(page)}
        try:
            answer = self.http.read("GET", f"{self._repo}/{what}", query=query)
        except NotThereError as hidden:
            # GitHub answers 404 to who may not see a repository; "no invitation" is another
            # thing, and no access must be taken for removed because of it.
            raise CredentialsError(
                f"GitHub: {self.repository} is hidden from this token"
            ) from hidden
        try:
            return listed.validate_json(answer.content)
        except ValidationError as odd:
            raise answer.unknown(f"the answer is no list of {what}") from odd


def judge(answer: Answer, now: float) -> EffectError | None:
    """Tell a limit, an account that may not, and a request that is refused: all come as 403."""
    if answer.status not in _FORBIDDEN:
        return None
    why = f"GitHub {answer.request}: {answer.status} {answer.words()}"
    message = answer.words().lower()
    wait_s = answer.retry_after_s(now)
    if answer.headers.get("x-ratelimit-remaining") == "0":
        reset = answer.headers.get("x-ratelimit-reset", "")
        left_s = max(float(reset) - now, 0.0) if reset.isdigit() else None
        return NotExecutedError(why, retry_after_s=wait_s if wait_s is not None else left_s)
    if wait_s is not None or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return NotExecutedError(why, retry_after_s=wait_s)
    if _NOT_NOW.search(message):
        return NotExecutedError(why, retry_after_s=_LIMIT_S)
    about_us = "x-github-sso" in answer.headers or _THIS_ACCOUNT.search(message)
    return CredentialsError(why) if about_us else RejectedError(why)
