"""The bakery in memory: stores that keep the contracts of the real ones, and vendors to watch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from chalicelib.bakery.amounts import Given, read
from chalicelib.bakery.letters import Addresses
from chalicelib.bakery.performers.access import AccessPerformer
from chalicelib.bakery.performers.files import FilingPerformer
from chalicelib.bakery.performers.notices import NoticePerformer
from chalicelib.bakery.performers.tickets import TicketPerformer
from chalicelib.bakery.ports import Spot
from chalicelib.bakery.records import Access, Batch, Cake, Employee, Gathering, Keyed, Order, Ticket
from chalicelib.bakery.service.batches import Batching
from chalicelib.bakery.service.cakes import Kitchen
from chalicelib.bakery.service.orders import Ordering, Wish
from chalicelib.bakery.service.shortages import Shortages
from chalicelib.bakery.service.staff import Office
from chalicelib.core.outbox.effects import (
    Conclusion,
    Effect,
    EffectError,
    Performer,
    PoisonError,
    UnsureError,
)
from chalicelib.integrations.mail import Letter

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRET = b"between Jira and us"
_JOINING = 3

# The brief's order: its own recipe, four persons, one cake, and two extras.
CHOCOLATE_CAKE: dict[str, object] = {
    "chocolate": Decimal("67.0"),
    "butter": Decimal("33.0"),
    "flour": Decimal("17.0"),
    "sugar": Decimal("30.5"),
    "eggs": 2,
}
GOLDEN = {
    "chocolate": ("268.0", "g"),
    "butter": ("132.0", "g"),
    "flour": ("68.0", "g"),
    "sugar": ("132.0", "g"),
    "eggs": ("8", "unit"),
    "peanuts": ("10", "unit"),
}


def given(amounts: dict[str, object]) -> dict[str, Given]:
    """Return amounts as they stand in JSON, read."""
    return {name: read(amount) for name, amount in amounts.items()}


@dataclass
class Clock:
    """Tells the time that a test says."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


@dataclass
class Effects:
    """The outbox: every effect once, in the order in which they were asked for."""

    asked: dict[str, Effect] = field(default_factory=dict)

    def fresh(self, effects: Sequence[Effect]) -> bool:
        """Return whether none of ``effects`` was asked for before."""
        return not any(effect.id in self.asked for effect in effects)

    def add(self, effects: Sequence[Effect]) -> None:
        assert self.fresh(effects)
        self.asked |= {effect.id: effect for effect in effects}

    @property
    def ids(self) -> list[str]:
        return list(self.asked)


class FakeCakes:
    def __init__(self) -> None:
        self.kept: dict[str, Cake] = {}

    def add(self, cake: Cake) -> bool:
        return self.kept.setdefault(cake.id, cake) is cake

    def cake(self, cake_id: str) -> Cake | None:
        return self.kept.get(cake_id)

    def cakes(self) -> Sequence[Cake]:
        return [self.kept[name] for name in sorted(self.kept)]

    def remove(self, cake_id: str) -> bool:
        return self.kept.pop(cake_id, None) is not None


class FakeOrders:
    def __init__(self, effects: Effects) -> None:
        self.kept: dict[int, Order] = {}
        self.keys: dict[str, Keyed] = {}
        self.effects = effects
        self._ids = count(1)

    def next_id(self) -> int:
        return next(self._ids)

    def add(
        self,
        order: Order,
        effects: Sequence[Effect] = (),
        *,
        key: tuple[str, Keyed] | None = None,
    ) -> bool:
        assert order.id not in self.kept
        if key and self.keys.setdefault(*key) is not key[1]:
            return False
        self.kept[order.id] = order
        self.effects.add(effects)
        return True

    def keyed(self, key: str) -> Keyed | None:
        return self.keys.get(key)

    def order(self, order_id: int) -> Order | None:
        return self.kept.get(order_id)

    def orders(self, before: int | None) -> Iterator[Order]:
        ids = sorted(self.kept, reverse=True)
        return iter([self.kept[each] for each in ids if before is None or each < before])

    def change(self, before: Order, after: Order, effects: Sequence[Effect] = ()) -> bool:
        if self.kept[before.id].version != before.version or not self.effects.fresh(effects):
            return False
        assert after.version == before.version + 1
        self.kept[after.id] = after
        self.effects.add(effects)
        return True


