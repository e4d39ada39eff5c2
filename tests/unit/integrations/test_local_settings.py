"""Which vendors a local stack talks to: the stand-ins, or those that `.env` names."""

import stat
from pathlib import Path

import pytest

from chalicelib.integrations import settings as product
from chalicelib.integrations.wiring import VENDORS
from infra.local.standins import read_env_file, with_own, write_settings
from infra.standins import credentials

STANDING = credentials.settings(8001, 8002, "-----BEGIN CERTIFICATE-----\n+/=")


def test_the_stand_ins_settings_are_all_that_the_clients_need() -> None:
    here = product.Settings(lambda _: "", environment=STANDING)

    partly = {}
    for vendor in VENDORS:
        missing = here.missing(vendor.settings)
        own = {name.upper() for name in vendor.settings.model_fields}
        if own & STANDING.keys() and missing:  # a vendor without a stand-in is off
            partly[vendor.name] = missing
    assert partly == {}
    known = {name.upper() for vendor in VENDORS for name in vendor.settings.model_fields}
    assert STANDING.keys() <= known


def test_a_vendor_that_is_named_is_taken_whole_from_there() -> None:
    merged = with_own(STANDING, {"SLACK_TOKEN": "xoxb-real", "JIRA_TOKEN": "", "PATH": "/bin"})

    assert {name for name in merged if name.startswith("SLACK_")} == {"SLACK_TOKEN"}
    assert {name for name in merged if name.startswith("JIRA_")} == {"JIRA_TOKEN"}
    assert merged["SLACK_TOKEN"] == "xoxb-real"
    assert merged["GITHUB_TOKEN"] == STANDING["GITHUB_TOKEN"]
    assert "PATH" not in merged


def test_without_own_settings_the_stand_ins_are_talked_to() -> None:
    assert with_own(STANDING, {}) == STANDING


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("SLACK_TOKEN=xoxb-1", {"SLACK_TOKEN": "xoxb-1"}),
        ("  export SLACK_TOKEN = xoxb-1 ", {"SLACK_TOKEN": "xoxb-1"}),
        ("MAIL_URL='smtp://a:b@c:1?ca=/x=y'", {"MAIL_URL": "smtp://a:b@c:1?ca=/x=y"}),
        ('JIRA_USER="a b"', {"JIRA_USER": "a b"}),
        ("JIRA_TOKEN=", {"JIRA_TOKEN": ""}),
        ("# JIRA_TOKEN=x", {}),
        ("nonsense", {}),
        ("", {}),
    ],
)
def test_a_line_of_an_env_file(tmp_path: Path, line: str, found: dict[str, str]) -> None:
    path = tmp_path / ".env"
    path.write_text(line)

    assert read_env_file(path) == found


def test_no_env_file_is_no_settings(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / ".env") == {}


def test_settings_are_written_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "vendors.json"
    path.write_text("{}")
    path.chmod(0o644)

    write_settings(path, STANDING)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
