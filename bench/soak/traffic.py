"""What clients of the five contexts ask for all the time, and what they were answered.

A client repeats what broke off, under the same key, until it is answered: what is in the record
was promised.
"""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event, Lock
from typing import Any
from uuid import UUID

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from infra.standins.slack import person
from tests.support.deployed import Deployed
from tests.support.vending.crew import MORNING, log

CONTEXTS = ("ledger", "deliveries", "warranties", "vending", "bakery")
# A killed function is a 500 of the gateway's, which says nothing of what was done.
_BROKEN = {500, 502, 503, 504}
_ANSWER_S = 30.0
_PATIENCE_S = 300.0
_PAUSE_S = 0.3

ACCOUNTS = [str(UUID(int=0xACC0_0000 + n, version=4)) for n in range(20)]
GUESTS = [f"Guest {n}" for n in range(12)]
ON_SLACK = GUESTS[:6]
TECHNICIAN = "T8001"
MACHINES = [f"GM8{n:02}" for n in range(6)]
CAKE = {"chocolate": 67.0, "butter": 33.0, "flour": 17.0, "sugar": 30.5, "eggs": 2}


class UnansweredError(Exception):
    """Nobody answered, however often it was asked."""


@dataclass
class Record:
    """What was promised, by the keys of those who asked; and what was wrong on the way."""

    transactions: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    transfers: dict[str, tuple[str, str, int, str]] = field(default_factory=dict)
    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    queued: dict[str, float] = field(default_factory=dict)
    sales: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: list[tuple[str, str]] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    employees: dict[str, int] = field(default_factory=dict)
    server_kills: list[float] = field(default_factory=list)
    worker_kills: dict[str, int] = field(default_factory=dict)
    down_s: list[float] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    redriven: int = 0
    repeats: int = 0
    longest_s: float = 0
    findings: list[str] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write it, so that a check can be repeated; traffic may go on meanwhile."""
        path.write_text(json.dumps(vars(self)))  # the encoder takes each mapping's items at once

    @classmethod
    def load(cls, path: Path) -> "Record":
        """Read what was written."""
        return cls(**json.loads(path.read_text()))


class Client:
    """Repeats what broke off until it is answered; threads may share it."""

    def __init__(self, stack: Deployed, record: Record) -> None:
        self.stack = stack
        self.record = record
        self._http = httpx.Client(base_url=stack.aws.api, timeout=_ANSWER_S)
        self._lock = Lock()

    def ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        """Return the answer to a request that may be repeated. Raises UnansweredError."""
        began = time.monotonic()
        while time.monotonic() - began < _PATIENCE_S:
            with suppress(httpx.TransportError):
                answer = self._http.request(method, path, **sent)
                if answer.status_code not in _BROKEN:
                    self._count(method, answer.status_code, time.monotonic() - began)
                    return answer
                self._look_at(method, path, answer)
            with self._lock:
                self.record.repeats += 1
            time.sleep(_PAUSE_S)
        raise UnansweredError(f"{method} {path}: no answer within {_PATIENCE_S:.0f} s")

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return what is at a path."""
        answer = self.ask("GET", path, params=query)
        assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def pages(self, path: str) -> list[Any]:
        """Return a list, page after page."""
        found: list[Any] = []
        while path:
            answer = self.ask("GET", path)
            assert answer.status_code == 200, f"GET {path}: {answer.text[:300]}"
            found += answer.json()
            path = answer.links.get("next", {}).get("url", "")
        return found

    def aws(self, call: Callable[[], Any]) -> Any:
        """Return what a call to AWS returns, which is repeated until it is answered."""
        began = time.monotonic()
        while time.monotonic() - began < _PATIENCE_S:
            with suppress(BotoCoreError, ClientError):
                return call()
            time.sleep(_PAUSE_S)
        raise UnansweredError(f"{call}: no answer within {_PATIENCE_S:.0f} s")

    def note(self, finding: str) -> None:
        """Keep what is wrong."""
        with self._lock:
            self.record.findings.append(f"{datetime.now(UTC):%H:%M:%S} {finding}")

    def _count(self, method: str, status: int, took_s: float) -> None:
        with self._lock:
            name = f"{method} {status}"
            self.record.requests[name] = self.record.requests.get(name, 0) + 1
            self.record.longest_s = max(self.record.longest_s, took_s)

    def _look_at(self, method: str, path: str, answer: httpx.Response) -> None:
        """Note a 500 of the API's own: a killed function is one of the gateway's."""
        own = answer.headers.get("Content-Type", "").startswith("application/problem+json")
        if own and answer.status_code == 500:
            self.note(f"{method} {path}: {answer.text[:300]}")


