"""While a stage is held, reads go on and changes are told when to come again."""

import pytest

from tests.support.api import client


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/orders"), ("PUT", "/cakes/x"), ("DELETE", "/files/1"), ("POST", "/webhooks/jira")],
)
def test_a_held_stage_takes_no_changes(
    monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    monkeypatch.setenv("HELD", "true")

    with client() as api:
        answer = api.send(method, path, {})

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "60"
    assert answer.json["type"] == "/problems/unavailable"
    assert "restored" in answer.json["detail"]


def test_a_held_stage_goes_on_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELD", "true")

    with client() as api:
        assert api.get("/ping").status == 200


def test_a_stage_takes_changes_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELD", "false")

    with client() as api:
        assert api.send("POST", "/ping", {}).status == 405
