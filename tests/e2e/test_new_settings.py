"""Vendors' settings that change: functions have them as soon as they are deployed."""

from pathlib import Path

from tests.e2e.test_integrations import integrations
from tests.support.deployed import Deployed, deploy_again


def test_b19_functions_that_run_have_new_settings_with_the_next_deployment(
    stack: Deployed, tmp_path: Path
) -> None:
    settings = stack.standins.settings()
    assert integrations(stack)["github"]["state"] == "ok"
    try:
        deploy_again(stack, tmp_path, {**settings, "GITHUB_TOKEN": ""})

        found = integrations(stack)

        assert found["github"]["missing"] == ["GITHUB_TOKEN"]
        assert found["jira"]["state"] == "ok"
    finally:
        deploy_again(stack, tmp_path)
    assert integrations(stack)["github"]["state"] == "ok"
