"""What recipients want: the newest word counts, whatever the order of arrival (D2, D7)."""

from collections.abc import Callable, Mapping
from datetime import datetime

from chalicelib.core.values import dataclass
from chalicelib.deliveries.answers import PREFERENCES_ANSWER, PreferencesAnswer
from chalicelib.deliveries.models import Choices
from chalicelib.deliveries.ports import PreferenceBook
from chalicelib.deliveries.preferences import Change, Preference, Preferences
from chalicelib.deliveries.registry import TYPES


@dataclass(frozen=True)
class Choosing:
    """Keeps what recipients want."""

    book: PreferenceBook
    now: Callable[[], datetime]

    def choose(self, recipient_id: str, choices: Choices) -> PreferencesAnswer:
        """Apply ``choices`` where no later one exists; return the preferences in effect."""
        by_type = choices.by_type()
        preferences = {
            name: Preference(wanted, choices.timestamp) for name, wanted in by_type.items()
        }
        current = self.book.raise_to(recipient_id, preferences, at=self.now())
        overruled = tuple(current.overruling(preferences))
        details = {"applied": not overruled, "overruled": overruled or None}
        return _answer(recipient_id, current, details)

    def show(self, recipient_id: str) -> PreferencesAnswer:
        """Return a recipient's preferences and their history."""
        current = self.book.preferences(recipient_id)
        details = {"history": tuple(map(_change, current.history))}
        return _answer(recipient_id, current, details)


def _answer(
    recipient_id: str, current: Preferences, details: Mapping[str, object]
) -> PreferencesAnswer:
    return PREFERENCES_ANSWER.model_validate(
        {
            "recipient_id": recipient_id,
            "timestamps": {
                name: current.preferences[name].timestamp
                for name in TYPES
                if name in current.preferences
            },
            **{name: current.wants(name) for name in TYPES},
            **details,
        }
    )


def _change(change: Change) -> dict[str, object]:
    """Return a change as it is shown: all its preferences have one time."""
    return {
        "timestamp": next(iter(change.preferences.values())).timestamp,
        "received_at": change.received_at,
        "preferences": {name: preference.wanted for name, preference in change.preferences.items()},
    }
