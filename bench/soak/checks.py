"""Whether what was promised is there, once: all the time as samples, and in the end all of it."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

from bench.soak.traffic import ACCOUNTS, MACHINES, ON_SLACK, TECHNICIAN, Client, UnansweredError
from chalicelib.ledger.chain import Chain
from chalicelib.ledger.models import Entry
from tests.support.bakery.deployed import scheduled
from tests.support.patience import eventually
from tests.support.vending.crew import PENDING, agrees

_WAITING = ("pending", "unsure", "sending", "disabled")
_QUEUES = ("VendingUploadsQueue", "VendingFleetQueue", "DeliveriesPackagesQueue")
VENDORS = ("jira", "slack", "google", "github")


def sample(client: Client, chance: Random) -> None:
    """Look at some of what was promised; AssertionError says what is wrong."""
    record = client.record
    _chained(client, chance.choice(ACCOUNTS))
    for known in _some(chance, record.packages.values()):
        _decided_once(client, known)
    for sale in _some(chance, record.sales.values()):
        client.get(f"/warranties/{sale['ids'][0]}")
    for order in _some(chance, record.orders.values()):
        found = client.get(f"/orders/{order['id']}")
        assert found["customer"] == order["customer"], (found, order)
    doubled(client)


def doubled(client: Client) -> None:
    """Look for what a vendor has twice."""
    found = client.stack.standins.office.doubles()
    twice = {vendor: found[vendor] for vendor in VENDORS if found[vendor]}
    assert not twice, f"twice at a vendor: {twice}"


def settle(client: Client, within_s: float) -> None:
    """Wait until nothing waits any more; the schedules run as often as it takes."""
    stack = client.stack
    stack.invoke("vending-daily-sweep", scheduled(f"{datetime.now(UTC):%Y-%m-%dT23:00:00Z}"))

    def still() -> bool:
        stack.invoke("outbox-sweeper", scheduled())
        _redrive(client)
        depths = {name: stack.queue_depth(name) for name in _QUEUES}
        assert not any(depths.values()), depths
        for state in _WAITING:
            waiting = client.pages(f"/outbox?state={state}&limit=100")
            assert not waiting, (state, len(waiting), waiting[0])
        assert client.get("/fleet")["up_to_date"]
        return True

    eventually(still, within_s=within_s, every_s=5)


def _redrive(client: Client) -> None:
    """Send dead letters back, as docs/operations.md has an operator do."""
    for queue in client.get("/dlq"):
        if queue["depth"] and queue["redrivable"]:
            client.record.redriven += queue["depth"]
            client.ask("POST", f"/dlq/{queue['queue']}/redrive")


def everything(client: Client) -> Iterator[str]:
    """Yield what is wrong in the end."""
    for check in (_ledger, _deliveries, _warranties, _vending, _bakery, _people, _operators):
        try:
            yield from check(client)
        except (AssertionError, LookupError, ValueError, UnansweredError) as wrong:
            yield f"{check.__name__}: {type(wrong).__name__}: {wrong}"


def _ledger(client: Client) -> Iterator[str]:
    record = client.record
    entries = {account: _chained(client, account) for account in ACCOUNTS}
    amounts: Counter[str] = Counter()
    ids: dict[str, list[str]] = {account: [] for account in ACCOUNTS}
    for account, amount, made in record.transactions.values():
        amounts[account] += amount
        ids[account].append(made)
    for one, other, amount, made in record.transfers.values():
        amounts[one] -= amount
        amounts[other] += amount
        ids[one].append(made)
    for account, found in entries.items():
        there = [entry.transaction_id for entry in found]
        if len(there) != len(set(there)):
            yield f"{account} has an entry twice"
        if missing := set(ids[account]) - set(there):
            yield f"{account} lost {missing}"
        balance = found[-1].balance if found else 0
        if balance != amounts[account]:
            yield f"{account} has {balance} and was promised {amounts[account]}"
    wanted = len(record.transactions) + 2 * len(record.transfers)
    if (count := sum(map(len, entries.values()))) != wanted:
        yield f"the ledger has {count} entries and was asked for {wanted}"


def _deliveries(client: Client) -> Iterator[str]:
    record = client.record
    for known in record.packages.values():
        _decided_once(client, known)
    for name, at in record.queued.items():
        if client.ask("GET", f"/packages/{name}").status_code == 404:
            yield f"package {name} was queued at {at} and is lost"
    tally: dict[str, Counter[str]] = {}
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/statistics/recount", **cursor)
        for kind, counts in page["by_type"].items():
            tally.setdefault(kind, Counter()).update(counts)
        if "cursor" not in page:
            break
        cursor = {"cursor": page["cursor"]}
    counted = client.get("/statistics")
    if counted["by_type"] != tally:
        yield f"counters and records differ: {counted['by_type']}, {tally}"
    total = sum(sum(counts.values()) for counts in tally.values())
    if total != len(record.packages) + len(record.queued):
        yield f"{total} packages for {len(record.packages)} + {len(record.queued)}"


def _warranties(client: Client) -> Iterator[str]:
    record = client.record
    listed = [each["id"] for each in client.pages("/warranties?limit=1000")]
    wanted = [made for sale in record.sales.values() for made in sale["ids"]]
    if Counter(listed) != Counter(wanted):
        yield f"{len(listed)} warranties are listed, {len(wanted)} were promised"
    s3, bucket = client.stack.client("s3"), client.stack.outputs["WarrantiesBucket"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    for sale in record.sales.values():
        found = sum(sale["request"] in key for key in keys)
        if found != 1:
            yield f"sale {sale['request']} is in the archive {found} times"


def _vending(client: Client) -> Iterator[str]:
    record = client.record
    for name, file_id in record.files.items():
        state = client.get(f"/files/{file_id}")["state"]
        if state in PENDING or state == "failed":
            yield f"file {name} is {state}"
    for path in (f"/files?technician={TECHNICIAN}&limit=1000", "/imports?limit=1000"):
        names = Counter(each["name"] for each in client.pages(path))
        yield from (f"file {name} is there {n} times" for name, n in names.items() if n > 1)
    for serial in MACHINES:
        texts = [text for machine, text in record.logs if machine == serial]
        if texts:
            agrees(client.stack, serial, texts)


def _bakery(client: Client) -> Iterator[str]:
    record = client.record
    orders = client.pages("/orders?status=all&limit=500")
    if len(orders) != len(record.orders):
        yield f"{len(orders)} orders for {len(record.orders)} that were promised"
    shown = client.stack.standins.office.shown()
    messages = [each["text"] for each in shown["slack"]["messages"]]
    letters = shown["mail"]["letters"]
    lines = Counter(
        line for file in shown["google"]["files"] for line in file["lines"] or () if line
    )
    labels = Counter(
        label for each in shown["jira"]["issues"] for label in each["fields"]["labels"]
    )
    for order in record.orders.values():
        word, number = f"order {order['id']} ", order["id"]
        if order["end"] == "ready":
            if order["customer"] in ON_SLACK:
                told = sum(word in text for text in messages)
            else:  # of a letter whose end nobody knows there may be two, with one Message-ID
                told = len({each["message_id"] for each in letters if word in each["text"]})
            if told != 1:
                yield f"the customer of order {number} was told {told} times"
        if order["end"] == "cancelled" and lines[f"order-{number}"] != 1:
            yield f"order {number} is on file {lines[f'order-{number}']} times"
        tickets = labels[f"order-{number}"]
        # An order that was cancelled before its ticket was made may have none.
        if order["urgent"] and tickets != 1 and (tickets or order["end"] != "cancelled"):
            yield f"order {number} has {tickets} tickets"
    batches = [label for label in labels if label.startswith("order-batch-")]
    yield from (f"{label}: {labels[label]} tickets" for label in batches if labels[label] != 1)
    try:
        doubled(client)
    except AssertionError as wrong:
        yield str(wrong)
    twice = Counter(each["message_id"] for each in letters)
    print(f"{sum(n > 1 for n in twice.values())} of {len(twice)} letters were sent twice")


def _people(client: Client) -> Iterator[str]:
    invited = Counter(
        each["invitee"]["login"]
        for each in client.stack.standins.office.shown()["github"]["invitations"]
    )
    for login in client.record.employees:
        if invited[login] != 1:
            yield f"{login} was invited {invited[login]} times"


def _operators(client: Client) -> Iterator[str]:
    dead = client.pages("/outbox?state=dead&limit=100")
    yield from (f"effect {each['id']} is dead: {json.dumps(each)[:300]}" for each in dead)
    for queue in client.get("/dlq"):
        if queue["depth"]:
            yield f"{queue['depth']} dead letters of {queue['queue']}: {queue['letters'][:1]}"


def _chained(client: Client, account: str) -> list[Entry]:
    """Return an account's entries, each of which follows from the one before."""
    if client.ask("GET", f"/accounts/{account}").status_code == 404:
        return []
    rows = client.pages(f"/accounts/{account}/entries?limit=1000")
    entries = [Entry.model_validate(each) for each in rows]
    chain = Chain(account)
    wrong = [misfit for entry in entries if (misfit := chain.misfit(entry))]
    assert not wrong, f"{account}: {wrong}"
    return entries


def _decided_once(client: Client, known: dict[str, Any]) -> None:
    found = client.get(f"/packages/{known['package']['package_id']}")
    told = {name: found[name] for name in ("status", "decided_at")}
    assert {**known, **told} == known, f"decided otherwise: {known} and {found}"


def _some(chance: Random, known: Any) -> list[Any]:
    found = list(known)
    return chance.sample(found, min(3, len(found)))
