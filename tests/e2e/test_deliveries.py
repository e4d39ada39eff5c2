"""Deliveries on the deployed stack: races, deaths, the queue; counters equal records throughout."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from itertools import count
from random import Random
from threading import Event
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import settings

from chalicelib.core.errors import InvalidInputError, UnavailableError
from chalicelib.deliveries.service.choosing import Choosing
from chalicelib.deliveries.service.messages import Messages
from chalicelib.deliveries.service.sending import Sending
from tests.support.deliveries.fakes import BOX, NOON, Store, choices, package
from tests.support.deliveries.rivalry import Rivalry
from tests.support.deliveries.table import RealStore, make_table
from tests.support.deployed import Deployed
from tests.support.dynamodb import spending
from tests.support.patience import eventually
from tests.support.stage import Killed

T = TypeVar("T")

_NUMBERS = count()
INVALID = InvalidInputError([{"place": "body", "field": "(body)", "detail": "is no JSON"}])


@pytest.fixture
def name() -> str:
    """A name that no other test gives to its packages and recipients."""
    return f"e2e-{os.getpid()}-{next(_NUMBERS)}"


def at_once(calls: Sequence[Callable[[], T]], workers: int = 12) -> list[T]:
    with ThreadPoolExecutor(workers) as pool:
        return [done.result() for done in [pool.submit(call) for call in calls]]


def send(stack: Deployed, **said: object) -> httpx.Response:
    return stack.api.post("/packages", json={**BOX, **said})


def say(stack: Deployed, recipient: str, timestamp: int, **by_type: bool) -> httpx.Response:
    body = {"timestamp": timestamp, "preferences": by_type}
    return stack.api.put(f"/recipients/{recipient}/preferences", json=body)


def statistics(stack: Deployed) -> dict[str, Any]:
    answer = stack.api.get("/statistics")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def recount(stack: Deployed) -> dict[str, Counter[str]]:
    """Return the packages that are on record, by type and status."""
    tally: dict[str, Counter[str]] = {}
    cursor: dict[str, str] = {}
    while True:
        page = stack.api.get("/statistics/recount", params=cursor).json()
        for kind, counts in page["by_type"].items():
            tally.setdefault(kind, Counter()).update(counts)
        if "cursor" not in page:
            return tally
        cursor = {"cursor": page["cursor"]}


def counters_equal_records(stack: Deployed) -> bool:
    return bool(statistics(stack)["by_type"] == recount(stack))


def delivered_since(stack: Deployed, before: dict[str, Any]) -> int:
    return int(statistics(stack)["packages_delivered"] - before["packages_delivered"])


# --- races --------------------------------------------------------------------------------------


def test_d10_100_parallel_sends_of_10_ids_are_10_packages(stack: Deployed, name: str) -> None:
    before = statistics(stack)
    ids = [f"{name}-{number}" for number in range(10)] * 10

    answers = at_once([partial(send, stack, package_id=each) for each in ids])

    assert Counter(answer.status_code for answer in answers) == {201: 10, 200: 90}
    for package_id in set(ids):
        told = [a.json() for a in answers if a.json()["package_id"] == package_id]
        assert [each["duplicate"] for each in told].count(False) == 1
        assert len({each["decided_at"] for each in told}) == 1
    assert delivered_since(stack, before) == 10
    assert counters_equal_records(stack)


def test_a_package_is_in_its_lists_as_soon_as_its_send_is_answered(
    stack: Deployed, name: str
) -> None:
    """Also while others send to the same recipient."""
    here = {"sender_id": f"{name}-s", "recipient_id": f"{name}-r"}

    def sent_and_found(number: int) -> bool:
        package_id = f"{name}-{number}"
        send(stack, package_id=package_id, **here)
        lists = [
            stack.api.get("/packages", params={query: whose, "limit": 1_000}).json()
            for query, whose in (("recipient", f"{name}-r"), ("sender", f"{name}-s"))
        ]
        return all(package_id in [row["package_id"] for row in rows] for rows in lists)

    found = at_once([partial(sent_and_found, number) for number in range(30)], workers=6)

    assert found == [True] * 30
    rows = stack.api.get("/packages", params={"recipient": f"{name}-r"}).json()
    times = [row["decided_at"] for row in rows]
    assert len(rows) == 30
    assert times == sorted(times, reverse=True)
    assert [row["package_id"] for row in stack.api.get("/packages", params={"limit": 1}).json()]


def test_a_batch_of_500_sent_twice_at_once_sends_each_package_once(
    stack: Deployed, name: str
) -> None:
    before = statistics(stack)
    packages = [{**BOX, "package_id": f"{name}-{number}"} for number in range(500)]
    left = [packages, packages]

    def batch(members: list[dict[str, Any]]) -> dict[str, Any]:
        answer = stack.api.post("/packages/batch", json={"packages": members}, timeout=60)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    new = 0
    while left:
        answers = at_once([partial(batch, members) for members in left])
        decided = [[e for e in a["packages"] if e["verdict"] != "undecided"] for a in answers]
        assert all(decided), "no progress"
        new += sum(not each["duplicate"] for told in decided for each in told)
        tried = [
            [
                p
                for p, told in zip(members, answer["packages"], strict=True)
                if told["verdict"] == "undecided"
            ]
            for members, answer in zip(left, answers, strict=True)
        ]
        left = [members for members in tried if members]

    assert new == delivered_since(stack, before) == 500
    assert counters_equal_records(stack)


def test_of_two_packages_that_claim_one_id_at_once_one_is_told_no(
    stack: Deployed, name: str
) -> None:
    calls = [partial(send, stack, package_id=name, sender_id=f"s{n % 2}") for n in range(16)]

    answers = at_once(calls)

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 7, 409: 8}
    shown = stack.api.get(f"/packages/{name}").json()
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["decided", "refused"]


def test_preferences_in_any_order_and_at_once_end_the_same(stack: Deployed, name: str) -> None:
    words = [(at, {"marketing": bool(at % 2), "personal": at != 7}) for at in range(1, 9)]
    words += [(8, {"marketing": True, "personal": False})]
    ends = []
    for seed in range(3):
        recipient = f"{name}-{seed}"
        order = Random(seed).sample(words * 2, len(words) * 2)
        at_once([partial(say, stack, recipient, at, **said) for at, said in order])
        shown = stack.api.get(f"/recipients/{recipient}/preferences").json()
        ends.append({key: shown[key] for key in ("marketing", "personal", "timestamps")})

    assert ends[0] == ends[1] == ends[2]
    assert (ends[0]["marketing"], ends[0]["personal"]) == (False, False)


def test_nothing_reaches_who_has_declined_it(stack: Deployed, name: str) -> None:
    """Packages are on their way while the recipient declines; later ones are all dropped."""
    refused = Event()

    def one(number: int) -> tuple[bool, str]:
        too_late = refused.is_set()
        answer = send(
            stack, package_id=f"{name}-{number}", recipient_id=name, package_type="marketing"
        )
        return too_late, answer.json()["status"]

    def decline() -> tuple[bool, str]:
        assert say(stack, name, 100, marketing=False).status_code == 200
        refused.set()
        return True, "dropped"

    calls: list[Callable[[], tuple[bool, str]]] = [partial(one, n) for n in range(60)]
    calls.insert(20, decline)
    outcomes = at_once(calls)

    assert {status for too_late, status in outcomes if too_late} == {"dropped"}
    assert counters_equal_records(stack)


# --- deaths -------------------------------------------------------------------------------------


def until_available(call: Callable[[], T]) -> T:
    """Ask again as long as the answer is that too many others are writing (503)."""
    for _ in range(100):
        with suppress(UnavailableError):
            return call()
    raise AssertionError("it was never available")


def insist(call: Callable[[], httpx.Response], within: int = 60) -> httpx.Response:
    """Ask until the API answers, as a sender on a bad line does."""
    for _ in range(within):
        try:
            answer = call()
        except httpx.TransportError:
            continue
        if answer.status_code < 500:
            return answer
    raise AssertionError("the API never answered")


def test_d5_senders_who_insist_while_functions_die_send_each_package_once(
    stack: Deployed, name: str
) -> None:
    """Whenever five senders have their answer, a process dies with what others have asked it."""
    before = statistics(stack)
    ids = [f"{name}-{number}" for number in range(30)] * 2
    answered, dead = count(1), []

    def one(package_id: str) -> int:
        status = insist(partial(send, stack, package_id=package_id)).status_code
        if next(answered) % 5 == 0:
            dead.append(stack.kill_one("api"))
        return status

    statuses = at_once([partial(one, each) for each in ids], workers=6)

    assert sum(dead) >= 3
    assert set(statuses) <= {200, 201}
    assert delivered_since(stack, before) == 30
    assert counters_equal_records(stack)


@pytest.fixture
def store(stack: Deployed) -> RealStore:
    """The stores on a table of their own on the stack's DynamoDB, whose transactions are true."""
    return new_store(stack)


