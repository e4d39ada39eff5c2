"""A deployed stage goes back to an instant, and whatever its vendors have, they have once.

The embedded AWS has no past: the copies that ``--copy`` makes at the instant stand for what
RestoreTableToPointInTime makes of it. All the rest is what runs on AWS, with IAM enforced and
sign-in, so what the operator changes is in the audit trail.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.access import SCOPES
from infra.deploy import session
from infra.reconcile import DISTANCE
from infra.stack import Stack
from tests.support.bakery.deployed import CAKE, DeployedBakery, scheduled, somebody
from tests.support.deployed import aimed_at, deployed
from tests.support.iam import let_batches_be_sent
from tests.support.patience import eventually
from tests.support.signed import StandinIssuer
from tests.support.trail import misfits
from tests.support.warranties.fakes import SOFA

ROOT = Path(__file__).parents[3]
DAY = date(2144, 3, 1)
_FAR = 4_000_000_000
NEXT, THIRD, FOURTH = (DAY + timedelta(days=each) for each in (1, 2, 3))


class Stage(DeployedBakery):
    """A stage, its vendors, and the operator who restores it."""

    def restore(self, *words: str) -> str:
        environment = {**os.environ, "AWS_ENDPOINT_URL": self.stack.aws.endpoint}
        command = [sys.executable, "-m", "infra.restore", "--stage", self.stack.stage, *words]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def at_vendors(self) -> Mapping[str, int]:
        """Return how much of everything the vendors have."""
        shown = self.standins.office.shown()
        kinds = {
            "jira": "issues",
            "slack": "messages",
            "mail": "letters",
            "github": "invitations",
        }
        counted = {vendor: len(shown[vendor][what]) for vendor, what in kinds.items()}
        files = shown["google"]["files"]
        lines = sum(len(each["lines"] or ()) for each in files)
        return {**counted, "google": len(files), "lines": lines}

    def trail(self, **query: str) -> list[dict[str, Any]]:
        """Return entries of the audit trail, oldest first."""
        found = self.stack.api.get("/audit", params={"limit": "500", **query})
        assert found.status_code == 200, found.text
        return list(reversed(found.json()))

    def calm(self) -> bool:
        """Return whether no effect waits."""
        states = ("pending", "sending", "unsure")
        return not any(self.get(f"/outbox?state={each}") for each in states)

    def is_done(self, effect_id: str) -> bool:
        return bool(self.effect(effect_id)["state"] == "done")

    def doubles(self) -> list[Any]:
        return [each for found in self.standins.office.doubles().values() for each in found]


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest) -> Stage:
    stack = deployed(request, "restore", signs_in=True, AUTH="true")
    let_batches_be_sent(stack)
    token = StandinIssuer(stack.standins).token(*SCOPES, sub="boss", exp=_FAR)
    stack.api.headers["Authorization"] = f"Bearer {token}"
    found = Stage(stack, stack.standins)
    found.post("/cakes", {"name": "Chocolate Cake", "ingredients": CAKE})
    return found


@dataclass(frozen=True)
class Before:
    """Orders from before the instant: one to be told of, one to cancel, one to bake."""

    ready: int
    cancelled: int
    waiting: int


@dataclass(frozen=True)
class Since:
    """What has happened since: the last order, the ticket of the others, its other effects."""

    last_order: int
    ticket: str
    effects: tuple[str, ...]


def test_a_stage_goes_back_to_an_instant_and_nothing_is_done_twice(stage: Stage) -> None:
    known = orders_before(stage)
    [at] = re.findall(r"--at (\S+)", stage.restore("--copy"))
    since = happened_since(stage, known)
    there, entered = stage.at_vendors(), stage.trail()

    said = stage.restore("--at", at, "--drain", "3")

    for each in since.effects:
        assert f" {each} was executed" in said
    assert f"jira#batch#{NEXT} was executed ({since.ticket}); requested since" in said
    assert f"jira#batch#{THIRD} may have been executed" in said
    refused = stage.stack.api.post("/orders", json={})
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60")
    assert stage.get(f"/orders/{since.last_order}")  # of the tables in use

    stage.standins.office.faults.clear()
    again = stage.restore("--at", at, "--drain", "0")  # as whoever died half way does
    assert f"jira#batch#{THIRD} was found at its vendor (" in again
    assert {each for each in effects(again) ^ effects(said) if f"#{THIRD}" not in each} == set()

    stage.restore("--at", at, "--drain", "0", "--go-on")
    stage.restore("--at", at, "--go-on")
    with aimed_at(stage.stack.aws):
        stage.stack.outputs = Stack(session("local"), f"backroom-{stage.stack.stage}").outputs()
    eventually(stage.stack.healthy, within_s=60)

    assert stage.stack.api.get(f"/orders/{since.last_order}").status_code == 404
    new = eventually(stage.order)
    assert new > since.last_order + DISTANCE
    do_again(stage, known)
    assert stage.at_vendors() == there
    assert stage.ticket(known.waiting) == since.ticket
    assert stage.effect(f"jira#batch#{THIRD}")["state"] == "done"
    stage.run(FOURTH)
    assert stage.ticket(new) != since.ticket
    assert len(stage.issues(f"order-batch-{FOURTH}")) == 1
    assert stage.doubles() == []
    assert stage.trail()[: len(entered)] == entered  # of what was lost, too
    assert_entered(stage, at, since)


def assert_entered(stage: Stage, at: str, since: Since) -> None:
    """Check that the trail has what the three runs changed, and who ran them."""
    by_restore = [each for each in stage.trail() if each["method"] == "COMMAND"]
    operator = stage.stack.client("sts").get_caller_identity()["Arn"]
    assert {(each["who"], each["route"]) for each in by_restore} == {(operator, "restore")}
    steps = [
        change["status"]
        for each in by_restore
        for change in each["changes"]
        if change["what"] == f"restores/{at}"
    ]
    assert steps == ["began", "began", "began", "switching", "done", "done"]
    named = {change["what"] for each in by_restore for change in each["changes"]}
    assert named >= {*(f"effects/{each}" for each in since.effects), f"batches/{NEXT}"}
    assert "tables/bakery" in named  # its counters
    # Entries are sealed when they are two minutes old; the first ones of this test soon are.
    seals = eventually(partial(sealed, stage), within_s=180, every_s=5)
    assert set(misfits(seals, stage.trail()[::-1])) == {None}


def sealed(stage: Stage) -> list[dict[str, Any]]:
    """Have what is old enough sealed; return all seals."""
    stage.stack.invoke("audit-sealer", scheduled())
    found: list[dict[str, Any]] = stage.stack.api.get("/audit/seals").json()
    return found


def orders_before(stage: Stage) -> Before:
    guest = somebody()
    stage.control("slack/people", people=[{"user_id": "U950", "real_name": guest}])
    stage.control("github/logins", logins=["ada-restored"])
    ready = stage.order(guest)
    stage.run(DAY)
    stage.ticket(ready)
    found = Before(ready, stage.order(), stage.order())
    eventually(stage.calm)
    return found


def happened_since(stage: Stage, known: Before) -> Since:
    """Have a ticket, a message, a line, an invitation and an archive made, and one ticket more.

    That is made although nobody was told, and it cannot be looked up yet.
    """
    assert stage.cancel(known.cancelled) == 204
    stage.order()
    stage.run(NEXT)
    ticket = stage.ticket(known.waiting)
    stage.post(f"/orders/{known.ready}/ready", status=200)
    ada = {"firstName": "Ada", "lastName": "Lovelace", "permissions": {"developer": True}}
    hired = stage.post("/employees", {**ada, "githubUsername": "ada-restored"})["id"]
    sale = stage.post("/warranties", SOFA)["request_id"]
    done = (
        f"ready#{known.ready}",
        f"cancelled#{known.cancelled}",
        f"access#{hired}#grant#v1",
        f"archive#{sale}",
    )
    for each in done:
        eventually(partial(stage.is_done, each))
    last = stage.order()
    stage.fail("jira", "drop_after", method="POST", path="/issue$")
    stage.fail("jira", "status", path="/search", times=None)
    stage.run(THIRD)
    eventually(lambda: stage.effect(f"jira#batch#{THIRD}")["state"] == "unsure")
    return Since(last, ticket, done)


def do_again(stage: Stage, known: Before) -> None:
    """Do all that was done since, and wait until it is over."""
    stage.run(NEXT)
    stage.run(THIRD)
    stage.post(f"/orders/{known.ready}/ready", status=200)
    assert stage.cancel(known.cancelled) == 204
    for each in (f"ready#{known.ready}", f"cancelled#{known.cancelled}"):
        eventually(partial(stage.is_done, each))
    eventually(stage.calm)


def effects(said: str) -> set[str]:
    return {line for line in said.splitlines() if re.match(r"    \S+ +\S+#", line)}
