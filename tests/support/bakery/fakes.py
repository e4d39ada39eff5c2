"""The bakery's stores in memory; they keep the contracts of the real ones."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count, islice

from chalicelib.bakery.ports import Spot
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
from chalicelib.core import totals
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.totals import Total

_JOINING = 3


@dataclass
class Effects:
    """The outbox: every effect once, in the order of their requests."""

    requested: dict[str, Effect] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    withdrawn: set[str] = field(default_factory=set)

    def withdraw(self, effect: Effect) -> bool:
        """Withdraw an effect, unless a worker has begun it."""
        if effect.id in self.begun | self.withdrawn or effect.id not in self.requested:
            return False
        self.withdrawn.add(effect.id)
        return True

    def begin(self, effect_id: str) -> bool:
        """Begin an effect, unless it was withdrawn."""
        if effect_id in self.withdrawn:
            return False
        self.begun.add(effect_id)
        return True

    def fresh(self, effects: Sequence[Effect]) -> bool:
        """Return whether none of ``effects`` was requested before."""
        return not any(effect.id in self.requested for effect in effects)

    def add(self, effects: Sequence[Effect]) -> None:
        assert self.fresh(effects)
        self.requested |= {effect.id: effect for effect in effects}

    @property
    def ids(self) -> list[str]:
        return list(self.requested)


class FakeCakes:
    def __init__(self) -> None:
        self.rows: dict[str, Cake] = {}

    def add(self, cake: Cake) -> bool:
        return self.rows.setdefault(cake.id, cake) is cake

    def cake(self, cake_id: str) -> Cake | None:
        return self.rows.get(cake_id)

    def cakes(self) -> Sequence[Cake]:
        return [self.rows[name] for name in sorted(self.rows)]

    def remove(self, cake_id: str) -> bool:
        return self.rows.pop(cake_id, None) is not None


class FakeOrders:
    def __init__(self, effects: Effects) -> None:
        self.rows: dict[int, Order] = {}
        self.keys: dict[str, Keyed] = {}
        self.effects = effects
        self._ids = count(1)

    def next_id(self, at: datetime) -> NewId:
        return NewId(next(self._ids), spread=True)

    def add(
        self,
        order: Order,
        effects: Sequence[Effect] = (),
        *,
        key: tuple[str, Keyed] | None = None,
    ) -> bool:
        assert order.id not in self.rows
        if key and self.keys.setdefault(*key) is not key[1]:
            return False
        self.rows[order.id] = order
        self.effects.add(effects)
        return True

    def keyed(self, key: str) -> Keyed | None:
        return self.keys.get(key)

    def order(self, order_id: int) -> Order | None:
        return self.rows.get(order_id)

    def orders(self, before: int | None, *, page_size: int) -> Iterator[Order]:
        ids = sorted(self.rows, reverse=True)
        return iter([self.rows[each] for each in ids if before is None or each < before])

    def with_status(
        self, status: OrderStatus, before: int | None, *, page_size: int
    ) -> Iterator[Order]:
        found = self.orders(before, page_size=page_size)
        return (order for order in found if order.status == status)

    def count_with(self, status: OrderStatus, before: int | None) -> Total:
        return totals.count(self.with_status(status, before, page_size=0))

    def due_on(self, day: date, before: int | None, *, page_size: int) -> Iterator[Order]:
        found = self.orders(before, page_size=page_size)
        return (order for order in found if order.due_day == day)

    def perhaps_of(
        self, customer_id: str, before: int | None, *, page_size: int
    ) -> Iterator[Order]:
        return self.orders(before, page_size=page_size)

    def change(
        self,
        before: Order,
        after: Order,
        effects: Sequence[Effect] = (),
        *,
        withdrawn: Effect | None = None,
    ) -> bool:
        if self.rows[before.id].version != before.version or not self.effects.fresh(effects):
            return False
        if withdrawn and not self.effects.withdraw(withdrawn):
            return False
        assert after.version == before.version + 1
        self.rows[after.id] = after
        self.effects.add(effects)
        return True


class FakeBatches:
    """Batches; a few orders join at a time, so that a run has several steps."""

    def __init__(self, orders: FakeOrders, effects: Effects) -> None:
        self._orders = orders
        self._effects = effects
        self._members: dict[BatchId, list[int]] = {}
        self.gatherings: dict[BatchId, Gathering] = {}
        self.rows: dict[BatchId, Batch] = {}

    def unsealed(self) -> Sequence[Gathering]:
        return [self.gatherings[each] for each in sorted(self.gatherings, key=_name)]

    def gathering(self, batch: BatchId) -> Gathering | None:
        return self.gatherings.get(batch)

    def waiting(self, cutoff: datetime, *, among: Container[int] | None = None) -> Sequence[Order]:
        early = (order for order in self.open_orders() if order.created_at < cutoff)
        return list(islice((o for o in early if among is None or o.id in among), _JOINING))

    def count_waiting(self) -> int:
        return sum(order.status == "open" for order in self._orders.rows.values())

    def open_orders(self) -> Iterator[Order]:
        rows = self._orders.rows
        return (rows[each] for each in sorted(rows) if rows[each].status == "open")

    def claim(self, gathering: Gathering, orders: Sequence[tuple[Order, Order]]) -> bool:
        day, known = gathering.id, self.gatherings.get(gathering.id)
        moved_on = (known.version if known else 0) != gathering.version or day in self.rows
        changed = any(self._orders.rows[b.id].version != b.version for b, _ in orders)
        if moved_on or changed:
            return False
        later = gathering.model_copy(update={"version": gathering.version + 1})
        self.gatherings[day] = later
        for before, after in orders:
            assert self._orders.change(before, after)
            self._members.setdefault(day, []).append(after.id)
        return True

    def members(self, batch: BatchId) -> Sequence[Order]:
        return [self._orders.rows[each] for each in sorted(self._members.get(batch, ()))]

    def seal(self, gathering: Gathering, batch: Batch, effect: Effect) -> bool:
        known = self.gatherings.get(gathering.id)
        version = known.version if known else 0
        if version != gathering.version or batch.id in self.rows:
            return False
        self.gatherings.pop(gathering.id, None)
        self.rows[batch.id] = batch
        self._effects.add([effect])
        return True

    def batch(self, batch: BatchId) -> Batch | None:
        return self.rows.get(batch)

    def batches(self, before: BatchId | None) -> Iterator[Batch]:
        named = sorted(self.rows, key=_name, reverse=True)
        return iter(
            [self.rows[each] for each in named if before is None or _name(each) < _name(before)]
        )


def _name(batch: BatchId) -> str:
    return batch.isoformat()


class FakeTickets:
    def __init__(self, batches: FakeBatches, effects: Effects) -> None:
        self._batches = batches
        self._effects = effects
        self.owners: dict[str, int | BatchId] = {}
        self.ids: dict[str, str] = {}

    def settle(self, batch: BatchId, ticket: Ticket) -> None:
        found = self._batches.rows[batch]
        self._batches.rows[batch] = found.model_copy(update={"ticket": ticket})

    def know(self, issue_key: str, of: int | BatchId, *, issue_id: str | None = None) -> None:
        self.owners[issue_key] = of
        if issue_id:
            self.owners[f"#{issue_id}"] = of
            self.ids[issue_key] = issue_id

    def issue_id(self, issue_key: str) -> str | None:
        return self.ids.get(issue_key)

    def request(self, effect: Effect) -> bool:
        if not self._effects.fresh([effect]):
            return False
        self._effects.add([effect])
        return True

    def owner(self, issue_key: str, issue_id: str | None = None) -> int | BatchId | None:
        if issue_id and f"#{issue_id}" in self.owners:
            return self.owners[f"#{issue_id}"]
        if issue_id and self.ids.get(issue_key, issue_id) != issue_id:
            return None
        return self.owners.get(issue_key)


class FakeStaff:
    def __init__(self, effects: Effects) -> None:
        self.rows: dict[int, Employee] = {}
        self.access_by_login: dict[str, Access] = {}
        self.users: dict[str, GitHubUser] = {}
        self._effects = effects
        self._ids = count(1)

    def next_id(self) -> int:
        return next(self._ids)

    def employee(self, employee_id: int) -> Employee | None:
        return self.rows.get(employee_id)

    def employees(self) -> Sequence[Employee]:
        return [self.rows[each] for each in sorted(self.rows)]

    def access(self, login: str) -> Access:
        return self.access_by_login.get(login.lower(), Access(login=login))

    def user(self, login: str) -> GitHubUser | None:
        return self.users.get(login.lower())

    def know_user(self, user: GitHubUser) -> None:
        known = self.user(user.login)
        if known is None or known.word <= user.word:
            self.users[user.login.lower()] = user

    def logins_of(self, user_id: int) -> Sequence[str]:
        return [user.login for user in self.users.values() if user.user_id == user_id]

    def change(
        self,
        before: Employee | None,
        after: Employee | None,
        *,
        access: Sequence[Access] = (),
        effects: Sequence[Effect] = (),
    ) -> bool:
        if before and self.rows.get(before.id) != before:
            return False
        if any(self.access(each.login).version != each.version - 1 for each in access):
            return False
        if before:
            del self.rows[before.id]
        if after:
            self.rows[after.id] = after
        self.access_by_login |= {each.login.lower(): each for each in access}
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

    def release(self, name: str, *, maker: str) -> None:
        spot = self.spot(name)
        if spot.maker == maker and spot.document_id is None:
            del self.spots[name]

    def keep(self, name: str, document_id: str) -> None:
        spot = self.spots[name]
        self.spots[name] = Spot(document_id, spot.maker, spot.since)
