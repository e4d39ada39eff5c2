"""Orders and their life: open > ticketed > ready, or cancelled, each step with its reason."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Literal

from chalicelib.bakery import effects
from chalicelib.bakery.amounts import Amount, AmountError, Given, UnitClashError
from chalicelib.bakery.names import fold, record_id
from chalicelib.bakery.ports import Batches, Cakes, Orders
from chalicelib.bakery.records import (
    Cake,
    Change,
    Ingredient,
    Keyed,
    Notice,
    Order,
    OrderStatus,
    Ticket,
)
from chalicelib.bakery.service.cakes import check_readings
from chalicelib.bakery.service.erasing import PERSONAL, proves
from chalicelib.core.errors import (
    ConflictError,
    Fault,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
    UnprocessableError,
)
from chalicelib.core.idempotency import check_same
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.paging import Id, Page, sift
from chalicelib.core.totals import MOST_COUNTED, Total, count
from chalicelib.core.values import dataclass

_Follow = Callable[[Order], list[Effect]]
Shown = OrderStatus | Literal["all"]

# Each is lost to another change in the milliseconds since the order was read.
_MOST_TRIES = 20
MOST_UNDONE = 50
"""How often "ready" can be undone: each time the order's history grows, which its item holds."""


class UnknownRecipeError(UnprocessableError):
    """There is no such cake to order."""

    type = "/problems/unknown-recipe"
    title = "Unknown recipe"


class UnitsClashError(UnprocessableError):
    """An extra is in another unit than the recipe."""

    type = "/problems/unit-clash"
    title = "Units clash"


class TooLateError(ConflictError):
    """The customer has been notified, or is being notified."""

    type = "/problems/too-late"
    title = "Too late to undo"


class WrongStateError(ConflictError):
    """The order is past that."""

    type = "/problems/wrong-state"
    title = "Wrong state"


@dataclass(frozen=True)
class OrderRequest:
    """What a customer orders."""

    customer: str
    recipe: str
    persons: int
    quantity: int
    extras: Mapping[str, Given]
    urgent: bool = False
    email: str | None = None
    due_at: datetime | None = None
    phone: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Wanted:
    """Which orders a list shows: those that have all that is given; see `Ordering.page`."""

    status: Shown | None = None
    customer: str | None = None
    due: date | None = None

    @property
    def status_alone(self) -> OrderStatus | None:
        """Return the one status that orders have to have, if that is all that is wanted."""
        if self.status == "all" or self.customer is not None or self.due is not None:
            return None
        return self.status

    def has(self, order: Order) -> bool:
        """Return whether an order is shown."""
        status = self.status or "not cancelled"
        shown = status in (order.status, "all") or (
            status == "not cancelled" and order.status != "cancelled"
        )
        theirs = self.customer is None or record_id(self.customer) == order.customer_id
        return shown and theirs and self.due in (None, order.due_day)


@dataclass(frozen=True)
class Placed:
    """The order of a request; ``replayed`` when its key had placed the order before."""

    order: Order
    replayed: bool = False


