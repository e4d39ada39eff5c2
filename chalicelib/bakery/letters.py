"""The texts and addresses of notices, and the lines that are filed about orders."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC
from itertools import islice

from chalicelib.bakery.names import latin, record_id, title
from chalicelib.bakery.records import Cake, Order
from chalicelib.core.values import dataclass
from chalicelib.integrations import limits

_MOST_OFFERED = 3


class UnreachableError(Exception):
    """No address can be made of what is known; the message says why."""


@dataclass(frozen=True)
class Addresses:
    """How a customer's address comes about (5c 14).

    ``domain`` completes the brief's rule; with ``allowed`` domains, letters go to no others.
    """

    domain: str
    allowed: Collection[str] = ()

    def of(self, order: Order) -> str:
        """Return the order's own address, or the one that the brief derives.

        Raises UnreachableError.
        """
        address = order.email or f"{_local_part(order.customer)}@{self.domain}"
        domain = address.rpartition("@")[2].lower()
        if self.allowed and domain not in self.allowed:
            raise UnreachableError(f"this stage sends no letters to {domain}")
        return address


def _local_part(customer: str) -> str:
    """Return a customer's name as the part before the @. Raises UnreachableError."""
    local = latin(customer)
    if not local:
        raise UnreachableError(
            "no address can be made of the name: it has a letter or digit that is not Latin, or "
            "no Latin letter at all"
        )
    if len(local) > limits.MAIL_LOCAL_PART:
        raise UnreachableError(
            f"the name makes an address of {len(local)} characters before the @, and mail allows "
            f"{limits.MAIL_LOCAL_PART}"
        )
    return local


def subject(order: Order) -> str:
    """Return the subject of the letter about an order that is ready or was cancelled."""
    became = "is ready" if order.status == "ready" else "cannot be baked"
    return f"Order {order.id} {became}"


def text(order: Order, *, instead: Sequence[Cake] = ()) -> str:
    """Return what the customer of an order that is ready, or short of something, reads.

    ``instead`` are the cakes that could be baked all the same.
    """
    times = f"{order.quantity} x " if order.quantity > 1 else ""
    what = f"your order {order.id} ({times}{order.recipe_name}, for {order.persons})"
    if order.status == "ready":
        story = f"{what} is ready. Come and get it while it is fresh!"
    else:
        names = " or ".join(cake.name for cake in instead)
        offer = f" We could bake {names} for you instead: just order it." if instead else ""
        story = f"we are sorry: {what} was cancelled ({order.history[-1].reason}).{offer}"
    return f"Hello {order.customer},\n\n{story}\n\nYour bakery"


def alternatives(cakes: Iterable[Cake], order: Order) -> Sequence[Cake]:
    """Return a few cakes that need nothing of what an order was cancelled for."""
    if not order.missing:
        return ()
    possible = (
        cake
        for cake in cakes
        if cake.id != order.recipe and not order.missing & {each.id for each in cake.ingredients}
    )
    return tuple(islice(possible, _MOST_OFFERED))


def file_title(order: Order) -> str:
    """Return the title of the document with a customer's cancelled orders."""
    return f"{title(record_id(order.customer))} cancelled orders"


def file_line(order: Order) -> str:
    """Return the line about a cancelled order: the brief's own form (B13), in UTC."""
    at = order.history[-1].at.astimezone(UTC)
    return f"- Order {order.id} [{title(order.recipe)}] : Date {at:%d/%m/%Y %H:%M}"