class FakeBatches:
    """Batches; a few orders join at a time, so that a run has several steps."""

    def __init__(self, orders: FakeOrders, effects: Effects) -> None:
        self._orders = orders
        self._effects = effects
        self._members: dict[date, list[int]] = {}
        self.gatherings: dict[date, Gathering] = {}
        self.kept: dict[date, Batch] = {}

    def unsealed(self) -> Sequence[Gathering]:
        return [self.gatherings[day] for day in sorted(self.gatherings)]

    def gathering(self, day: date) -> Gathering | None:
        return self.gatherings.get(day)

    def waiting(self, cutoff: datetime) -> Sequence[Order]:
        ids = sorted(self._orders.kept)
        found = [self._orders.kept[each] for each in ids]
        return [o for o in found if o.status == "open" and o.created_at < cutoff][:_JOINING]

    def claim(self, gathering: Gathering, orders: Sequence[tuple[Order, Order]]) -> bool:
        day, known = gathering.day, self.gatherings.get(gathering.day)
        moved_on = (known.version if known else 0) != gathering.version or day in self.kept
        changed = any(self._orders.kept[b.id].version != b.version for b, _ in orders)
        if moved_on or changed:
            return False
        later = gathering.model_copy(update={"version": gathering.version + 1})
        self.gatherings[day] = later
        for before, after in orders:
            assert self._orders.change(before, after)
            self._members.setdefault(day, []).append(after.id)
        return True

    def members(self, day: date) -> Sequence[Order]:
        return [self._orders.kept[each] for each in sorted(self._members.get(day, ()))]

    def seal(self, gathering: Gathering, batch: Batch, effect: Effect) -> bool:
        known = self.gatherings.get(gathering.day)
        if known is None or known.version != gathering.version or batch.day in self.kept:
            return False
        del self.gatherings[gathering.day]
        self.kept[batch.day] = batch
        self._effects.add([effect])
        return True

    def batch(self, day: date) -> Batch | None:
        return self.kept.get(day)

    def batches(self, before: date | None) -> Iterator[Batch]:
        days = sorted(self.kept, reverse=True)
        return iter([self.kept[day] for day in days if before is None or day < before])


class FakeTickets:
    def __init__(self, batches: FakeBatches, effects: Effects) -> None:
        self._batches = batches
        self._effects = effects
        self.owners: dict[str, int | date] = {}

    def settle(self, day: date, ticket: Ticket) -> None:
        batch = self._batches.kept[day]
        self._batches.kept[day] = batch.model_copy(update={"ticket": ticket})

    def know(self, issue_key: str, of: int | date) -> None:
        self.owners[issue_key] = of

    def ask(self, effect: Effect) -> bool:
        if not self._effects.fresh([effect]):
            return False
        self._effects.add([effect])
        return True

    def owner(self, issue_key: str) -> int | date | None:
        return self.owners.get(issue_key)


class FakeStaff:
    def __init__(self, effects: Effects) -> None:
        self.kept: dict[int, Employee] = {}
        self.said: dict[str, Access] = {}
        self._effects = effects
        self._ids = count(1)

    def next_id(self) -> int:
        return next(self._ids)

    def employee(self, employee_id: int) -> Employee | None:
        return self.kept.get(employee_id)

    def employees(self) -> Sequence[Employee]:
        return [self.kept[each] for each in sorted(self.kept)]

    def access(self, login: str) -> Access:
        return self.said.get(login.lower(), Access(login=login))

    def change(
        self,
        before: Employee | None,
        after: Employee | None,
        *,
        access: Sequence[Access] = (),
        effects: Sequence[Effect] = (),
    ) -> bool:
        if before and self.kept.get(before.id) != before:
            return False
        if any(self.access(each.login).version != each.version - 1 for each in access):
            return False
        if before:
            del self.kept[before.id]
        if after:
            self.kept[after.id] = after
        self.said |= {each.login.lower(): each for each in access}
        self._effects.add(effects)
        return True


class FakeDocuments:
    def __init__(self) -> None:
        self.spots: dict[str, Spot] = {}

    def spot(self, name: str) -> Spot:
        return self.spots.get(name, Spot())

    def claim(self, name: str, *, maker: str, at: datetime, before: Spot) -> bool:
        if self.spot(name) != before:
            return False
        self.spots[name] = Spot(maker=maker, since=at)
        return True

    def keep(self, name: str, document_id: str) -> None:
        spot = self.spots[name]
        self.spots[name] = Spot(document_id, spot.maker, spot.since)

    def forget(self, name: str) -> None:
        del self.spots[name]


# --- vendors --------------------------------------------------------------------------------------


@dataclass
class Vendor:
    """A vendor that fails as it is told: before it has done what it was asked for, or after."""

    before: list[Exception] = field(default_factory=list)
    after: list[Exception] = field(default_factory=list)

    def fail(self, when: list[Exception]) -> None:
        if when:
            raise when.pop(0)


@dataclass
class FakeIssue:
    key: str
    summary: str
    description: dict[str, Any]
    labels: tuple[str, ...]
    due: date | None
    properties: Any
    closed: bool = False
    comments: dict[str, Any] = field(default_factory=dict)


