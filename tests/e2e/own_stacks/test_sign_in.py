"""A day of people who sign in: the client, the stand-in for an identity provider, a stage."""

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from typer.testing import CliRunner, Result

from backroom.cli import app
from infra.standins import credentials
from infra.standins.server import Standins
from tests.support.deployed import Deployed
from tests.support.patience import CLIENT_S, eventually
from tests.support.plain import NO_TLS
from tests.support.signed import signed_stage
from tests.support.vending.crew import log

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def signed(request: pytest.FixtureRequest) -> Deployed:
    """A stage where people sign in at the stand-in."""
    return signed_stage(request)


@pytest.fixture(scope="session")
def provider(signed: Deployed) -> Standins:
    return signed.standins


@pytest.fixture(name="run")
def _run(signed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command as one of several people, each with a folder of their own."""

    def run(who: str, *words: str) -> Result:
        monkeypatch.setenv("BACKROOM_CONFIG", str(tmp_path / who))
        monkeypatch.setattr("webbrowser.open", lambda address: picks(address, who))
        return CliRunner().invoke(app, ["--api", signed.aws.api, *words], env={"COLUMNS": "200"})

    return run


def picks(address: str, who: str) -> bool:
    """Pick a person on the provider's page, as a browser does, and follow where it leads."""

    def visit() -> None:
        with httpx.Client(trust_env=False, timeout=CLIENT_S, verify=NO_TLS) as browser:
            page = browser.get(address)
            asked = dict(parse_qsl(urlsplit(address).query))
            assert f'value="{asked["state"]}"' in page.text
            back = browser.post(address.partition("?")[0], data={**asked, "person": who})
            assert browser.get(back.headers["Location"]).status_code == 200

    threading.Thread(target=visit).start()
    return True


def test_a_person_signs_in_works_and_signs_out(run: Run) -> None:
    asked = run("dora", "fleet")
    assert asked.exit_code == 1
    assert "backroom login" in asked.stderr

    assert run("dora", "login").exit_code == 0
    assert run("dora", "fleet").exit_code == 0
    who = json.loads(run("dora", "whoami", "--json").stdout)
    assert (who["subject"], who["scopes"]) == ("dora", ["vending:dispatch"])
    refused = run("dora", "ledger", "list")
    assert refused.exit_code == 1
    assert "ledger:read" in refused.stderr
    assert "backroom whoami" in refused.stderr

    assert "Signed out of" in run("dora", "logout").stdout
    assert run("dora", "fleet").exit_code == 1


def test_who_picks_nobody_is_not_signed_in(run: Run) -> None:
    result = run("nobody", "login")

    assert result.exit_code == 1
    assert "access_denied" in result.stderr


def test_a_technician_sees_their_own_and_nothing_of_others(run: Run, tmp_path: Path) -> None:
    run("dora", "login")
    for number, serial in (("T0001", "GM001"), ("T0002", "GM002")):
        assert run("dora", "technicians", "put", number, "--name", number).exit_code == 0
        assert run("dora", "machines", "put", serial, "--technician", number).exit_code == 0
    path = tmp_path / "log.txt"
    path.write_text(log("GM001"))
    told = ("--technician", "T0001", "--machine", "GM001", "--downloaded-at", "2020-04-02T12:00:00")

    for who in ("tess", "timo"):
        assert run(who, "login").exit_code == 0
    assert run("timo", "files", "upload", str(path), *told).exit_code == 1
    sent = run("tess", "files", "upload", str(path), *told, "--json")
    assert sent.exit_code == 0, sent.stderr

    mine = json.loads(run("tess", "files", "list", "--technician", "1", "--json").stdout)
    assert [each["machine"] for each in mine] == ["GM001"]
    assert run("timo", "files", "show", str(mine[0]["id"])).exit_code == 1
    assert run("timo", "files", "list", "--technician", "1").exit_code == 1
    assert run("dora", "files", "show", str(mine[0]["id"])).exit_code == 0
    machines = json.loads(run("timo", "machines", "list", "--json").stdout)
    assert [each["serial"] for each in machines] == ["GM002"]


def test_a_program_works_with_a_token_that_it_fetched(
    run: Run, provider: Standins, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = httpx.post(
        f"{provider.url}/identity/token",
        data={"grant_type": "client_credentials", "scope": "ledger:read"},
        auth=(credentials.IDENTITY_MACHINE_ID, credentials.IDENTITY_MACHINE_SECRET),
        trust_env=False,
        timeout=CLIENT_S,
        verify=NO_TLS,
    )
    monkeypatch.setenv("BACKROOM_TOKEN", answer.json()["access_token"])

    assert run("program", "ledger", "list").exit_code == 0
    assert run("program", "fleet").exit_code == 1


def test_a_person_who_was_away_is_still_signed_in(run: Run, tmp_path: Path) -> None:
    run("cleo", "login")
    path = tmp_path / "cleo" / "sign-ins.json"
    kept = json.loads(path.read_text())
    before = next(iter(kept.values()))["access_token"]
    for grant in kept.values():
        grant["expires_at"] = 0
    path.write_text(json.dumps(kept))

    assert run("cleo", "ledger", "list").exit_code == 0

    after: Any = next(iter(json.loads(path.read_text()).values()))
    assert after["access_token"] != before


def test_no_token_is_left_in_any_log(run: Run, signed: Deployed) -> None:
    run("otto", "login")
    assert run("otto", "dlq", "list").exit_code == 0

    eventually(lambda: any('"otto"' in line for line in signed.logs("api")))
    assert not re.search(r"eyJ[\w-]+\.eyJ", "\n".join(signed.logs("api")))
