"""The whole service in memory, as a transport: the routes over `tests.support.vending.world`."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Lock
from typing import Any
from unittest.mock import patch

import httpx
from chalice.test import Client
from typer.testing import Result

from app import app
from backroom.core.session import Session
from chalicelib.deliveries.service.batches import Batches
from chalicelib.deliveries.service.choosing import Choosing
from chalicelib.deliveries.service.counting import Counting
from chalicelib.deliveries.service.listing import Listing
from chalicelib.deliveries.service.messages import Messages
from chalicelib.deliveries.service.sending import Sending
from chalicelib.deliveries.wiring import Deliveries
from chalicelib.vending.ports import IMPORTS
from tests.support.backroom.desk import run
from tests.support.clock import Clock
from tests.support.deliveries.fakes import FakeStore
from tests.support.ledger.fakes import MemoryStore, a_ledger
from tests.support.vending.world import World, world
from tests.support.warranties.fakes import MemoryStore as WarrantyStore
from tests.support.warranties.fakes import a_service

_WIRED = tuple(f"chalicelib.vending.{module}" for module in ("routes", "file_routes", "wiring"))


class Office:
    """Takes requests as the deployed stack does; what was sent is processed at once."""

    def __init__(self) -> None:
        self.world: World = world()
        self.deliveries = _deliveries(self.world.clock)
        self.ledger = a_ledger(MemoryStore(), self.world.clock)
        self.warranties = a_service(WarrantyStore())
        self._client = Client(app)
        self._one_at_a_time = Lock()  # as in a Lambda: a Chalice app has one current request

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, and process what it brought."""
        with self._one_at_a_time:
            return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "share.test":
            self.world.drop(request.url.path.lstrip("/"), request.read(), folder="")
            self.world.settle()
            return httpx.Response(200)
        target = request.url.raw_path.decode()
        answered = self._client.http.request(
            request.method, target, headers=dict(request.headers), body=request.read()
        )
        self.world.settle()
        return httpx.Response(answered.status_code, content=answered.body, headers=answered.headers)

    def run(self, *args: object, width: int = 120) -> Result:
        """Run the command with nobody at the keyboard."""
        session = Session(
            transport=httpx.MockTransport(self),
            now=self.world.clock,
            sleep=self._wait,
        )
        return run(*args, session=session, width=width)

    def _wait(self, seconds: float) -> None:
        self.world.clock.forward(seconds=seconds)

    def share(self) -> set[str]:
        """Return the names of what technicians have in the share."""
        return {key for key in self.world.ports.share.etags() if not key.startswith(IMPORTS)}


@contextmanager
def open_office() -> Iterator[Office]:
    """Let the app's routes stand on services in memory for a while."""
    office = Office()
    with ExitStack() as stack:
        for module in _WIRED:
            stack.enter_context(patch(f"{module}.vending", lambda: office.world.vending))
        registry = "chalicelib.vending.registry_routes.registry"
        stack.enter_context(patch(registry, lambda: office.world.vending.registry))
        for name in ("deliveries", "ledger", "warranties"):
            service: Any = partial(getattr, office, name)
            stack.enter_context(patch(f"chalicelib.{name}.routes.{name}", service))
        stack.enter_context(patch("chalicelib.operations._good_until", [math.inf]))  # no table here
        for name in ("count", "emit"):  # stdout is the command's
            stack.enter_context(patch(f"chalicelib.core.log.{name}"))
        yield office


def _deliveries(now: Clock) -> Deliveries:
    store = FakeStore()
    sending = Sending(store, now=now)
    counting = Counting(store)
    return Deliveries(
        sending=sending,
        choosing=Choosing(store, now=now),
        counting=counting,
        messages=Messages(sending, store, now=now),
        listing=Listing(store, store),
        batches=Batches(sending, counting, now=now),
    )
