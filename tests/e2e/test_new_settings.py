"""Vendors' settings that change: functions have them as soon as they are deployed."""

from pathlib import Path

from tests.e2e.test_integrations import integrations
from tests.support.deployed import Deployed, deploy_over


def test_b19_functions_that_run_have_new_settings_with_the_next_deployment(
    stack: Deployed, package_folder: Path
) -> None:
    settings = stack.standins.settings()
    assert integrations(stack)["github"]["state"] == "ok"
    try:
        deploy_over(stack, package_folder, {**settings, "GITHUB_TOKEN": ""})

        found = integrations(stack)

        assert found["github"]["missing"] == ["GITHUB_TOKEN"]
        assert found["jira"]["state"] == "ok"
    finally:
        deploy_over(stack, package_folder)
    assert integrations(stack)["github"]["state"] == "ok"
