"""Removes the functions' containers that LocalStack leaves.

LocalStack removes the containers of its functions when it stops, but none that it is starting; a
killed one removes none. They would hold the network, so that ``docker compose down`` fails.
``python -m infra.localstack.containers NETWORK`` is a service of the Compose project that ends
after LocalStack, and removes what is left whenever LocalStack has ended, and where there is no
LocalStack at its own start and end. Without a network it only says whether Docker's engine answers.
"""

import json
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode

ENGINE = "/var/run/docker.sock"
_GONE = (204, 404, 409)
"""Removed, no longer there, or being removed."""
_ANSWER_S = 60
_PROJECT, _SERVICE = "com.docker.compose.project", "com.docker.compose.service"


class Engine:
    """Docker's HTTP API behind its socket, as far as this needs it (Engine API 1.24 and later)."""

    def __init__(self, path: str = ENGINE) -> None:
        self._path = path

    def functions(self, network: str) -> list[str]:
        """Return the ids of the functions' containers on a network, running or not.

        LocalStack names them after their functions; Compose labels those that it starts itself.
        """
        found = self._json("/containers/json", all="1", filters={"network": [network]})
        return [
            each["Id"]
            for each in found
            if any("lambda-" in name for name in each["Names"])
            and _PROJECT not in (each["Labels"] or {})
        ]

    def remove(self, container: str) -> None:
        """Remove a container, also one that runs; raises OSError if the engine refuses."""
        with closing(self._connection(_ANSWER_S)) as connection:
            connection.request("DELETE", f"/containers/{container}?force=1&v=1")
            answer = connection.getresponse()
            if answer.status not in _GONE:
                raise OSError(f"{container}: {answer.status} {answer.read().decode()}")

    def runs(self, labels: Mapping[str, str]) -> bool:
        """Return whether a container with these labels runs."""
        return bool(self._json("/containers/json", filters={"label": _chosen(labels)}))

    def labels(self, container: str) -> dict[str, str]:
        """Return the labels of a container."""
        labels: dict[str, str] = self._json(f"/containers/{container}/json")["Config"]["Labels"]
        return labels

    def deaths(self, labels: Mapping[str, str]) -> Iterator[object]:
        """Yield whenever a container with these labels has ended."""
        filters = {"type": ["container"], "event": ["die"], "label": _chosen(labels)}
        with closing(self._connection(None)) as connection:
            answer = self._get(connection, "/events", filters=filters)
            while line := answer.readline():
                yield json.loads(line)

    def _json(self, path: str, **query: Any) -> Any:
        with closing(self._connection(_ANSWER_S)) as connection:
            return json.load(self._get(connection, path, **query))

    def _get(self, connection: HTTPConnection, path: str, **query: Any) -> HTTPResponse:
        texts = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in query.items()
        }
        connection.request("GET", f"{path}?{urlencode(texts)}")
        answer = connection.getresponse()
        if answer.status != 200:
            raise OSError(f"{path}: {answer.status} {answer.read().decode()}")
        return answer

    def _connection(self, timeout_s: float | None) -> HTTPConnection:
        connection = HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(timeout_s)
        connection.sock.connect(self._path)
        return connection


def _chosen(labels: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in labels.items()]


def clean_up(engine: Engine, network: str) -> list[str]:
    """Remove the functions' containers on a network; return their ids."""
    found = engine.functions(network)
    for container in found:
        engine.remove(container)
    if found:
        print(f"removed {len(found)} containers of functions that LocalStack left", flush=True)
    return found


def watch(engine: Engine, network: str) -> None:
    """Clean up whenever the project's LocalStack has ended; first and last where there is none.

    Raises OSError when the engine ends or refuses.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    project = engine.labels(socket.gethostname())[_PROJECT]
    of_localstack = {_PROJECT: project, _SERVICE: "localstack"}
    try:
        if not engine.runs(of_localstack):
            clean_up(engine, network)
        for _ in engine.deaths(of_localstack):
            clean_up(engine, network)
    finally:
        if not engine.runs(of_localstack):
            clean_up(engine, network)


def main(arguments: Sequence[str]) -> None:
    """Watch over the network that is named, or fail if the engine does not answer."""
    engine = Engine()
    if arguments:
        watch(engine, arguments[0])
    engine.labels(socket.gethostname())


if __name__ == "__main__":
    main(sys.argv[1:])
