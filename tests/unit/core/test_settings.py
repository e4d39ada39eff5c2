"""The environment, read and checked once."""

import pytest
from pydantic import BaseModel

from chalicelib.core.settings import SettingsError, from_env


class Wanted(BaseModel):
    test_table: str
    test_delay_s: int = 5


def test_a_setting_is_read_from_the_variable_in_upper_case(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEST_TABLE", "rows")
    monkeypatch.setenv("TEST_DELAY_S", "7")

    assert from_env(Wanted) == Wanted(test_table="rows", test_delay_s=7)


def test_a_default_is_the_model_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TABLE", "rows")

    assert from_env(Wanted).test_delay_s == 5


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TABLE", "rows")
    first = from_env(Wanted)
    monkeypatch.setenv("TEST_TABLE", "others")

    assert from_env(Wanted) is first


def test_every_variable_that_is_missing_or_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DELAY_S", "soon")

    with pytest.raises(SettingsError) as refused:
        from_env(Wanted)

    assert "TEST_TABLE: Field required" in str(refused.value)
    assert "TEST_DELAY_S: Input should be a valid integer" in str(refused.value)


def test_a_variable_that_is_missing_is_read_once_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SettingsError):
        from_env(Wanted)
    monkeypatch.setenv("TEST_TABLE", "rows")

    assert from_env(Wanted).test_table == "rows"