class FakeDesk(Vendor):
    """Jira, whose search shows everything at once."""

    def __init__(self) -> None:
        super().__init__()
        self.issues: dict[str, FakeIssue] = {}

    def create(self, summary: str, description: Any, **told: Any) -> FakeIssue:
        self.fail(self.before)
        key = f"ING-{len(self.issues) + 1}"
        self.issues[key] = FakeIssue(key, summary, description, **told)
        self.fail(self.after)
        return self.issues[key]

    def labelled(self, label: str) -> Sequence[FakeIssue]:
        return [issue for issue in self.issues.values() if label in issue.labels]

    def issue(self, key: str) -> FakeIssue | None:
        return self.issues.get(key)

    def closed_with(self, label: str, *, within_days: int) -> Sequence[FakeIssue]:
        return [issue for issue in self.labelled(label) if issue.closed]

    def comment(self, key: str, body: Any, *, effect_id: str) -> str:
        self.fail(self.before)
        assert effect_id not in self.issues[key].comments
        self.issues[key].comments[effect_id] = body
        self.fail(self.after)
        return f"comment {effect_id}"

    def find_comment(self, key: str, effect_id: str) -> str | None:
        return f"comment {effect_id}" if effect_id in self.issues[key].comments else None

    def short(self, key: str, *labels: str) -> None:
        """Have the provider say that something is missing, and close the ticket."""
        self.issues[key].labels += ("missing-ingredients", *labels)
        self.issues[key].closed = True


@dataclass(frozen=True)
class FakePerson:
    id: str
    names: tuple[str, ...]
    reachable: bool = True


class FakeMessenger(Vendor):
    """Slack, with its directory."""

    def __init__(self) -> None:
        super().__init__()
        self.people: list[FakePerson] = []
        self.posted: list[tuple[str, str, str]] = []

    def users(self) -> Sequence[FakePerson]:
        self.fail(self.before)
        return self.people

    def open_dm(self, user_id: str) -> str:
        return f"D{user_id}"

    def post(self, channel: str, text: str, *, effect_id: str) -> str:
        self.fail(self.before)
        self.posted.append((channel, text, effect_id))
        self.fail(self.after)
        return str(len(self.posted))

    def find(self, channel: str, *, effect_id: str, since: float = 0) -> str | None:
        for number, (where, _, marked) in enumerate(self.posted, start=1):
            if (where, marked) == (channel, effect_id):
                return str(number)
        return None


class FakeMailbox(Vendor):
    """A mail server."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Letter] = []

    def send(self, letter: Letter) -> str:
        self.fail(self.before)
        self.sent.append(letter)
        self.fail(self.after)
        return f"<{letter.effect_id}@bakery>"


class FakeDrive(Vendor):
    """Drive and Docs; two files may have one name."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[tuple[str, str]] = []
        self.texts: dict[str, dict[str, str]] = {}
        self.gone: set[str] = set()

    def find_folder(self, name: str) -> str | None:
        return self._found("folder", name)

    def create_folder(self, name: str) -> str:
        return self._created("folder", name)

    def find_document(self, customer: str) -> str | None:
        return self._found("document", customer)

    def create_document(self, name: str, *, customer: str, folder: str) -> str:
        assert folder == "folder-0"
        return self._created("document", name)

    def names(self, document_id: str) -> frozenset[str]:
        return frozenset(self.texts.get(document_id, {}))

    def append(self, document_id: str, lines: Sequence[Any]) -> None:
        self.fail(self.before)
        if document_id in self.gone:
            from chalicelib.integrations.http import NotThereError  # noqa: PLC0415

            raise NotThereError("gone")
        text = self.texts.setdefault(document_id, {})
        for line in lines:
            text.setdefault(line.name, line.text)
        self.fail(self.after)

    def _found(self, kind: str, name: str) -> str | None:
        known = [
            f"{k}-{n}" for n, (k, called) in enumerate(self.files) if (k, called) == (kind, name)
        ]
        return next((each for each in known if each not in self.gone), None)

    def _created(self, kind: str, name: str) -> str:
        self.fail(self.before)
        self.files.append((kind, name))
        self.fail(self.after)
        return f"{kind}-{len(self.files) - 1}"


class FakeRepository(Vendor):
    """GitHub; ``meanwhile`` happens during the next call."""

    def __init__(self) -> None:
        super().__init__()
        self.members: set[str] = set()
        self.invited: set[str] = set()
        self.meanwhile: list[Callable[[], object]] = []

    def grant(self, username: str) -> Any:
        self._happen()
        self.fail(self.before)
        if username == "nobody":
            raise PoisonError("GitHub: nobody is called nobody")
        if username in self.members:
            return "member"
        self.invited.add(username)
        self.fail(self.after)
        return "invited"

    def remove(self, username: str) -> None:
        self._happen()
        self.fail(self.before)
        self.members.discard(username)
        self.invited.discard(username)

    def access(self, username: str) -> Any:
        if username in self.members:
            return "member"
        return "invited" if username in self.invited else "none"

    def _happen(self) -> None:
        if self.meanwhile:
            self.meanwhile.pop(0)()


