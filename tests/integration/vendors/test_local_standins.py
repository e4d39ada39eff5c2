"""The stand-ins as `make up` runs them: a process of its own, on ports that are remembered."""

import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from infra.local.daemon import DaemonError
from infra.local.standins import LocalStandins
from tests.support.patience import CLIENT_S
from tests.support.processes import free_port


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[LocalStandins]:
    found = LocalStandins(tmp_path, free_port(), free_port(), Path(sys.executable))
    yield found
    found.stop()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # nobody keeps the process at hand
def test_they_start_once_and_stop_and_are_found_on_their_ports(standing: LocalStandins) -> None:
    assert standing.pid() is None
    assert standing.stop() is False

    assert standing.start() is True
    assert standing.start() is False
    asked = LocalStandins(standing.home, 1, 2, standing.python)
    assert asked.running_at() == standing
    assert (
        "What the vendors got" in httpx.get(standing.page, trust_env=False, timeout=CLIENT_S).text
    )

    assert standing.stop() is True
    assert standing.pid() is None
    assert asked.running_at() == asked


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_those_of_other_sources_are_started_again(standing: LocalStandins) -> None:
    standing.start()
    before = standing.pid()
    (standing.home / "standins.sources").write_text("older ones")

    assert standing.start() is True
    assert standing.pid() != before
    assert replace(standing, webhook="http://localhost:9/webhooks/jira").start() is True


def test_a_port_that_is_taken_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        standing = LocalStandins(tmp_path, free_port(), port, Path(sys.executable))

        with pytest.raises(DaemonError, match=f"make up SMTP_PORT={port + 1}"):
            standing.start()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_does_not_start_says_where_its_log_is(tmp_path: Path) -> None:
    standing = LocalStandins(tmp_path, free_port(), free_port(), Path("/bin/false"))

    with pytest.raises(DaemonError, match=r"standins\.log"):
        standing.start()
