"""Ports and processes of this machine."""

import os
import secrets
import signal
import socket
from contextlib import suppress
from functools import partial
from pathlib import Path

from infra.local import daemon
from tests.support.patience import eventually

# Below those that Linux and macOS give to outgoing connections, which tests make all the time.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """Return a port of this machine that nobody uses; any other one each time."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def kill(pid: int) -> bool:
    """Kill a process and wait until it has ended; return whether there was one.

    Until then it can be given work, which is lost.
    """
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    eventually(partial(has_ended, pid))
    return True


def has_ended(pid: int) -> bool:
    """Return whether a process has ended, even if its parent has not looked yet."""
    with suppress(OSError):
        return daemon.has_ended(pid)
    return True


def processes(word: str) -> list[int]:
    """Return the ids of the processes whose command line holds ``word``."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if word in command.read_bytes().decode(errors="replace").replace("\0", " "):
                found.append(int(command.parent.name))
    return found
