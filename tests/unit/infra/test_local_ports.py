"""Which port is proposed when one is taken."""

import socket

import pytest

from infra.local import ports


@pytest.mark.parametrize("setting", ports.DEFAULTS)
def test_a_proposed_port_is_none_of_ours(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDINS_PORT", "8003")
    taken = ports.DEFAULTS[setting]
    assert ports.alternative(taken) not in {*ports.DEFAULTS.values(), 8003}


def test_a_proposed_port_is_free() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert ports.alternative(taken - 1) != taken


def test_after_the_highest_port_a_lower_one_is_proposed() -> None:
    assert 1024 < ports.alternative(65535) < 65535
