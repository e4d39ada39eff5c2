"""Measure the cold start: ``python -m bench.coldstart [--rounds 9]``.

Fresh processes in random order within a round: imports, initialisation and the first write, with
the network stubbed and the page cache warm. What counts is the ratio of medians. The functions are
packaged for it, and each starts from its own zip.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from infra import package

# Each child has nothing on its path but the folder it is given, and this one for the stub.
_PLAIN = """
import boto3, stub
client = boto3.client("dynamodb")
stub.answer_all(client)
client.put_item(TableName="t", Item={"pk": {"S": "a"}, "sk": {"S": "b"}},
                ConditionExpression="attribute_not_exists(pk)")
"""
_OURS = """
import json
import app
import stub
from chalicelib.core import aws
stub.answer_all(aws.dynamodb())
answer = app.app({
    "resource": "/sites/{site_id}", "path": "/sites/mall", "httpMethod": "PUT",
    "headers": {"content-type": "application/json"}, "multiValueHeaders": {},
    "queryStringParameters": None, "multiValueQueryStringParameters": None,
    "pathParameters": {"site_id": "mall"}, "stageVariables": None,
    "requestContext": {"resourcePath": "/sites/{site_id}", "httpMethod": "PUT",
                       "path": "/sites/mall", "requestId": "1"},
    "body": json.dumps({"name": "Mall"}), "isBase64Encoded": False,
}, None)
assert answer["statusCode"] == 201, answer
"""
_PACKAGE_SENT = """
import json
import stub
from chalicelib.core import aws
from chalicelib.deliveries import events
stub.answer_all(aws.dynamodb(), b'{"Responses": {}, "UnprocessedKeys": {}}')
body = {"timestamp": "2142-05-01T10:00:00Z", "sender_id": "earth", "recipient_id": "mars",
        "package_id": "box", "package_type": "personal"}
answer = events.package_sent({"Records": [
    {"messageId": "1", "receiptHandle": "1", "attributes": {}, "body": json.dumps(body)}
]}, None)
assert answer == {"batchItemFailures": []}, answer
"""
_RELAY = """
import stub
from chalicelib.core import aws
from chalicelib.outbox import events
stub.answer_all(aws.sqs(), b'{"Successful": []}')
key = {"pk": {"S": "EFFECT#1"}, "sk": {"S": "EFFECT"}}
events.relay({"Records": [{"eventName": "INSERT", "dynamodb": {
    "Keys": key, "NewImage": {**key, "kind": {"S": "archive"}}}}]}, None)
"""
_CHILD = """
import sys, time
started, cpu = time.perf_counter(), time.process_time()
sys.path[:0] = sys.argv[1:]
{body}
sys.stderr.write("\\n%f %f" % (time.perf_counter() - started, time.process_time() - cpu))
"""
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AUTH": "open",
    "AWS_LAMBDA_FUNCTION_NAME": "backroom-test-api",
    "VENDING_TABLE": "t",
    "VENDING_BUCKET": "b",
    "VENDING_UPLOADS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/1/u",
    "VENDING_FLEET_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/1/f",
    "DELIVERIES_TABLE": "t",
    "OUTBOX_TABLE": "t",
    "OUTBOX_ARCHIVE_QUEUE": "https://sqs.us-east-1.amazonaws.com/1/a",
}
PLAIN, API = "plain handler + boto3", "the API's function"
EVENTS = {"a package of the queue": _PACKAGE_SENT, "the outbox's relay": _RELAY}
_UNTOUCHED = "the API's function, as chalice alone packages it"

Taken = dict[str, list[tuple[float, float]]]
"""Wall and CPU seconds of each round, by contender."""


def main() -> None:
    """Run all contenders and print their ratios as Markdown."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=9)
    rounds = arguments.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        zips = unpacked(Path(folder))
        contenders = contenders_of(zips) | {_UNTOUCHED: (_OURS, _untouched(Path(folder), zips))}
        _print(race(contenders, rounds))


def unpacked(folder: Path) -> dict[str, Path]:
    """Package the functions below ``folder``; return where each zip is unpacked, by its name."""
    out = package.build(local=False, folder=folder / "build")
    folders = {name: folder / name.partition(".")[0] for name in package.MAX_ZIP_BYTES}
    for name, where in folders.items():
        with zipfile.ZipFile(out / name) as zipped:
            zipped.extractall(where)
    return folders


def contenders_of(zips: Mapping[str, Path]) -> dict[str, tuple[str, Path]]:
    """Return what each contender does, and the folder that it finds its modules in."""
    import boto3

    return {
        PLAIN: (_PLAIN, Path(boto3.__file__).parent.parent),
        API: (_OURS, zips[package.API_ZIP]),
        **{name: (body, zips[package.EVENTS_ZIP]) for name, body in EVENTS.items()},
    }


def race(contenders: Mapping[str, tuple[str, Path]], rounds: int) -> Taken:
    """Return what each contender took in each round."""
    taken: Taken = {name: [] for name in contenders}
    for _ in range(rounds):
        for name in random.sample(list(contenders), len(contenders)):
            taken[name].append(_run(*contenders[name]))
    return taken


def ratios(taken: Taken, name: str) -> tuple[float, float]:
    """Return the medians of a contender's wall and CPU time beside the plain handler's."""
    wall, cpu = (median(run[each] for run in taken[name]) for each in (0, 1))
    plain_wall, plain_cpu = (median(run[each] for run in taken[PLAIN]) for each in (0, 1))
    return wall / plain_wall, cpu / plain_cpu


def _untouched(folder: Path, zips: Mapping[str, Path]) -> Path:
    """Return a folder with our sources and dependencies, not compiled."""
    deployed, untouched = zips[package.API_ZIP], folder / "untouched"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps"]
        + ["--target", str(untouched), "-r", str(package.ROOT / "requirements.txt")],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    shutil.copytree(deployed / "chalice", untouched / "chalice")
    shutil.copytree(deployed / "chalicelib", untouched / "chalicelib")
    shutil.copy(deployed / "app.py", untouched)
    for compiled in [*untouched.rglob("*.pyc")]:
        compiled.unlink()
    return untouched


def _run(body: str, folder: Path) -> tuple[float, float]:
    """Return the wall and CPU seconds of one cold start."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", _CHILD.format(body=body)]
        + [str(folder), str(Path(__file__).parent)],
        env={**os.environ, **_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=True,
    )
    wall, cpu = done.stderr.split()[-2:]
    return float(wall), float(cpu)


def _print(taken: Taken) -> None:
    print("| cold start to the first write | CPU | wall ratio | CPU ratio | goal |")
    print("|---|---|---|---|---|")
    goals = {PLAIN: "", _UNTOUCHED: "", API: "<= 1.15"}
    for name, runs in taken.items():
        wall, cpu = ratios(taken, name)
        ms = median(run[1] for run in runs) * 1000
        print(f"| {name} | {ms:.0f} ms | {wall:.2f} | {cpu:.2f} | {goals.get(name, '<= 1.05')} |")


if __name__ == "__main__":
    main()
