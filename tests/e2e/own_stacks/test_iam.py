"""The main job with IAM enforced: every function may do what it does, and nothing more."""

import json
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.e2e.test_deliveries import (
    counters_equal_records,
    queue,
    say,
    send,
    statistics,
    verdict,
)
from tests.e2e.test_events import sweep
from tests.e2e.test_integrations import ALL_WELL, states
from tests.support.deliveries.fakes import BOX
from tests.support.deployed import Deployed
from tests.support.patience import CLIENT_S, eventually
from tests.support.vending.crew import Crew, agrees, drop, dropped, get, hired, log, settled

VENDING = ("api", "vending-file-arrived", "vending-fleet-changed", "vending-daily-sweep")
WHEN = {"downloaded_at": "2020-04-01T12:00:00"}


@pytest.fixture(scope="module")
def functions(package_folder: Path) -> list[str]:
    """The names of all functions, without that of the stack."""
    template = json.loads((package_folder / "sam.json").read_text())
    return [
        resource["Properties"]["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]


@pytest.fixture(scope="module")
def day(guarded: Deployed) -> Crew:
    """A day's work, through every function, on the stack whose IAM is enforced."""
    crew = hired(guarded, machines=5)
    sent, by_url, dropped_, imported, gone = crew.machines
    assert crew.upload(log(sent)).status_code == 201
    _by_url(crew, by_url)
    crew.drop(f"{crew.technician}.{dropped_}.2020-04-01_120000.txt", log(dropped_))
    settled(guarded, dropped(guarded, drop(guarded, "imports/day.txt", log(imported)))["id"])
    file = crew.upload(log(gone), machine=gone).json()
    settled(guarded, file["id"])
    assert crew.delete(file["id"]).status_code == 200
    dispatch = guarded.api.post("/dispatches", json={"machine": sent}).json()
    guarded.api.post(f"/dispatches/{dispatch['id']}/close", json={"note": "was fine"})
    sweep(guarded)
    return crew


def _by_url(crew: Crew, serial: str) -> None:
    told = {"technician": crew.technician, "machine": serial, **WHEN}
    upload = crew.stack.api.post("/files/presigned", json=told).json()["upload"]
    answer = httpx.put(
        upload["url"], headers=upload["headers"], content=log(serial).encode(), timeout=CLIENT_S
    )
    assert answer.status_code == 200, answer.text


def test_every_way_in_and_out_works(guarded: Deployed, day: Crew) -> None:
    *kept, gone = day.machines

    for serial in kept:
        eventually(partial(agrees, guarded, serial, [log(serial)]))
    eventually(lambda: agrees(guarded, gone, []))
    eventually(lambda: get(guarded, "/fleet")["up_to_date"])
    [dispatch] = get(guarded, "/dispatches", machine=kept[0])
    assert dispatch["state"] == "closed"


def test_no_function_was_refused_anything(
    guarded: Deployed, functions: list[str], day: Crew, forbidden_file: dict[str, Any]
) -> None:
    """Only the file that the bucket's policy keeps from everyone is a refusal."""
    refusals = [
        line
        for name in functions
        for line in guarded.logs(name)
        if any(word in line for word in ("AccessDenied", "not authorized", "Forbidden", "(403)"))
    ]

    assert [line for line in refusals if forbidden_file["name"] not in line] == []


def test_every_function_was_at_work(guarded: Deployed, day: Crew) -> None:
    for name in VENDING:
        eventually(partial(guarded.records, name, "request" if name == "api" else "event"))


def test_a_url_is_good_for_one_object_of_one_kind(guarded: Deployed, day: Crew) -> None:
    told = {"technician": day.technician, "machine": day.machine}
    when = {"downloaded_at": "2020-04-02T12:00:00"}
    upload = guarded.api.post("/files/presigned", json={**told, **when}).json()["upload"]
    elsewhere = upload["url"].replace("2020-04-02", "2020-04-03")
    kind = {"Content-Type": "text/html"}

    assert (
        httpx.put(elsewhere, headers=upload["headers"], content=b"x", timeout=CLIENT_S).status_code
        == 403
    )
    assert httpx.put(upload["url"], headers=kind, content=b"x", timeout=CLIENT_S).status_code == 403
    assert httpx.get(upload["url"], timeout=CLIENT_S).status_code == 403


def test_a_foreign_key_gets_nothing(guarded: Deployed, day: Crew) -> None:
    anonymous = httpx.get(
        f"{guarded.aws.endpoint}/{guarded.bucket}/imports/day.txt", timeout=CLIENT_S
    )

    assert anonymous.status_code == 403


def test_the_roles_allow_what_deliveries_need(guarded: Deployed) -> None:
    name = f"iam-{uuid4()}"
    assert say(guarded, name, 100, personal=True).status_code == 200
    assert send(guarded, package_id=name, recipient_id=name).status_code == 201
    assert send(guarded, package_id=name, recipient_id=name, timestamp=1).status_code == 200
    assert send(guarded, package_id=None).status_code == 400
    assert guarded.api.get(f"/packages/{name}").status_code == 200
    ids = queue(guarded, {**BOX, "package_id": f"{name}-2"}, "{", {**BOX, "package_id": name})
    verdicts = [verdict(guarded, each)["verdict"] for each in ids]
    assert verdicts == ["delivered", "malformed", "conflict"]
    assert statistics(guarded)["requests_malformed"] >= 2
    found = guarded.api.get("/packages", params={"recipient": name}).json()
    assert [row["package_id"] for row in found] == [name]
    batch = {"packages": [{**BOX, "package_id": f"{name}-3"}]}
    assert guarded.api.post("/packages/batch", json=batch).json()["delivered"] == 1
    assert guarded.api.post("/package-list").status_code == 200
    assert counters_equal_records(guarded)


def test_b19_every_vendor_is_reached_with_the_settings_of_the_secret(guarded: Deployed) -> None:
    assert states(guarded) == ALL_WELL


# --- what a function may not do -----------------------------------------------------------------

NEVER = {
    "api": [
        ("s3:GetObject", "VendingBucket/*"),
        ("s3:DeleteBucket", "VendingBucket"),
        ("sqs:ReceiveMessage", "VendingUploads"),
        ("dynamodb:DeleteTable", "VendingTable"),
        ("dynamodb:Scan", "VendingTable"),
        ("secretsmanager:GetSecretValue", "VendorsSecret"),
        ("ses:SendEmail", "SesIdentity"),
    ],
    "operators-vendors-checked": [
        ("dynamodb:GetItem", "VendingTable"),
        ("ses:SendEmail", "SesIdentity"),
        ("secretsmanager:PutSecretValue", "VendorsSecret"),
    ],
    "bakery-notice-previewed": [
        ("dynamodb:GetItem", "VendingTable"),
        ("ses:SendEmail", "SesIdentity"),
    ],
    "bakery-notice-asked": [("ses:SendEmail", "SesIdentity")],
    "vending-file-arrived": [
        ("s3:PutObject", "VendingBucket/*"),
        ("s3:DeleteObject", "VendingBucket/*"),
        ("dynamodb:Scan", "VendingTable"),
        ("dynamodb:DeleteTable", "VendingTable"),
    ],
    "vending-fleet-changed": [
        ("s3:GetObject", "VendingBucket/*"),
        ("dynamodb:Scan", "VendingTable"),
        ("sqs:SendMessage", "VendingUploads"),
    ],
    "vending-daily-sweep": [
        ("s3:GetObject", "VendingBucket/*"),
        ("s3:PutObject", "VendingBucket/*"),
        ("s3:DeleteObject", "VendingBucket/*"),
        ("sqs:ReceiveMessage", "VendingUploads"),
    ],
}


def _arn(stack: Deployed, of: str) -> str:
    table, here = stack.outputs["VendingTable"], "us-east-1:000000000000"
    return {
        "VendorsSecret": stack.outputs["VendorsSecret"],
        "SesIdentity": f"arn:aws:ses:{here}:identity/somebody-else.example",
        "VendingBucket": f"arn:aws:s3:::{stack.bucket}",
        "VendingBucket/*": f"arn:aws:s3:::{stack.bucket}/imports/a.zip",
        "VendingTable": f"arn:aws:dynamodb:{here}:table/{table}",
        "VendingUploads": f"arn:aws:sqs:{here}:backroom-{stack.stage}-vending-uploads",
    }[of]


@pytest.mark.parametrize(
    ("function", "action", "resource"),
    [(name, action, of) for name, never in NEVER.items() for action, of in never],
)
def test_a_function_may_not_do_what_it_does_not_need(
    guarded: Deployed, function: str, action: str, resource: str
) -> None:
    role = guarded.client("lambda").get_function_configuration(
        FunctionName=guarded.function(function)
    )["Role"]

    answer = guarded.client("iam").simulate_principal_policy(
        PolicySourceArn=role, ActionNames=[action], ResourceArns=[_arn(guarded, resource)]
    )

    assert [r["EvalDecision"] for r in answer["EvaluationResults"]] == ["implicitDeny"]


def test_no_policy_grants_everything(package_folder: Path, functions: list[str]) -> None:
    template = json.loads((package_folder / "sam.json").read_text())
    roles = [r for r in template["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
    statements = [
        statement
        for role in roles
        for policy in role["Properties"].get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
    ]

    assert len(roles) == len(functions)
    assert not any(role["Properties"].get("ManagedPolicyArns") for role in roles)
    for statement in statements:
        actions, resources = statement["Action"], statement["Resource"]
        assert not any("*" in a for a in ([actions] if isinstance(actions, str) else actions))
        if actions == ["ses:GetAccount"]:  # which has no resource
            continue
        assert "*" not in (resources if isinstance(resources, list) else [resources])
