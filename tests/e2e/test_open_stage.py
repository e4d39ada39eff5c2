"""A stage that asks for no tokens, on the packaged functions (M1)."""

from tests.support.deployed import Deployed
from tests.support.signed import StandinIssuer
from tests.support.vending.crew import get, put


def test_an_open_stage_is_as_it_was(stack: Deployed) -> None:
    put(stack, "/sites/anywhere", name="Anywhere")
    assert get(stack, "/sites")
    assert stack.api.get("/auth").json()["auth"] == "open"
    token = StandinIssuer(stack.standins).token()
    told = {"Authorization": f"Bearer {token}"}
    assert stack.api.get("/fleet", headers=told).status_code == 200
