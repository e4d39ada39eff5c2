"""Count the AWS calls and the write units of each route: ``python -m bench.calls``.

Runs the app's own code in this process against an embedded AWS that is started for it, on ports
and in a folder of its own; needs `make up` or `make install` to have been run once. Calls to
DynamoDB that fail a condition are counted, their write units are not (DynamoDB does not tell them).
Read units are left out: the embedded AWS counts those of queries wrongly.
"""

import os
import socket
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3

from bench.handlers import nothing_told
from infra.local.aws import CREDENTIALS, REGION, LocalAws
from infra.package import ROOT

_SAMPLE = (ROOT / "tests" / "data" / "transactions.txt").read_bytes()
_BUCKET = "share"


class Meter:
    """Counts what the app's AWS clients do."""

    def __init__(self, *clients: Any) -> None:
        self.calls: Counter[str] = Counter()
        self.write_units = 0.0
        for client in clients:
            service = client.meta.service_model.service_name
            events = client.meta.events
            events.register(f"after-call.{service}", self._called)
            if service == "dynamodb":
                for operation in client.meta.service_model.operation_names:
                    shape = client.meta.service_model.operation_model(operation).input_shape
                    if shape and "ReturnConsumedCapacity" in shape.members:
                        events.register(f"provide-client-params.dynamodb.{operation}", _asking)

    def _called(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        self.calls[model.service_model.service_name] += 1
        if model.name.startswith(("Put", "Update", "Delete", "TransactWrite", "BatchWrite")):
            told = parsed.get("ConsumedCapacity", [])
            for part in told if isinstance(told, list) else [told]:
                self.write_units += part.get("CapacityUnits", 0)

    def of(self, name: str, act: Callable[[], Any]) -> str:
        """Do something and return what it took, as a row of a table."""
        self.calls.clear()
        self.write_units = 0.0
        with nothing_told():
            act()
        counted = " | ".join(str(self.calls[each] or "") for each in ("dynamodb", "s3", "sqs"))
        return f"| {name} | {counted} | {self.write_units:g} |"


def _asking(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    return {**params, "ReturnConsumedCapacity": "TOTAL"}


def main() -> int:
    """Print a Markdown table."""
    python = ROOT / ".ministack" / "venv" / "bin" / "python"
    if not python.exists():
        print("The embedded AWS is not installed; run: make install", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        aws = LocalAws(Path(folder), free_port(), free_port(), python)
        aws.start()
        try:
            _prepare(aws.endpoint)
            print("| what is asked | DynamoDB calls | S3 calls | SQS calls | write units |")
            print("|---|---|---|---|---|")
            for line in _lines():
                print(line, flush=True)
        finally:
            aws.stop()
    return 0


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _prepare(endpoint: str) -> None:
    """Make the tables, the bucket and the queues, and tell the app where they are."""
    os.environ |= {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": endpoint}
    session = boto3.session.Session()
    for name in ("vending", "outbox"):
        session.client("dynamodb").create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )
    session.client("s3").create_bucket(Bucket=_BUCKET)
    queues = session.client("sqs")
    os.environ |= {
        "AUTH": "open",
        "POWERTOOLS_LOG_LEVEL": "ERROR",
        "POWERTOOLS_METRICS_DISABLED": "true",
        "OUTBOX_TABLE": "outbox",
        "VENDING_TABLE": "vending",
        "VENDING_BUCKET": _BUCKET,
        "VENDING_UPLOADS_QUEUE_URL": queues.create_queue(QueueName="uploads")["QueueUrl"],
        "VENDING_FLEET_QUEUE_URL": queues.create_queue(QueueName="fleet")["QueueUrl"],
    }


def _lines() -> Iterator[str]:
    warnings.simplefilter("ignore")  # metrics are off, which powertools remarks on
    from chalice.test import Client

    from app import app
    from chalicelib.core import aws
    from chalicelib.vending.wiring import vending

    meter = Meter(aws.dynamodb(), aws.s3(), aws.sqs())
    json = {"Content-Type": "application/json"}
    text = {"Content-Type": "text/plain"}
    machine = "\n".join(line for line in _SAMPLE.decode().split("\n") if line[:5] == "GM001")
    told = "technician=T0001&machine=GM001&downloaded_at=2020-02-23T09:00:00"

    with Client(app) as client:

        def ask(method: str, path: str, body: bytes = b"", headers: Any = None) -> Any:
            answer = client.http.request(method, path, headers=headers or json, body=body)
            assert answer.status_code < 300, answer.body
            return answer.json_body

        def row(what: str, method: str, path: str, body: str = "", headers: Any = None) -> str:
            return meter.of(what, lambda: ask(method, path, body.encode(), headers))

        yield row("PUT /technicians/{id}, new", "PUT", "/technicians/T0001", '{"name": "Ann"}')
        yield row(
            "PUT /machines/{serial}, new", "PUT", "/machines/GM001", '{"technician": "T0001"}'
        )
        yield row("POST /files, new", "POST", f"/files?{told}", machine, text)
        yield row("POST /files, again", "POST", f"/files?{told}", machine, text)
        rows = len(machine.splitlines())
        key = "incoming/T0001.GM001.2020-02-23_090000.zip"
        yield meter.of(
            f"a technician's file of {rows} rows processed",
            lambda: vending().arrivals.look_at(key),
        )
        yield meter.of("the same, looked at again", lambda: vending().arrivals.look_at(key))
        file = ask("POST", "/imports?filename=transactions.txt", _SAMPLE, text)
        yield meter.of(
            "the sample of 2,000 rows and 6 machines processed",
            lambda: vending().arrivals.look_at(f"imports/{file['name']}"),
        )
        yield meter.of("their region looked at", vending().verdicts.look_at_notes)
        yield row("GET /files?technician=", "GET", "/files?technician=T0001")
        yield row("GET /files/{id}", "GET", "/files/1")
        yield row("GET /fleet", "GET", "/fleet")
        yield row("GET /machines", "GET", "/machines")
        yield row("GET /machines/{serial}", "GET", "/machines/GM001")
        yield row("GET /machines/{serial}/transactions", "GET", "/machines/GM001/transactions")
        yield row("GET /worklist", "GET", "/worklist")
        yield row("GET /worklist?technician=", "GET", "/worklist?technician=T0001")
        yield row("POST /dispatches", "POST", "/dispatches", '{"machine": "GM005"}')
        yield row("POST /dispatches/{id}/close", "POST", "/dispatches/1/close")
        yield row("DELETE /files/{id}", "DELETE", "/files/1?technician=T0001")
        yield meter.of("its rows cleaned up", lambda: vending().arrivals.look_at(key))
        yield row("GET /health", "GET", "/health")


if __name__ == "__main__":
    sys.exit(main())
