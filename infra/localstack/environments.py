"""Execution environments of Lambda functions that are processes, not containers.

LocalStack's Lambda service keeps all of its decisions (concurrency, retries, keep-alive, event
source mappings); only what runs a function is exchanged. Each environment is a process of
``awslambdaric``, the runtime client that AWS publishes, and the Runtime API that it asks
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html). Runs inside LocalStack.
"""

import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

PYTHON = os.environ.get("BACKROOM_RUNTIME_PYTHON", "")
_LARGEST_ANSWER = 6_291_556
# A burst asks for many environments at once; a few processors start a few at a time.
_STARTING = threading.Semaphore(max(2, os.cpu_count() or 1))
_SETTLE_S = 0.01  # until what was printed last has come through the pipe


class _Outcome(NamedTuple):
    request_id: str | None  # None while the function is being loaded
    failed: bool
    body: bytes


class RuntimeApi:
    """The API from which one runtime client gets its work, and to which it sends results."""

    def __init__(self) -> None:
        self.work: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.outcomes: queue.Queue[_Outcome] = queue.Queue()
        self.ready = threading.Event()
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Asked", (_Asked,), {"api": self})
        )
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    @property
    def address(self) -> str:
        """Return host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def expect_another(self) -> None:
        """Be ready for a new client; one that died while it waited for work gets none."""
        self.ready.clear()
        before, self.work = self.work, queue.Queue()
        before.put(None)

    def close(self) -> None:
        """Stop to listen."""
        self._server.shutdown()
        self._server.server_close()


class _Asked(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: RuntimeApi

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass

    def do_GET(self) -> None:
        self.api.ready.set()
        work = self.api.work.get()
        if work is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": work["invoke-id"],
            "Lambda-Runtime-Deadline-Ms": str(work["deadline-ms"]),
            "Lambda-Runtime-Invoked-Function-Arn": work["invoked-function-arn"],
            "Lambda-Runtime-Trace-Id": work.get("trace-id") or "",
            "Content-Type": "application/json",
        }
        self._answer(200, work["payload"].encode(), headers)

    def do_POST(self) -> None:
        body = self._body()
        *_, request_id, what = self.path.split("/")
        found = None if request_id == "init" else request_id
        self.api.outcomes.put(_Outcome(found, what == "error", body))
        self._answer(202, b'{"status":"OK"}', {})

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return body

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class ProcessEnvironment(RuntimeExecutor):  # type: ignore[misc]
    """One execution environment: a process with the function loaded, one invocation at a time."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002
        super().__init__(id=id, function_version=function_version)
        name = function_version.id.function_name
        self._folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        self._timeout_s = float(function_version.config.timeout)
        self._memory = function_version.config.memory_size
        self._api = RuntimeApi()
        self._process: subprocess.Popen[bytes] | None = None
        self._environment: dict[str, str] = {}
        self._lines: list[str] = []
        self._init_ms = 0.0

    def start(self, env_vars: dict[str, Any]) -> None:
        """Start the process and wait until the function is loaded."""
        code = self.function_version.config.code.get_unzipped_code_location()
        private = {name for name in env_vars if name.startswith("LOCALSTACK_")}
        self._environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self._folder),
            "TMPDIR": str(self._folder),
            "LANG": "en_US.UTF-8",
            **{name: str(value) for name, value in env_vars.items() if name not in private},
            "LAMBDA_TASK_ROOT": str(code),
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
        }
        with _STARTING:
            self._launch()

    def _launch(self) -> None:
        self._api.expect_another()
        begun = time.monotonic()
        self._process = subprocess.Popen(
            # The client takes no second argument: by it the function's processes are found.
            [PYTHON, "-m", "awslambdaric", self._environment["_HANDLER"], str(self._folder)],
            cwd=self._environment["LAMBDA_TASK_ROOT"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        while not self._api.ready.wait(0.02):
            if not self._api.outcomes.empty() or self._process.poll() is not None:
                raise StatusErrorException("The function could not be loaded", self._init_error())
        self._init_ms = (time.monotonic() - begun) * 1000

    def _init_error(self) -> bytes:
        while not self._api.outcomes.empty():
            return self._api.outcomes.get().body
        return _error("Runtime.ExitError", f"Runtime exited: {''.join(self._lines)[-2000:]}")

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout
        for line in process.stdout:
            self._lines.append(line.decode(errors="replace"))
        process.wait()

    def invoke(self, payload: dict[str, Any]) -> InvocationResult:
        """Run the function once, for at most its time."""
        request_id = payload["invoke-id"]
        if self._process is None or self._process.poll() is not None:
            self._launch()  # the last invocation ended it
        begun = time.monotonic()
        deadline_ms = int((time.time() + self._timeout_s) * 1000)
        self._api.work.put({**payload, "deadline-ms": deadline_ms})
        outcome = self._outcome(request_id, begun + self._timeout_s)
        took_ms = (time.monotonic() - begun) * 1000
        time.sleep(_SETTLE_S)
        logs = self._logs(request_id, took_ms)
        return InvocationResult(request_id, outcome.body, is_error=outcome.failed, logs=logs)

    def _outcome(self, request_id: str, deadline: float) -> _Outcome:
        assert self._process
        while time.monotonic() < deadline:
            try:
                outcome = self._api.outcomes.get(timeout=0.05)
            except queue.Empty:
                if self._process.poll() is not None and self._api.outcomes.empty():
                    message = f"Runtime exited with error: exit status {self._process.returncode}"
                    body = _error("Runtime.ExitError", f"RequestId: {request_id} Error: {message}")
                    return _Outcome(request_id, failed=True, body=body)
                continue
            if outcome.request_id == request_id:
                return _limited(outcome)
        self._process.kill()
        message = f"{request_id} Task timed out after {self._timeout_s:.2f} seconds"
        self._lines.append(f"{message}\n")
        return _Outcome(request_id, failed=True, body=_error("Sandbox.Timedout", message))

    def _logs(self, request_id: str, took_ms: float) -> str:
        printed, self._lines = "".join(self._lines), []
        if printed and not printed.endswith("\n"):
            printed += "\n"
        init_ms, self._init_ms = self._init_ms, 0.0
        report = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {took_ms:.2f} ms",
            f"Billed Duration: {took_ms:.0f} ms",
            f"Memory Size: {self._memory} MB",
            f"Max Memory Used: {self._peak_mb()} MB",
            *([f"Init Duration: {init_ms:.2f} ms"] if init_ms else []),
        ]
        start = f"START RequestId: {request_id} Version: {self.function_version.id.qualifier}\n"
        return f"{start}{printed}END RequestId: {request_id}\n" + "\t".join(report) + "\t\n"

    def _peak_mb(self) -> int:
        assert self._process
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:  # it has ended, or this is no Linux
            return 0
        peak_kb = status.partition("VmHWM:")[2].split()[0:1]
        return int(peak_kb[0]) // 1024 if peak_kb else 0

    def stop(self) -> None:
        """End the process and forget its files."""
        if self._process:
            self._process.kill()
        self._api.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def get_address(self) -> str:
        """Return where the environment is."""
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        """Return where the function finds LocalStack."""
        return "localhost"

    def get_runtime_endpoint(self) -> str:
        """Return where LocalStack's own init would report to; there is none."""
        return ""

    def get_logs(self) -> str:
        """Return what was printed since the last invocation."""
        return "".join(self._lines)

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack the function's code."""
        if function_version.config.code:
            function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Leave the code to LocalStack."""


def _limited(outcome: _Outcome) -> _Outcome:
    if outcome.failed or len(outcome.body) <= _LARGEST_ANSWER:
        return outcome
    message = (
        f"Response payload size ({len(outcome.body)} bytes) exceeded maximum allowed payload size "
        f"({_LARGEST_ANSWER} bytes)."
    )
    body = _error("Function.ResponseSizeTooLarge", message)
    return _Outcome(outcome.request_id, failed=True, body=body)


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