def new_store(stack: Deployed, shards: int = 256) -> RealStore:
    return RealStore(stack.client("dynamodb"), new_table(stack), shards=shards)


def new_table(stack: Deployed) -> str:
    name = f"rivals-{os.getpid()}-{next(_NUMBERS)}"
    make_table(stack.client("dynamodb"), name)
    return name


@contextmanager
def dying_at(client: Any, call: int, when: str) -> Iterator[None]:
    """Die before, or after, the n-th call to DynamoDB: asked and not answered."""
    numbers = count(1)

    def die(**_: object) -> None:
        if next(numbers) == call:
            raise Killed

    event = "before-call.dynamodb" if when == "before" else "after-call.dynamodb"
    client.meta.events.register(event, die)
    try:
        yield
    finally:
        client.meta.events.unregister(event, die)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", [1, 2, 3, 4, 5])
def test_a_death_between_any_two_steps_leaves_nothing_that_a_retry_does_not_mend(
    stack: Deployed, store: RealStore, call: int, when: str
) -> None:
    """A send whose recipient declines in its middle: read, decide, decide again, note."""
    client = stack.client("dynamodb")
    sending = Sending(store, now=lambda: NOON)
    sending.send(package(package_id="other"))

    def story() -> list[str]:
        first = sending.send(package(package_type="marketing")).record.status
        Choosing(store, now=lambda: NOON).choose("mars", choices(100, marketing=False))
        again = sending.send(package(package_type="marketing", timestamp=call)).record.status
        return [first, again]

    with dying_at(client, call, when), pytest.raises(Killed):
        story()
    mended = story()

    assert len(set(mended)) == 1
    assert store.counts().packages == store.recount(None)[0].packages
    assert sum(store.counts().packages.values()) == 2


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_a_message_whose_reader_dies_gets_its_verdict_when_it_comes_again(
    stack: Deployed, store: RealStore, call: int, when: str
) -> None:
    """A package (read, decide, verdict) and a message that is none (verdict and count)."""
    client = stack.client("dynamodb")
    intake = Messages(Sending(store, now=lambda: NOON), store, now=lambda: NOON)

    def batch() -> list[tuple[str, bool | None]]:
        verdicts = [intake.take("m1", package()), intake.refuse("m2", INVALID)]
        return [(verdict.verdict, verdict.duplicate) for verdict in verdicts]

    with dying_at(client, call, when), pytest.raises(Killed):
        batch()

    assert batch() == [("delivered", False), ("malformed", None)]
    counts = store.counts()
    assert (dict(counts.packages), counts.malformed) == ({("personal", "delivered"): 1}, 1)


