"""Any interleaving of sends, retries, preferences and deaths (D5, D6, D10)."""

from tests.support.deliveries.rivalry import Rivalry

TestRivalry = Rivalry.TestCase
