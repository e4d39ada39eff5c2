"""The ports of the local stack. Standard library only: it runs before any install."""

import os
import socket

DEFAULTS = {
    "PORT": 8000,
    "AWS_PORT": 4566,
    "STANDINS_PORT": 8001,
    "SMTP_PORT": 8002,
    "EXPORTER_PORT": 9464,
    "PROMETHEUS_PORT": 9090,
    "NODE_EXPORTER_PORT": 9100,
}
_HIGHEST = 65535


def port(setting: str) -> int:
    """Return the port that the environment chooses by this setting, else the default."""
    return int(os.environ.get(setting) or DEFAULTS[setting])


def alternative(occupied: int) -> int:
    """Return a port near ``occupied`` that is free and that no part of the local stack uses."""
    ours = {occupied, *DEFAULTS.values(), *(port(setting) for setting in DEFAULTS)}
    candidates = (*range(occupied + 1, _HIGHEST + 1), *range(occupied - 1, 1024, -1))
    free: int = next(number for number in candidates if number not in ours and not taken(number))
    return free


def taken(number: int) -> bool:
    """Return whether some program listens on this port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", number)) == 0
