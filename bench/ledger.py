"""Compare the ledger with Flask, SQLAlchemy and SQLite: ``python -m bench.ledger [--record]``.

First the CPU of a request: whole handlers in one process each, ours with the network stubbed, the
peer's (`bench.ledger_peer`) with its file on disk. Rounds alternate, and what counts is the median
of their ratios. Then a race to one account: who loses updates. Last, how many posts one account
takes (`bench.ledger_model`).

The peer needs an environment of its own: ``python -m venv peer``, ``peer/bin/pip install flask
sqlalchemy``, then ``--peer-python peer/bin/python``. The race needs `make install`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from bench import ledger_model
from bench.calls import free_port
from bench.handlers import Case, Handler, compared, cpu_us, nothing_told, request, stdout_nowhere
from infra.local.aws import CREDENTIALS, REGION, LocalAws
from infra.package import ROOT

ACCOUNT, TRANSACTION = "123e4567-e89b-12d3-a456-426614174000", str(uuid4())
GOALS = {"post": 0.6, "account": 1.0, "transaction": 1.0}
ROUTES = {
    "post": "POST /transactions",
    "account": "GET /accounts/{id}",
    "transaction": "GET /transactions/{id}",
    "list": "GET /transactions?limit=50",
}
_TABLE = "ledger"
_SETTINGS = {
    **CREDENTIALS,
    "AUTH": "open",
    "AWS_DEFAULT_REGION": REGION,
    "LEDGER_TABLE": _TABLE,
}
WRITERS, POSTS = 8, 50
CURVES = Path(__file__).with_suffix(".json")


class Peer:
    """The other ledger, in a process of its own."""

    def __init__(self, python: str, folder: str) -> None:
        script = str(Path(__file__).with_name("ledger_peer.py"))
        self._process = subprocess.Popen(
            [python, script, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._said()

    def ask(self, *words: object) -> Any:
        """Return what the peer answers to a line of ``words``."""
        assert self._process.stdin
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return json.loads(self._said())

    def close(self) -> None:
        """Let it go."""
        self._process.communicate()

    def _said(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("The peer does not run; see the top of bench/ledger.py.")
        return line


# --- CPU of a request -----------------------------------------------------------------------------


def compare(peer: Peer, rounds: int, times: int) -> Iterator[str]:
    """Yield a Markdown table of CPU times and their ratios."""
    handler = Handler()
    spent: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ROUTES}
    for each in range(rounds + 1):
        for name, case in cases().items():
            handler.ready(case)
            act = handler.act(case)
            theirs = peer.ask(name, times)
            with stdout_nowhere():
                told = cpu_us(act, times)
            with nothing_told():
                silent = cpu_us(act, times)
            if each:  # the first round only warms up
                spent[name].append((theirs, told, silent))
    yield "| route | peer, us | ours, us | ours / peer | without log and metrics | goal |"
    yield "|---|---|---|---|---|---|"
    for name, found in spent.items():
        middle = [median(column) for column in zip(*found, strict=True)]
        ratio = median(told / theirs for theirs, told, _ in found)
        bare = median(silent / theirs for theirs, _, silent in found)
        goal = f"{GOALS[name]:.1f}" if name in GOALS else ""
        route = ROUTES[name]
        yield f"| {route} | {middle[0]:.0f} | {middle[1]:.0f} | {ratio:.2f} | {bare:.2f} | {goal} |"


@cache
def cases() -> dict[str, Case]:
    """Return requests to our routes, on a table that always answers the same."""
    from chalicelib.ledger.chain import following
    from chalicelib.ledger.models import Transaction

    now = datetime.now(UTC)
    last = following(None, account_id=ACCOUNT, amount=7, transaction_id=TRANSACTION, now=now)
    found = {"GetItem": {"Item": {"body": {"S": last.json_text()}}}}
    row = {"S": Transaction.of(last).json_text()}
    rows = [
        {"pk": {"S": "LIST#0"}, "sk": {"S": f"{now - n * now.resolution}"}, "body": row}
        for n in range(13)
    ]
    body = {"account_id": ACCOUNT, "amount": 1}
    events = {
        "post": request("POST", "/transactions", body=body),
        "account": request("GET", "/accounts/{account_id}", account_id=ACCOUNT),
        "transaction": request("GET", "/transactions/{transaction_id}", transaction_id=TRANSACTION),
        "list": request("GET", "/transactions", query={"limit": "50"}),
    }
    return {
        name: Case(ROUTES[name], event, {**found, "Query": {"Items": rows}})
        for name, event in events.items()
    }


# --- a race ---------------------------------------------------------------------------------------


def race(peer: Peer) -> Iterator[str]:
    """Yield a Markdown table of what many writers of one account were told, and what is there."""
    theirs = peer.ask("race", WRITERS, POSTS)
    yield "| 1 posted by 8 threads 50 times, after a first one | answered 201 | balance | lost |"
    yield "|---|---|---|---|"
    for name, found in (
        ("Flask, read, add, write back", theirs["naive"]),
        ("Flask, as careful as ours", theirs["careful"]),
        ("ours, on the embedded AWS", our_race()),
    ):
        lost = found["answered"] - found["balance"]
        yield f"| {name} | {found['answered']} | {found['balance']} | {lost} |"


def our_race() -> dict[str, int]:
    """Post from many threads on an embedded AWS; return what was answered and what is there."""
    with _embedded_aws():
        ledger = ledger_model.new_ledger()
        body = ledger_model.body(ACCOUNT)
        ledger.post(body)
        with ThreadPoolExecutor(WRITERS) as pool:
            made = list(pool.map(lambda _: ledger.post(body), range(WRITERS * POSTS)))
        return {"answered": 1 + len(made), "balance": ledger.account(ACCOUNT).last.balance}


@contextmanager
def _embedded_aws() -> Iterator[None]:
    """Have an embedded AWS with our table, which the clients of this process then talk to."""
    python = ROOT / ".ministack" / "venv" / "bin" / "python"
    if not python.exists():
        raise SystemExit("The embedded AWS is not installed; run: make install")
    with tempfile.TemporaryDirectory() as folder:
        aws = LocalAws(Path(folder), free_port(), free_port(), python)
        aws.start()
        try:
            with patch.dict(os.environ, AWS_ENDPOINT_URL=aws.endpoint):
                ledger_model.make_table(_TABLE)
                yield
        finally:
            aws.stop()


# --- many writers ---------------------------------------------------------------------------------


def curves(*, record: bool) -> Iterator[str]:
    """Yield a Markdown table of posts a second against writers."""
    names = list(ledger_model.CURVES)
    yield "| writers at once, embedded AWS, posts/s | " + " | ".join(names) + " |"
    yield "|---|" + "---|" * len(names)
    found: dict[str, list[float]] = {name: [] for name in names}
    for writers in ledger_model.WRITERS:
        for name, rate in ledger_model.measured(writers).items():
            found[name].append(round(rate, 1))
        yield f"| {writers} | " + " | ".join(f"{found[name][-1]:.0f}" for name in names) + " |"
    if record:
        CURVES.write_text(json.dumps(found, indent=1) + "\n")


# --- all of it ------------------------------------------------------------------------------------


def main() -> int:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.ledger")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--record", action="store_true", help="write the curves, for plots")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, _SETTINGS):
        peer = Peer(told.peer_python, folder)
        for line in compare(peer, told.rounds, told.times):
            print(line, flush=True)
        print(flush=True)
        for line in compared(list(cases().values()), rounds=told.rounds, times=told.times):
            print(line, flush=True)
        print(flush=True)
        for line in race(peer):
            print(line, flush=True)
        peer.close()
        print(flush=True)
        with _embedded_aws():
            for line in curves(record=told.record):
                print(line, flush=True)
    print(flush=True)
    for line in ledger_model.modelled():
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
