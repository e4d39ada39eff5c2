"""The stacks that the end-to-end tests run against, brought up when first asked for."""

import json
import zipfile
from collections.abc import Generator
from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from infra import package
from tests.support.bakery.deployed import CAKE, VEGAN, DeployedBakery
from tests.support.deployed import Deployed, deployed, packaged
from tests.support.iam import let_batches_be_sent
from tests.support.patience import TEST_S
from tests.support.vending.crew import Crew, hired, log

HERE = Path(__file__).parent
_DAYS = count()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(TEST_S))
    items.sort(key=lambda item: item.path.name == "test_poison.py")  # its time comes


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a test that fails what functions have logged since it began."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.when == "call" and report.failed and isinstance(stack, Deployed):
        with suppress(ClientError, BotoCoreError):  # perhaps it failed as nothing answers
            lines = stack.last_logs(int(1000 * call.start))
            report.sections.append(("what functions have logged", "\n".join(lines)))
    return report


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Deployed:
    """The stack that most tests share; each uses machines and technicians of its own.

    It tells Grace Hopper, one of the people at the stand-in for Slack, of machines with a cause.
    """
    return deployed(request, "e2e", parameters={"VendingAnnounceTo": "slack:U07"})


@pytest.fixture
def crew(stack: Deployed) -> Crew:
    """A technician with one machine."""
    return hired(stack)


@pytest.fixture(scope="session")
def package_folder(request: pytest.FixtureRequest) -> Path:
    """The folder with the packaged functions and their template."""
    return packaged(request)


@pytest.fixture(scope="session")
def unzipped_by_name(
    package_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The folder of each zip's files, by the zip's name."""
    folders = {name: tmp_path_factory.mktemp("unzipped") for name in package.MAX_ZIP_BYTES}
    for name, folder in folders.items():
        with zipfile.ZipFile(package_folder / name) as archive:
            archive.extractall(folder)
    return folders


@pytest.fixture(scope="session")
def unzipped(unzipped_by_name: dict[str, Path]) -> Path:
    """The files of the API's zip."""
    return unzipped_by_name[package.API_ZIP]


@pytest.fixture(scope="session")
def guarded(request: pytest.FixtureRequest) -> Deployed:
    """The same stack on an embedded AWS that enforces IAM: functions may do what roles say."""
    found = deployed(request, "iam", AUTH="true")
    let_batches_be_sent(found)
    return found


@pytest.fixture(scope="session")
def house(guarded: Deployed) -> DeployedBakery:
    """The bakery of the stack whose IAM is enforced, and its stand-ins of the vendors."""
    bakery = DeployedBakery(guarded, guarded.standins)
    bakery.post("/cakes", {"name": "Chocolate Cake", "ingredients": CAKE})
    bakery.post("/cakes", {"name": "Apple Pie", "ingredients": VEGAN})
    return bakery


@pytest.fixture
def day() -> date:
    """A day that no other test takes."""
    return date(2142, 1, 1) + timedelta(days=next(_DAYS))


@pytest.fixture(scope="session", autouse=True)
def _slow_things_first(request: pytest.FixtureRequest) -> None:
    """Send the poison at once, if it is asked for at all: it takes minutes to die."""
    for name in ("poison", "forbidden_file"):
        if any(name in getattr(item, "fixturenames", ()) for item in request.session.items):
            request.getfixturevalue(name)


@pytest.fixture(scope="session")
def poison(guarded: Deployed) -> dict[str, str]:
    """Messages that can never be processed; the second names a record that cannot be read."""
    key = "imports/unreadable record.txt"
    put = partial(guarded.client("dynamodb").put_item, TableName=guarded.outputs["VendingTable"])
    at_key = {"pk": {"S": f"KEY#{key}"}, "sk": {"S": "FILE"}}
    put(Item={**at_key, "id": {"N": "99999999"}, "owner": {"S": "nobody"}})
    put(Item={"pk": {"S": "OWNER#nobody"}, "sk": {"S": "FILE#0099999999"}, "body": {"S": "{"}})
    bodies = {"no JSON": "this is not JSON", "unreadable": json.dumps({"keys": [key]})}
    for body in bodies.values():
        url = guarded.outputs["VendingUploadsQueue"]
        guarded.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    return bodies


@pytest.fixture(scope="session")
def forbidden_file(guarded: Deployed) -> dict[str, Any]:
    """A technician's file that nobody can read, by order of the bucket."""
    crew = hired(guarded)
    name = f"{crew.technician}.{crew.machine}.2020-04-01_120000.zip"
    arn = f"arn:aws:s3:::{guarded.bucket}/incoming/{name}"
    forbid = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": arn}
    s3 = guarded.client("s3")
    policy = json.loads(s3.get_bucket_policy(Bucket=guarded.bucket)["Policy"])
    policy["Statement"].append(forbid)
    s3.put_bucket_policy(Bucket=guarded.bucket, Policy=json.dumps(policy))
    answer = crew.upload(log(crew.machine))
    assert answer.status_code == 201, answer.text
    file: dict[str, Any] = answer.json()
    assert file["name"] == name
    return file
