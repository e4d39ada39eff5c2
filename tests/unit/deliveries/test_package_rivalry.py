"""Any interleaving of sends, retries, preferences and deaths (D5, D6, D10)."""

from hypothesis import settings

from tests.support.deliveries.rivalry import Rivalry
from tests.support.size import size

TestRivalry = Rivalry.TestCase
TestRivalry.settings = settings(max_examples=size(30, fuzz=1_000))
