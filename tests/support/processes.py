"""Ports and processes of this machine."""

import socket
from contextlib import suppress
from pathlib import Path


def free_port() -> int:
    """Return a port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def processes(word: str) -> list[int]:
    """Return the ids of the processes whose command line holds ``word``."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if word in command.read_bytes().decode(errors="replace").replace("\0", " "):
                found.append(int(command.parent.name))
    return found
