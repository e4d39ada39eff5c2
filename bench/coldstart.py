"""Measure the cold start: ``python -m bench.coldstart [--rounds 9]``, after ``make up``.

Fresh processes in random order within a round: imports, initialisation and the first conditional
PutItem, with the network stubbed and the page cache warm. What counts is the ratio of medians.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent

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
}


def main() -> None:
    """Run all contenders and print their ratios as Markdown."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=9)
    rounds = arguments.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        plain, deployed, untouched = _contenders(Path(folder))
        contenders = {
            "plain handler + boto3": (_PLAIN, plain),
            "ours, as it is deployed": (_OURS, deployed),
            "ours, as chalice alone packages it": (_OURS, untouched),
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name in random.sample(list(contenders), len(contenders)):
                taken[name].append(_run(*contenders[name]))
    _print(taken)


def _contenders(folder: Path) -> tuple[Path, Path, Path]:
    """Return folders with: boto3; our zip unpacked; our sources and dependencies, not compiled."""
    import boto3

    deployed, untouched = folder / "deployed", folder / "untouched"
    with zipfile.ZipFile(ROOT / "build" / "out" / "deployment.zip") as package:
        package.extractall(deployed)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps"]
        + ["--target", str(untouched), "-r", str(ROOT / "requirements.txt")],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    shutil.copytree(deployed / "chalice", untouched / "chalice")
    shutil.copytree(deployed / "chalicelib", untouched / "chalicelib")
    shutil.copy(deployed / "app.py", untouched)
    for compiled in [*untouched.rglob("*.pyc")]:
        compiled.unlink()
    return Path(boto3.__file__).parent.parent, deployed, untouched


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


def _print(taken: dict[str, list[tuple[float, float]]]) -> None:
    medians = {
        name: (median(wall for wall, _ in runs), median(cpu for _, cpu in runs))
        for name, runs in taken.items()
    }
    anchor = medians["plain handler + boto3"]
    print("| cold start to the first PutItem | wall | ratio | CPU ratio | goal |")
    print("|---|---|---|---|---|")
    for name, (wall, cpu) in medians.items():
        goal = "<= 1.3 wall" if name.endswith("deployed") else ""
        ratios = f"{wall / anchor[0]:.2f} | {cpu / anchor[1]:.2f}"
        print(f"| {name} | {wall * 1000:.0f} ms | {ratios} | {goal} |")
    ours = medians["ours, as it is deployed"][0]
    other = medians["ours, as chalice alone packages it"][0]
    print(f"| deployed / as chalice alone packages it | | {ours / other:.2f} | | <= 0.6 |")


if __name__ == "__main__":
    main()
