"""Many callers at once: one winner, and a state that some order of the calls would have given."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any, TypeVar

import httpx

from tests.support.deployed import Deployed
from tests.support.patience import eventually
from tests.support.vending.crew import MORNING, Crew, agrees, drop, get, hired, log, put

T = TypeVar("T")


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make all calls at the same time; return what each gave."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [done.result() for done in [pool.submit(call) for call in calls]]


def statuses(answers: Sequence[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_32_uploads_of_the_same_bytes_under_one_name_are_one_file(crew: Crew) -> None:
    text = log(crew.machine)

    answers = at_once([lambda: crew.upload(text)] * 32)

    assert statuses(answers) == {201: 1, 200: 31}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(crew.files()) == 1
    eventually(lambda: agrees(crew.stack, crew.machine, [text]))


def test_32_uploads_of_other_bytes_under_one_name_have_one_winner(crew: Crew) -> None:
    texts = [log(crew.machine, rows=rows) for rows in range(1, 33)]

    answers = at_once([partial(crew.upload, text) for text in texts])

    assert statuses(answers) == {201: 1, 409: 31}
    [won] = [n for n, answer in enumerate(answers) if answer.status_code == 201]
    assert {a.json()["file"] for a in answers if a.status_code == 409} == {
        answers[won].json()["id"]
    }
    eventually(lambda: agrees(crew.stack, crew.machine, [texts[won]]))


def test_overlapping_uploads_and_deletes_end_as_the_remaining_files_say(crew: Crew) -> None:
    """20 files of one machine arrive while half of them are taken back, in no order."""
    texts = [
        log(crew.machine, MORNING + timedelta(hours=3 * n), rows=60 + n, faulty=n % 4)
        for n in range(20)
    ]

    def upload(number: int) -> dict[str, Any]:
        answer = crew.upload(texts[number], downloaded_at=f"2020-04-01T12:00:{number:02d}")
        assert answer.status_code == 201, answer.text
        file: dict[str, Any] = answer.json()
        if number % 2:
            assert crew.delete(file["id"]).status_code == 200
        return file

    order = Random(7).sample(range(20), 20)
    with ThreadPoolExecutor(8) as pool:
        files = dict(zip(order, pool.map(upload, order), strict=True))

    remaining = [text for number, text in enumerate(texts) if not number % 2]
    eventually(lambda: agrees(crew.stack, crew.machine, remaining), within_s=60)
    assert {file["id"] for file in crew.files()} == {files[n]["id"] for n in range(0, 20, 2)}
    eventually(crew.stack.calm, within_s=60)
    assert agrees(crew.stack, crew.machine, remaining)


def test_imports_and_files_of_many_machines_at_once_all_count(stack: Deployed) -> None:
    crews = [hired(stack) for _ in range(8)]
    own = {crew.machine: log(crew.machine, rows=30) for crew in crews}
    later = {crew.machine: log(crew.machine, rows=45) for crew in crews}
    mixed = "".join(later.values())

    def import_(text: str) -> httpx.Response:
        return stack.api.post(
            "/imports", content=text.encode(), headers={"Content-Type": "text/plain"}
        )

    calls = [partial(crew.upload, own[crew.machine]) for crew in crews]
    imports = [partial(import_, mixed)] * 4
    answers = at_once(calls + imports)

    assert statuses(answers) == {201: 9, 200: 3}
    for crew in crews:
        texts = [own[crew.machine], later[crew.machine]]
        eventually(partial(agrees, stack, crew.machine, texts))


def test_files_of_one_machine_day_at_once_add_up_to_their_union(stack: Deployed) -> None:
    """Rollups, the day of the region, lists and sums are those of all files, each message twice."""
    crew = hired(stack, 3)
    parts = [
        log(serial, MORNING + timedelta(hours=hour))
        for hour in range(3)
        for serial in crew.machines
    ]
    halves = [*parts, "".join(parts)]

    def send(number: int) -> None:
        key = drop(stack, f"imports/day-{crew.technician}-{number}.txt", halves[number])
        drop(stack, key, halves[number])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(len(halves))))

    for serial in crew.machines:
        own = [text for text in parts if text.startswith(serial)]
        own.append("".join(own))
        eventually(partial(agrees, stack, serial, own), 60)
        # A machine may have been judged by a file's rows before the file's own run counts its days.
        eventually(partial(_has_sales, stack, serial, 30), 60)
    of_crew = get(stack, "/fleet", technician=crew.technician)
    assert of_crew["totals"]["transactions"] == 90
    eventually(lambda: get(stack, "/fleet")["up_to_date"], 60)


def _has_sales(stack: Deployed, serial: str, sales: int) -> bool:
    days = get(stack, f"/machines/{serial}/days")
    found: int = sum(day["sales"] for day in days)
    return found == sales


def test_a_rebuild_while_files_arrive_ends_in_what_the_files_say(stack: Deployed) -> None:
    crew = hired(stack, 2)
    texts = {
        serial: [log(serial, MORNING + timedelta(days=day)) for day in range(4)]
        for serial in crew.machines
    }

    def send(day: int) -> None:
        for serial, logs in texts.items():
            at = f"2020-03-{10 + day}T12:00:00"
            assert crew.upload(logs[day], machine=serial, downloaded_at=at).is_success

    send(0)
    send(1)
    begun = stack.api.post("/fleet/rebuild")
    send(2)
    send(3)

    def rebuilt() -> bool:
        found = get(stack, "/fleet/rebuild")
        assert (found["epoch"], found["state"]) == (begun.json()["epoch"], "done"), found
        return True

    assert begun.status_code == httpx.codes.ACCEPTED
    eventually(rebuilt, within_s=60)
    for serial, logs in texts.items():
        eventually(partial(agrees, stack, serial, logs), 60)
    listed = get(stack, "/machines", technician=crew.technician)
    assert sorted(each["serial"] for each in listed) == sorted(crew.machines)


def test_16_dispatches_to_one_machine_are_one(crew: Crew) -> None:
    body = {"machine": crew.machine, "note": "it rattles"}

    answers = at_once([lambda: crew.stack.api.post("/dispatches", json=body)] * 16)

    assert statuses(answers) == {201: 1, 200: 15}
    assert len({answer.json()["id"] for answer in answers}) == 1
    found = get(crew.stack, "/dispatches", machine=crew.machine)
    assert [dispatch["state"] for dispatch in found] == ["open"]


def test_16_closings_of_one_dispatch_are_one(crew: Crew) -> None:
    opened = crew.stack.api.post("/dispatches", json={"machine": crew.machine}).json()
    path = f"/dispatches/{opened['id']}/close"

    body = {"note": "done", "filled": 30, "cash_cents": 1_225}
    answers = at_once([lambda: crew.stack.api.post(path, json=body)] * 16)

    assert statuses(answers) == {200: 16}
    assert len({answer.json()["closed_at"] for answer in answers}) == 1
    [visit] = get(crew.stack, f"/machines/{crew.machine}/visits")
    assert (visit["filled"], visit["cash_cents"], visit["dispatch"]) == (30, 1_225, opened["id"])
    assert get(crew.stack, "/dispatches", machine=crew.machine, state="open") == []


def test_16_deletes_of_one_file_are_one(crew: Crew) -> None:
    file = crew.upload(log(crew.machine)).json()

    answers = at_once([lambda: crew.delete(file["id"])] * 16)

    assert statuses(answers)[404] == 16 - statuses(answers)[200]
    assert statuses(answers)[200] == 1
    eventually(lambda: agrees(crew.stack, crew.machine, []))


def test_16_registrations_of_one_machine_are_one(stack: Deployed) -> None:
    calls = [lambda: stack.api.put("/machines/GM090", json={})] * 16

    answers = at_once(calls)

    assert statuses(answers) == {201: 1, 200: 15}
    assert len({answer.json()["registered_at"] for answer in answers}) == 1


def test_assigning_while_dropping_reads_the_file_in_any_case(stack: Deployed) -> None:
    """A file that is looked at before, while or after its machine is assigned is read."""
    owner, crews = hired(stack), [hired(stack) for _ in range(6)]
    texts = {crew.machine: log(crew.machine, rows=12) for crew in crews}

    def drop_and_assign(crew: Crew) -> None:
        name = f"{owner.technician}.{crew.machine}.2020-04-01_120000.txt"
        at_once(
            [
                lambda: owner.drop(name, texts[crew.machine]),
                lambda: put(stack, f"/machines/{crew.machine}", technician=owner.technician),
            ]
        )

    at_once([partial(drop_and_assign, crew) for crew in crews])

    for machine, text in texts.items():
        eventually(partial(agrees, stack, machine, [text]))
