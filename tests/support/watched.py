"""A deployed stack with its exporter and a real Prometheus beside it, and traffic to be seen."""

import json
import re
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from prometheus_client.parser import text_string_to_metric_families

from infra.local.monitoring import Monitoring
from infra.local.processes import Background
from tests.support.deployed import Deployed
from tests.support.patience import CLIENT_S, eventually
from tests.support.plain import NO_TLS
from tests.support.vending.crew import drop, hired, log

SCHEDULED = Path(__file__).parents[1] / "events" / "scheduled.json"
# The rules' windows, shortened: five minutes become ten seconds.
SHORTER = 30
_SECONDS = {"s": 1, "m": 60, "h": 3600}

Labels = frozenset[tuple[str, str]]


@dataclass
class Watched:
    """A stack and what watches it."""

    stack: Deployed
    monitoring: Monitoring
    started: dict[str, Background] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start one of the programs and wait until it answers."""
        program = next(each for each in self.monitoring.programs() if each.name == name)
        self.started[name] = program
        with warnings.catch_warnings():
            # Nobody keeps its process at hand: it is found and stopped by its id.
            warnings.simplefilter("ignore", ResourceWarning)
            program.start()
        ports = self.monitoring.ports
        port, path = {
            "exporter": (ports.exporter, "/metrics"),
            "prometheus": (ports.prometheus, "/-/ready"),
            "node-exporter": (ports.node, "/metrics"),
        }[name]

        def answers() -> bool:
            with suppress(httpx.TransportError):
                return (
                    httpx.get(
                        f"http://127.0.0.1:{port}{path}", timeout=CLIENT_S, verify=NO_TLS
                    ).status_code
                    == httpx.codes.OK
                )
            return False

        eventually(answers, within_s=60)

    def stop(self) -> None:
        """Stop all that was started."""
        for program in self.started.values():
            program.stop()

    def exported(self, name: str) -> Counter[Labels]:
        """Return what the exporter says of a metric, by labels."""
        address = f"http://127.0.0.1:{self.monitoring.ports.exporter}/metrics"
        text = httpx.get(address, timeout=CLIENT_S, verify=NO_TLS).text
        return Counter(
            {
                frozenset(sample.labels.items()): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
                if sample.name == name
            }
        )

    def ask(self, expr: str) -> list[dict[str, Any]]:
        """Return what Prometheus answers to an expression."""
        answer = self._get("/api/v1/query", query=expr)
        found: list[dict[str, Any]] = answer["result"]
        return found

    def names(self) -> set[str]:
        """Return the names of all metrics that Prometheus knows."""
        return set(self._get("/api/v1/label/__name__/values"))

    def firing(self) -> set[str]:
        """Return the alerts that fire, but for that of slow answers: a busy machine's are slow."""
        return {
            alert["labels"]["alertname"]
            for alert in self._get("/api/v1/alerts")["alerts"]
            if alert["state"] == "firing"
        } - {"AnswersSlow"}

    def fires(self, *names: str) -> bool:
        """Return True if these alerts fire and no other; AssertionError says which do instead."""
        firing = self.firing()
        assert firing == set(names), f"{firing} fire"
        return True

    def _get(self, path: str, **query: str) -> Any:
        base = f"http://127.0.0.1:{self.monitoring.ports.prometheus}"
        answer = httpx.get(base + path, params=query, timeout=CLIENT_S, verify=NO_TLS)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()["data"]


def shorten(configuration: Path) -> None:
    """Have Prometheus look each second, and the rules' windows pass faster."""
    prometheus, rules = configuration / "prometheus.yml", configuration / "rules.yml"
    text = prometheus.read_text()
    prometheus.write_text(re.sub(r"(scrape|evaluation)_interval: \w+", r"\1_interval: 1s", text))
    text = re.sub(r"(\[|for: )(\d+)([smh])", _shorter, rules.read_text())
    rules.write_text(text)


def _shorter(found: re.Match[str]) -> str:
    seconds = int(found[2]) * _SECONDS[found[3]]
    return f"{found[1]}{max(2, seconds // SHORTER)}s"


# --- traffic -----------------------------------------------------------------------------------


class Load:
    """Requests of every kind of answer, and how many of each were answered."""

    def __init__(self, stack: Deployed) -> None:
        self.answered: Counter[Labels] = Counter()
        self._api = stack.api

    def send(self, requests: int, clients: int = 8) -> None:
        """Send that many requests, as many at a time as there are clients."""
        with ThreadPoolExecutor(clients) as pool:
            for labels in pool.map(self._one, range(requests)):
                self.answered[labels] += 1

    def _one(self, number: int) -> Labels:
        account = str(uuid4())
        method, route, path, body = (
            ("GET", "/ping", "/ping", None),
            ("POST", "/transactions", "/transactions", {"account_id": account, "amount": number}),
            ("GET", "/accounts/{account_id}", f"/accounts/{account}", None),
            ("POST", "/transactions", "/transactions", {"account_id": account}),
        )[number % 4]
        answer = self._api.request(method, path, json=body)
        attributes = {"method": method, "route": route, "status": str(answer.status_code)}
        return frozenset(attributes.items())


