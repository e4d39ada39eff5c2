"""Notifies customers: by a direct message where exactly one person matches, else by mail.

The channel is stored before anything is sent, so that a second attempt cannot use the other one:
exactly one notice per order over all channels. The channel changes only after an answer that
proves that nothing was sent.
"""

from collections.abc import Callable
from datetime import datetime

from chalicelib.bakery import letters
from chalicelib.bakery.handlers.changing import order_of, save_changed
from chalicelib.bakery.letters import UnreachableError
from chalicelib.bakery.ports import Mailbox, Messenger, Orders
from chalicelib.bakery.records import Notice, NoticeState, Order
from chalicelib.bakery.service.notifying import Notifying, Way
from chalicelib.core.outbox.effects import (
    Effect,
    Ending,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.core.values import dataclass
from chalicelib.integrations.mail import Letter

_MOST_TRIES = 6
"""How often Slack may fail for certain before a letter goes instead."""
_MOST_LETTERS = 2
"""A letter with an unknown outcome is followed by one more; receivers fold them by Message-ID."""


@dataclass(frozen=True)
class NoticeHandler:
    """Handles effects of kind ``notify``.

    ``messenger`` and ``mailbox`` give the vendors' clients, or raise NotConfiguredError.
    """

    messenger: Callable[[], Messenger]
    mailbox: Callable[[], Mailbox]
    notifying: Notifying
    orders: Orders
    now: Callable[[], datetime]
    search_lag_s: float = 30.0

    def handle(self, effect: Effect) -> str | None:
        """Notify the customer; return the channel's reference to the notice."""
        order = order_of(self.orders, effect)
        if order.status not in {"ready", "cancelled"}:
            raise RejectedError(f"Order {order.id} is {order.status}: there is no notice to send.")
        if _notice(order).channel is None:
            order = self._choose(order)
        if _notice(order).channel == "slack":
            try:
                return self._message(order, effect)
            except NotExecutedError as failed:
                order = self._tried(order, failed)
            except RejectedError as refused:
                order = self._to_mail(order, f"Slack refused: {refused}")
        return self._mail(order, effect)

    def find(self, effect: Effect) -> str | None:
        """Return the message that an earlier attempt sent; letters cannot be looked up."""
        notice = _notice(order_of(self.orders, effect))
        if notice.channel != "slack" or notice.to is None or notice.since is None:
            return None
        channel = self.messenger().open_dm(notice.to)
        found = self.messenger().find(
            channel, effect_id=effect.id, since=notice.since.timestamp() - 60
        )
        return found and f"{channel}/{found}"

    def on_finished(self, effect: Effect, conclusion: Ending) -> None:
        """Store the outcome of the notice on the order."""

        def trace(order: Order) -> dict[str, object]:
            notice = _notice(order)
            dead: NoticeState = "unreachable" if notice.state == "unreachable" else "failed"
            changes: dict[str, object] = {
                "state": "sent" if conclusion.state == "done" else dead,
                "reference": conclusion.reference,
                "why": conclusion.answer or notice.why,
            }
            return {"notice": notice.model_copy(update=changes)}

        save_changed(self.orders, order_of(self.orders, effect), trace)

    # --- which way ---

    def _choose(self, order: Order) -> Order:
        """Return the order with its channel. Raises NotExecutedError while Slack is away."""
        try:
            return self._goes(order, lambda: self.notifying.way(order))
        except NotExecutedError as failed:
            return self._tried(order, failed)

    def _tried(self, order: Order, failed: NotExecutedError) -> Order:
        """Count a failure of Slack's; return the order when it is time for a letter instead.

        A Retry-After is no failure.
        """
        if failed.retry_after_s is not None:
            raise failed
        tries = _notice(order).tries + 1
        if tries >= _MOST_TRIES:
            return self._to_mail(order, f"Slack failed {tries} times: {failed}")
        self._noted(order, tries=tries)
        raise failed

    def _to_mail(self, order: Order, why: str) -> Order:
        """Return the order with mail as its channel. Raises RejectedError without an address."""
        return self._goes(order, lambda: self.notifying.by_mail(order, why))

    def _goes(self, order: Order, choose: Callable[[], Way]) -> Order:
        """Return the order with the channel that is chosen, before anything is sent."""
        try:
            way = choose()
        except UnreachableError as nowhere:
            self._noted(order, state="unreachable", why=str(nowhere))
            raise RejectedError(str(nowhere)) from nowhere
        changes = {"why": way.why} if way.why else {}
        return self._noted(order, channel=way.channel, to=way.to, since=self.now(), **changes)

    def _noted(self, order: Order, **changes: object) -> Order:
        return save_changed(
            self.orders, order, lambda now: {"notice": _notice(now).model_copy(update=changes)}
        )

    # --- going it ---

    def _message(self, order: Order, effect: Effect) -> str:
        channel = self.messenger().open_dm(_notice(order).to or "")
        message = self.messenger().post(channel, self.notifying.text(order), effect_id=effect.id)
        return f"{channel}/{message}"

    def _mail(self, order: Order, effect: Effect) -> str:
        notice = _notice(order)
        if notice.mails >= _MOST_LETTERS:
            raise RejectedError("The mail server broke off twice: whether it arrived is unknown.")
        letter = Letter(
            to=notice.to or "",
            subject=letters.subject(order),
            text=self.notifying.text(order),
            effect_id=effect.id,
            date=notice.since or self.now(),
        )
        order = self._noted(order, mails=notice.mails + 1)
        try:
            return self.mailbox().send(letter)
        except OutcomeUnknownError:
            raise
        except Exception:
            # It was certainly not sent, so it does not count.
            self._noted(order, mails=notice.mails)
            raise


def _notice(order: Order) -> Notice:
    return order.notice or Notice()


@dataclass(frozen=True)
class MessageErasureHandler:
    """Deletes a message to a customer who was erased."""

    messenger: Callable[[], Messenger]
    search_lag_s: float = 0.0

    def handle(self, effect: Effect) -> str | None:
        """Delete the message; one that is gone is deleted."""
        channel, _, message = effect.payload["message"].partition("/")
        self.messenger().delete(channel, message)
        return None

    def find(self, effect: Effect) -> str | None:
        """Return None: repeating is harmless."""

    def on_finished(self, effect: Effect, conclusion: Ending) -> None:
        """Store nothing: the order knows no message any more."""
