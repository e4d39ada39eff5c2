"""Mixed traffic, kills, and what is left of it: ``python -m bench.soak --minutes 60``.

Brings up a stack of its own (``PORT``, ``AWS_PORT``, ``STANDINS_PORT``, ``SMTP_PORT`` as for
``make up``), has clients of all contexts use it, kills functions and the embedded AWS by a
schedule from ``--seed``, checks samples all the time and everything in the end. Ends with 1 when
anything is wrong. At the vendors every request may fail, too.
"""

import argparse
import os
import platform
import shutil
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from bench.soak import checks
from bench.soak.traffic import CONTEXTS, Client, Record, Traffic, UnansweredError
from infra import deploy
from infra.local import ports
from infra.local.aws import LocalAws
from infra.standins.contracts import Contracts
from infra.standins.faults import Fault
from infra.standins.server import Standins
from tests.support.deployed import PYTHON, Deployed, aimed_at
from tests.support.patience import eventually
from tests.support.processes import processes

_SAMPLES_S = 20.0
_TOLD_S = 60.0
_SETTLED_S = 900.0
_HTTP = ("jira", "slack", "google", "github")


def main() -> int:
    """Run it as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak")
    parser.add_argument("--minutes", type=float, default=60, help="how long there is traffic")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=5, help="steps a second, of all contexts")
    parser.add_argument("--workers-every-s", type=float, default=20, help="between two kills")
    parser.add_argument("--server-every-s", type=float, default=240, help="of the embedded AWS")
    parser.add_argument("--record", type=Path, help="where to keep what was promised, as JSON")
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="backroom-soak-"))
    stack = Deployed(LocalAws(home, ports.port("AWS_PORT"), ports.port("PORT"), PYTHON), "soak")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        up(stack)
        print(f"{platform.platform()}, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d %H:%M}")
        record = soak(stack, asked)
    finally:
        stack.close()
        shutil.rmtree(home, ignore_errors=True)
    print(told(record))
    for finding in record.findings:
        print(f"WRONG {finding}")
    return 1 if record.findings else 0


def soak(stack: Deployed, asked: argparse.Namespace) -> Record:
    """Soak a stack that runs; return what was promised, and what is wrong with what is there."""
    record = Record()
    client = Client(stack, record)
    traffic = Traffic(client, asked.seed)
    traffic.prepare()
    spoil(stack, asked.seed)
    over = threading.Event()
    began = time.monotonic()
    pause_s = len(CONTEXTS) / asked.rate
    with ThreadPoolExecutor(len(CONTEXTS) + 1) as pool:
        running = [pool.submit(traffic.run, name, over, pause_s) for name in CONTEXTS]
        running.append(pool.submit(watch, client, over, asked))
        try:
            kill_until(stack, client, Random(asked.seed), began + 60 * asked.minutes, asked)
        finally:
            over.set()
        for each in running:
            each.result()
    print(f"traffic ended after {time.monotonic() - began:.0f} s", flush=True)
    stack.standins.office.faults.clear()
    if asked.record:
        record.save(asked.record)
    since = time.monotonic()
    try:
        checks.settle(client, _SETTLED_S)
    except AssertionError as unsettled:
        client.note(f"not settled: {unsettled}")
    print(f"settled after {time.monotonic() - since:.0f} s", flush=True)
    for finding in checks.everything(client):
        client.note(finding)
    if asked.record:
        record.save(asked.record)
    client.close()
    return record


def up(stack: Deployed) -> None:
    """Start the embedded AWS and the stand-ins on the ports of the environment, and deploy."""
    stack.standins = Standins(
        stack.aws.home,
        http_port=ports.port("STANDINS_PORT"),
        smtp_port=ports.port("SMTP_PORT"),
        contracts=Contracts.find(),
        webhook=f"{stack.aws.api}/webhooks/jira",
    ).start()
    stack.start()
    with aimed_at(stack.aws), tempfile.TemporaryDirectory() as build:
        stack.outputs = deploy.deploy("local", "soak", stack.parameters, build=Path(build))
    eventually(stack.healthy, within_s=60)
    assert isinstance(stack.aws, LocalAws)
    assert stack.aws.save() is None  # as `make up` does


def spoil(stack: Deployed, seed: int) -> None:
    """Have requests to the vendors fail now and then, before they are done and after."""
    kinds = ("status", "drop", "status_after", "drop_after", "limit")
    for number, kind in enumerate(kinds):
        for vendor in _HTTP:
            fault = Fault(vendor, kind, times=None, chance=0.02, status=503, seed=seed + number)  # type: ignore[arg-type]
            stack.standins.office.faults.add(fault)


def kill_until(
    stack: Deployed, client: Client, chance: Random, end: float, asked: argparse.Namespace
) -> None:
    """Kill functions and the embedded AWS until ``end``, as chance will have it."""
    function_at = server_at = said_at = time.monotonic()
    function_at += chance.expovariate(1 / asked.workers_every_s)
    server_at += asked.server_every_s * chance.uniform(0.5, 1.5)
    while (now := time.monotonic()) < end:
        if now >= server_at:
            kill_server(stack, client)
            server_at = time.monotonic() + asked.server_every_s * chance.uniform(0.5, 1.5)
        if now >= function_at:
            kill_function(stack, client.record, chance)
            function_at = now + chance.expovariate(1 / asked.workers_every_s)
        if now - said_at >= _TOLD_S:
            said_at = now
            print(f"{(end - now) / 60:.0f} min to go: {told(client.record)}", flush=True)
            if asked.record:
                client.record.save(asked.record)
        time.sleep(0.2)


def kill_function(stack: Deployed, record: Record, chance: Random) -> None:
    """Kill the process of a function, whatever it is doing."""
    prefix = f"{stack.aws.temporary}/ministack-lambda-backroom-{stack.stage}-"
    running = processes(prefix)
    if not running:
        return
    pid = chance.choice(sorted(running))
    with suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_text()
        name = command.partition(prefix)[2].rpartition("-")[0] or "?"
        os.kill(pid, signal.SIGKILL)
        record.worker_kills[name] = record.worker_kills.get(name, 0) + 1


def kill_server(stack: Deployed, client: Client) -> None:
    """Kill the embedded AWS and bring it up again, as `make up` does."""
    pid = stack.aws.pid()
    assert pid, "the embedded AWS does not run"
    os.kill(pid, signal.SIGKILL)
    client.record.server_kills.append(time.time())
    since = time.monotonic()
    eventually(lambda: not processes(str(stack.aws.home)), within_s=60)
    stack.start()
    eventually(stack.healthy, within_s=60)
    client.record.down_s.append(time.monotonic() - since)


def watch(client: Client, over: threading.Event, asked: argparse.Namespace) -> None:
    """Look at samples until it is over."""
    chance = Random(f"{asked.seed} watch")
    while not over.wait(_SAMPLES_S):
        try:
            checks.sample(client, chance)
        except (AssertionError, LookupError, UnansweredError) as wrong:
            client.note(f"sample: {type(wrong).__name__}: {wrong}")


def told(record: Record) -> str:
    """Return the figures in a line."""
    parts = {
        "answers": sum(record.requests.values()),
        "asked again": record.repeats,
        "transactions": len(record.transactions),
        "transfers": len(record.transfers),
        "packages": len(record.packages),
        "queued": len(record.queued),
        "sales": len(record.sales),
        "logs": len(record.logs),
        "orders": len(record.orders),
        "employees": len(record.employees),
        "functions killed": sum(record.worker_kills.values()),
        "AWS killed": len(record.server_kills),
        "dead letters sent back": record.redriven,
        "longest outage s": round(max(record.down_s, default=0), 1),
        "slowest answer s": round(record.longest_s, 1),
        "findings": len(record.findings),
    }
    return ", ".join(f"{name} {value}" for name, value in parts.items())


if __name__ == "__main__":
    sys.exit(main())
