"""The steps of dispatcher.feature."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_bdd import given, parsers, scenarios, then, when

from tests.features.crews import employ
from tests.support.deployed import Deployed
from tests.support.patience import eventually
from tests.support.vending.crew import Crew, get, log, settled

scenarios("dispatcher.feature")

SAMPLE_MONTH = Path(__file__).parents[1] / "data" / "transactions.txt"
MINUTE = timedelta(minutes=1)


@dataclass
class Story:
    """What has happened in a scenario so far."""

    stack: Deployed
    crew: Crew | None = None
    worklist: list[dict[str, Any]] = field(default_factory=list)
    dispatch: dict[str, Any] = field(default_factory=dict)
    last_file: int = 0

    def send(self, text: str, read_at: datetime) -> None:
        """Send a machine's log and wait until it is read and the machine is judged."""
        assert self.crew
        wall = read_at.replace(tzinfo=None, microsecond=0).isoformat()
        file = self.crew.upload(text, downloaded_at=wall).json()
        self.last_file = settled(self.stack, file["id"])["id"]
        eventually(self.stack.calm, within_s=60)


@pytest.fixture
def story(stack: Deployed) -> Story:
    return Story(stack)


# --- a month of the whole fleet -----------------------------------------------------------------


@when("the dispatcher imports the sample month")
def _imports(office: Deployed) -> None:
    answer = office.api.post(
        "/imports", content=SAMPLE_MONTH.read_bytes(), headers={"Content-Type": "text/plain"}
    )
    assert answer.is_success, answer.text


@then(parsers.parse("the fleet has {transactions:d} transactions on {machines:d} machines"))
def _fleet(office: Deployed, transactions: int, machines: int) -> None:
    def counted() -> bool:
        totals = get(office, "/fleet")["totals"]
        return (totals["transactions"], totals["machines"]) == (transactions, machines)

    assert eventually(counted)


@then(parsers.parse("the most urgent machine is {machine}, out of service: {why}"))
def _most_urgent(office: Deployed, machine: str, why: str) -> None:
    first = get(office, "/fleet")["machines"][0]
    assert (first["serial"], first["state"]) == (machine, "out_of_service")
    assert first["verdicts"][0]["why"].startswith(why)


@then("the state of the machines is")
def _states(office: Deployed, datatable: list[list[str]]) -> None:
    found = {machine["serial"]: machine for machine in get(office, "/fleet")["machines"]}
    for serial, state, *faults in datatable[1:]:
        by_kind = {v["kind"]: v["faults"] for v in found[serial]["verdicts"]}
        expected = dict(zip(("under", "over"), faults, strict=True))
        assert found[serial]["state"] == state
        assert by_kind == {kind: int(n) for kind, n in expected.items() if n}


@then(parsers.parse("there is one fleet gap of {hours:f} hours, and no machine is blamed for it"))
def _fleet_gap(office: Deployed, hours: float) -> None:
    [gap] = eventually(lambda: get(office, "/fleet")["fleet_gaps"])
    assert gap["hours"] == pytest.approx(hours, abs=0.05)
    kinds = {v["kind"] for m in get(office, "/fleet")["machines"] for v in m["verdicts"]}
    assert "lost_log" not in kinds


# --- from a verdict to a mended machine ---------------------------------------------------------


@given(parsers.parse("the technician #{number} looks after the machine {machine}"))
def _looks_after(story: Story, number: str, machine: str) -> None:
    story.crew = employ(story.stack, number, machine)


@given(
    parsers.parse(
        "yesterday's log of {machine} shows {faulty:d} of {rows:d} credits without a gumball"
    )
)
def _log_of(story: Story, machine: str, faulty: int, rows: int) -> None:
    now = datetime.now(UTC)
    start = now - 5 * MINUTE * rows
    story.send(log(machine, start, rows=rows, every_s=300, faulty=faulty), now)


@when(parsers.parse("the dispatcher looks at the worklist of technician #{number}"))
def _looks(story: Story, number: str) -> None:
    story.worklist = get(story.stack, "/worklist", technician=f"#{number}")


@then(
    parsers.parse("{machine} is on it, with the reason, the parts to carry and what would clear it")
)
def _is_on_it(story: Story, machine: str) -> None:
    [item] = [item for item in story.worklist if item["machine"] == machine]
    [cause] = item["causes"]
    assert cause["kind"] == "under"
    assert cause["why"].startswith("12 of 200 credits gave no gumball")
    assert cause["clears_when"]
    assert "dispensing mechanism" in item["parts"]


@then(parsers.parse("{machine} is not on it"))
def _is_not_on_it(story: Story, machine: str) -> None:
    assert machine not in [item["machine"] for item in story.worklist]


@when(parsers.parse("the dispatcher sends somebody to {machine}"))
def _sends_somebody(story: Story, machine: str) -> None:
    answer = story.stack.api.post("/dispatches", json={"machine": machine, "note": "mend it"})
    assert answer.is_success, answer.text
    story.dispatch = answer.json()


@then(parsers.parse("the worklist of technician #{number} says that somebody goes to {machine}"))
def _on_the_way(story: Story, number: str, machine: str) -> None:
    items = get(story.stack, "/worklist", technician=f"#{number}")
    [item] = [item for item in items if item["machine"] == machine]
    assert item["dispatch"]["id"] == story.dispatch["id"]
    assert item["dispatch"]["technician"] == f"T0{number}"


@when(parsers.parse("the next log of {machine} shows {rows:d} rows since the visit, all good"))
def _next_log(story: Story, machine: str, rows: int) -> None:
    opened = datetime.fromisoformat(story.dispatch["opened_at"])
    story.send(log(machine, opened + MINUTE, rows=rows, every_s=60), opened + (rows + 5) * MINUTE)


@then("the dispatch is still open, for that is too few to tell")
def _still_open(story: Story) -> None:
    eventually(story.stack.calm)
    assert _dispatch(story)["state"] == "open"


@then("the dispatch is closed by that log")
def _closed(story: Story) -> None:
    closed = eventually(lambda: [d for d in [_dispatch(story)] if d["state"] == "closed"])
    assert closed[0]["closed_by"] == f"file {story.last_file}"


@then(parsers.parse("{machine} is healthy and not on the worklist of technician #{number}"))
def _healthy(story: Story, machine: str, number: str) -> None:
    eventually(lambda: get(story.stack, f"/machines/{machine}")["state"] == "healthy")
    items = get(story.stack, "/worklist", technician=f"#{number}")
    assert machine not in [item["machine"] for item in items]


@then(parsers.parse("there is one open dispatch to {machine}"))
def _one_dispatch(story: Story, machine: str) -> None:
    found = get(story.stack, "/dispatches", machine=machine, state="open")
    assert [dispatch["id"] for dispatch in found] == [story.dispatch["id"]]


def _dispatch(story: Story) -> dict[str, Any]:
    found: dict[str, Any] = get(story.stack, f"/dispatches/{story.dispatch['id']}")
    return found
