"""What LocalStack leaves on a Docker engine is removed, and nothing else."""

import json
import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from queue import Queue
from urllib.parse import parse_qs, urlsplit

import pytest

from infra.localstack.containers import Engine, clean_up, watch
from tests.support.patience import eventually

NETWORK = "backroom-application"
LOCALSTACK = "backroom_localstack_1"
FUNCTION = f"{LOCALSTACK}-lambda-backroom-local-api-4f3c"
PROJECT = {"com.docker.compose.project": "mine"}
OF_LOCALSTACK = {"com.docker.compose.project=mine", "com.docker.compose.service=localstack"}


class DockerEngine(socketserver.ThreadingUnixStreamServer):
    """An engine of which only its HTTP interface is there."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Asked)
        self.networks: dict[str, str] = {}
        self.stuck: set[str] = set()
        self.listened_for: list[dict[str, list[str]]] = []
        self.ended: Queue[str | None] = Queue()
        """What ended; None is the engine's own end."""

    def run(self, name: str, network: str = NETWORK) -> None:
        self.networks[name] = network

    def end(self, name: str) -> None:
        self.networks.pop(name)
        self.ended.put(name)

    def found(self, filters: dict[str, list[str]]) -> list[str]:
        if "label" in filters:
            assert set(filters["label"]) == OF_LOCALSTACK
            return [name for name in self.networks if name == LOCALSTACK]
        return [name for name, network in self.networks.items() if network in filters["network"]]


class _Asked(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: DockerEngine

    def address_string(self) -> str:
        return "a socket"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        filters = json.loads(parse_qs(url.query).get("filters", ["{}"])[0])
        if url.path == "/events":
            self._stream(filters)
        elif url.path == "/containers/json":
            self._answer(
                200,
                [
                    {
                        "Id": name,
                        "Names": [f"/{name}"],
                        "Labels": None if "-lambda-" in name else PROJECT,
                    }
                    for name in self.server.found(filters)
                ],
            )
        else:
            self._answer(200, {"Config": {"Labels": PROJECT}})

    def do_DELETE(self) -> None:
        name = urlsplit(self.path).path.rpartition("/")[2]
        if name in self.server.stuck:
            self._answer(500, {"message": "device or resource busy"})
        else:
            self._answer(204 if self.server.networks.pop(name, None) else 404, None)

    def _stream(self, filters: dict[str, list[str]]) -> None:
        self.server.listened_for.append(filters)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while name := self.server.ended.get():
            event = json.dumps({"Action": "die", "Actor": {"ID": name}}).encode() + b"\n"
            self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _answer(self, status: int, body: object) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def docker(tmp_path: Path) -> Iterator[DockerEngine]:
    with DockerEngine(tmp_path / "docker.sock") as engine:
        thread = threading.Thread(target=engine.serve_forever)
        thread.start()
        yield engine
        engine.shutdown()
        thread.join()


@pytest.fixture
def engine(docker: DockerEngine) -> Engine:
    return Engine(str(docker.server_address))


def test_12_2_containers_of_functions_are_removed_and_no_others(
    docker: DockerEngine, engine: Engine
) -> None:
    docker.run(FUNCTION)
    others = {
        "backroom_gateway_1": NETWORK,
        "lambda-trial_gateway_1": NETWORK,
        "other_localstack_1-lambda-shop-5d1e": "shop",
    }
    docker.networks |= others

    assert clean_up(engine, NETWORK) == [FUNCTION]

    assert docker.networks == others
    assert clean_up(engine, NETWORK) == []


def test_12_2_one_that_is_removed_meanwhile_is_no_fault(engine: Engine) -> None:
    engine.remove(FUNCTION)


def test_12_2_one_that_cannot_be_removed_is_told(docker: DockerEngine, engine: Engine) -> None:
    docker.run(FUNCTION)
    docker.stuck.add(FUNCTION)

    with pytest.raises(OSError, match=f"{FUNCTION}: 500 .*busy"):
        clean_up(engine, NETWORK)


def test_12_2_what_an_earlier_run_left_goes_first_and_what_localstack_leaves_when_it_ends(
    docker: DockerEngine,
) -> None:
    docker.run(FUNCTION)
    with watching(docker) as process:
        eventually(lambda: FUNCTION not in docker.networks)
        asked = eventually(lambda: docker.listened_for)[0]
        assert (asked["event"], set(asked["label"])) == (["die"], OF_LOCALSTACK)

        for _ in range(2):
            docker.run(LOCALSTACK)
            docker.run(FUNCTION)
            docker.end(LOCALSTACK)
            eventually(lambda: FUNCTION not in docker.networks)

        docker.run(FUNCTION)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert docker.networks == {}


def test_12_2_a_restart_of_the_cleaner_takes_nothing_from_a_localstack_that_runs(
    docker: DockerEngine,
) -> None:
    docker.run(LOCALSTACK)
    docker.run(FUNCTION)

    with watching(docker) as process:
        eventually(lambda: docker.listened_for)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0

    assert docker.networks.keys() == {LOCALSTACK, FUNCTION}


def test_12_2_when_the_engine_ends_what_is_left_is_removed_and_the_service_starts_anew(
    docker: DockerEngine, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    docker.run(FUNCTION)
    docker.ended.put(None)

    watch(engine, NETWORK)

    assert docker.networks == {}


def watching(docker: DockerEngine) -> "subprocess.Popen[bytes]":
    """Start the service on an engine, in a process of its own."""
    program = (
        "import sys; from infra.localstack.containers import Engine, watch;"
        "watch(Engine(sys.argv[1]), sys.argv[2])"
    )
    return subprocess.Popen([sys.executable, "-c", program, str(docker.server_address), NETWORK])
