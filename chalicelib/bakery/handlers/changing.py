"""Storing the outcome of an effect on its order."""

from collections.abc import Callable

from chalicelib.bakery.ports import Orders
from chalicelib.bakery.records import Order
from chalicelib.core.outbox.effects import Effect, NotExecutedError, RejectedError

_MOST_TRIES = 20


def order_of(orders: Orders, effect: Effect) -> Order:
    """Return the order that an effect is about, as it is now."""
    order_id: int = effect.payload["order"]
    order = orders.order(order_id)
    if order is None:
        raise RejectedError(f"There is no order {order_id}.")
    return order


def save_changed(
    orders: Orders, order: Order, change: Callable[[Order], dict[str, object]]
) -> Order:
    """Apply ``change`` to an order, again after each concurrent change; return the result."""
    for _ in range(_MOST_TRIES):
        changed = change(order)
        if all(getattr(order, name) == value for name, value in changed.items()):
            return order
        after = order.after(**changed)
        if orders.change(order, after):
            return after
        order = orders.order(order.id) or order
    raise NotExecutedError(
        f"Order {order.id} is being changed by too many callers; it is tried again."
    )
