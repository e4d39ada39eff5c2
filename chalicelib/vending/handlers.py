"""The handler of announcements: a Slack message, or a letter."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from chalicelib.core.outbox.effects import (
    Effect,
    Ending,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.core.values import dataclass
from chalicelib.integrations.mail import Letter

if TYPE_CHECKING:
    from chalicelib.integrations.mail import Mail
    from chalicelib.integrations.slack import Slack

# A letter of unknown outcome is sent once more, with the same Message-ID.
_MOST_LETTERS = 2
_MINUTE_S = 60.0  # by so much may the vendor's clock be behind ours
_SLACK, _MAIL = "slack", "mail"


class Letters(Protocol):
    """How often a letter may have left."""

    def count_letter(self, effect_id: str, number: int) -> int: ...


@dataclass(frozen=True)
class AnnouncementHandler:
    """Handles the effects of kind ``announce``; ``slack`` and ``mail`` give clients.

    They raise NotConfiguredError while the vendor has no credentials.
    """

    slack: Callable[[], "Slack"]
    mail: Callable[[], "Mail"]
    letters: Letters
    now: Callable[[], datetime]
    search_lag_s: float = 30.0

    def handle(self, effect: Effect) -> str | None:
        """Send the announcement to where its payload says."""
        way, _, to = str(effect.payload["to"]).partition(":")
        if way == _SLACK:
            channel = self._channel(to)
            text = str(effect.payload["text"])
            return f"{channel}/{self.slack().post(channel, text, effect_id=effect.id)}"
        if way == _MAIL:
            return self._mail(effect, to)
        raise RejectedError(f"VENDING_ANNOUNCE_TO names neither Slack nor mail: {way}.")

    def find(self, effect: Effect) -> str | None:
        """Return the message that an earlier attempt posted; letters cannot be looked up."""
        way, _, to = str(effect.payload["to"]).partition(":")
        if way != _SLACK:
            return None
        channel = self._channel(to)
        since = float(effect.payload.get("asked_at", _MINUTE_S)) - _MINUTE_S
        found = self.slack().find(channel, effect_id=effect.id, since=since)
        return found and f"{channel}/{found}"

    def on_finished(self, effect: Effect, conclusion: Ending) -> None:
        """Keep nothing: the outbox shows how an announcement ended."""

    def _channel(self, to: str) -> str:
        """Return the channel of an id; a user's is their direct messages."""
        return self.slack().open_dm(to) if to.startswith(("U", "W")) else to

    def _mail(self, effect: Effect, to: str) -> str:
        mail = self.mail()
        if self.letters.count_letter(effect.id, 1) > _MOST_LETTERS:
            raise RejectedError("The mail server broke off twice: whether it arrived is unknown.")
        letter = Letter(
            to=to,
            subject=str(effect.payload["subject"]),
            text=str(effect.payload["text"]),
            effect_id=effect.id,
            date=self.now(),
        )
        try:
            return mail.send(letter)
        except OutcomeUnknownError:
            raise
        except Exception:
            self.letters.count_letter(effect.id, -1)  # it certainly has not left
            raise
