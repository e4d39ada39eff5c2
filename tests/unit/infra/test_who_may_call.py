"""The deployer lets no stage on AWS be open, or closed to everybody, by mistake."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.auth.settings import AuthSettings
from infra import deploy, templates
from infra.local import up
from infra.local.setup import SetupError
from infra.local.standins import LocalStandins
from infra.stack import Stack

GOOD = {"AuthIssuer": "https://id.example/", "AuthAudience": "backroom"}


def with_auth(target: Any, told: dict[str, str], *, allow_open: bool) -> dict[str, str]:
    """Return who may call a stage that is deployed for the first time."""
    return deploy.with_auth(target, told, current={}, allow_open=allow_open)


def test_a_stage_on_aws_asks_for_tokens() -> None:
    assert with_auth("aws", GOOD, allow_open=False) == {"Auth": "jwt", **GOOD}


@pytest.mark.parametrize("target", ["local", "localstack"])
def test_a_local_stage_is_open_by_default(target: Any) -> None:
    assert with_auth(target, {}, allow_open=False) == {"Auth": "open"}
    told = {"Auth": "jwt", **GOOD}
    assert with_auth(target, told, allow_open=False) == told


@pytest.mark.parametrize("missing", ["AuthIssuer", "AuthAudience"])
@pytest.mark.parametrize("target", ["aws", "local", "localstack"])
def test_tokens_of_nobody_are_refused_with_what_to_say_instead(target: Any, missing: str) -> None:
    told = {"Auth": "jwt", **GOOD, missing: ""}

    with pytest.raises(deploy.RefusedError, match=missing):
        with_auth(target, told, allow_open=True)


def test_an_open_stage_on_aws_has_to_be_insisted_on() -> None:
    with pytest.raises(deploy.RefusedError, match="ALLOW_OPEN=1"):
        with_auth("aws", {"Auth": "open"}, allow_open=False)
    assert with_auth("aws", {"Auth": "open"}, allow_open=True) == {"Auth": "open"}


def test_insisting_alone_opens_nothing() -> None:
    """ALLOW_OPEN was enough before there were tokens; whoever still has it set is told."""
    with pytest.raises(deploy.RefusedError, match="AuthIssuer and AuthAudience"):
        with_auth("aws", {}, allow_open=True)


def test_a_stage_that_stands_goes_on_as_it_is() -> None:
    current = {"Auth": "jwt", **GOOD, "AuthClientId": "people", "AlarmEmail": "a@b.example"}
    told = {"AuthClientId": "others"}

    found = deploy.with_auth("aws", told, current=current, allow_open=False)

    # CloudFormation keeps the rest: see test_deploying.
    assert found == {"Auth": "jwt", **told}


def test_a_stage_that_stands_open_has_to_be_insisted_on_each_time() -> None:
    current = {"Auth": "open", "AuthIssuer": "", "AuthAudience": ""}

    with pytest.raises(deploy.RefusedError, match="ALLOW_OPEN=1"):
        deploy.with_auth("aws", {}, current=current, allow_open=False)


def test_a_refusal_comes_before_anything_is_built_or_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deploy, "deploy", lambda *_, **__: pytest.fail("deployed"))
    monkeypatch.setattr(Stack, "parameters", lambda _: {})
    monkeypatch.setattr("sys.argv", ["infra.deploy", "--target", "aws", "--stage", "prod"])

    assert deploy.main() == 1
    assert "AUTH_ISSUER=https://" in capsys.readouterr().err


def test_the_template_asks_for_tokens_and_hands_every_setting_to_the_function() -> None:
    template = templates.read(templates.FOLDER / "12-auth.yaml")
    variables = template["Environment"]

    assert template["Parameters"]["Auth"]["Default"] == "jwt"
    assert variables.keys() == {name.upper() for name in AuthSettings.model_fields}
    assert {each["Ref"] for each in variables.values()} == template["Parameters"].keys()
    [rule] = template["Rules"].values()
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "Auth"}, "jwt"]}
    for name in GOOD:
        assert {"Ref": name} in json.loads(json.dumps(rule["Assertions"]))[list(GOOD).index(name)][
            "Assert"
        ]["Fn::Not"][0]["Fn::Equals"]


def _make_deploy(tmp_path: Path, **environment: str) -> list[str]:
    """Return what `make deploy` hands to the deployer."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/arguments\n')
    python.chmod(0o755)
    subprocess.run(
        ["make", "deploy", "PYTHON=true", f"VENV={tmp_path}"],
        cwd=Path(__file__).parents[3],
        env={"PATH": os.environ["PATH"], **environment},
        check=True,
        capture_output=True,
    )
    return (tmp_path / "arguments").read_text().splitlines()


def test_make_hands_every_setting_to_the_deployer(tmp_path: Path) -> None:
    names = [name.upper() for name in AuthSettings.model_fields]

    arguments = _make_deploy(tmp_path, **{name: f"value of {name}" for name in names})

    for name in names:
        parameter = "".join(map(str.title, name.split("_")))
        assert f"{parameter}=value of {name}" in arguments
    assert arguments[arguments.index("--stage") + 1] == "prod"


@pytest.mark.parametrize(
    "value", ["$(shell touch {})", '"; touch {}; "', "`touch {}`", "$(touch {})"]
)
def test_make_never_runs_what_a_setting_holds(tmp_path: Path, value: str) -> None:
    trace = tmp_path / "trace"
    value = value.format(trace)

    arguments = _make_deploy(tmp_path, STAGE=value, AUTH_ISSUER=value)

    assert not trace.exists()
    assert value in arguments
    assert f"AuthIssuer={value}" in arguments


# --- make up --------------------------------------------------------------------------------------


STANDINS = LocalStandins(Path("nowhere"), 8111, 8112, Path("python"))


@pytest.mark.parametrize("told", [None, "", "open"])
def test_the_local_stage_is_open(told: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if told is not None:
        monkeypatch.setenv("AUTH", told)
    else:
        monkeypatch.delenv("AUTH", raising=False)

    assert up.who_may_call(STANDINS) == {"Auth": "open"}


def test_the_local_stage_takes_the_tokens_of_the_stand_in_where_that_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTH", "jwt")

    told = up.who_may_call(STANDINS)

    assert told["AuthIssuer"] == "http://localhost:8111/identity"
    assert with_auth("local", told, allow_open=False) == told


def test_what_cannot_be_meant_is_said_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTH", "true")

    with pytest.raises(SetupError, match=r"open .* or jwt"):
        up.who_may_call(STANDINS)