def test_d10_any_interleaving_of_rivals_and_deaths_on_true_transactions(stack: Deployed) -> None:
    class OnTheStack(Rivalry):
        def new_store(self) -> Store:
            return new_store(stack, shards=4)

    machine = OnTheStack.TestCase
    machine.settings = settings(max_examples=10, stateful_step_count=15, deadline=None)
    machine().runTest()


def test_64_writers_at_one_counter_count_right(store: RealStore) -> None:
    sending = Sending(store, now=lambda: NOON)

    def one(number: int) -> bool:
        try:
            return not sending.send(package(package_id=number % 32)).duplicate
        except UnavailableError:
            return False

    new = at_once([partial(one, number) for number in range(64)], workers=32)

    assert sum(new) == 32
    assert store.counts().packages == {("personal", "delivered"): 32}


def test_who_reads_while_counters_are_spread_and_folded_finds_all_that_was_answered(
    stack: Deployed,
) -> None:
    """Four processes send and spread, two read; days pass between reads, so each may fold."""
    client, table = stack.client("dynamodb"), new_table(stack)
    days = count()
    stores = [
        RealStore(client, table, shards=4, now=lambda: NOON + timedelta(days=next(days)))
        for _ in range(6)
    ]
    answered, numbers, over = count(), count(), Event()
    done = [0]

    def sends(store: RealStore) -> None:
        for number in range(25):
            sent = package(package_id=next(numbers))
            until_available(partial(Sending(store, now=lambda: NOON).send, sent))
            done[0] = next(answered) + 1
            if number % 8 == 0:  # the embedded AWS has no conflicts that would do it
                store._tally._spread_out()

    def reads(store: RealStore) -> list[tuple[int, int]]:
        found = []
        while not over.is_set():
            least = done[0]
            found.append((least, sum(store.counts().packages.values())))
        return found

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(reads, store) for store in stores[4:]]
        senders = [pool.submit(sends, store) for store in stores[:4]]
        try:
            for sender in senders:
                sender.result()
        finally:
            over.set()
        seen = [pair for reader in readers for pair in reader.result()]

    assert [pair for pair in seen if pair[0] > pair[1]] == []
    for store in stores:
        assert store.counts().packages == {("personal", "delivered"): 100}
    epochs = int(client.get_item(TableName=table, Key=_TOTAL)["Item"]["epoch"]["N"])
    assert epochs > 2  # of which all but the last were folded


