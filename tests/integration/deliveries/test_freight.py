"""D8: one entry in the registry makes a type, with no change in any rule."""

import os
import subprocess
import sys
from pathlib import Path

STORY = """
import json, os
from tests.support.moto_aws import mock_aws
from chalicelib.deliveries.registry import TYPES, PackageType

TYPES["freight"] = PackageType("freight", "What takes two to carry")  # the one entry

from chalice.test import Client
from app import app
from chalicelib.core import aws
from tests.support.deliveries.fakes import BOX
from tests.support.deliveries.table import make_table

HEADERS = {"Content-Type": "application/json"}

def ask(method, path, body=None):
    answer = client.http.request(method, path, headers=HEADERS, body=json.dumps(body).encode())
    return answer.status_code, answer.json_body

def send(package_id, kind):
    return ask("POST", "/packages", {**BOX, "package_id": package_id, "package_type": kind})

def say(**said):
    return ask("PUT", "/preferences", {"recipient_id": "mars", "timestamp": 100, **said})

with mock_aws(), Client(app, stage_name="backroom") as client:
    make_table(aws.dynamodb(), "deliveries")

    # validation
    assert send(1, "freight")[0] == 201
    assert "freight, marketing, personal" in send(2, "Freight")[1]["errors"][0]["detail"]

    # the field of the preferences, which the clients of yesterday do not send
    status, said = say(personal=True, marketing=True)
    assert (status, said["freight"]) == (200, True)
    assert say(personal=True, marketing=True, freight="no")[0] == 400
    assert say(personal=True, marketing=True, freight=False)[1]["freight"] is False
    assert send(3, "freight")[1]["status"] == "dropped"
    assert send(4, "marketing")[1]["status"] == "delivered"
    assert say(preferences={"freight": True}, timestamp=200)[1]["freight"] is True
    assert send(5, "freight")[1]["status"] == "delivered"

    # the statistics by type
    counts = ask("GET", "/statistics")[1]
    assert counts["by_type"]["freight"] == {"delivered": 2, "dropped": 1}
    assert (counts["packages_delivered"], counts["packages_dropped"]) == (3, 1)
    assert ask("GET", "/statistics/recount")[1]["by_type"] == counts["by_type"]

    # the OpenAPI document
    schemas = ask("GET", "/openapi.json")[1]["components"]["schemas"]
    assert "freight" in schemas["Package"]["properties"]["package_type"]["enum"]
    for name in ("Preferences", "RecipientPreferences", "PreferencesAnswer"):
        assert "freight" in schemas[name]["properties"]
print("freight is a type")
"""


def test_d8_one_entry_adds_freight() -> None:
    root = Path(__file__).parent.parent.parent.parent
    settings = {"DELIVERIES_TABLE": "deliveries", "PYTHONPATH": str(root)}

    told = subprocess.run(
        [sys.executable, "-c", STORY],
        cwd=root,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.stdout.endswith("freight is a type\n"), told.stderr