def everything(stack: Deployed) -> None:
    """Do at least one of each thing that a dashboard shows."""
    _packages(stack)
    _entries(stack)
    _files(stack)
    _sales(stack)
    _orders(stack)
    for scheduled in ("vending-daily-sweep", "outbox-sweeper", "bakery-daily-batch"):
        stack.invoke(scheduled, json.loads(SCHEDULED.read_text()))


def _packages(stack: Deployed) -> None:
    """Have packages delivered, dropped, repeated and refused, by HTTP and through the queue."""
    now, wanted, unwanted = int(time.time()), f"r-{uuid4()}", f"r-{uuid4()}"
    choice = {"timestamp": now, "personal": False, "marketing": False}
    stack.api.put(f"/recipients/{unwanted}/preferences", json=choice)

    def package(package_id: str, recipient: str) -> dict[str, Any]:
        who = {"sender_id": "s", "recipient_id": recipient, "package_id": package_id}
        return {"timestamp": now, "package_type": "personal", **who}

    sent = f"p-{uuid4()}"
    for body in (package(sent, wanted), package(sent, wanted), package(f"{sent}-2", unwanted), {}):
        stack.api.post("/packages", json=body)
    stack.api.get("/statistics")
    for body in (
        package(f"{sent}-3", wanted),
        package(f"{sent}-4", unwanted),
        package(sent, unwanted),  # another recipient of the same package
        {},
    ):
        _message(stack, "DeliveriesPackagesQueue", json.dumps(body))
    eventually(lambda: stack.queue_depth("DeliveriesPackagesQueue") == 0, within_s=60)


def _entries(stack: Deployed) -> None:
    """Have entries made, repeated, and raced for on one account."""
    account, key = str(uuid4()), {"Idempotency-Key": str(uuid4())}
    body = {"account_id": account, "amount": 1}
    for _ in range(2):
        stack.api.post("/transactions", json=body, headers=key)
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: stack.api.post("/transactions", json=body), range(48)))


def _files(stack: Deployed) -> None:
    """Have files processed, suspected, rejected and held, and one that nobody can work on."""
    crew = hired(stack)
    stamps = (f"2020-04-{day:02d}_120000" for day in range(1, 9))
    prefix = f"{crew.technician}.{crew.machine}"
    crew.drop(f"{prefix}.{next(stamps)}.txt", log(crew.machine))
    crew.drop(f"{prefix}.{next(stamps)}.txt", log(crew.machine, rows=8) + "no line\n" * 3)
    crew.drop(f"{prefix}.{next(stamps)}.txt", "no line at all\n")
    crew.drop(f"{crew.technician}.GM099.{next(stamps)}.txt", log("GM099"))
    drop(stack, f"imports/{uuid4()}.txt", log(crew.machine))
    _message(stack, "VendingUploadsQueue", "this is no JSON")
    eventually(lambda: stack.queue_depth("VendingUploadsDlq") > 0, within_s=60)
    eventually(stack.calm, within_s=60)


def _sales(stack: Deployed) -> None:
    """Have warranties sold to a store that is new to all who sell there at once, and one not."""
    sale = {
        "store_uuid": uuid4().hex,
        "item_type": "furniture",
        "item_sku": uuid4().hex,
        "item_cost": 150,
        "item_title": "table",
    }
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: stack.api.post("/warranties", json=sale), range(24)))
    stack.api.post("/warranties", json={**sale, "item_type": "spaceship"})


def _orders(stack: Deployed) -> None:
    """Have a cake ordered, and a ticket made of its ingredients."""
    ordered(stack)
    day = stack.api.post("/batches").json()["date"]

    def has_ticket() -> bool:
        return bool(stack.api.get(f"/batches/{day}").json()["ticket"].get("key"))

    eventually(has_ticket, within_s=60)


def ordered(stack: Deployed, *, urgent: bool = False) -> int:
    """Have a new cake ordered; return the order's id."""
    cake = stack.api.post("/cakes", json={"name": f"Cake {uuid4()}", "ingredients": {"eggs": 2}})
    what = {"recipe": cake.json()["id"], "persons": 1, "quantity": 1, "urgent": urgent}
    answer = stack.api.post("/orders", json={"customer": "Somebody", **what})
    order_id: int = answer.json()["id"]
    return order_id


def _message(stack: Deployed, queue: str, body: str) -> None:
    stack.client("sqs").send_message(QueueUrl=stack.outputs[queue], MessageBody=body)


def let_poison_die_at_once(stack: Deployed) -> None:
    """Have a message that fails once be given up, which otherwise takes minutes."""
    sqs, url = stack.client("sqs"), stack.outputs["VendingUploadsQueue"]
    policy = "RedrivePolicy"
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[policy])["Attributes"][
        policy
    ]
    changed = json.dumps({**json.loads(attributes), "maxReceiveCount": 1})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={policy: changed})


# --- dashboards --------------------------------------------------------------------------------


def queries(dashboard: Mapping[str, Any], window: str) -> Iterator[tuple[str, str]]:
    """Yield panel and expression of a dashboard, as Grafana would ask it."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", window)