class Traffic:
    """Asks for things of one context after the other, as chance will have it."""

    def __init__(self, client: Client, seed: int) -> None:
        self._client = client
        self._record = client.record
        self._chance = {name: Random(f"{seed} {name}") for name in CONTEXTS}
        self._numbers = dict.fromkeys(CONTEXTS, 0)

    def prepare(self) -> None:
        """Have recipes, machines and people."""
        ask = self._client.ask
        _wanted(ask("POST", "/cakes", json={"name": "Chocolate Cake", "ingredients": CAKE}), 201)
        _wanted(ask("PUT", f"/technicians/{TECHNICIAN}", json={"name": "Robin"}), 200, 201)
        for serial in MACHINES:
            body = {"technician": TECHNICIAN}
            _wanted(ask("PUT", f"/machines/{serial}", json=body), 200, 201)
        office = self._client.stack.standins.office
        office.jira.lag_s = office.google.lag_s = 1  # searches trail, as the vendors' do
        office.slack.people = [person(f"U9{n:02}", name) for n, name in enumerate(ON_SLACK)]

    def run(self, context: str, over: Event, pause_s: float) -> None:
        """Ask until it is over; what goes wrong is noted."""
        chance = self._chance[context]
        step: Callable[[Random], None] = getattr(self, f"_{context}")
        while not over.is_set():
            try:
                step(chance)
            except (AssertionError, UnansweredError, LookupError, ValueError) as wrong:
                self._client.note(f"{context}: {type(wrong).__name__}: {wrong}")
            over.wait(chance.uniform(0.5, 1.5) * pause_s)

    def _key(self, context: str) -> str:
        self._numbers[context] += 1
        return f"soak-{context}-{self._numbers[context]}"

    def _ledger(self, chance: Random) -> None:
        record = self._record
        if record.transactions and chance.random() < 0.1:
            key = chance.choice(list(record.transactions))
            account, amount, known = record.transactions[key]
            answer = self._post_amount(key, account, amount)
            assert answer["transaction_id"] == known, f"{key} is {known} and {answer}"
        elif chance.random() < 0.6:
            key, account = self._key("ledger"), chance.choice(ACCOUNTS)
            amount = chance.choice([-1, 1, 1, 1]) * chance.randint(1, 1_000)
            answer = self._post_amount(key, account, amount)
            record.transactions[key] = (account, amount, answer["transaction_id"])
        else:
            key, (one, other) = self._key("ledger"), chance.sample(ACCOUNTS, 2)
            amount = chance.randint(1, 500)
            body = {"from_account_id": one, "to_account_id": other, "amount": amount}
            sent = self._client.ask(
                "POST", "/transfers", json=body, headers={"Idempotency-Key": key}
            )
            made = _wanted(sent, 200, 201)
            record.transfers[key] = (one, other, amount, made["transfer_id"])

    def _post_amount(self, key: str, account: str, amount: int) -> Any:
        body = {"account_id": account, "amount": amount}
        headers = {"Idempotency-Key": key}
        answer = self._client.ask("POST", "/transactions", json=body, headers=headers)
        return _wanted(answer, 200, 201)

    def _deliveries(self, chance: Random) -> None:
        record, kind = self._record, chance.choice(["marketing", "personal"])
        draw = chance.random()
        if draw < 0.1:
            body = {"timestamp": int(time.time()), "preferences": {kind: chance.random() < 0.5}}
            path = f"/recipients/r{chance.randrange(30)}/preferences"
            _wanted(self._client.ask("PUT", path, json=body), 200)
        elif draw < 0.25 and record.packages:
            known = chance.choice(list(record.packages.values()))
            self._send(known["package"])
        else:
            package = {
                "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "sender_id": f"s{chance.randrange(10)}",
                "recipient_id": f"r{chance.randrange(30)}",
                "package_id": self._key("deliveries"),
                "package_type": kind,
            }
            if draw < 0.4:
                self._queue(package)
            else:
                self._send(package)

    def _send(self, package: dict[str, Any]) -> None:
        answer = self._client.ask("POST", "/packages", json=package)
        decided = _wanted(answer, 200, 201)
        told = {name: decided[name] for name in ("status", "decided_at")}
        known = self._record.packages.setdefault(
            package["package_id"], {"package": package, **told, "delivered": 0}
        )
        assert {**known, **told} == known, f"decided twice: {known} and {decided}"
        known["delivered"] += not decided["duplicate"]
        assert known["delivered"] <= 1, f"delivered twice: {known}"

    def _queue(self, package: dict[str, Any]) -> None:
        stack = self._client.stack
        url = stack.outputs["DeliveriesPackagesQueue"]
        sqs = stack.client("sqs")
        body = json.dumps(package)
        self._client.aws(lambda: sqs.send_message(QueueUrl=url, MessageBody=body))
        self._record.queued[package["package_id"]] = time.time()

    def _warranties(self, chance: Random) -> None:
        record = self._record
        if record.sales and chance.random() < 0.1:
            key = chance.choice(list(record.sales))
            body = record.sales[key]["body"]
        else:
            key = self._key("warranties")
            body = {
                "store_uuid": "b21ad0676f26439",
                "item_type": "furniture",
                "item_sku": key,
                "item_cost": chance.randint(100, 2_000),
                "item_title": "Sofa",
            }
        answer = self._client.ask(
            "POST", "/warranties", json=body, headers={"Idempotency-Key": key}
        )
        made = _wanted(answer, 200, 201)
        ids = [each["id"] for each in made["warranties"]]
        known = record.sales.setdefault(
            key, {"body": body, "ids": ids, "request": made["request_id"]}
        )
        assert known["ids"] == ids, f"{key} was sold twice: {known} and {made}"

    def _vending(self, chance: Random) -> None:
        record, serial = self._record, chance.choice(MACHINES)
        key = self._key("vending")
        start = MORNING + timedelta(hours=7 * self._numbers["vending"])
        text = log(serial, start, rows=chance.randint(5, 40), faulty=chance.randint(0, 2))
        if chance.random() < 0.3:
            name = f"incoming/{TECHNICIAN}.{serial}.{start:%Y-%m-%d_%H%M%S}.txt"
            stack = self._client.stack
            put = stack.client("s3").put_object
            self._client.aws(lambda: put(Bucket=stack.bucket, Key=name, Body=text.encode()))
            record.logs.append((serial, text))
            return
        query = {
            "technician": TECHNICIAN,
            "machine": serial,
            "downloaded_at": f"{start + timedelta(days=1):%Y-%m-%dT%H:%M:%S}",
            "filename": f"{key}.txt",
        }
        headers = {"Content-Type": "text/plain"}
        for _ in range(2 if chance.random() < 0.2 else 1):
            answer = self._client.ask(
                "POST", "/files", params=query, content=text.encode(), headers=headers
            )
            made = _wanted(answer, 200, 201)
            assert record.files.setdefault(key, made["id"]) == made["id"], f"{key}: {made}"
        record.logs.append((serial, text))

    def _bakery(self, chance: Random) -> None:
        record = self._record
        waiting = [key for key, order in record.orders.items() if order["end"] is None]
        draw = chance.random()
        if draw < 0.03:
            login = f"dev{self._key('bakery').rpartition('-')[2]}"
            self._hire(login)
        elif draw < 0.05:
            _wanted(self._client.ask("POST", "/batches"), 200, 201, 409)
        elif draw < 0.4 and len(waiting) > 5:
            self._finish(chance.choice(waiting), cancelled=chance.random() < 0.3)
        else:
            key, guest = self._key("bakery"), chance.choice(GUESTS)
            body = {
                **{"customer": guest, "recipe": "chocolate_cake", "urgent": chance.random() < 0.2},
                **{"persons": chance.randint(1, 6), "quantity": 1},
            }
            sent = {"json": body, "headers": {"Idempotency-Key": key}}
            for _ in range(2 if chance.random() < 0.1 else 1):
                made = _wanted(self._client.ask("POST", "/orders", **sent), 200, 201)
                known = record.orders.setdefault(key, {"id": made["id"], **body, "end": None})
                assert known["id"] == made["id"], f"{key} was ordered twice: {known}, {made}"

    def _finish(self, key: str, *, cancelled: bool) -> None:
        order = self._record.orders[key]
        path = f"/orders/{order['id']}"
        sent = ("DELETE", path) if cancelled else ("POST", f"{path}/ready")
        answer = self._client.ask(*sent)
        # Whoever was asked twice may find it done; a batch's order can no longer be cancelled.
        if answer.status_code == 409:
            status = self._client.get(path)["status"]
            order["end"] = status if status in {"ready", "cancelled"} else "kept"
        else:
            assert answer.status_code in {200, 204}, f"{path}: {answer.text}"
            order["end"] = "cancelled" if cancelled else "ready"

    def _hire(self, login: str) -> None:
        self._client.stack.standins.office.github.logins.append(login)
        body = {
            **{"firstName": "Ada", "lastName": "Lovelace", "githubUsername": login},
            "permissions": {"developer": True},
        }
        answer = self._client.ask("POST", "/employees", json=body)
        if answer.status_code == 409:  # it was done, and the answer was lost
            found = [e for e in self._client.pages("/employees") if e["githubUsername"] == login]
            assert len(found) == 1, f"{login}: {found}"
            self._record.employees[login] = found[0]["id"]
        else:
            self._record.employees[login] = _wanted(answer, 201)["id"]


def _wanted(answer: httpx.Response, *statuses: int) -> Any:
    path = answer.request.url.path
    assert answer.status_code in statuses, f"{path}: {answer.status_code} {answer.text[:300]}"
    return answer.json() if answer.content else None
