"""What the services need from the outside; stores and clients implement it, tests in memory.

What a method promises is documented where it is implemented. The calls of vendors raise EffectError
(`chalicelib.core.outbox.effects`) when they do not succeed.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from chalicelib.bakery.matching import Person
from chalicelib.bakery.records import (
    Access,
    Batch,
    BatchId,
    Cake,
    Employee,
    Gathering,
    GitHubUser,
    Keyed,
    NewId,
    Order,
    OrderStatus,
    Ticket,
)
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.totals import Total
from chalicelib.core.values import dataclass

if TYPE_CHECKING:
    from chalicelib.core.outbox.rows import EffectRow
    from chalicelib.integrations.gdocs import Line
    from chalicelib.integrations.mail import Letter

# --- what is stored -------------------------------------------------------------------------------

MOST_JOINING = 24
"""Orders that join a batch in one transaction of a hundred actions: each takes four of them, the
batch two, the audit trail one."""


class Cakes(Protocol):
    """The recipes."""

    def add(self, cake: Cake) -> bool: ...
    def cake(self, cake_id: str) -> Cake | None: ...
    def cakes(self) -> Sequence[Cake]: ...
    def remove(self, cake_id: str) -> bool: ...


class Orders(Protocol):
    """The orders, each with the effects that its changes ask for."""

    def next_id(self, at: datetime) -> NewId: ...
    def add(
        self,
        order: Order,
        effects: Sequence[Effect] = (),
        *,
        key: tuple[str, Keyed] | None = None,
    ) -> bool: ...
    def keyed(self, key: str) -> Keyed | None: ...
    def order(self, order_id: int) -> Order | None: ...
    def orders(self, before: int | None, *, page_size: int) -> Iterator[Order]: ...
    def with_status(
        self, status: OrderStatus, before: int | None, *, page_size: int
    ) -> Iterator[Order]: ...
    def count_with(self, status: OrderStatus, before: int | None) -> Total: ...
    def due_on(self, day: date, before: int | None, *, page_size: int) -> Iterator[Order]: ...
    def perhaps_of(
        self, customer_id: str, before: int | None, *, page_size: int
    ) -> Iterator[Order]: ...
    def change(
        self,
        before: Order,
        after: Order,
        effects: Sequence[Effect] = (),
        *,
        withdrawn: Effect | None = None,
    ) -> bool: ...


class Batches(Protocol):
    """The batches, and how orders get into them."""

    def unsealed(self) -> Sequence[Gathering]: ...
    def gathering(self, batch: BatchId) -> Gathering | None: ...
    def waiting(
        self, cutoff: datetime, *, among: Container[int] | None = None
    ) -> Sequence[Order]: ...
    def count_waiting(self) -> int: ...
    def open_orders(self) -> Iterator[Order]: ...
    def claim(self, gathering: Gathering, orders: Sequence[tuple[Order, Order]]) -> bool: ...
    def members(self, batch: BatchId) -> Sequence[Order]: ...
    def seal(self, gathering: Gathering, batch: Batch, effect: Effect) -> bool: ...
    def batch(self, batch: BatchId) -> Batch | None: ...
    def batches(self, before: BatchId | None) -> Iterator[Batch]: ...


class Tickets(Protocol):
    """The state of the tickets, and their orders."""

    def settle(self, batch: BatchId, ticket: Ticket) -> None: ...
    def know(self, issue_key: str, of: int | BatchId, *, issue_id: str | None = None) -> None: ...
    def issue_id(self, issue_key: str) -> str | None: ...
    def request(self, effect: Effect) -> bool: ...
    def owner(self, issue_key: str, issue_id: str | None = None) -> int | BatchId | None: ...


class Staff(Protocol):
    """The employees, and who may use the repository."""

    def next_id(self) -> int: ...
    def employee(self, employee_id: int) -> Employee | None: ...
    def employees(self) -> Sequence[Employee]: ...
    def access(self, login: str) -> Access: ...
    def user(self, login: str) -> GitHubUser | None: ...
    def know_user(self, user: GitHubUser) -> None: ...
    def logins_of(self, user_id: int) -> Sequence[str]: ...
    def change(
        self,
        before: Employee | None,
        after: Employee | None,
        *,
        access: Sequence[Access] = (),
        effects: Sequence[Effect] = (),
    ) -> bool: ...


@dataclass(frozen=True)
class Spot:
    """Where a document is, or since when which effect is making it (again)."""

    document_id: str | None = None
    maker: str | None = None
    since: datetime | None = None


class Documents(Protocol):
    """Where the documents of Drive are, as Drive itself may not show the latest."""

    def spot(self, name: str) -> Spot: ...
    def claim(self, name: str, *, maker: str, at: datetime, before: Spot) -> bool: ...
    def keep(self, name: str, document_id: str) -> None: ...
    def release(self, name: str, *, maker: str) -> None: ...


class Erasures(Protocol):
    """What is changed when a customer is erased."""

    def requested(self, effect_ids: Iterable[str]) -> "list[EffectRow]": ...
    def erase_order(
        self,
        before: Order,
        after: Order,
        *,
        requested: "Sequence[EffectRow]",
        effects: Sequence[Effect],
    ) -> bool: ...
    def erase_documents(self, spots: Mapping[str, Spot], effects: Sequence[Effect]) -> bool: ...


# --- the vendors ----------------------------------------------------------------------------------


class Issue(Protocol):
    """A ticket at the provider's, as it is now."""

    @property
    def id(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def labels(self) -> Sequence[str]: ...
    @property
    def closed(self) -> bool: ...


class Created(Protocol):
    """A ticket that was just made."""

    @property
    def id(self) -> str: ...
    @property
    def key(self) -> str: ...


class TicketDesk(Protocol):
    """Where the provider reads tickets (Jira); ``issue`` is a ticket's id, or its key."""

    def create(
        self,
        summary: str,
        description: dict[str, Any],
        *,
        labels: Sequence[str],
        due: date | None = None,
        properties: Mapping[str, object] | None = None,
    ) -> Created: ...
    def labelled(self, label: str) -> Sequence[Issue]: ...
    def issue(self, issue: str) -> Issue | None: ...
    def closed_with(self, label: str, *, within_days: int) -> Sequence[Issue]: ...
    def comment(self, issue: str, body: dict[str, Any], *, effect_id: str) -> str: ...
    def find_comment(self, issue: str, effect_id: str) -> str | None: ...


class Messenger(Protocol):
    """Where customers read direct messages (Slack)."""

    def users(self) -> Sequence[Person]: ...
    def user(self, user_id: str) -> Person | None: ...
    def open_dm(self, user_id: str) -> str: ...
    def post(self, channel: str, text: str, *, effect_id: str) -> str: ...
    def find(self, channel: str, *, effect_id: str, since: float = 0) -> str | None: ...
    def delete(self, channel: str, message: str) -> None: ...


class Mailbox(Protocol):
    """Where letters go out."""

    def send(self, letter: "Letter") -> str: ...


class Drive(Protocol):
    """Where documents are stored."""

    def exists(self, file_id: str) -> bool: ...
    def find_folder(self, name: str) -> str | None: ...
    def create_folder(self, name: str) -> str: ...
    def find_document(self, customer: str) -> str | None: ...
    def create_document(self, name: str, *, customer: str, folder: str) -> str: ...
    def delete(self, file_id: str) -> None: ...


class Docs(Protocol):
    """The content of documents."""

    def names(self, document_id: str) -> frozenset[str]: ...
    def append(self, document_id: str, lines: "Sequence[Line]") -> None: ...


class Repository(Protocol):
    """Where developers work (GitHub)."""

    def user_id(self, username: str) -> int: ...
    def grant(
        self, username: str, user_id: int | None = None
    ) -> Literal["member", "invited", "none"]: ...
    def remove(self, username: str, user_id: int | None = None) -> None: ...
    def access(
        self, username: str, user_id: int | None = None
    ) -> Literal["member", "invited", "none"]: ...
