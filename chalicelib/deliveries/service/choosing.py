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
        """Have ``choices`` stand where nothing said later does; return what stands then."""
        said = choices.by_type()
        preferences = {name: Preference(wanted, choices.timestamp) for name, wanted in said.items()}
        standing = self.book.raise_to(recipient_id, preferences, at=self.now())
        overruled = tuple(standing.overruling(preferences))
        details = {"applied": not overruled, "overruled": overruled or None}
        return _answer(recipient_id, standing, details)

    def show(self, recipient_id: str) -> PreferencesAnswer:
        """Return a recipient's preferences and their history."""
        standing = self.book.preferences(recipient_id)
        details = {"history": tuple(map(_said, standing.history))}
        return _answer(recipient_id, standing, details)


def _answer(
    recipient_id: str, standing: Preferences, details: Mapping[str, object]
) -> PreferencesAnswer:
    return PREFERENCES_ANSWER.model_validate(
        {
            "recipient_id": recipient_id,
            "timestamps": {
                name: standing.preferences[name].timestamp
                for name in TYPES
                if name in standing.preferences
            },
            **{name: standing.wants(name) for name in TYPES},
            **details,
        }
    )


def _said(change: Change) -> dict[str, object]:
    """Return a change as it is shown: all its preferences were said at one time."""
    return {
        "timestamp": next(iter(change.preferences.values())).timestamp,
        "received_at": change.received_at,
        "preferences": {name: preference.wanted for name, preference in change.preferences.items()},
    }
