"""What the bakery answers: the brief's shapes, with fields added and none renamed (5c 4)."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, WithJsonSchema

from chalicelib.bakery.amounts import Unit
from chalicelib.bakery.fields import Number
from chalicelib.bakery.models import Permissions
from chalicelib.bakery.records import (
    AccessState,
    Batch,
    Cake,
    Channel,
    Employee,
    Ingredient,
    Line,
    Notice,
    NoticeState,
    Order,
    OrderStatus,
    Ticket,
    TicketState,
)
from chalicelib.bakery.service.batches import Expanded, Run, Shares, Upcoming
from chalicelib.bakery.service.erasing import Run as ErasureRun
from chalicelib.bakery.service.notifying import Preview
from chalicelib.core.instants import Instant
from chalicelib.core.models import ExactModel

Day = Annotated[
    date,
    PlainSerializer(date.isoformat),
    WithJsonSchema({"type": "string", "format": "date"}),
]
Amounts = dict[str, Number]


class CakeAnswer(ExactModel):
    """A cake; grams have a point, units have none."""

    id: str
    """The id of the cake: its name in snake_case."""
    name: str
    """What the cake is called."""
    ingredients: Amounts
    """What one eater needs, by name: grams have a point, units have none."""
    created_at: Instant
    """When it was added."""

    @classmethod
    def of(cls, cake: Cake) -> "CakeAnswer":
        """Return a cake as it is answered."""
        return cls(
            id=cake.id,
            name=cake.name,
            ingredients=_amounts(cake.ingredients),
            created_at=cake.created_at,
        )


class Need(ExactModel):
    """How much of an ingredient an order needs in all."""

    name: str
    """The ingredient."""
    amount: Number
    """How much: grams have a point, units have none."""
    unit: Unit
    """Whether the amount is grams (g) or units."""


class ChangeView(ExactModel):
    """A step in an order's life."""

    status: OrderStatus
    """The status from then on."""
    at: Instant
    """When it changed."""
    by: str
    """Who changed it, as given by the caller."""
    reason: str
    """Why it changed."""
    author: str | None = None
    """The subject of the caller's token, on a stage with sign-in."""


class TicketView(ExactModel):
    """The state of the provider's ticket."""

    state: TicketState
    """Whether the ingredients were ordered."""
    key: str | None = None
    """The key of the issue in Jira."""
    reason: str | None = None
    """Why not, if they were not."""

    @classmethod
    def of(cls, ticket: Ticket | None) -> "TicketView | None":
        """Return a ticket as it is answered."""
        if ticket is None:
            return None
        return cls(state=ticket.state, key=ticket.key, reason=ticket.answer)


class NoticeView(ExactModel):
    """The state of the customer's notice, and its channel."""

    state: NoticeState
    """Whether the customer was notified."""
    channel: Channel | None = None
    """By which channel."""
    to: str | None = None
    """The address, or the name at that channel."""
    reason: str | None = None
    """Why not, if they were not."""
    reference: str | None = None
    """What the vendor calls the message."""

    @classmethod
    def of(cls, notice: Notice | None) -> "NoticeView | None":
        """Return a notice as it is answered."""
        if notice is None:
            return None
        return cls(
            state=notice.state,
            channel=notice.channel,
            to=notice.to,
            reason=notice.why,
            reference=notice.reference,
        )


class NoticePreview(ExactModel):
    """What the customer of an order is sent, or would be if it were ready now."""

    channel: Channel | None = None
    """By which channel; absent while there is none, for the ``reason``."""
    to: str | None = None
    """The address, or the name at that channel."""
    guessed: bool
    """Whether the address is made from the customer's name: check it."""
    reason: str | None = None
    """Why not by Slack, or why not at all."""
    subject: str
    """The subject of the letter."""
    text: str
    """What the customer reads."""
    delay_s: float
    """How many seconds after "ready" the notice begins; it can be undone before."""

    @classmethod
    def of(cls, preview: Preview) -> "NoticePreview":
        """Return a preview as it is answered."""
        return cls(
            channel=preview.channel,
            to=preview.to,
            guessed=preview.guessed,
            reason=preview.why,
            subject=preview.subject,
            text=preview.text,
            delay_s=preview.delay_s,
        )


