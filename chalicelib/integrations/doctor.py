"""What is looked at of each vendor: the cheapest read that needs the rights we need."""

from collections.abc import Callable

import urllib3

from chalicelib.integrations import wiring
from chalicelib.integrations.checks import CheckResult, VendorCheck, run_checks
from chalicelib.integrations.settings import (
    GitHubSettings,
    GoogleSettings,
    JiraSettings,
    JiraWebhookSettings,
    MailSettings,
    SlackSettings,
    VendorSettings,
)

# All of it has to be over before the gateway stops waiting.
_HASTE = urllib3.Timeout(connect=2, read=5)


def check_results() -> list[CheckResult]:
    """Return how each integration is."""
    return run_checks(
        [
            VendorCheck(
                "jira", _missing(JiraSettings), _jira, "read:jira-work, write:jira-work (API token)"
            ),
            VendorCheck(
                "jira webhook",
                _missing(JiraWebhookSettings),
                lambda: "Webhooks are checked against the secret; Jira has to have the same one.",
                "the secret of the webhook",
            ),
            VendorCheck(
                "slack",
                _missing(SlackSettings),
                _slack,
                "users:read, im:write, chat:write, im:history (bot token)",
            ),
            VendorCheck(
                "google",
                _missing(GoogleSettings),
                _google,
                "drive.file (OAuth client and refresh token)",
            ),
            VendorCheck(
                "github",
                _missing(GitHubSettings),
                _github,
                "Administration: read and write, on the one repository",
            ),
            VendorCheck(
                "mail",
                _missing(MailSettings),
                _mail,
                "a login that may send, over STARTTLS; with SES ses:SendEmail and ses:GetAccount",
            ),
        ]
    )


def _missing(model: type[VendorSettings]) -> Callable[[], list[str]]:
    return lambda: wiring.settings().missing(model)


def _jira() -> str:
    return f"The token is {wiring.jira(_HASTE).myself().name}'s."


def _slack() -> str:
    found = wiring.slack(_HASTE).identity()
    return f"The bot is {found.user} of {found.team}."


def _google() -> str:
    return f"The Drive is {wiring.drive(_HASTE).owner().email}'s."


def _github() -> str:
    github = wiring.github(_HASTE)
    github.check()
    return f"The token looks after {github.repository}."


def _mail() -> str:
    wiring.mail().check()
    return "The mail server takes our name and password."
