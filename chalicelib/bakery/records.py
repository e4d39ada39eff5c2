"""What the bakery keeps: cakes, orders, batches, employees and who may use the repository.

Terms: a *cake* is a recipe for one eater; an *order* freezes the recipe that it was placed with; a
*batch* is the orders of one day whose ingredients are ordered by one *ticket*; a *notice* tells a
customer something, once.

Records are never changed in place: a change makes the record that follows, one ``version`` later,
and is stored on the condition that its previous version is unchanged.
"""

from datetime import UTC, date, datetime
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.bakery.amounts import Amount
from chalicelib.bakery.names import fold, record_id
from chalicelib.core.values import dataclass

OrderStatus = Literal["open", "ticketed", "ready", "cancelled"]
TicketState = Literal["asked", "created", "not_needed", "failed"]
NoticeState = Literal["asked", "sent", "unreachable", "failed"]
Channel = Literal["slack", "mail"]
AccessState = Literal[
    "none", "needs_username", "pending", "invited", "granted", "failed", "removing"
]


MOST_TICKETS = 99
"""Tickets of one day."""


@dataclass(frozen=True)
class Extra:
    """A further ticket of a day: requested by hand, or since the one before it was full."""

    day: date
    number: int

    def isoformat(self) -> str:
        """Return its name, which sorts behind its day and before the next."""
        return f"{self.day.isoformat()}#{self.number:02d}"


BatchId = date | Extra
"""What a batch is called: its day, or an extra ticket of a day."""


def batch_id(day: date, number: int = 1) -> BatchId:
    """Return what the batch of a day with this number is called."""
    return day if number == 1 else Extra(day, number)


def read_batch_id(text: str) -> BatchId:
    """Return the batch that `isoformat` names."""
    day, _, number = text.partition("#")
    return batch_id(date.fromisoformat(day), int(number or 1))


class Record(BaseModel):
    """A frozen record."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    def stored_text(self) -> str:
        """Return the record as it is stored; amounts are text there, and stay exact."""
        return self.model_dump_json(exclude_defaults=True)


class Ingredient(Record):
    """An amount of something."""

    name: str
    amount: Amount

    @property
    def id(self) -> str:
        """Return the key of an ingredient: ``Eggs`` and ``eggs`` have the same."""
        return fold(self.name)


class Cake(Record):
    """A recipe for one eater."""

    name: str
    ingredients: tuple[Ingredient, ...]
    created_at: datetime

    @property
    def id(self) -> str:
        """Return the folded name."""
        return fold(self.name)


class Change(Record):
    """A step in an order's life: its new status, when, by whom and why."""

    status: OrderStatus
    at: datetime
    by: str
    reason: str
    author: str | None = None


class Ticket(Record):
    """The state of the provider's ticket.

    ``key`` is the issue's, and changes when it is moved; ``id`` never does. Versions before 0.2.0
    stored no id.
    """

    state: TicketState = "asked"
    key: str | None = None
    id: str | None = None
    answer: str | None = None

    @property
    def issue(self) -> str | None:
        """Return the id that Jira is queried by: the issue id if it is known."""
        return self.id or self.key


class Notice(Record):
    """The state of the customer's notice.

    ``tries`` counts calls that failed on the way to Slack, ``mails`` the letters that left: after
    one with an unknown outcome is followed by a single one more.
    """

    state: NoticeState = "asked"
    channel: Channel | None = None
    to: str | None = None
    why: str | None = None
    reference: str | None = None
    since: datetime | None = None
    tries: int = 0
    mails: int = 0


class Erasure(Record):
    """The erasure of a customer, and the proof by which a repeat of their request is recognised."""

    at: datetime
    salt: str
    proof: str


class NewId(NamedTuple):
    """The id of a new order, and whether it is ``spread``."""

    id: int
    spread: bool