# --- all of it ------------------------------------------------------------------------------------


class Bakehouse:
    """The whole bakery: services, vendors, and a worker that performs effects when it is told."""

    def __init__(self, *, per_order: bool = False) -> None:
        self.clock = Clock()
        self.effects = Effects()
        self.cakes = FakeCakes()
        self.orders = FakeOrders(self.effects)
        self.batches = FakeBatches(self.orders, self.effects)
        self.tickets = FakeTickets(self.batches, self.effects)
        self.staff = FakeStaff(self.effects)
        self.documents = FakeDocuments()
        self.desk, self.slack, self.mail = FakeDesk(), FakeMessenger(), FakeMailbox()
        self.drive, self.github = FakeDrive(), FakeRepository()
        self.kitchen = Kitchen(self.cakes, now=self.clock)
        self.ordering = Ordering(
            self.orders, self.cakes, self.batches, now=self.clock, per_order=per_order
        )
        self.batching = Batching(self.batches, now=self.clock)
        self.shortages = Shortages(
            self.tickets,
            self.batches,
            self.orders,
            self.ordering,
            desk=lambda: self.desk,
            now=self.clock,
            secret=lambda: SECRET,
        )
        self.office = Office(self.staff, now=self.clock)
        self.domains: set[str] = set()
        self.performers: dict[str, Performer] = self._performers()
        self.done: dict[str, Conclusion] = {}
        self.doubtful: set[str] = set()

    def _performers(self) -> dict[str, Performer]:
        tickets = TicketPerformer(
            lambda: self.desk,
            self.orders,
            self.batches,
            self.tickets,
            self.ordering,
            self.shortages,
            home="http://bakery.test",
            settle_s=900,
        )
        notices = NoticePerformer(
            lambda: self.slack,
            lambda: self.mail,
            lambda: Addresses("gmail.com", self.domains),
            self.orders,
            self.cakes,
            now=self.clock,
        )
        files = FilingPerformer(
            lambda: self.drive,
            lambda: self.drive,
            self.documents,
            self.orders,
            now=self.clock,
            settle_s=300,
        )
        access = AccessPerformer(lambda: self.github, self.staff)
        return {"jira": tickets, "notify": notices, "google": files, "github": access}

    # --- shorthands ---

    def bake(self, name: str = "Chocolate Cake", **ingredients: object) -> Cake:
        return self.kitchen.add(name, given(ingredients or CHOCOLATE_CAKE))

    def order(
        self, customer: str = "Mr Cakelover", *, key: str | None = None, **said: Any
    ) -> Order:
        wish = {"recipe": "chocolate_cake", "persons": 4, "quantity": 1, "extras": {}, **said}
        wish["extras"] = given(wish["extras"])
        return self.ordering.place(Wish(customer=customer, **wish), key=key).order

    def cancel(self, order: Order) -> Order:
        return self.ordering.cancel(order.id, by="staff", reason="cancelled on request")

    def ready(self, order: Order) -> Order:
        return self.ordering.make_ready(order.id, by="staff", reason="baked")

    def now(self, order: Order) -> Order:
        return self.orders.kept[order.id]

    def tomorrow_at_six(self) -> datetime:
        day = self.clock.now.date() + timedelta(days=1)
        self.clock.now = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
        return self.clock.now

    # --- performing ---

    def perform(self, effect_id: str) -> EffectError | None:
        """Try an effect once, as a worker does; return why it did not succeed."""
        effect = self.effects.asked[effect_id]
        performer = self.performers[effect.kind]
        try:
            reference = None
            if effect_id in self.doubtful and performer.settle_s:
                reference = performer.find(effect)
            reference = reference or performer.perform(effect)
        except PoisonError as dead:
            self._conclude(effect, Conclusion("dead", answer=str(dead)))
            return dead
        except EffectError as failed:
            if isinstance(failed, UnsureError):
                self.doubtful.add(effect_id)
            return failed
        self._conclude(effect, Conclusion("done", reference))
        return None

    def perform_all(self) -> None:
        """Perform effects until none is left."""
        for _ in range(50):
            todo = [effect_id for effect_id in self.effects.asked if effect_id not in self.done]
            if not todo:
                return
            for effect_id in todo:
                self.perform(effect_id)
        raise AssertionError(f"not performed: {todo}")

    def _conclude(self, effect: Effect, conclusion: Conclusion) -> None:
        self.performers[effect.kind].conclude(effect, conclusion)
        self.performers[effect.kind].conclude(effect, conclusion)  # it comes at least once
        self.done[effect.id] = conclusion
