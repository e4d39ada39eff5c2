"""Employees (B14), and developers' access to the repository (B15, 5c 17).

Access belongs to a GitHub user and not to an employee, so that after hiring, firing and renaming in
any order the latest request applies: each request for a user is one version, and an overtaken
effect does nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from chalicelib.bakery import effects
from chalicelib.bakery.ports import Repository, Staff
from chalicelib.bakery.records import Access, AccessState, Employee
from chalicelib.bakery.service.users import GitHubUsers
from chalicelib.core.errors import ConflictError, NotFoundError, UnavailableError
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.values import dataclass

_MOST_TRIES = 20


class LoginTakenError(ConflictError):
    """Another employee is that GitHub user."""

    type = "/problems/github-username-taken"
    title = "GitHub user name taken"


@dataclass(frozen=True)
class Person:
    """The changeable data of an employee."""

    first_name: str
    last_name: str
    developer: bool
    login: str | None = None


@dataclass(frozen=True)
class _Plan:
    access: Sequence[Access]
    effects: Sequence[Effect]


@dataclass(frozen=True)
class Employees:
    """Adds, changes and removes employees; their access follows through the outbox."""

    staff: Staff
    now: Callable[[], datetime]

    def all(self) -> Sequence[Employee]:
        """Return all employees in the order of their ids."""
        return self.staff.employees()

    def employee(self, employee_id: int) -> Employee:
        """Return an employee. Raises NotFoundError."""
        employee = self.staff.employee(employee_id)
        if employee is None:
            raise NotFoundError(f"There is no employee {employee_id}.")
        return employee

    def hire(self, person: Person) -> Employee:
        """Hire an employee. Raises LoginTakenError."""
        hired = Employee(
            id=self.staff.next_id(),
            first_name=person.first_name,
            last_name=person.last_name,
            developer=person.developer,
            login=person.login,
            access=_access(None, person),
            created_at=self.now(),
        )
        for _ in range(_MOST_TRIES):
            plan = self._plan(hired.id, None, hired)
            if self.staff.change(None, hired, access=plan.access, effects=plan.effects):
                return hired
        raise _busy()

    def change(self, employee_id: int, changed: Callable[[Employee], Person]) -> Employee:
        """Replace an employee's data by ``changed``. Raises NotFoundError or LoginTakenError."""
        for _ in range(_MOST_TRIES):
            before = self.employee(employee_id)
            person = changed(before)
            access = _access(before, person)
            after = before.after(
                first_name=person.first_name,
                last_name=person.last_name,
                developer=person.developer,
                login=person.login,
                access=access,
                reason=before.reason if access == before.access else None,
            )
            plan = self._plan(before.id, before, after)
            if self.staff.change(before, after, access=plan.access, effects=plan.effects):
                return after
        raise _busy()

    def fire(self, employee_id: int) -> None:
        """Delete an employee and remove their access. Raises NotFoundError."""
        for _ in range(_MOST_TRIES):
            before = self.employee(employee_id)
            plan = self._plan(before.id, before, None)
            if self.staff.change(before, None, access=plan.access, effects=plan.effects):
                return
        raise _busy()

    def follow_invitations(self, repository: Repository) -> Sequence[int]:
        """Note who has accepted or declined an invitation, and return them. Raises EffectError."""
        found: list[int] = []
        users = GitHubUsers(self.staff, repository)
        for employee in self.staff.employees():
            if employee.login is None or not employee.developer:
                continue
            user_id = users.known_as(employee.login)  # before another name replaces it
            if employee.access != "invited":
                continue
            access = repository.access(employee.login, user_id)
            if access == "invited":
                continue
            accepted = access == "member"
            after = employee.after(
                access="granted" if accepted else "failed",
                reason=None if accepted else "the invitation was declined or taken back",
            )
            if self.staff.change(employee, after):
                found.append(employee.id)
        return found

    def _plan(self, who: int, before: Employee | None, after: Employee | None) -> _Plan:
        """Return the access requests that a change includes, and their effects."""
        version = before.version + 1 if before else 1
        access: list[Access] = []
        follow: list[Effect] = []
        for login in _logins(before, after):
            known = self.staff.access(login)
            holds = after is not None and _same(after.login, login)
            if holds and known.holder not in (None, who):
                raise LoginTakenError(f"Employee {known.holder} is {login} on GitHub already.")
            wanted = after is not None and holds and after.developer
            holder = who if holds else None
            if (known.holder, known.wanted) == (holder, wanted):
                continue
            access.append(known.after(holder=holder, wanted=wanted))
            if known.wanted != wanted:
                follow.append(effects.access(who, version, access[-1]))
        return _Plan(access, follow)


def _access(before: Employee | None, person: Person) -> AccessState:
    """Return the state of access right after a change."""
    if person.developer and person.login is None:
        return "needs_username"
    had = before is not None and before.developer and before.login is not None
    if not person.developer:
        return "removing" if had else _rest(before)
    if before and had and _same(before.login, person.login):
        return before.access
    return "pending"


def _rest(before: Employee | None) -> AccessState:
    """Return the state of access of a person who was no developer and is none."""
    return "removing" if before and before.access == "removing" else "none"


def _logins(*states: Employee | None) -> Sequence[str]:
    """Return the GitHub users that a change is about, each once."""
    found = {state.login.lower(): state.login for state in states if state and state.login}
    return list(found.values())


def _same(one: str | None, other: str | None) -> bool:
    """Return whether two GitHub names are one; GitHub ignores case."""
    return one is not None and other is not None and one.lower() == other.lower()


def _busy() -> UnavailableError:
    return UnavailableError("Too many change the same employee, or the same GitHub user.")
