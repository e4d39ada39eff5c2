"""The whole bakery in memory: services, stores, vendors, and a worker for its effects."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.bakery.amounts import Given, read
from chalicelib.bakery.batching import Room
from chalicelib.bakery.handlers import jira
from chalicelib.bakery.handlers.access import AccessHandler
from chalicelib.bakery.handlers.files import DocumentErasureHandler, FilingHandler
from chalicelib.bakery.handlers.notices import MessageErasureHandler, NoticeHandler
from chalicelib.bakery.handlers.tickets import Provider
from chalicelib.bakery.letters import Addresses
from chalicelib.bakery.records import Cake, Order
from chalicelib.bakery.service.batches import Batching
from chalicelib.bakery.service.cakes import Recipes
from chalicelib.bakery.service.directory import Directory
from chalicelib.bakery.service.notifying import Notifying, Previewing
from chalicelib.bakery.service.orders import Ordering, OrderRequest
from chalicelib.bakery.service.shortages import Shortages
from chalicelib.bakery.service.staff import Employees
from chalicelib.core.outbox.effects import (
    Effect,
    EffectError,
    EffectHandler,
    Ending,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.core.outbox.tasks import ByTask
from tests.support.bakery.fakes import (
    Effects,
    FakeBatches,
    FakeCakes,
    FakeDocuments,
    FakeOrders,
    FakeStaff,
    FakeTickets,
)
from tests.support.bakery.vendors import (
    FakeDesk,
    FakeDrive,
    FakeMailbox,
    FakeMessenger,
    FakeRepository,
)
from tests.support.clock import Clock

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRET = b"between Jira and us"

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


class Bakehouse:
    """The whole bakery: services, vendors, and a worker that performs effects when called."""

    def __init__(self, *, per_order: bool = False, room: Room = Room()) -> None:  # noqa: B008
        self.clock = Clock(NOON)
        self.effects = Effects()
        self.cakes = FakeCakes()
        self.orders = FakeOrders(self.effects)
        self.batches = FakeBatches(self.orders, self.effects)
        self.tickets = FakeTickets(self.batches, self.effects)
        self.staff = FakeStaff(self.effects)
        self.documents = FakeDocuments()
        self.desk, self.slack, self.mail = FakeDesk(), FakeMessenger(), FakeMailbox()
        self.drive, self.github = FakeDrive(), FakeRepository()
        self.recipes = Recipes(self.cakes, now=self.clock)
        self.ordering = Ordering(
            self.orders, self.cakes, self.batches, now=self.clock, per_order=per_order
        )
        self.batching = Batching(self.batches, self.clock, room)
        self.shortages = Shortages(
            self.tickets,
            self.batches,
            self.orders,
            self.ordering,
            desk=lambda: self.desk,
            now=self.clock,
            secrets=lambda: [SECRET],
        )
        self.employees = Employees(self.staff, now=self.clock)
        self.domains: set[str] = set()
        self.notifying = Notifying(
            Directory(lambda: self.slack, now=self.clock),
            lambda: Addresses("gmail.com", self.domains),
            self.cakes,
        )
        self.previewing = Previewing(
            self.ordering, self.notifying, self.notifying.decide, now=self.clock
        )
        self.handlers: dict[str, EffectHandler] = self._handlers()
        self.done: dict[str, Ending] = {}
        self.doubtful: set[str] = set()

    def _handlers(self) -> dict[str, EffectHandler]:
        tickets = jira.by_task(
            Provider(lambda: self.desk, home="http://bakery.test", search_lag_s=900),
            self.orders,
            self.batches,
            self.tickets,
            self.ordering,
            self.shortages,
        )
        notices = NoticeHandler(
            lambda: self.slack, lambda: self.mail, self.notifying, self.orders, now=self.clock
        )
        files = FilingHandler(
            lambda: self.drive,
            lambda: self.drive,
            self.documents,
            self.orders,
            now=self.clock,
            search_lag_s=300,
        )
        access = AccessHandler(lambda: self.github, self.staff)
        return {
            "jira": tickets,
            "notify": ByTask({"": notices, "erase": MessageErasureHandler(lambda: self.slack)}),
            "google": ByTask({"": files, "erase": DocumentErasureHandler(lambda: self.drive)}),
            "github": access,
        }

    # --- shorthands ---

    def bake(self, name: str = "Chocolate Cake", **ingredients: object) -> Cake:
        return self.recipes.add(name, given(ingredients or CHOCOLATE_CAKE))

    def order(
        self, customer: str = "Mr Cakelover", *, key: str | None = None, **fields: Any
    ) -> Order:
        wish = {"recipe": "chocolate_cake", "persons": 4, "quantity": 1, "extras": {}, **fields}
        wish["extras"] = given(wish["extras"])
        return self.ordering.place(OrderRequest(customer=customer, **wish), key=key).order

    def cancel(self, order: Order) -> Order:
        return self.ordering.cancel(order.id, by="staff", reason="cancelled on request")

    def ready(self, order: Order) -> Order:
        return self.ordering.make_ready(order.id, by="staff", reason="baked")

    def unready(self, order: Order) -> Order:
        return self.ordering.undo_ready(order.id, by="staff", reason="not ready after all")

    def now(self, order: Order) -> Order:
        return self.orders.rows[order.id]

    def tomorrow_at_six(self) -> datetime:
        day = self.clock.at.date() + timedelta(days=1)
        self.clock.at = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
        return self.clock.at

    # --- performing ---

    def handle(self, effect_id: str) -> EffectError | None:
        """Try an effect once, as a worker does; return why it did not succeed."""
        effect = self.effects.requested[effect_id]
        if not self.effects.begin(effect_id):
            return None
        handler = self.handlers[effect.kind]
        try:
            reference = None
            if effect_id in self.doubtful and handler.search_lag_s:
                reference = handler.find(effect)
            reference = reference or handler.handle(effect)
        except RejectedError as dead:
            self._conclude(effect, Ending("dead", answer=str(dead)))
            return dead
        except EffectError as failed:
            if isinstance(failed, OutcomeUnknownError):
                self.doubtful.add(effect_id)
            return failed
        self._conclude(effect, Ending("done", reference))
        return None

    def perform_all(self) -> None:
        """Perform effects until none is left but those of kinds that have no handler here."""
        for _ in range(50):
            todo = [
                effect.id
                for effect in self.effects.requested.values()
                if effect.kind in self.handlers
                and effect.id not in self.done.keys() | self.effects.withdrawn
            ]
            if not todo:
                return
            for effect_id in todo:
                self.handle(effect_id)
        raise AssertionError(f"not performed: {todo}")

    def _conclude(self, effect: Effect, conclusion: Ending) -> None:
        self.handlers[effect.kind].on_finished(effect, conclusion)
        self.handlers[effect.kind].on_finished(effect, conclusion)  # it comes at least once
        self.done[effect.id] = conclusion
