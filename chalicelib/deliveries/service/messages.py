"""Packages that come through the queue: the rules of HTTP, and a verdict on every message."""

from collections.abc import Callable
from datetime import datetime

from chalicelib.core.errors import ConflictError, InvalidInputError, NotFoundError
from chalicelib.core.values import dataclass
from chalicelib.deliveries.answers import MessageVerdict, VerdictError
from chalicelib.deliveries.models import Package
from chalicelib.deliveries.ports import Verdicts
from chalicelib.deliveries.service.sending import Sending


@dataclass(frozen=True)
class Messages:
    """Judges messages. A message that comes again gets the verdict that it had."""

    sending: Sending
    verdicts: Verdicts
    now: Callable[[], datetime]

    def take(self, message_id: str, package: Package) -> MessageVerdict:
        """Send the package of a message. Raises UnavailableError: the message has to come again."""
        try:
            sent = self.sending.send(package, message_id=message_id)
        except ConflictError as conflict:
            verdict = MessageVerdict(
                message_id=message_id,
                verdict="conflict",
                package_id=package.package_id,
                reason=conflict.detail,
                judged_at=self.now(),
            )
        else:
            verdict = MessageVerdict(
                message_id=message_id,
                verdict=sent.record.status,
                duplicate=sent.duplicate,
                package_id=package.package_id,
                reason=sent.record.reason,
                judged_at=self.now(),
            )
        self.verdicts.put(verdict)
        return verdict

    def refuse(self, message_id: str, invalid: InvalidInputError) -> MessageVerdict:
        """Drop a message that is no package, and count it as malformed, once."""
        verdict = MessageVerdict(
            message_id=message_id,
            verdict="malformed",
            reason=invalid.detail,
            errors=tuple(
                VerdictError(field=fault["field"], detail=fault["detail"])
                for fault in invalid.faults
            ),
            judged_at=self.now(),
        )
        self.verdicts.put_malformed(verdict)
        return verdict

    def verdict(self, message_id: str) -> MessageVerdict:
        """Return the verdict on a message. Raises NotFoundError."""
        verdict = self.verdicts.verdict(message_id)
        if verdict is None:
            raise NotFoundError(f"There is no verdict on message {message_id} (yet).")
        return verdict
