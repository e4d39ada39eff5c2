"""Builds the vendors' clients. Raises NotConfiguredError where credentials are missing.

A client is built for each use from the current settings: it has no state.
Connections and Google's access tokens are cached for the life of the container.
"""

import base64
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import urllib3
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from chalicelib.core import aws
from chalicelib.core.outbox.effects import CredentialsError, EffectHandler, NotExecutedError
from chalicelib.integrations import github as github_client
from chalicelib.integrations import google
from chalicelib.integrations import jira as jira_client
from chalicelib.integrations import slack as slack_client
from chalicelib.integrations.gdocs import Docs, Drive
from chalicelib.integrations.github import GitHub, GitHubSettings
from chalicelib.integrations.google import Authorized, GoogleSettings, Tokens
from chalicelib.integrations.http import TIMEOUT, Http
from chalicelib.integrations.jira import Jira, JiraSettings, JiraWebhookSettings
from chalicelib.integrations.mail import Mail, MailSettings, SmtpMail
from chalicelib.integrations.ses import SesMail
from chalicelib.integrations.settings import Renewing, Settings, Vendor
from chalicelib.integrations.slack import Slack, SlackSettings

Timeout = urllib3.Timeout

_CLOSED = {"AccessDeniedException", "DecryptionFailure", "ResourceNotFoundException"}


@cache
def settings() -> Settings:
    """Return the vendors' settings of this container."""
    return Settings(_secret_text)


def renewing(handler: EffectHandler) -> Renewing:
    """Return a handler that retries with new credentials when the old ones are refused."""
    return Renewing(handler, settings)


def jira(timeout: Timeout = TIMEOUT) -> Jira:
    """Return Jira."""
    config = settings().of(JiraSettings)
    token = config.jira_token.get_secret_value()
    basic = base64.b64encode(f"{config.jira_user}:{token}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    http = Http(
        "Jira",
        config.jira_url,
        headers=headers,
        judge=jira_client.judge,
        secrets=[token, basic],
        timeout=timeout,
    )
    return Jira(http, config.jira_project, issue_type=config.jira_issue_type)


def jira_webhook_secrets() -> tuple[bytes, ...]:
    """Return what Jira may sign its webhooks with: while a secret is replaced, two."""
    config = settings().of(JiraWebhookSettings)
    known = (config.jira_webhook_secret, config.jira_webhook_secret_previous)
    return tuple(each.get_secret_value().encode() for each in known if each)


def slack(timeout: Timeout = TIMEOUT) -> Slack:
    """Return Slack."""
    config = settings().of(SlackSettings)
    sent = _with_token(config.slack_token)
    return Slack(Http("Slack", config.slack_url, judge=slack_client.judge, timeout=timeout, **sent))


def github(timeout: Timeout = TIMEOUT) -> GitHub:
    """Return GitHub."""
    config = settings().of(GitHubSettings)
    sent = _with_token(config.github_token, **github_client.HEADERS)
    http = Http("GitHub", config.github_url, judge=github_client.judge, timeout=timeout, **sent)
    return GitHub(http, config.github_repository)


def drive(timeout: Timeout = TIMEOUT) -> Drive:
    """Return Google Drive."""
    config = settings().of(GoogleSettings)
    return Drive(_google(config, config.google_drive_url, timeout))


def docs(timeout: Timeout = TIMEOUT) -> Docs:
    """Return Google Docs."""
    config = settings().of(GoogleSettings)
    return Docs(_google(config, config.google_docs_url, timeout))


def mail() -> Mail:
    """Return the mail, by SMTP or SES as `MAIL_URL` says."""
    config = settings().of(MailSettings)
    url = config.mail_url.get_secret_value()
    scheme, place = urlsplit(url).scheme, urlsplit(url).hostname or ""
    if scheme == "smtp" and place:
        return SmtpMail.at(url, config.mail_from)
    if scheme == "ses" and place:
        return SesMail(lambda: aws.sesv2(place), config.mail_from)
    raise CredentialsError(
        "Mail: MAIL_URL is neither smtp://user:password@host:port nor ses://region"
    )


def mail_domain() -> str:
    """Return the domain of addresses that are made from names."""
    return settings().of(MailSettings).mail_domain


def _look_at_jira(timeout: Timeout) -> str:
    return f"The token belongs to {jira(timeout).myself().name}."


def _look_at_slack(timeout: Timeout) -> str:
    found = slack(timeout).identity()
    return f"The bot is {found.user} in the workspace {found.team}."


def _look_at_google(timeout: Timeout) -> str:
    return f"The Drive belongs to {drive(timeout).owner().email}."


def _look_at_github(timeout: Timeout) -> str:
    client = github(timeout)
    client.check()
    return f"The token manages access to {client.repository}."


def _look_at_mail(_: Timeout) -> str:
    mail().check()
    return "The mail server accepts the user name and password."


VENDORS = (
    Vendor("jira", JiraSettings, "read:jira-work, write:jira-work (API token)", _look_at_jira),
    Vendor(
        "jira webhook",
        JiraWebhookSettings,
        "the secret of the webhook",
        lambda _: "Webhooks are checked against the secret; Jira has to have the same one.",
    ),
    Vendor(
        "slack",
        SlackSettings,
        "users:read, im:write, chat:write, im:history (bot token)",
        _look_at_slack,
    ),
    Vendor(
        "google", GoogleSettings, "drive.file (OAuth client and refresh token)", _look_at_google
    ),
    Vendor(
        "github",
        GitHubSettings,
        "Administration: read and write, on the one repository",
        _look_at_github,
    ),
    Vendor(
        "mail",
        MailSettings,
        "a login that may send, over STARTTLS; with SES ses:SendEmail and ses:GetAccount",
        _look_at_mail,
    ),
)
"""The vendors that the doctor checks."""


def _with_token(token: SecretStr, **more: str) -> dict[str, Any]:
    """Return how a bearer token is sent, and that it is never shown."""
    plain = token.get_secret_value()
    return {"headers": {"Authorization": f"Bearer {plain}", **more}, "secrets": [plain]}


def _google(config: GoogleSettings, url: str, timeout: Timeout) -> Authorized:
    http = Http("Google", url, judge=google.judge, timeout=timeout)
    return Authorized(http, _tokens(config))


@cache
def _tokens(config: GoogleSettings) -> Tokens:
    """Return the access tokens of an account, cached for the life of the container."""
    client_secret = config.google_client_secret.get_secret_value()
    refresh_token = config.google_refresh_token.get_secret_value()
    http = Http(
        "Google",
        config.google_token_url,
        judge=google.judge_grant,
        secrets=[client_secret, refresh_token],
    )
    return Tokens(
        http,
        client_id=config.google_client_id,
        client_secret=client_secret,
        refresh_token=refresh_token,
    )


def _secret_text(name: str) -> str:
    """Return a secret's text. Raises CredentialsError or NotExecutedError: the effects wait."""
    try:
        return aws.secretsmanager().get_secret_value(SecretId=name)["SecretString"]
    except ClientError as refused:
        code = refused.response["Error"]["Code"]
        if code in _CLOSED:
            raise CredentialsError(f"The vendors' secret cannot be read: {code}") from None
        raise NotExecutedError(f"The vendors' secret cannot be read now: {code}") from None
    except BotoCoreError as broken:
        why = type(broken).__name__
        raise NotExecutedError(f"The vendors' secret cannot be read now: {why}") from None