class OrderAnswer(ExactModel):
    """An order: what was ordered, what it needs in all, its status and its history."""

    id: int
    """The number of the order."""
    customer: str
    """Who ordered."""
    recipe: Annotated[str, Field(description="The cake's id")]
    recipe_name: str
    """The name of the cake when it was ordered."""
    persons: int
    quantity: int
    extra_ingredients: Amounts
    """What the whole order needs on top: grams have a point, units have none."""
    urgent: bool
    email: str | None = None
    due_at: Instant | None = None
    phone: str | None = None
    note: str | None = None
    ingredients: tuple[Need, ...]
    """What the order needs in all."""
    status: OrderStatus
    """Where the order is."""
    created_at: Instant
    """When it was placed."""
    ticketed_at: Instant | None = None
    """When its ingredients were ordered."""
    ready_at: Instant | None = None
    """When it was ready."""
    cancelled_at: Instant | None = None
    """When it was cancelled."""
    reason: Annotated[str, Field(description="Why it has this status")]
    history: tuple[ChangeView, ...]
    """The steps of its life, the first one first."""
    batch: Annotated[Day | None, Field(description="The day whose ticket it is on")] = None
    batch_number: Annotated[
        int | None, Field(description="Which extra ticket of that day, if it is on one")
    ] = None
    ticket: TicketView | None = None
    """The state of its ingredients' ticket."""
    notice: NoticeView | None = None
    """The state of the customer's notice."""
    filed: Annotated[bool | None, Field(description="Whether the cancellation is in Drive")] = None
    erased_at: Instant | None = None
    """When its customer was erased, if they were."""

    @classmethod
    def of(cls, order: Order, ticket: Ticket | None = None) -> "OrderAnswer":
        """Return an order as it is answered; ``ticket`` is its own or its batch's."""
        times: dict[OrderStatus, datetime] = {}
        for change in order.history:  # ready may come and go, and is then no step of its life
            if change.status == "ready" or change.status not in times:
                times[change.status] = change.at
        return cls(
            id=order.id,
            customer=order.customer,
            recipe=order.recipe,
            recipe_name=order.recipe_name,
            persons=order.persons,
            quantity=order.quantity,
            extra_ingredients=_amounts(order.extras),
            urgent=order.urgent,
            email=order.email,
            due_at=order.due_at,
            phone=order.phone,
            note=order.note,
            ingredients=tuple(
                Need(name=need.name, amount=need.amount.number, unit=need.amount.unit)
                for need in order.needs
            ),
            status=order.status,
            created_at=order.created_at,
            ticketed_at=times.get("ticketed"),
            ready_at=times.get("ready") if order.status == "ready" else None,
            cancelled_at=times.get("cancelled"),
            reason=order.history[-1].reason,
            history=tuple(ChangeView(**dict(change)) for change in order.history),
            batch=order.batch,
            batch_number=order.batch_number if order.batch_number > 1 else None,
            ticket=TicketView.of(ticket or order.ticket),
            notice=NoticeView.of(order.notice),
            filed=order.filed if order.status == "cancelled" else None,
            erased_at=order.erasure and order.erasure.at,
        )


class WaitingView(ExactModel):
    """An order that cannot lose its customer yet."""

    order: int
    """The number of the order."""
    reason: str
    """What has to happen before."""


class ErasureAnswer(ExactModel):
    """What was erased of a customer, or would be.

    To erase all, repeat the request with ``before`` of the response until there is none.
    """

    dry_run: bool
    """Whether nothing was changed."""
    orders: tuple[int, ...]
    """The numbers of the orders that have no customer any more."""
    documents: int
    """How many documents in Drive are being deleted."""
    messages: int
    """How many messages in Slack are being deleted."""
    letters: int
    """How many letters were sent; these cannot be recalled."""
    waiting: tuple[WaitingView, ...]
    """The orders that still have their customer; erase again later."""
    before: int | None = None
    """Where the next request continues; absent when there are no more orders."""

    @classmethod
    def of(cls, run: ErasureRun, *, dry_run: bool) -> "ErasureAnswer":
        """Return a run as it is answered."""
        return cls(
            dry_run=dry_run,
            orders=run.orders,
            documents=run.documents,
            messages=run.messages,
            letters=run.letters,
            waiting=tuple(WaitingView(order=each.order, reason=each.why) for each in run.waiting),
            before=run.following,
        )


class ShareView(ExactModel):
    """What one order needs of a line."""

    order: int
    """The number of the order."""
    amount: Number
    """What it needs of the line."""


class LineView(ExactModel):
    """One line of a batch's ticket, and the orders behind it."""

    name: str
    """The ingredient."""
    amount: Number
    """How much of it all orders need."""
    unit: Unit
    orders: tuple[ShareView, ...]
    """What each order needs of it."""


class BatchSummary(ExactModel):
    """A batch in the list."""

    date: Day
    """The day of the batch."""
    number: int = 1
    """1, or which extra ticket of the day."""
    status: Literal["sealed"] = "sealed"
    """Whether it was sealed."""
    cutoff: Instant
    """Orders from before this instant are in it."""
    sealed_at: Instant
    """When it was sealed."""
    by: str
    """Who sealed it: the schedule, or a person."""
    orders: int
    """How many orders are in it."""
    ticket: TicketView
    """The state of the ingredients' ticket."""

    @classmethod
    def of(cls, batch: Batch) -> "BatchSummary":
        """Return a batch as it is listed."""
        return cls(
            date=batch.day,
            number=batch.number,
            cutoff=batch.cutoff,
            sealed_at=batch.sealed_at,
            by=batch.by,
            orders=len(batch.orders),
            ticket=_ticket(batch),
        )


