"""Access to the repository: applies the latest request for a GitHub user (B15)."""

from collections.abc import Callable, Mapping

from chalicelib.bakery.ports import Repository, Staff
from chalicelib.bakery.records import Access, AccessState, Employee
from chalicelib.bakery.service.users import GitHubUsers
from chalicelib.core.outbox.effects import Effect, Ending, NotExecutedError
from chalicelib.core.values import dataclass

_MOST_ROUNDS = 5
_MOST_TRIES = 20
_GRANTED: Mapping[str | None, AccessState] = {"invited": "invited", "member": "granted"}


@dataclass(frozen=True)
class AccessHandler:
    """Handles effects of kind ``github``; all its calls are repeatable.

    ``repository`` gives the vendor's client, or raises NotConfiguredError.
    """

    repository: Callable[[], Repository]
    staff: Staff
    search_lag_s: float = 0.0

    def handle(self, effect: Effect) -> str | None:
        """Apply the user's latest request, whichever request caused the effect; return the access.

        A request that arrives meanwhile is noticed afterwards and applied, too, so the latest one
        wins in any order of execution.
        """
        login = effect.payload["login"]
        for _ in range(_MOST_ROUNDS):
            before = self.staff.access(login)
            access = self._made_true(before)
            if self.staff.access(login).version == before.version:
                return access
        raise NotExecutedError(f"The access of {login} keeps changing; it is tried again.")

    def find(self, effect: Effect) -> str | None:
        """Return None: repeating is harmless."""
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
        raise NotExecutedError("Too many callers change the employee; it is tried again.")

    def _made_true(self, word: Access) -> str:
        repository = self.repository()
        users = GitHubUsers(self.staff, repository)
        if word.wanted:
            return repository.grant(word.login, users.to_grant(word))
        user_id = users.known_as(word.login)
        if not users.wanted_as(user_id):
            repository.remove(word.login, user_id)
            for login in users.wanted_as(user_id):  # meanwhile hired under another name
                repository.grant(login, user_id)
        return "none"


def _concerns(employee: Employee, login: str) -> bool:
    """Return whether a GitHub user is the employee's current one."""
    if employee.login is None:
        return employee.access == "removing"
    return employee.login.lower() == login.lower()


def _stand(conclusion: Ending) -> tuple[AccessState, str | None]:
    """Return the state of access, and its reason if there is one."""
    if conclusion.state == "dead":
        return "failed", conclusion.answer
    return _GRANTED.get(conclusion.reference, "none"), None
