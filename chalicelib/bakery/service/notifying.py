"""Who is notified, how, and in which words: decided here for sending and for its preview alike."""

from collections.abc import Callable
from datetime import datetime

from chalicelib.bakery import letters
from chalicelib.bakery.letters import Addresses, UnreachableError
from chalicelib.bakery.ports import Cakes
from chalicelib.bakery.records import Channel, Notice, Order, Record
from chalicelib.bakery.service.directory import Directory
from chalicelib.bakery.service.orders import Ordering, WrongStateError
from chalicelib.core.outbox.effects import EffectError, NotConfiguredError
from chalicelib.core.values import dataclass


@dataclass(frozen=True)
class Way:
    """By which channel a notice goes, to whom there, and why not by Slack if it does not."""

    channel: Channel
    to: str | None
    why: str | None = None


class Decision(Record):
    """How a customer would be notified now; without a ``channel``, ``why`` says what prevents it.

    It travels between functions, so it is a record.
    """

    channel: Channel | None = None
    to: str | None = None
    why: str | None = None


@dataclass(frozen=True)
class Notifying:
    """Decides how the customer of an order is notified.

    ``addresses`` gives how addresses are made, or raises NotConfiguredError while mail is off.
    """

    directory: Directory
    addresses: Callable[[], Addresses]
    cakes: Cakes

    def way(self, order: Order) -> Way:
        """Return the way of a notice that has none yet: Slack if exactly one person matches.

        Raises EffectError while Slack or mail cannot be asked; UnreachableError.
        """
        try:
            found = self.directory.matches(order.customer)
        except NotConfiguredError:
            return self.by_mail(order, "Slack is off")
        if len(found) == 1:
            return Way("slack", found[0])
        many = f"{len(found)} people on Slack have this name, so it is ambiguous"
        return self.by_mail(order, many if found else "no Slack user has this name")

    def by_mail(self, order: Order, why: str) -> Way:
        """Return the way by mail. Raises NotConfiguredError; UnreachableError."""
        try:
            return Way("mail", self.addresses().of(order), why)
        except UnreachableError as nowhere:
            raise UnreachableError(f"{why}; {nowhere}") from nowhere

    def decide(self, order: Order) -> Decision:
        """Return the way of a notice, or why there is none now."""
        try:
            way = self.way(order)
        except (EffectError, UnreachableError) as failed:
            return Decision(why=str(failed))
        return Decision(channel=way.channel, to=way.to, why=way.why)

    def text(self, order: Order) -> str:
        """Return what the customer reads."""
        instead = letters.alternatives(self.cakes.cakes(), order) if order.missing else ()
        return letters.text(order, instead=instead)


@dataclass(frozen=True)
class Preview:
    """A notice before it is sent; without a ``channel``, ``why`` says what is in its way.

    ``guessed`` tells that the address was made from the customer's name, ``delay_s`` how long after
    "ready" the notice begins.
    """

    channel: Channel | None
    to: str | None
    guessed: bool
    why: str | None
    subject: str
    text: str
    delay_s: float


@dataclass(frozen=True)
class Previewing:
    """Shows what would be sent, and sends nothing.

    ``decide`` is that of `Notifying`, wherever vendors can be asked. Raises UnavailableError.
    """

    ordering: Ordering
    notifying: Notifying
    decide: Callable[[Order], Decision]
    now: Callable[[], datetime]

    def preview(self, order_id: int) -> Preview:
        """Return the notice that an order gets, or would get if it were ready now.

        Raises NotFoundError; WrongStateError for an order whose customer is not notified.
        """
        order = self.ordering.order(order_id)
        if order.erasure:
            raise WrongStateError(f"The customer of order {order_id} was erased.")
        if order.status == "cancelled" and order.notice is None:
            raise WrongStateError(f"Order {order_id} was cancelled; its customer is not notified.")
        if order.notice is None:
            order = order.changed("ready", at=self.now(), by="", reason="", notice=Notice())
        notice = order.notice or Notice()
        decided = notice.channel or notice.state == "unreachable"
        found = notice if decided else self.decide(order)
        return Preview(
            channel=found.channel,
            to=found.to,
            guessed=found.channel == "mail" and not order.email,
            why=found.why,
            subject=letters.subject(order),
            text=self.notifying.text(order),
            delay_s=self.ordering.undo_s,
        )