class BatchAnswer(ExactModel):
    """A day's batch, every line expanded to its orders; ``empty`` when no order was waiting.

    ``number`` is 1, and more for an extra ticket of the day. ``waiting`` says, after a run by hand,
    that open orders are left for the next day's batch, and how many; ``message`` says so in words
    when the batch was sealed before, and ``next_ticket`` is the extra ticket that would take them.
    """

    date: Day
    """The day of the batch."""
    number: int = 1
    status: Literal["sealed", "empty"]
    """Whether it was sealed, or no order was waiting."""
    cutoff: Instant | None = None
    """Orders from before this instant are in it."""
    sealed_at: Instant | None = None
    by: str | None = None
    """Who sealed it: the schedule, or a person."""
    orders: tuple[int, ...] = ()
    """The numbers of the orders in it."""
    lines: tuple[LineView, ...] = ()
    """What they need."""
    ticket: TicketView | None = None
    """The state of the ingredients' ticket."""
    waiting: int | None = None
    """How many open orders are left for the next batch, after a run by hand."""
    message: str | None = None
    """Why nothing new was sealed, in a sentence."""
    next_ticket: int | None = None
    """The extra ticket that would take the orders that wait."""

    @classmethod
    def of_run(cls, run: Run, expanded: Expanded) -> "BatchAnswer":
        """Return what a run by hand came to as it is answered."""
        values = {
            "waiting": run.waiting or None,
            "message": run.message,
            "next_ticket": run.next_ticket,
        }
        return cls.of(expanded).model_copy(update=values)

    @classmethod
    def of(cls, expanded: Expanded) -> "BatchAnswer":
        """Return a batch as it is answered."""
        batch = expanded.batch
        return cls(
            date=batch.day,
            number=batch.number,
            status="sealed",
            cutoff=batch.cutoff,
            sealed_at=batch.sealed_at,
            by=batch.by,
            orders=batch.orders,
            lines=_lines(batch.lines, expanded.shares),
            ticket=_ticket(batch),
        )


class NextBatchAnswer(ExactModel):
    """What the waiting orders need, and whose ticket they go on if nothing comes between.

    Orders from before ``cutoff`` can still join. More ``waiting`` than a ticket has room for go on
    extra tickets of that day.
    """

    date: Day
    """The day whose batch comes next."""
    cutoff: Instant
    """Orders from before this instant can still join."""
    orders: tuple[int, ...]
    """The numbers of the orders that wait and go on this ticket."""
    lines: tuple[LineView, ...]
    waiting: int
    """How many orders wait, those included."""

    @classmethod
    def of(cls, upcoming: Upcoming) -> "NextBatchAnswer":
        """Return what is coming as it is answered."""
        return cls(
            date=upcoming.day,
            cutoff=upcoming.cutoff,
            orders=upcoming.orders,
            lines=_lines(upcoming.lines, upcoming.shares),
            waiting=upcoming.waiting,
        )


class WebhookAnswer(ExactModel):
    """What is done about a webhook."""

    verdict: Literal["taken", "repeated", "nothing to do", "not ours"]
    """What is done about it."""


class EmployeeAnswer(ExactModel):
    """An employee; ``access`` is the state of their access to the repository."""

    id: int
    """The number of the employee."""
    first_name: Annotated[str, Field(alias="firstName")]
    last_name: Annotated[str, Field(alias="lastName")]
    permissions: Permissions
    github_username: Annotated[str | None, Field(alias="githubUsername")] = None
    """The user name at GitHub."""
    access: AccessState
    """The state of their access to the repository."""
    access_reason: Annotated[str | None, Field(alias="accessReason")] = None
    """Why it has this state."""
    created_at: Annotated[Instant, Field(alias="createdAt")]
    """When they were hired."""

    @classmethod
    def of(cls, employee: Employee) -> "EmployeeAnswer":
        """Return an employee as they are answered."""
        return cls(
            id=employee.id,
            first_name=employee.first_name,
            last_name=employee.last_name,
            permissions=Permissions(developer=employee.developer),
            github_username=employee.login,
            access=employee.access,
            access_reason=employee.reason,
            created_at=employee.created_at,
        )


def _lines(lines: Iterable[Line], shares: Shares) -> tuple[LineView, ...]:
    return tuple(
        LineView(
            name=line.name,
            amount=line.amount.number,
            unit=line.amount.unit,
            orders=tuple(
                ShareView(order=order, amount=amount.number)
                for order, amount in shares[line.id, line.amount.unit]
            ),
        )
        for line in lines
    )


def _amounts(ingredients: Iterable[Ingredient]) -> Amounts:
    return {each.name: each.amount.number for each in ingredients}


def _ticket(batch: Batch) -> TicketView:
    ticket = batch.ticket
    return TicketView(state=ticket.state, key=ticket.key, reason=ticket.answer)
