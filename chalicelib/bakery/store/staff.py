"""Employees in DynamoDB, and the requested access to the repository."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from chalicelib.bakery.records import Access, Employee, GitHubUser
from chalicelib.bakery.store import items
from chalicelib.bakery.store.items import padded
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.table import ABSENT, Condition, ConditionError, Table, at_version, key

_EMPLOYEES, _ACCESS, _USERS = "EMPLOYEES", "ACCESS", "GITHUB_USERS"


class StaffStore:
    """One item an employee, one a GitHub name with requested access.

    The user of a name is a separate item (``GITHUB_USERS/<login>``, reversed in
    ``GITHUB_USER#<id>/<login>``), so that requests and look-ups do not overwrite each other.
    """

    def __init__(self, table: Table, outbox: Outbox) -> None:
        self._table = table
        self._outbox = outbox

    def next_id(self) -> int:
        """Return an id that no employee has: 1, 2, 3, ..., with gaps."""
        return self._table.add("COUNTERS", _EMPLOYEES, "last")

    def employee(self, employee_id: int) -> Employee | None:
        """Return an employee."""
        return items.record(Employee, self._table.get(_EMPLOYEES, padded(employee_id)))

    def employees(self) -> Sequence[Employee]:
        """Return all employees in the order of their ids."""
        return [items.read(Employee, item) for item in self._table.query(_EMPLOYEES)]

    def access(self, login: str) -> Access:
        """Return the requested access of a GitHub user, ignoring case."""
        found = items.record(Access, self._table.get(_ACCESS, login.lower()))
        return found or Access(login=login)

    def user(self, login: str) -> GitHubUser | None:
        """Return the user with a GitHub name, as looked up last, if it was."""
        return items.record(GitHubUser, self._table.get(_USERS, login.lower()))

    def know_user(self, user: GitHubUser) -> None:
        """Store the user of a name, unless it was looked up for a later request."""
        login, word = user.login.lower(), {"N": str(user.word)}
        not_later = Condition("attribute_not_exists(pk) OR word <= :word", {":word": word})
        with suppress(ConditionError):
            self._table.transact(
                self._table.putting(items.item((_USERS, login), user, word=word), not_later),
                self._table.putting(key(_names_of(user.user_id), login)),
            )

    def logins_of(self, user_id: int) -> Sequence[str]:
        """Return the stored names of a GitHub user."""
        logins = [item["sk"]["S"] for item in self._table.query(_names_of(user_id))]
        users = filter(None, map(self.user, logins))
        return [user.login for user in users if user.user_id == user_id]

    def change(
        self,
        before: Employee | None,
        after: Employee | None,
        *,
        access: Sequence[Access] = (),
        effects: Sequence[Effect] = (),
    ) -> bool:
        """Hire (``before`` is None), change or fire (``after`` is None), with access and effects.

        ``access`` holds records that follow those which were read. All or nothing: returns False
        when any of it has changed since it was read.
        """
        try:
            self._table.transact(
                *self._replacing(before, after),
                *map(self._saying, access),
                *map(self._outbox.adding, effects),
            )
        except ConditionError:
            return False
        return True

    def _replacing(
        self, before: Employee | None, after: Employee | None
    ) -> Iterator[dict[str, Any]]:
        unchanged = at_version(before.version) if before else ABSENT
        if after:
            item = items.item((_EMPLOYEES, padded(after.id)), after)
            yield self._table.putting(item, unchanged)
        elif before:
            yield self._table.deleting(_EMPLOYEES, padded(before.id), unchanged)

    def _saying(self, access: Access) -> dict[str, Any]:
        item = items.item((_ACCESS, access.login.lower()), access)
        return self._table.putting(item, at_version(access.version - 1))


def _names_of(user_id: int) -> str:
    return f"GITHUB_USER#{user_id}"
