"""The settings that lead our clients to the stand-ins; standard library only."""

from urllib.parse import quote

JIRA_USER = "bakery@backroom.example"
JIRA_TOKEN = "standin-jira-token"
JIRA_PROJECT = "ING"
JIRA_WEBHOOK_SECRET = "standin-webhook-secret"
SLACK_TOKEN = "xoxb-standin"
GOOGLE_CLIENT_ID = "standin-client"
GOOGLE_CLIENT_SECRET = "standin-client-secret"
GOOGLE_REFRESH_TOKEN = "standin-refresh-token"
GITHUB_REPOSITORY = "bakery/recipes"
GITHUB_TOKEN = "github_pat_standin"
IDENTITY_AUDIENCE = "backroom"
IDENTITY_CLIENT_ID = "backroom-people"
IDENTITY_MACHINE_ID = "backroom-machine"
IDENTITY_MACHINE_SECRET = "standin-machine-secret"
MAIL_USER = "backroom"
MAIL_PASSWORD = "standin-password"
CERTIFICATE = "standin-certificate.pem"
MAIL_FROM = "bakery@backroom.example"


def issuer(http_port: int) -> str:
    """Return the address of the stand-in identity provider."""
    return f"http://localhost:{http_port}/identity"


def identity(http_port: int) -> dict[str, str]:
    """Return the stack's parameters for callers whom the stand-in on this port knows."""
    return {
        "Auth": "jwt",
        "AuthIssuer": issuer(http_port),
        "AuthAudience": IDENTITY_AUDIENCE,
        "AuthClientId": IDENTITY_CLIENT_ID,
    }


def settings(
    http_port: int, smtp_port: int, certificate: str, host: str = "127.0.0.1"
) -> dict[str, str]:
    """Return all settings of all vendors for stand-ins on these ports of ``host``.

    The text of the ``certificate`` is in them: a function in a container cannot read our files.
    """
    base = f"http://{host}:{http_port}"
    trust = quote(certificate)
    mail = f"smtp://{MAIL_USER}:{MAIL_PASSWORD}@{host}:{smtp_port}?ca={trust}"
    return {
        "JIRA_URL": f"{base}/jira",
        "JIRA_PROJECT": JIRA_PROJECT,
        "JIRA_USER": JIRA_USER,
        "JIRA_TOKEN": JIRA_TOKEN,
        "JIRA_WEBHOOK_SECRET": JIRA_WEBHOOK_SECRET,
        "SLACK_URL": f"{base}/slack",
        "SLACK_TOKEN": SLACK_TOKEN,
        "GOOGLE_TOKEN_URL": f"{base}/google/token",
        "GOOGLE_DRIVE_URL": f"{base}/google/drive/v3",
        "GOOGLE_DOCS_URL": f"{base}/google/docs",
        "GOOGLE_CLIENT_ID": GOOGLE_CLIENT_ID,
        "GOOGLE_CLIENT_SECRET": GOOGLE_CLIENT_SECRET,
        "GOOGLE_REFRESH_TOKEN": GOOGLE_REFRESH_TOKEN,
        "GITHUB_URL": f"{base}/github",
        "GITHUB_REPOSITORY": GITHUB_REPOSITORY,
        "GITHUB_TOKEN": GITHUB_TOKEN,
        "MAIL_URL": mail,
        "MAIL_FROM": MAIL_FROM,
        "MAIL_DOMAIN": "gmail.com",
    }