class Order(Record):
    """An order and its life so far.

    ``base`` is the recipe for one eater as it was then; ``extras`` are not multiplied. ``batch`` is
    the day whose ticket it is on; an order with a ticket of its own has ``ticket``. ``missing`` are
    the ingredients, by id, that the provider named when it was cancelled for want of them;
    ``filed`` is whether its cancellation is in the customer's document. ``undone`` counts
    how often "ready" was taken back: each time the customer gets another notice. Who ordered
    an order with an ``erasure`` is not known any more. ``spread`` orders lie in one of several
    partitions, those of older versions in a single one: where an order is says it, for ever.
    """

    id: int
    customer: str
    recipe: str
    recipe_name: str
    base: tuple[Ingredient, ...]
    persons: int
    quantity: int
    extras: tuple[Ingredient, ...] = ()
    urgent: bool = False
    email: str | None = None
    created_at: datetime
    history: tuple[Change, ...]
    batch: date | None = None
    batch_number: int = 1
    ticket: Ticket | None = None
    notice: Notice | None = None
    missing: frozenset[str] = frozenset()
    filed: bool = False
    due_at: datetime | None = None
    phone: str | None = None
    note: str | None = None
    undone: int = 0
    erasure: Erasure | None = None
    spread: bool = Field(default=False, exclude=True)
    version: int = 1

    @property
    def batch_id(self) -> BatchId | None:
        """Return the batch that it is in."""
        return self.batch and batch_id(self.batch, self.batch_number)

    @property
    def customer_id(self) -> str:
        """Return the key of a customer: ``Mr. Cakelover`` and ``mr cakelover`` have the same."""
        return record_id(self.customer)

    @property
    def due_day(self) -> date | None:
        """Return the day on which it is due, in UTC."""
        return self.due_at.astimezone(UTC).date() if self.due_at else None

    @property
    def status(self) -> OrderStatus:
        """Return its status."""
        return self.history[-1].status

    @property
    def needs(self) -> tuple[Ingredient, ...]:
        """Return what it needs in all: base x persons x quantity + extras (B7)."""
        amounts: dict[str, Ingredient] = {}
        times = self.persons * self.quantity
        for each in self.base:
            amounts[each.id] = Ingredient(name=each.name, amount=each.amount * times)
        for extra in self.extras:
            if first := amounts.get(extra.id):
                both = first.amount + extra.amount
                amounts[extra.id] = Ingredient(name=first.name, amount=both)
            else:
                amounts[extra.id] = extra
        return tuple(amounts.values())

    def changed(
        self,
        status: OrderStatus,
        *,
        at: datetime,
        by: str,
        reason: str,
        author: str | None = None,
        **changes: object,
    ) -> "Order":
        """Return the order after a step in its life, with ``changes`` that come with it."""
        step = Change(status=status, at=at, by=by, reason=reason, author=author)
        return self.after(history=(*self.history, step), **changes)

    def after(self, **changes: object) -> "Order":
        """Return the order that follows with ``changes``."""
        return self.model_copy(update={**changes, "version": self.version + 1})


class Keyed(Record):
    """Which order an Idempotency-Key identifies."""

    order: int


class Line(Record):
    """One line of a batch: the sum of an ingredient in one unit, over ``orders`` orders."""

    name: str
    amount: Amount
    orders: int

    @property
    def id(self) -> str:
        """Return which ingredient it is."""
        return fold(self.name)


class Gathering(Record):
    """A batch that orders are still joining: those created before the cut-off."""

    day: date
    number: int = 1
    cutoff: datetime
    by: str
    version: int

    @property
    def id(self) -> BatchId:
        """Return what it is called."""
        return batch_id(self.day, self.number)


class Batch(Record):
    """The orders of one day, summed up and sealed: nothing joins or leaves any more.

    ``number`` is 1 for the day's batch, and more for extra tickets. After a ``full`` one there were
    more orders from before its cut-off, which the next number takes.
    """

    day: date
    number: int = 1
    cutoff: datetime
    by: str
    sealed_at: datetime
    full: bool = False
    orders: tuple[int, ...]
    lines: tuple[Line, ...]
    ticket: Ticket = Ticket()

    @property
    def id(self) -> BatchId:
        """Return what it is called."""
        return batch_id(self.day, self.number)


class Employee(Record):
    """An employee; ``reason`` explains the state of their access."""

    id: int
    first_name: str
    last_name: str
    developer: bool
    login: str | None = None
    access: AccessState
    reason: str | None = None
    created_at: datetime
    version: int = 1

    def after(self, **changes: object) -> "Employee":
        """Return the record that follows with ``changes``."""
        return self.model_copy(update={**changes, "version": self.version + 1})


class Access(Record):
    """Whether one GitHub user is to have access to the repository, and whose user it is.

    ``version`` 0 is a user without a record.
    """

    login: str
    holder: int | None = None
    wanted: bool = False
    version: int = 0

    def after(self, *, holder: int | None, wanted: bool) -> "Access":
        """Return the record that follows."""
        return Access(login=self.login, holder=holder, wanted=wanted, version=self.version + 1)


class GitHubUser(Record):
    """Which user a name stood for when it was looked up for the access of version ``word``."""

    login: str
    user_id: int
    word: int = 0
