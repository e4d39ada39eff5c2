"""Access to the repository: whatever was said of a GitHub user last is made true (B15)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chalicelib.bakery.ports import Repository, Staff
from chalicelib.bakery.records import Access, AccessState, Employee
from chalicelib.bakery.service.users import GitHubUsers
from chalicelib.core.outbox.effects import Effect, Ending, NotExecutedError

_MOST_ROUNDS = 5
_MOST_TRIES = 20
_GRANTED: Mapping[str | None, AccessState] = {"invited": "invited", "member": "granted"}


@dataclass(frozen=True)
class AccessHandler:
    """Performs the effects of kind ``github``; all its calls may be repeated.

    ``repository`` gives the vendor's client, or raises NotConfiguredError.
    """

    repository: Callable[[], Repository]
    staff: Staff
    search_lag_s: float = 0.0

    def handle(self, effect: Effect) -> str | None:
        """Make true what is wanted now, whichever word asked for it; return how it stands.

        A word that comes while the one before is carried out is seen afterwards and carried out
        too, so the last one wins in whatever order they get here.
        """
        login = effect.payload["login"]
        for _ in range(_MOST_ROUNDS):
            before = self.staff.access(login)
            stands = self._made_true(before)
            if self.staff.access(login).version == before.version:
                return stands
        raise NotExecutedError(f"The access of {login} keeps changing; it is tried again.")

    def find(self, effect: Effect) -> str | None:
        """Return nothing: doing it again is as good as knowing."""
        del effect
        return None

    def on_finished(self, effect: Effect, conclusion: Ending) -> None:
        """Store the state of access on the employee, unless a newer request exists."""
        for _ in range(_MOST_TRIES):
            employee = self.staff.employee(effect.payload["employee"])
            last = self.staff.access(effect.payload["login"])
            overtaken = last.version != effect.payload["version"]
            if employee is None or overtaken or not _concerns(employee, last.login):
                return
            access, reason = _stand(conclusion)
            if (employee.access, employee.reason) == (access, reason):
                return
            after = employee.after(access=access, reason=reason)
            if self.staff.change(employee, after):
                return
        raise NotExecutedError("Too many change the same employee.")

    def _made_true(self, word: Access) -> str:
        repository = self.repository()
        users = GitHubUsers(self.staff, repository)
        if word.wanted:
            return repository.grant(word.login, users.to_grant(word))
        user_id = users.known_as(word.login)
        if not users.wanted_as(user_id):
            repository.remove(word.login, user_id)
            for login in users.wanted_as(user_id):  # who was hired under another name meanwhile
                repository.grant(login, user_id)
        return "none"


def _concerns(employee: Employee, login: str) -> bool:
    """Return whether a GitHub user is the employee, and not one that they were before."""
    if employee.login is None:
        return employee.access == "removing"
    return employee.login.lower() == login.lower()


def _stand(conclusion: Ending) -> tuple[AccessState, str | None]:
    """Return the state of access, and its reason if there is one."""
    if conclusion.state == "dead":
        return "failed", conclusion.answer
    return _GRANTED.get(conclusion.reference, "none"), None
