"""The gateway of docker-compose.yml: nginx with our template, before a server that echoes."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from threading import Thread
from typing import Any

import pytest

from infra.package import ROOT
from infra.reference import FILES, File
from tests.support.patience import eventually
from tests.support.processes import free_port

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
pytestmark = pytest.mark.skipif(
    NGINX is None, reason="nginx is not here; on Debian and Ubuntu: apt install nginx-light"
)


class Echo(BaseHTTPRequestHandler):
    """Answers with the path that it was asked for."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode())

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@contextmanager
def gateway(folder: Path, upstream: int, port: int) -> Iterator[int]:
    """Run nginx before the upstream; only what is set is filled in, as nginx's image does it."""
    text = (ROOT / "infra" / "localstack" / "nginx.conf.template").read_text()
    filled = Template(text).safe_substitute(
        PORT=port, AWS_HOST=f"127.0.0.1:{upstream}", REFERENCE=ROOT / "infra" / "reference"
    )
    (folder / "site.conf").write_text(filled.replace(f"listen {port}", f"listen 127.0.0.1:{port}"))
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind}; "
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # Another user could not read a checkout that is root's alone.
    user = "user root; " if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}} "
        f"http {{ access_log off; {temporary} include {folder}/site.conf; }}"
    )
    with subprocess.Popen([str(NGINX), "-c", str(folder / "nginx.conf")]) as nginx:
        try:
            eventually(lambda: answered(port, "/ping")[0] or nginx.poll() is not None)
            yield port
        finally:
            nginx.terminate()


@pytest.fixture(scope="module")
def port(upstream: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with gateway(tmp_path_factory.mktemp("nginx"), upstream, free_port()) as port:
        yield port


def answered(port: int, path: str, method: str = "GET", **headers: Any) -> tuple[int, str, str]:
    """Return status, media type and body."""
    body = headers.pop("body", None)
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    try:
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read().decode()
    except ConnectionRefusedError:
        return 0, "", ""
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path", ["/orders/a%2Fb", "//orders//1", "/orders/%2e%2e/x", "/x?cursor=a%2Bb%2F&q=%20", "/"]
)
def test_paths_reach_the_api_as_they_came(port: int, path: str) -> None:
    assert answered(port, path)[2] == f"/_aws/execute-api/backroom/api{path}"


@pytest.mark.parametrize(("path", "file"), FILES.items())
def test_the_reference_is_answered_by_the_gateway(port: int, path: str, file: File) -> None:
    status, media_type, body = answered(port, path)

    assert (status, body) == (200, file.path.read_text())
    assert media_type == file.content_type
    assert answered(port, "/docs/other.js")[2] == "/_aws/execute-api/backroom/api/docs/other.js"


def test_a_body_that_is_too_large_gets_a_problem_document(port: int) -> None:
    status, media_type, body = answered(port, "/files", "POST", body=b"x" * 12_000_000)
    assert (status, media_type) == (413, "application/problem+json")
    assert '"status":413' in body


@pytest.mark.parametrize(
    "foreign",
    [
        {"Host": "evil.example"},
        {"Host": "localhost"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},
        {"Sec_Fetch_Site": "same-site"},
    ],
    ids=str,
)
def test_foreign_pages_are_refused(port: int, foreign: dict[str, str]) -> None:
    status, media_type, body = answered(port, "/batches", "POST", **foreign)
    assert (status, media_type) == (403, "application/problem+json")
    assert '"status":403' in body


def test_our_page_and_programs_are_not(port: int) -> None:
    ours = {"Origin": f"http://localhost:{port}", "Sec_Fetch_Site": "same-origin"}
    for headers in ({}, {"Host": f"localhost:{port}"}, ours, {"Sec_Fetch_Site": "none"}):
        assert answered(port, "/batches", "POST", **headers)[0] == 200
    link = {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "navigate"}
    assert answered(port, "/", **link)[0] == 200


def test_while_localstack_is_away_the_answer_says_to_try_again(
    tmp_path: Path,
) -> None:
    with gateway(tmp_path, free_port(), free_port()) as port:
        status, media_type, body = answered(port, "/ping")
    assert (status, media_type) == (503, "application/problem+json")
    assert '"status":503' in body
