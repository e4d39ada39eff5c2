"""What the services need from the outside; stores and clients implement it, tests in memory.

The calls of vendors raise EffectError (`chalicelib.core.outbox.effects`) when they do not succeed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from chalicelib.bakery.matching import Person
from chalicelib.bakery.records import (
    Access,
    Batch,
    Cake,
    Employee,
    Gathering,
    GitHubUser,
    Keyed,
    Order,
    Ticket,
)
from chalicelib.core.outbox.effects import Effect

if TYPE_CHECKING:
    from chalicelib.integrations.gdocs import Line
    from chalicelib.integrations.mail import Letter

# --- what is kept ---------------------------------------------------------------------------------


class Cakes(Protocol):
    """The recipes."""

    def add(self, cake: Cake) -> bool:
        """Store a cake; return False when its id is taken."""

    def cake(self, cake_id: str) -> Cake | None:
        """Return a cake."""

    def cakes(self) -> Sequence[Cake]:
        """Return all cakes in the order of their ids."""

    def remove(self, cake_id: str) -> bool:
        """Delete a cake; return False when there is none."""


class Orders(Protocol):
    """The orders, each with the effects that its changes ask for."""

    def next_id(self) -> int:
        """Return an id that no order has: 1, 2, 3, ..., with gaps."""

    def add(
        self,
        order: Order,
        effects: Sequence[Effect] = (),
        *,
        key: tuple[str, Keyed] | None = None,
    ) -> bool:
        """Store a new order with its effects and what its key stands for, all or nothing.

        Returns False when the key is taken.
        """

    def keyed(self, key: str) -> Keyed | None:
        """Return what an Idempotency-Key stands for."""

    def order(self, order_id: int) -> Order | None:
        """Return an order."""

    def orders(self, before: int | None) -> Iterator[Order]:
        """Yield orders, newest first, those with ids under ``before``."""

    def change(self, before: Order, after: Order, effects: Sequence[Effect] = ()) -> bool:
        """Replace an order, with effects, all or nothing; return False when it was changed."""


class Batches(Protocol):
    """The batches, and how orders get into them."""

    def unsealed(self) -> Sequence[Gathering]:
        """Return the batches that somebody began and nobody has sealed, oldest first."""

    def gathering(self, day: date) -> Gathering | None:
        """Return the day's batch while orders join it."""

    def waiting(self, cutoff: datetime) -> Sequence[Order]:
        """Return the next open orders from before the cut-off, as many as join at a time."""

    def count_waiting(self) -> int:
        """Return how many orders are open, and so wait for a batch."""

    def claim(self, gathering: Gathering, orders: Sequence[tuple[Order, Order]]) -> bool:
        """Have orders (before, after) join a batch, all or none, and begin it if need be.

        ``gathering`` is the batch as it was read; version 0 is one that nobody has begun. Returns
        False when it has moved on or was sealed, or when one of the orders has changed.
        """

    def members(self, day: date) -> Sequence[Order]:
        """Return the orders of a batch as they are now, in the order of their ids."""

    def seal(self, gathering: Gathering, batch: Batch, effect: Effect) -> bool:
        """Seal a batch and ask for its ticket, both or none.

        Returns False when it has moved on since ``gathering`` was read.
        """

    def batch(self, day: date) -> Batch | None:
        """Return a sealed batch."""

    def batches(self, before: date | None) -> Iterator[Batch]:
        """Yield sealed batches, newest first, those of days before ``before``."""


class Tickets(Protocol):
    """What became of the tickets, and whose they are."""

    def settle(self, day: date, ticket: Ticket) -> None:
        """Keep what became of a batch's ticket; repeating it is safe."""

    def know(self, issue_key: str, of: int | date, *, issue_id: str | None = None) -> None:
        """Keep which order or batch a ticket is about; repeating it is safe.

        An id that is known already stays.
        """

    def issue_id(self, issue_key: str) -> str | None:
        """Return the id of a ticket, None where none was kept."""

    def ask(self, effect: Effect) -> bool:
        """Ask for an effect that follows from no change of ours; False when it was asked for."""

    def owner(self, issue_key: str, issue_id: str | None = None) -> int | date | None:
        """Return the order or the batch that a ticket is about; None for a foreign one.

        The id decides where both are known: keys change, and another ticket may get one.
        """


class Staff(Protocol):
    """The employees, and who may use the repository."""

    def next_id(self) -> int:
        """Return an id that no employee has: 1, 2, 3, ..., with gaps."""

    def employee(self, employee_id: int) -> Employee | None:
        """Return an employee."""

    def employees(self) -> Sequence[Employee]:
        """Return all employees in the order of their ids."""

    def access(self, login: str) -> Access:
        """Return whether a GitHub user is to have access; capitals do not count."""

    def user(self, login: str) -> GitHubUser | None:
        """Return who has, or had, a name at GitHub, if that was looked up."""

    def know_user(self, user: GitHubUser) -> None:
        """Keep who has a name, unless it was looked up for a later word."""

    def logins_of(self, user_id: int) -> Sequence[str]:
        """Return the names that stand for a GitHub user here."""

    def change(
        self,
        before: Employee | None,
        after: Employee | None,
        *,
        access: Sequence[Access] = (),
        effects: Sequence[Effect] = (),
    ) -> bool:
        """Hire (``before`` is None), change or fire (``after`` is None), with access and effects.

        ``access`` holds records that follow those which were read. All or nothing: returns False
        when any of it has changed since it was read.
        """


