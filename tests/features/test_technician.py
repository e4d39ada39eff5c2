"""The steps of technician.feature."""

import io
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pytest_bdd import given, parsers, scenarios, then, when

from tests.features.crews import employ
from tests.support.deployed import Deployed
from tests.support.patience import eventually
from tests.support.vending.crew import Crew, get, log, settled, transactions

scenarios("technician.feature")

READ_ON = "that was read on {moment}"


@dataclass
class Story:
    """What has happened in a scenario so far."""

    stack: Deployed
    crews: dict[str, Crew] = field(default_factory=dict)
    sent: str = ""
    machine: str = ""
    moment: str = ""
    answers: list[httpx.Response] = field(default_factory=list)
    listed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def file(self) -> dict[str, Any]:
        found: dict[str, Any] = self.answers[0].json()
        return found


@pytest.fixture
def story(stack: Deployed) -> Story:
    return Story(stack)


@given(parsers.re(r"the technician #(?P<number>\d+) looks after the machines? (?P<machines>.+)"))
def _looks_after(story: Story, number: str, machines: str) -> None:
    story.crews[number] = employ(story.stack, number, machines)


@given(parsers.parse("technician #{number} has sent a log of {machine} that was read on {moment}"))
@when(parsers.parse("technician #{number} sends a log of {machine} that was read on {moment}"))
def _sends(story: Story, number: str, machine: str, moment: str) -> None:
    day = datetime.strptime(moment, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)
    story.machine, story.moment = machine, moment
    story.sent = log(machine, day.replace(hour=1), rows=12)
    _send(story, number)


@when(parsers.parse("technician #{number} sends the same log again"))
def _sends_again(story: Story, number: str) -> None:
    _send(story, number)


def _send(story: Story, number: str) -> None:
    crew, machine = story.crews[number], story.machine
    answer = crew.upload(story.sent, machine=machine, downloaded_at=story.moment)
    story.answers.append(answer)


@when(
    parsers.parse(
        "technician #{number} sends a log of {machine} in which {bad:d} of {all_:d} lines are of "
        "{other}"
    )
)
def _sends_mixed(story: Story, number: str, machine: str, bad: int, all_: int, other: str) -> None:
    own, foreign = log(machine, rows=all_ - bad), log(other, rows=bad)
    story.sent, story.machine, story.moment = own + foreign, machine, "2020-04-01T12:00:00"
    _send(story, number)


@then("the answer carries a file id")
def _has_id(story: Story) -> None:
    assert story.answers[0].status_code == 201
    assert story.file["id"] > 0


@then(parsers.parse("the share holds {name} with the very bytes that were sent"))
def _holds(story: Story, name: str) -> None:
    key = f"incoming/{name}"
    kept = story.stack.client("s3").get_object(Bucket=story.stack.bucket, Key=key)["Body"].read()
    with zipfile.ZipFile(io.BytesIO(kept)) as archive:
        [member] = archive.namelist()
        assert archive.read(member) == story.sent.encode()


@then(parsers.parse("soon every line of it is a transaction of {machine} worth 25 cents"))
def _transactions(story: Story, machine: str) -> None:
    def found() -> bool:
        rows = transactions(story.stack, machine)
        lines = {f"{row['machine']}|{row['at']}|{row['gumballs']}" for row in rows}
        assert {row["credit_cents"] for row in rows} == {25}
        return set(story.sent.splitlines()) <= lines

    assert eventually(found)


@then("both answers carry the same file id")
def _same_id(story: Story) -> None:
    assert [answer.status_code for answer in story.answers] == [201, 200]
    assert len({answer.json()["id"] for answer in story.answers}) == 1


@then(parsers.parse("the file is {state}, with {kept:d} lines kept and {refused:d} refused"))
def _is(story: Story, state: str, kept: int, refused: int) -> None:
    file = settled(story.stack, story.file["id"])
    assert (file["state"], file["rows_kept"], file["rows_refused"]) == (state, kept, refused)


@then("each refused line is shown with its number and a reason")
def _refused(story: Story) -> None:
    file = get(story.stack, f"/files/{story.file['id']}")
    assert [line["line"] for line in file["refused"]] == [11, 12]
    assert all("wrong machine" in line["reason"] for line in file["refused"])


@then(parsers.parse("{machine} has no transactions"))
def _has_none(story: Story, machine: str) -> None:
    assert transactions(story.stack, machine) == []


@then(parsers.parse("it is refused as not allowed, and {machine} is named as theirs"))
def _not_allowed(story: Story, machine: str) -> None:
    assert story.answers[0].status_code == 403
    assert story.file["assigned"] == [machine]


@when(parsers.parse("technician #{number} lists their files"))
def _lists(story: Story, number: str) -> None:
    story.listed = story.crews[number].files()


@then(parsers.parse("{name} is listed"))
def _is_listed(story: Story, name: str) -> None:
    assert name in [file["name"] for file in story.listed]


@then("there is no file of another technician among them")
def _none_of_others(story: Story) -> None:
    assert len({file["technician"] for file in story.listed}) == 1


@when(parsers.parse("technician #{number} deletes that file"))
def _deletes(story: Story, number: str) -> None:
    story.answers.append(story.crews[number].delete(story.file["id"]))


@then("the answer says that it is deleted")
def _says_deleted(story: Story) -> None:
    assert story.answers[-1].status_code == 200
    assert story.answers[-1].json()["state"] == "deleted"


@then(parsers.parse("the share no longer holds {name}"))
def _no_longer_holds(story: Story, name: str) -> None:
    assert f"incoming/{name}" not in story.stack.objects()


@then(parsers.parse("it is not among the files of technician #{number}"))
def _not_among(story: Story, number: str) -> None:
    assert story.file["id"] not in [file["id"] for file in story.crews[number].files()]


@then(parsers.parse("soon its rows are gone from {machine}"))
def _rows_gone(story: Story, machine: str) -> None:
    lines = {tuple(line.split("|")[1:]) for line in story.sent.splitlines()}

    def gone() -> bool:
        rows = transactions(story.stack, machine)
        return not lines & {(row["at"], str(row["gumballs"])) for row in rows}

    assert eventually(gone)


@then("there is no such file, as far as they can tell")
def _as_if_absent(story: Story) -> None:
    assert story.answers[-1].status_code == 404
