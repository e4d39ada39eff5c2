"""Where a vendor's settings come from, for how long they are kept, and what is missing."""

import json
import logging
from typing import Any

import pytest

from chalicelib.core.outbox.effects import CredentialsError, NotConfiguredError, NotExecutedError
from chalicelib.integrations.github import GitHubSettings
from chalicelib.integrations.jira import JiraSettings
from chalicelib.integrations.mail import MailSettings
from chalicelib.integrations.settings import KEPT_S, Settings
from chalicelib.integrations.slack import SlackSettings
from chalicelib.integrations.wiring import VENDORS


class Vault:
    """Secrets by name; counts how often it is asked."""

    def __init__(self, **values: str) -> None:
        self.text = json.dumps(values)
        self.asked: list[str] = []
        self.error: Exception | None = None

    def __call__(self, name: str) -> str:
        self.asked.append(name)
        if self.error:
            raise self.error
        return self.text


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def settings(vault: Vault, clock: Clock | None = None, **environment: str) -> Settings:
    return Settings(vault, environment=environment, now=clock or Clock())


def test_the_environment_is_enough_and_no_secret_is_requested() -> None:
    vault = Vault()

    found = settings(vault, SLACK_TOKEN="xoxb-1").of(SlackSettings)

    assert found.slack_token.get_secret_value() == "xoxb-1"
    assert found.slack_url == "https://slack.com/api"
    assert vault.asked == []


def test_the_secret_fills_what_the_environment_does_not_say() -> None:
    vault = Vault(GITHUB_TOKEN="t", GITHUB_REPOSITORY="a/secret")

    found = settings(vault, VENDORS_SECRET="vendors", GITHUB_REPOSITORY="an/environment").of(
        GitHubSettings
    )

    assert (found.github_repository, found.github_token.get_secret_value()) == (
        "an/environment",
        "t",
    )
    assert vault.asked == ["vendors"]


def test_an_empty_value_is_none() -> None:
    here = settings(Vault(SLACK_TOKEN=""), VENDORS_SECRET="vendors", SLACK_URL="")

    assert here.missing(SlackSettings) == ["SLACK_TOKEN"]
    with pytest.raises(NotConfiguredError, match="SLACK_TOKEN not set"):
        here.of(SlackSettings)


def test_an_empty_variable_does_not_hide_the_secret() -> None:
    here = settings(Vault(SLACK_TOKEN="t"), VENDORS_SECRET="vendors", SLACK_TOKEN="")

    assert here.of(SlackSettings).slack_token.get_secret_value() == "t"


def test_all_that_is_missing_is_named_at_once() -> None:
    here = settings(Vault(), JIRA_URL="https://x.atlassian.net")

    with pytest.raises(NotConfiguredError) as said:
        here.of(JiraSettings)

    assert str(said.value) == "Jira is off: JIRA_PROJECT, JIRA_USER, JIRA_TOKEN not set"
    assert here.missing(JiraSettings) == ["JIRA_PROJECT", "JIRA_USER", "JIRA_TOKEN"]


def test_b19_a_vendor_that_is_off_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    here = settings(Vault())

    with caplog.at_level(logging.WARNING, "backroom"):
        for _ in range(3):
            with pytest.raises(NotConfiguredError):
                here.of(SlackSettings)
            with pytest.raises(NotConfiguredError):
                here.of(MailSettings)

    told = [(record.message, record.__dict__["vendor"]) for record in caplog.records]
    assert told == [("vendor is off", "Slack"), ("vendor is off", "Mail")]


def test_the_secret_is_read_once_in_five_minutes_and_a_new_token_is_seen_then() -> None:
    vault, clock = Vault(SLACK_TOKEN="old"), Clock()
    here = settings(vault, clock, VENDORS_SECRET="vendors")
    here.of(SlackSettings)
    vault.text = json.dumps({"SLACK_TOKEN": "new"})

    clock.now += KEPT_S - 1
    before = here.of(SlackSettings).slack_token.get_secret_value()
    clock.now += 1
    after = here.of(SlackSettings).slack_token.get_secret_value()

    assert (before, after, len(vault.asked)) == ("old", "new", 2)


def test_credentials_that_are_added_switch_a_vendor_on() -> None:
    vault, clock = Vault(), Clock()
    here = settings(vault, clock, VENDORS_SECRET="vendors")
    with pytest.raises(NotConfiguredError):
        here.of(SlackSettings)
    vault.text = json.dumps({"SLACK_TOKEN": "t"})

    clock.now += KEPT_S

    assert here.of(SlackSettings).slack_token.get_secret_value() == "t"


def test_a_secret_that_cannot_be_read_now_leaves_what_was_read_before() -> None:
    vault, clock = Vault(SLACK_TOKEN="t"), Clock()
    here = settings(vault, clock, VENDORS_SECRET="vendors")
    here.of(SlackSettings)
    vault.error = NotExecutedError("busy")
    clock.now += KEPT_S

    assert here.of(SlackSettings).slack_token.get_secret_value() == "t"


@pytest.mark.parametrize("error", [NotExecutedError("busy"), CredentialsError("closed")])
def test_a_secret_that_was_never_read_is_told(error: Exception) -> None:
    vault = Vault()
    vault.error = error

    with pytest.raises(type(error)):
        settings(vault, VENDORS_SECRET="vendors").of(SlackSettings)


@pytest.mark.parametrize("text", ["no JSON", "[]", "7", '{"SLACK_TOKEN": 7}'])
def test_a_broken_secret_switches_off_and_breaks_nothing(text: str) -> None:
    vault = Vault()
    vault.text = text

    with pytest.raises(NotConfiguredError):
        settings(vault, VENDORS_SECRET="vendors").of(SlackSettings)


@pytest.mark.parametrize("model", [vendor.settings for vendor in VENDORS])
def test_no_secret_is_told_by_printing_settings(model: Any) -> None:
    names = [name.upper() for name in model.model_fields]
    values: Any = {name: "hush" if _is_secret(name) else "plain" for name in names}

    found = settings(Vault(), **values).of(model)

    assert "hush" not in f"{found!r} {found} {found.model_dump_json()}"
    assert any(_is_secret(name) for name in names)


def _is_secret(name: str) -> bool:
    return name.endswith(("_TOKEN", "_SECRET")) or name == "MAIL_URL"