_TOTAL: Any = {"pk": {"S": "COUNTERS"}, "sk": {"S": "TOTAL"}}


# --- what it costs ------------------------------------------------------------------------------


def test_write_units_are_those_that_the_docs_name(stack: Deployed, store: RealStore) -> None:
    client = stack.client("dynamodb")
    sending, choosing = Sending(store, now=lambda: NOON), Choosing(store, now=lambda: NOON)
    sending.send(package(package_id="the first of all"))

    with spending(client) as first:
        sending.send(package())
    with spending(client) as again:
        sending.send(package())
    with spending(client) as later:
        sending.send(package(timestamp=7))
    with spending(client) as said:
        choosing.choose("mars", choices(100, marketing=False, personal=True))
    with spending(client) as late:
        choosing.choose("mars", choices(50, marketing=False, personal=True))
    with spending(client) as after:
        sending.send(package(package_id=2))
    with spending(client) as malformed:
        store.count_malformed()

    assert (first.calls, first.write_units) == ({"BatchGetItem": 1, "TransactWriteItems": 1}, 12)
    assert (again.calls, again.write_units) == ({"BatchGetItem": 1}, 0)
    assert (later.calls, later.write_units) == ({"BatchGetItem": 1, "UpdateItem": 1}, 1)
    assert (said.calls, said.write_units) == ({"UpdateItem": 1}, 1)
    assert late.calls == {"UpdateItem": 1}
    assert (after.calls, after.write_units) == (first.calls, 12)
    assert (malformed.calls, malformed.write_units) == ({"UpdateItem": 1}, 1)


def test_a_recipient_who_changed_their_mind_often_costs_no_more(
    stack: Deployed, store: RealStore
) -> None:
    choosing = Choosing(store, now=lambda: NOON)
    Sending(store, now=lambda: NOON).send(package(package_id="the first of all"))
    for second in range(30):
        choosing.choose("mars", choices(second, marketing=True, personal=bool(second % 2)))

        with spending(stack.client("dynamodb")) as spent:
            Sending(store, now=lambda: NOON + timedelta(seconds=1)).send(package(package_id=second))

        assert spent.write_units == 12


# --- the queue ----------------------------------------------------------------------------------


def queue(stack: Deployed, *bodies: object) -> list[str]:
    """Send messages; return their ids."""
    sqs, url = stack.client("sqs"), stack.outputs["DeliveriesPackagesQueue"]
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    return [sqs.send_message(QueueUrl=url, MessageBody=text)["MessageId"] for text in texts]


def verdict(stack: Deployed, message_id: str) -> dict[str, Any]:
    def judged() -> dict[str, Any]:
        answer = stack.api.get(f"/messages/{message_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return eventually(judged)


def test_packages_come_through_the_queue_and_each_message_gets_its_verdict(
    stack: Deployed, name: str
) -> None:
    before = statistics(stack)
    say(stack, name, 100, marketing=False)
    box = {**BOX, "package_id": name, "recipient_id": name}

    ids = queue(stack, box, "{", {**box, "package_id": f"{name}-2", "package_type": "marketing"})
    first, broken, dropped = [verdict(stack, each) for each in ids]
    [again] = [verdict(stack, each) for each in queue(stack, box)]
    [other] = [verdict(stack, each) for each in queue(stack, {**box, "sender_id": "moon"})]

    assert (first["verdict"], first["duplicate"]) == ("delivered", False)
    assert (again["verdict"], again["duplicate"]) == ("delivered", True)
    assert (dropped["verdict"], other["verdict"]) == ("dropped", "conflict")
    assert (broken["verdict"], broken["errors"][0]["field"]) == ("malformed", "(body)")
    assert stack.api.get(f"/packages/{name}").json()["message_id"] == ids[0]
    assert delivered_since(stack, before) == 1
    assert statistics(stack)["requests_malformed"] == before["requests_malformed"] + 1
    eventually(lambda: stack.queue_depth("DeliveriesPackagesQueue") == 0)
    assert stack.queue_depth("DeliveriesPackagesDlq") == 0
    assert counters_equal_records(stack)


def test_queue_and_http_at_once_send_each_package_once(stack: Deployed, name: str) -> None:
    before = statistics(stack)
    boxes = [{**BOX, "package_id": f"{name}-{number}"} for number in range(20)]
    calls: list[Callable[[], Any]] = [partial(queue, stack, box) for box in boxes * 2]
    calls += [partial(send, stack, **box) for box in boxes]

    at_once(Random(3).sample(calls, len(calls)))

    eventually(lambda: stack.queue_depth("DeliveriesPackagesQueue") == 0)
    assert delivered_since(stack, before) == 20
    assert counters_equal_records(stack)
