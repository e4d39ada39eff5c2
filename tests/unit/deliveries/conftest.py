import pytest

from chalicelib.deliveries.service.batches import Batches
from chalicelib.deliveries.service.choosing import Choosing
from chalicelib.deliveries.service.counting import Counting
from chalicelib.deliveries.service.listing import Listing
from chalicelib.deliveries.service.messages import Messages
from chalicelib.deliveries.service.sending import Sending
from chalicelib.deliveries.wiring import Deliveries
from tests.support.deliveries.fakes import NOON, FakeStore


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def services(store: FakeStore) -> Deliveries:
    """The services on memory, on the first of May 2142 at noon."""
    sending = Sending(store, now=lambda: NOON)
    counting = Counting(store)
    return Deliveries(
        sending=sending,
        choosing=Choosing(store, now=lambda: NOON),
        counting=counting,
        messages=Messages(sending, store, now=lambda: NOON),
        listing=Listing(store, store),
        batches=Batches(sending, counting, now=lambda: NOON),
    )