@dataclass(frozen=True)
class Ordering:
    """Places orders and changes their status.

    Every change is stored on the condition that the order is unchanged since it was read, together
    with its effects. ``per_order`` gives every order a ticket of its own; ``undo_s``
    is how long "ready" can be undone before the customer is notified.
    """

    orders: Orders
    cakes: Cakes
    batches: Batches
    now: Callable[[], datetime]
    per_order: bool = False
    undo_s: float = 60

    # --- placing ---

    def place(
        self, request: OrderRequest, *, key: str | None = None, author: str | None = None
    ) -> Placed:
        """Place an order, or return the one that ``key`` has placed.

        Raises UnknownRecipeError, UnitsClashError, AmbiguousAmountError, KeyReusedError or
        InvalidInputError.
        """
        known = self.orders.keyed(key) if key else None
        if known:
            return self._replayed(known, request)
        order = self._new(request, author)
        follow = [effects.order_ticket(order.id)] if order.ticket else []
        keyed = (key, Keyed(order=order.id)) if key else None
        if self.orders.add(order, follow, key=keyed):
            return Placed(order)
        taken = self.orders.keyed(key) if key else None
        if taken is None:
            raise UnavailableError("The order could not be stored.")
        return self._replayed(taken, request)

    def _new(self, request: OrderRequest, author: str | None) -> Order:
        """Return ``request`` as an order, with the recipe as it is now."""
        cake = self.cakes.cake(fold(request.recipe))
        if cake is None:
            raise UnknownRecipeError(f"There is no cake {request.recipe} to order.")
        extras = _in_units_of(cake.name, cake.ingredients, request.extras)
        self._ask_back(cake, request.extras)
        at = self.now()
        if request.due_at and request.due_at < at:
            past = Fault(place="body", field="due_at", detail="must not lie in the past")
            raise InvalidInputError([past])
        history = [Change(status="open", at=at, by="customer", reason="ordered", author=author)]
        alone = request.urgent or self.per_order
        if alone:
            why = "urgent" if request.urgent else "every order has a ticket of its own"
            history.append(Change(status="ticketed", at=at, by="order", reason=why))
        new = self.orders.next_id(at)
        return Order(
            id=new.id,
            spread=new.spread,
            customer=request.customer,
            recipe=cake.id,
            recipe_name=cake.name,
            base=cake.ingredients,
            persons=request.persons,
            quantity=request.quantity,
            extras=extras,
            urgent=request.urgent,
            email=request.email,
            due_at=request.due_at,
            phone=request.phone,
            note=request.note,
            created_at=at,
            history=tuple(history),
            ticket=Ticket() if alone else None,
        )

    def _ask_back(self, cake: Cake, extras: Mapping[str, Given]) -> None:
        """Raise AmbiguousAmountError for extras that only other recipes have, in grams."""
        ruled = {each.id for each in cake.ingredients}
        unruled = {name: given for name, given in extras.items() if fold(name) not in ruled}
        check_readings(unruled, self.cakes.cakes, field="extra_ingredients")

    def _replayed(self, known: Keyed, request: OrderRequest) -> Placed:
        order = self.order(known.order)
        stored, requested = _stored(order), _requested(order, request)
        if order.erasure:  # whether it was this customer can still be proved
            personal = {name: requested[name] for name in PERSONAL}
            stored |= (
                personal if proves(order.erasure, personal) else {**personal, "customer": None}
            )
        check_same("order", stored, requested)
        return Placed(order, replayed=True)

    # --- reading ---

    def order(self, order_id: int) -> Order:
        """Return an order. Raises NotFoundError."""
        order = self.orders.order(order_id)
        if order is None:
            raise NotFoundError(f"There is no order {order_id}.")
        return order

    def ticket(self, order: Order) -> Ticket | None:
        """Return the order's ticket, its own or its batch's; None while it has none."""
        if order.ticket or order.batch_id is None:
            return order.ticket
        batch = self.batches.batch(order.batch_id)
        return batch.ticket if batch else None

    def page(self, wanted: Wanted, *, before: int | None, limit: int) -> Page[Order, Id]:
        """Return orders, newest first; cancelled ones only if the status includes them.

        A page reads a bounded number of orders, so it may be short.
        """
        found = self._perhaps(wanted, before, limit + 1)
        return sift(found, wanted.has, limit, lambda order: Id(order.id))

    def total(self, wanted: Wanted, *, before: int | None) -> Total:
        """Return how many orders all pages have that begin at ``before``."""
        if wanted.status_alone:
            return self.orders.count_with(wanted.status_alone, before)
        return count(self._perhaps(wanted, before, MOST_COUNTED + 1), wanted.has)

    def _perhaps(self, wanted: Wanted, before: int | None, page_size: int) -> Iterator[Order]:
        """Yield the orders of the shortest list that has all the wanted ones."""
        if wanted.customer is not None:
            customer = record_id(wanted.customer)
            return self.orders.perhaps_of(customer, before, page_size=page_size)
        if wanted.due is not None:
            return self.orders.due_on(wanted.due, before, page_size=page_size)
        if wanted.status_alone:
            return self.orders.with_status(wanted.status_alone, before, page_size=page_size)
        return self.orders.orders(before, page_size=page_size)

    # --- changing ---

    def cancel(self, order_id: int, *, by: str, reason: str, author: str | None = None) -> Order:
        """Cancel an order, once. Raises NotFoundError, or WrongStateError when it is ready."""
        return self._cancel(order_id, by=by, reason=reason, author=author, follow=_of_a_wish)

    def cancel_short(
        self, order_id: int, *, by: str, reason: str, missing: frozenset[str]
    ) -> Order:
        """Cancel an order for which the provider lacks ingredients, and notify the customer.

        ``missing`` are the ingredients that were named, by id. Raises as `cancel` does.
        """
        follow = _of_a_partial_shortage if missing else _of_a_shortage
        return self._cancel(
            order_id, by=by, reason=reason, follow=follow, missing=missing, notice=Notice()
        )

    def _cancel(
        self,
        order_id: int,
        *,
        by: str,
        reason: str,
        follow: _Follow,
        author: str | None = None,
        **details: object,
    ) -> Order:
        for _ in range(_MOST_TRIES):
            before = self.order(order_id)
            if before.status == "cancelled":
                return before
            if before.status == "ready":
                raise WrongStateError(f"Order {order_id} is ready; it is too late to cancel it.")
            after = before.changed(
                "cancelled", at=self.now(), by=by, reason=reason, author=author, **details
            )
            if self.orders.change(before, after, follow(before)):
                return after
        raise _busy(order_id)

    def make_ready(
        self, order_id: int, *, by: str, reason: str, author: str | None = None
    ) -> Order:
        """Mark an order as ready, once; its customer is notified ``undo_s`` later.

        Raises NotFoundError; WrongStateError if it was cancelled.
        """
        for _ in range(_MOST_TRIES):
            before = self.order(order_id)
            if before.status == "ready":
                return before
            if before.status == "cancelled":
                raise WrongStateError(f"Order {order_id} was cancelled; it cannot be ready.")
            after = before.changed(
                "ready", at=self.now(), by=by, reason=reason, author=author, notice=Notice()
            )
            if self.orders.change(before, after, [self._notice(before)]):
                return after
        raise _busy(order_id)

    def undo_ready(
        self, order_id: int, *, by: str, reason: str, author: str | None = None
    ) -> Order:
        """Undo that an order is ready, unless its customer is being notified.

        The order has its earlier status again; repeatable. Raises NotFoundError,
        WrongStateError when it is not ready or that was undone too often, TooLateError.
        """
        for _ in range(_MOST_TRIES):
            before = self.order(order_id)
            if before.status != "ready":
                if before.undone and before.status != "cancelled":
                    return before
                raise WrongStateError(f"Order {order_id} is {before.status}, not ready.")
            if before.undone >= MOST_UNDONE:
                raise WrongStateError(
                    f"That order {order_id} is ready was undone {MOST_UNDONE} times, and stays now."
                )
            earlier = next(c.status for c in reversed(before.history) if c.status != "ready")
            after = before.changed(
                earlier,
                at=self.now(),
                by=by,
                reason=reason,
                author=author,
                notice=None,
                undone=before.undone + 1,
            )
            if self.orders.change(before, after, withdrawn=self._notice(before)):
                return after
            if self.order(order_id).version == before.version:
                raise TooLateError(
                    f"The customer of order {order_id} is being notified that it is ready."
                )
        raise _busy(order_id)

    def _notice(self, order: Order) -> Effect:
        return effects.ready_notice(order.id, undone=order.undone, delay_s=self.undo_s)


