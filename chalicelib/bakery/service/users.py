"""The user of a GitHub name: the id is stored, since names change and are taken by others."""

from collections.abc import Sequence

from chalicelib.bakery.ports import Repository, Staff
from chalicelib.bakery.records import Access, GitHubUser
from chalicelib.core.values import dataclass
from chalicelib.integrations.http import NotThereError


@dataclass(frozen=True)
class GitHubUsers:
    """Looks a name up at GitHub once for each request about it, and stores the id."""

    staff: Staff
    repository: Repository

    def to_grant(self, word: Access) -> int:
        """Return the user to grant access: the one with the name when the request first ran.

        The access of another user from an earlier request for the same name is removed.
        Raises EffectError; NotThereError when no user has the name.
        """
        known = self.staff.user(word.login)
        if known and known.word == word.version:
            return known.user_id
        user_id = self.repository.user_id(word.login)
        if known and known.user_id != user_id:
            self._let_go(known)
        self.staff.know_user(GitHubUser(login=word.login, user_id=user_id, word=word.version))
        return user_id

    def _let_go(self, before: GitHubUser) -> None:
        """Remove the access of a name's earlier user, unless it is wanted under another name."""
        if set(self.wanted_as(before.user_id)) <= {before.login}:
            self.repository.remove(before.login, before.user_id)

    def known_as(self, login: str) -> int | None:
        """Return the user of a name; None when no user has it and none is stored.

        A user from an older version, without an id, is looked up and stored.
        """
        if known := self.staff.user(login):
            return known.user_id
        try:
            user_id = self.repository.user_id(login)
        except NotThereError:
            return None
        self.staff.know_user(GitHubUser(login=login, user_id=user_id))
        return user_id

    def wanted_as(self, user_id: int | None) -> Sequence[str]:
        """Return the names with wanted access that are the user's."""
        logins = self.staff.logins_of(user_id) if user_id is not None else ()
        return [login for login in logins if self.staff.access(login).wanted]
