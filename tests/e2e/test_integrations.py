"""The deployed functions and the vendors: settings from the secret, and nothing told of them."""

import json
from pathlib import Path
from typing import Any

from tests.e2e.test_package import run
from tests.support.deployed import Deployed

ALL_WELL = dict.fromkeys(["jira", "jira webhook", "slack", "google", "github", "mail"], "ok")


def integrations(stack: Deployed) -> dict[str, dict[str, Any]]:
    answer = stack.api.get("/integrations")
    assert answer.status_code == 200, answer.text
    return {each["integration"]: each for each in answer.json()}


def states(stack: Deployed) -> dict[str, str]:
    return {name: each["state"] for name, each in integrations(stack).items()}


def test_b19_every_vendor_is_reached_with_the_settings_of_the_secret(stack: Deployed) -> None:
    assert states(stack) == ALL_WELL


def test_b19_a_vendor_that_is_down_is_told_and_the_others_are_not_hidden(stack: Deployed) -> None:
    stack.standins.office.faults.clear()
    answer = stack.api.get("/integrations")  # warm, so that all are asked in time
    assert answer.status_code == 200
    control = f"{stack.standins.url}/control/faults"
    fault = {"vendor": "jira", "kind": "stall", "path": "/myself", "times": 1}
    assert stack.api.post(control, json=fault).status_code == 204

    found = integrations(stack)

    assert found["jira"]["state"] == "unreachable"
    assert {each["state"] for name, each in found.items() if name != "jira"} == {"ok"}


def test_no_credential_is_in_a_function_s_configuration_or_log(stack: Deployed) -> None:
    integrations(stack)
    client = stack.client("lambda")
    secrets = [
        value
        for name, value in stack.standins.settings().items()
        if name.endswith(("_TOKEN", "_SECRET")) or name == "MAIL_URL"
    ]

    configurations = json.dumps(client.list_functions()["Functions"], default=str)
    logged = "\n".join(stack.logs("api"))

    assert len(secrets) == 7
    for secret in secrets:
        assert secret not in configurations
        assert secret not in logged


def test_the_zip_alone_can_talk_to_ses_and_secrets_manager(unzipped: Path) -> None:
    """The embedded AWS brings botocore along, AWS's runtime may bring another one."""
    script = """
from chalicelib.core import aws
from chalicelib.integrations import wiring
print(aws.sesv2("eu-central-1").meta.endpoint_url, aws.secretsmanager().meta.endpoint_url)
"""

    assert run(unzipped, script).split() == [
        "https://email.eu-central-1.amazonaws.com",
        "https://secretsmanager.us-east-1.amazonaws.com",
    ]
