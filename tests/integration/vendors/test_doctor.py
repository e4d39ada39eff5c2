"""`GET /integrations` on the stand-ins: each way in which an integration can be ill."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chalice.test import Client

import app as composition
from chalicelib.core import aws
from chalicelib.integrations import wiring
from infra.standins.server import Standins
from tests.support.integrations.vendors import Desk

ROOT = Path(__file__).parent.parent.parent.parent
NAMES = ["jira", "jira webhook", "slack", "google", "github", "mail"]

Ask = Callable[[], dict[str, dict[str, Any]]]


@pytest.fixture
def ask(desk: Desk) -> Iterator[Ask]:
    """Ask the API for all integrations by their names."""
    with Client(composition.app, stage_name="backroom", project_dir=str(ROOT)) as client:

        def asked() -> dict[str, dict[str, Any]]:
            wiring.settings.cache_clear()
            answer = client.http.get("/integrations")
            assert answer.status_code == 200, answer.body
            return {each["integration"]: each for each in answer.json_body}

        yield asked


def test_b19_all_vendors_that_work_are_ok(ask: Ask) -> None:
    found = ask()

    assert list(found) == NAMES
    assert {each["state"] for each in found.values()} == {"ok"}, found


def test_b19_without_settings_all_vendors_are_off_and_nothing_fails(
    ask: Ask, standins: Standins, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in standins.settings():
        monkeypatch.delenv(name)

    found = ask()

    assert {each["state"] for each in found.values()} == {"off"}
    assert all(each["missing"] and each["next_step"] for each in found.values())


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("jira", "JIRA_TOKEN"),
        ("slack", "SLACK_TOKEN"),
        ("google", "GOOGLE_REFRESH_TOKEN"),
        ("github", "GITHUB_TOKEN"),
        ("github", "GITHUB_REPOSITORY"),
    ],
)
def test_b19_wrong_credentials_are_denied_and_not_told(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, name: str, setting: str
) -> None:
    monkeypatch.setenv(setting, "wrong/hunter2")

    found = ask()

    assert found[name]["state"] == "denied", found[name]
    assert {each["state"] for key, each in found.items() if key != name} == {"ok"}
    if setting != "GITHUB_REPOSITORY":
        assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    "url", ["smtp://backroom:hunter2@127.0.0.1:{port}?ca={ca}", "imap://127.0.0.1", "nonsense"]
)
def test_b19_a_mail_address_that_does_not_do_is_denied(
    ask: Ask, standins: Standins, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    ca = standins.settings()["MAIL_URL"].partition("ca=")[2]
    monkeypatch.setenv("MAIL_URL", url.format(port=standins.smtp_port, ca=ca))

    found = ask()["mail"]

    assert found["state"] == "denied", found
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("vendor", "names"),
    [("jira", {"jira"}), ("slack", {"slack"}), ("google", {"google"}), ("github", {"github"})],
)
@pytest.mark.parametrize("kind", ["stall", "drop", "status"])
def test_b19_a_vendor_that_is_down_is_unreachable_and_hides_no_other(
    ask: Ask, desk: Desk, vendor: str, names: set[str], kind: str
) -> None:
    paths = {"jira": "/myself", "slack": "/auth", "google": "/about", "github": "/invitations"}
    desk.fail(vendor, kind, path=paths[vendor], times=None)

    found = ask()

    assert {name for name, each in found.items() if each["state"] == "unreachable"} == names


def test_b19_a_broken_off_secret_is_reported(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDORS_SECRET", "vendors")
    monkeypatch.setenv("WEBHOOK_SECRET", "webhook")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(aws.secretsmanager(), "get_secret_value", _refuse)

    found = ask()

    assert {each["state"] for each in found.values()} == {"denied"}
    assert "AccessDeniedException" in found["jira"]["detail"]


def _refuse(**_: Any) -> None:
    raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Get")
