"""`backroom doctor`: what a person reads, and when it ends with 1."""

from typing import Any

import pytest

from tests.support.backroom.desk import Desk, words


def checkup(state: str = "ok", **told: Any) -> dict[str, Any]:
    return {"integration": "jira", "state": state, "configured": True, "detail": "Fine.", **told}


def test_b19_every_integration_is_one_line_with_what_to_do_below(desk: Desk) -> None:
    ok = checkup(reachable=True, allowed=True)
    off = checkup("off", integration="mail", configured=False, next_step="set MAIL_URL")
    desk.on("GET", "/integrations", [ok, off])

    result = desk.run("doctor")

    assert result.exit_code == 0
    assert "jira ok yes yes yes Fine." in words(result)
    assert "mail off no · · Fine." in words(result)
    assert "Next: mail: set MAIL_URL" in words(result)


@pytest.mark.parametrize("state", ["denied", "unreachable"])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_b19_one_that_is_configured_and_does_not_work_ends_with_1(
    desk: Desk, state: str, options: list[str]
) -> None:
    desk.on("GET", "/integrations", [checkup(), checkup(state, integration="slack")])

    result = desk.run("doctor", *options)

    assert result.exit_code == 1
    assert "slack" in result.stdout
    assert "Does not work: slack." in result.stderr


def test_b19_what_a_vendor_says_cannot_steer_the_terminal(desk: Desk) -> None:
    desk.on("GET", "/integrations", [checkup(detail="\x1b[2J [red]x[/red]", next_step="\x07")])

    result = desk.run("doctor", width=200)

    assert "\x1b" not in result.stdout
    assert r"\x1b[2J [red]x[/red]" in result.stdout