@dataclass(frozen=True)
class Spot:
    """Where a document is, or since when which effect is making it (again)."""

    document_id: str | None = None
    maker: str | None = None
    since: datetime | None = None


class Documents(Protocol):
    """Where the documents of Drive are, as Drive itself may not show the latest."""

    def spot(self, name: str) -> Spot:
        """Return where the document (or folder) ``name`` is."""

    def claim(self, name: str, *, maker: str, at: datetime, before: Spot) -> bool:
        """Take on making it, in the place of one that is gone if ``before`` has one.

        Returns False when it does not stand as ``before`` any more.
        """

    def keep(self, name: str, document_id: str) -> None:
        """Keep its id."""

    def release(self, name: str, *, maker: str) -> None:
        """Give up making it, where it was certainly not made; others may at once."""


# --- the vendors ----------------------------------------------------------------------------------


class Issue(Protocol):
    """A ticket at the provider's, as it is now."""

    @property
    def id(self) -> str:
        """Return what it is known by for ever."""

    @property
    def key(self) -> str:
        """Return what people call it: ``ING-12``."""

    @property
    def labels(self) -> Sequence[str]:
        """Return its labels."""

    @property
    def closed(self) -> bool:
        """Return whether it is done, whatever that is called there."""


class Created(Protocol):
    """A ticket that was just made."""

    @property
    def id(self) -> str:
        """Return what it is known by for ever."""

    @property
    def key(self) -> str:
        """Return what people call it."""


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
    ) -> Created:
        """Make a ticket; a second call makes a second one."""

    def labelled(self, label: str) -> Sequence[Issue]:
        """Return the tickets with a label, oldest first; the latest may be missing yet."""

    def issue(self, issue: str) -> Issue | None:
        """Return a ticket as it is now."""

    def closed_with(self, label: str, *, within_days: int) -> Sequence[Issue]:
        """Return the closed tickets with a label that were changed lately."""

    def comment(self, issue: str, body: dict[str, Any], *, effect_id: str) -> str:
        """Comment on a ticket and return the comment's id; a second call makes a second one."""

    def find_comment(self, issue: str, effect_id: str) -> str | None:
        """Return the id of the comment that was made for an effect."""


class Messenger(Protocol):
    """Where customers read direct messages (Slack)."""

    def users(self) -> Sequence[Person]:
        """Return everybody in the directory."""

    def user(self, user_id: str) -> Person | None:
        """Return somebody as they are now."""

    def open_dm(self, user_id: str) -> str:
        """Return the channel of direct messages with somebody."""

    def post(self, channel: str, text: str, *, effect_id: str) -> str:
        """Post a message and return its id; a second call makes a second one."""

    def find(self, channel: str, *, effect_id: str, since: float = 0) -> str | None:
        """Return the id of the message that was posted for an effect."""


class Mailbox(Protocol):
    """Where letters go out."""

    def send(self, letter: "Letter") -> str:
        """Send a letter and return its id; a second call sends a second one."""


class Drive(Protocol):
    """Where documents are kept."""

    def exists(self, file_id: str) -> bool:
        """Return whether a document or folder is there, and not in the bin."""

    def find_folder(self, name: str) -> str | None:
        """Return the id of a folder that we made; the latest may be missing yet."""

    def create_folder(self, name: str) -> str:
        """Make a folder; a second call makes a second one."""

    def find_document(self, customer: str) -> str | None:
        """Return the id of a customer's document; the latest may be missing yet."""

    def create_document(self, name: str, *, customer: str, folder: str) -> str:
        """Make a document; a second call makes a second one."""


class Docs(Protocol):
    """What stands in documents."""

    def names(self, document_id: str) -> frozenset[str]:
        """Return the names of the lines in a document."""

    def append(self, document_id: str, lines: "Sequence[Line]") -> None:
        """Append those lines that are not there yet, all or none; repeating it is safe."""


class Repository(Protocol):
    """Where developers work (GitHub)."""

    def user_id(self, username: str) -> int:
        """Return the id of who has a name now. Raises NotThereError when nobody has it."""

    def grant(
        self, username: str, user_id: int | None = None
    ) -> Literal["member", "invited", "none"]:
        """Let somebody in; repeating it is safe."""

    def remove(self, username: str, user_id: int | None = None) -> None:
        """Take away access and every invitation, by id where one is known; repeating it is safe."""

    def access(
        self, username: str, user_id: int | None = None
    ) -> Literal["member", "invited", "none"]:
        """Return what somebody may do now."""
