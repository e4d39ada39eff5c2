"""The preferences of recipients.

``RECIPIENT#<recipient_id>/PREFERENCES``  ``wants_<type>`` is the rank of the preference;
                                          ``changes`` the latest changes, newest arrival first,
                                          as ``<received> <stated> +<type> -<type>`` (microseconds)

Every package of the recipient checks this item as it is written, which costs by the item's size:
so the stored changes are few, and short.
"""

from collections.abc import Iterator
from datetime import datetime

from chalicelib.core.table import Condition, ConditionError, Item, Table
from chalicelib.deliveries.instants import from_micros, micros
from chalicelib.deliveries.preferences import (
    Change,
    Preference,
    Preferences,
    PreferencesByType,
    of_rank,
)

_SK = "PREFERENCES"
_WANTS = "wants_"
KEPT_CHANGES = 6


def key_of(recipient_id: str) -> tuple[str, str]:
    """Return the place of a recipient's preferences."""
    return f"RECIPIENT#{recipient_id}", _SK


def preference(item: Item | None, package_type: str) -> Preference | None:
    """Return what a recipient's item says of a type."""
    rank = (item or {}).get(_WANTS + package_type)
    return of_rank(int(rank["N"])) if rank else None


def unchanged(package_type: str, stored: Preference | None) -> Condition:
    """Require that ``stored`` is still the recipient's preference for the type."""
    names = {"#w": _WANTS + package_type}
    if stored is None:
        return Condition("attribute_not_exists(#w)", names=names)
    return Condition("#w = :rank", {":rank": {"N": str(stored.rank)}}, names)


class PreferenceStore:
    """Preferences, each changed by conditional updates that read nothing first."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def raise_to(
        self, recipient_id: str, preferences: PreferencesByType, *, at: datetime
    ) -> Preferences:
        """Store each of ``preferences`` unless a higher one is stored; return what is then.

        One conditional update. Only if some preferences outrank the stored ones and others do not
        is there a second one, with the former: what is outranked once is so for ever, so it ends.
        """
        todo = preferences
        while True:
            try:
                item = self._update(recipient_id, todo, at)
            except ConditionError as newer:
                stored = _preferences(newer.item)
                todo = stored.outranked(todo)
                if not todo:
                    return stored
            else:
                self._trim(recipient_id, len(item["changes"]["L"]))
                return _preferences(item)

    def preferences(self, recipient_id: str) -> Preferences:
        """Return a recipient's preferences; none, when none was ever set."""
        return _preferences(self._table.get(*key_of(recipient_id)))

    def _update(self, recipient_id: str, preferences: PreferencesByType, at: datetime) -> Item:
        """Store all of ``preferences``. Raises ConditionError if a later one exists for any."""
        names = {f"#{place}": _WANTS + name for place, name in enumerate(preferences)}
        ranks = {
            f":{place}": {"N": str(preference.rank)}
            for place, preference in enumerate(preferences.values())
        }
        pairs = list(zip(names, ranks, strict=True))
        higher = " AND ".join(f"(attribute_not_exists({n}) OR {n} < {v})" for n, v in pairs)
        assignments = ", ".join(f"{n} = {v}" for n, v in pairs)
        return self._table.update(
            *key_of(recipient_id),
            f"SET {assignments}, #c = list_append(:change, if_not_exists(#c, :none))",
            values={
                **ranks,
                ":change": {"L": [{"S": _entry(preferences, at)}]},
                ":none": {"L": []},
            },
            names={**names, "#c": "changes"},
            condition=Condition(higher),
        )

    def _trim(self, recipient_id: str, changes: int) -> None:
        """Drop the oldest changes once there are twice as many as are to be stored.

        No preference depends on it: if it fails, the next update does it.
        """
        if changes >= 2 * KEPT_CHANGES:
            oldest = ", ".join(f"#c[{place}]" for place in range(KEPT_CHANGES, changes))
            self._table.update(
                *key_of(recipient_id), f"REMOVE {oldest}", values={}, names={"#c": "changes"}
            )


def _entry(preferences: PreferencesByType, at: datetime) -> str:
    stated = next(iter(preferences.values())).timestamp
    types = (
        f"{'+' if preference.wanted else '-'}{name}" for name, preference in preferences.items()
    )
    return " ".join([str(micros(at)), str(micros(stated)), *types])


def _change(entry: str) -> Change:
    received, stated, *types = entry.split(" ")
    at = from_micros(int(stated))
    return Change(
        received_at=from_micros(int(received)),
        preferences={each[1:]: Preference(each[0] == "+", at) for each in types},
    )


def _preferences(item: Item | None) -> Preferences:
    if item is None:
        return Preferences()
    changes = tuple(_change(entry["S"]) for entry in item["changes"]["L"][:KEPT_CHANGES])
    return Preferences(dict(_by_type(item)), changes)


def _by_type(item: Item) -> Iterator[tuple[str, Preference]]:
    for name, value in item.items():
        if name.startswith(_WANTS):
            yield name.removeprefix(_WANTS), of_rank(int(value["N"]))