def _of_a_wish(before: Order) -> list[Effect]:
    """Return the effects of cancelling an order on request."""
    comments = [effects.comment(before.id)] if before.status == "ticketed" else []
    return [effects.filing(before.id), *comments]


def _of_a_shortage(before: Order) -> list[Effect]:
    """Return the effects of cancelling an order whose whole ticket cannot be delivered."""
    return [effects.filing(before.id), effects.shortage_notice(before.id)]


def _of_a_partial_shortage(before: Order) -> list[Effect]:
    """Return the effects if the rest of the ticket is delivered, without this order's part."""
    return [*_of_a_shortage(before), effects.comment(before.id)]


def _stored(order: Order) -> dict[str, object]:
    """Return what an order was placed with, in the form of `_asked`."""
    return {
        "customer": order.customer,
        "recipe": order.recipe,
        "persons": order.persons,
        "quantity": order.quantity,
        "extra_ingredients": _amounts(order.extras),
        "urgent": order.urgent,
        "email": order.email,
        "due_at": order.due_at,
        "phone": order.phone,
        "note": order.note,
    }


def _requested(order: Order, request: OrderRequest) -> dict[str, object]:
    """Return what a request orders, in the units of the recipe that ``order`` was placed with.

    Equivalent requests are equal, however they are written: in another order of the
    extras, with ``1.0`` for ``1.00`` or with another spelling of the recipe.
    """
    recipe = fold(request.recipe)
    if recipe in {fold(order.recipe), fold(order.recipe_name)}:
        recipe = order.recipe  # which may have been folded by an older rule
    extras: object = "impossible"
    with suppress(InvalidInputError, UnitsClashError):
        extras = _amounts(_in_units_of(order.recipe_name, order.base, request.extras))
    return {
        "customer": request.customer,
        "recipe": recipe,
        "persons": request.persons,
        "quantity": request.quantity,
        "extra_ingredients": extras,
        "urgent": request.urgent,
        "email": request.email,
        "due_at": request.due_at,
        "phone": request.phone,
        "note": request.note,
    }


def _amounts(ingredients: Iterable[Ingredient]) -> dict[str, Amount]:
    return {each.id: each.amount for each in ingredients}


def _in_units_of(
    cake: str, recipe: Iterable[Ingredient], extras: Mapping[str, Given]
) -> tuple[Ingredient, ...]:
    """Return extras in the recipe's units where it has them, else as they are written (5c 3)."""
    units = {each.id: each for each in recipe}
    found: list[Ingredient] = []
    faults: list[Fault] = []
    clashes: list[str] = []
    for name, given in extras.items():
        known = units.get(fold(name))
        try:
            amount = given.amount_in(known.amount.unit) if known else given.amount()
        except AmountError as wrong:
            faults.append(Fault(place="body", field=f"extra_ingredients.{name}", detail=str(wrong)))
        except UnitClashError as clash:
            clashes.append(f"{name} {clash}")
        else:
            found.append(Ingredient(name=known.name if known else name, amount=amount))
    if faults:
        raise InvalidInputError(faults)
    if clashes:
        raise UnitsClashError(f"In {cake}, {'; '.join(clashes)}.")
    return tuple(found)


def _busy(order_id: int) -> UnavailableError:
    return UnavailableError(f"Order {order_id} is being changed by too many callers; try again.")
