"""Starts functions' processes as forks of one that has imported their code.

A process of its own for each environment took a second of CPU, nearly all of it imports, and its
memory. Here each unpacked zip has one *parent*: it imports the handlers' modules once and runs
nothing of them; a worker is a fork of it with its own environment, folder and pipes. Linux only:
elsewhere system libraries do not bear forks. Runs in MiniStack's own environment.

Parent and server talk through a pair of sockets: the length of a request, with the worker's pipes
attached, then the request as JSON; back comes the process id, in as many bytes. The parent ends
when the server has ended.
"""

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

from setproctitle import setproctitle

_LENGTH_BYTES = 4
# The modules that register handlers, below the folder with the code.
_HANDLERS = ("chalicelib/*/events.py", "chalicelib/*/workers.py")
# What MiniStack's own environment has and AWS's runtime lacks, where libraries look for it.
_ABSENT = ("cffi", "cryptography")
# What is read when the code is imported.
_AT_IMPORT = "POWERTOOLS_"


class ForkedWorker:
    """A forked process, with what MiniStack uses of `subprocess.Popen`."""

    def __init__(self, pid: int, pipes: Sequence[IO[str]], lifeline: IO[bytes]) -> None:
        self.pid = pid
        self.stdin, self.stdout, self.stderr = pipes
        self._lifeline = lifeline
        """Reads an end of file as soon as the process has ended."""
        self._ended = False
        self._looking = threading.Lock()

    def poll(self) -> int | None:
        """Return None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("worker", timeout or 0)
        return code

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _look(self, timeout_s: float | None) -> int | None:
        with self._looking:
            if not self._ended:
                poll = select.poll()
                poll.register(self._lifeline, select.POLLIN)
                if not poll.poll(None if timeout_s is None else timeout_s * 1000):
                    return None
                self._ended = True
                self._lifeline.close()
        return 0


class Parent:
    """The process that has imported the code in a folder, and is forked."""

    def __init__(self, code: Path, environment: Mapping[str, str]) -> None:
        self._one_at_a_time = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno()), str(code)],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def fork(self, script: str, folder: str, environment: Mapping[str, str]) -> ForkedWorker:
        """Return a new process that runs a script in a folder. Raises OSError."""
        with ExitStack() as ours_if_it_fails, ExitStack() as theirs:

            def pipe(*, read: bool) -> tuple[int, int]:
                ends = os.pipe()
                mine, other = ends if read else ends[::-1]
                ours_if_it_fails.callback(os.close, mine)
                theirs.callback(os.close, other)
                return mine, other

            inlet, outlet, errors, lifeline = (
                pipe(read=read) for read in (False, True, True, True)
            )
            request = json.dumps([script, folder, dict(environment)]).encode()
            size = len(request).to_bytes(_LENGTH_BYTES)
            with self._one_at_a_time:
                socket.send_fds(self._socket, [size], [inlet[1], outlet[1], errors[1], lifeline[1]])
                self._socket.sendall(request)
                answer = self._socket.recv(_LENGTH_BYTES, socket.MSG_WAITALL)
            if len(answer) < _LENGTH_BYTES:
                raise OSError("the process to fork has ended")
            ours_if_it_fails.pop_all()
        modes = ((inlet[0], "w", 1), (outlet[0], "r", -1), (errors[0], "r", -1))
        pipes = [
            os.fdopen(end, mode, buffering, encoding="utf-8", errors="replace")
            for end, mode, buffering in modes
        ]
        return ForkedWorker(int.from_bytes(answer), pipes, os.fdopen(lifeline[0], "rb", 0))

    def end(self) -> None:
        """Have it end; its forks go on."""
        self._socket.close()
        self._process.wait()


class Forks:
    """The parents of all code that functions run, and what MiniStack calls in place of `Popen`."""

    def __init__(self) -> None:
        self._parents: dict[tuple[Path, str], Parent] = {}
        self._lock = threading.Lock()

    def __call__(self, command: Sequence[str], **options: Any) -> Any:
        """Fork what runs the application's code; start everything else. Raises OSError."""
        code = Path(options.get("cwd") or "").resolve()
        if command[0] != sys.executable or not (code / "chalicelib").is_dir():
            return subprocess.Popen(command, **options)
        environment = options["env"]
        try:
            return self._parent(code, environment).fork(command[1], options["cwd"], environment)
        except OSError:  # somebody has killed it
            self._forget(code)
            return self._parent(code, environment).fork(command[1], options["cwd"], environment)

    def end(self) -> None:
        """End all parents; their forks go on."""
        with self._lock:
            while self._parents:
                self._parents.popitem()[1].end()

    def _parent(self, code: Path, environment: Mapping[str, str]) -> Parent:
        read = {name: value for name, value in environment.items() if name.startswith(_AT_IMPORT)}
        key = code, json.dumps(read, sort_keys=True)
        with self._lock:
            for other in [each for each in self._parents if not each[0].exists()]:
                self._parents.pop(other).end()  # its code was replaced
            if key not in self._parents:
                self._parents[key] = Parent(code, environment)
            return self._parents[key]

    def _forget(self, code: Path) -> None:
        with self._lock:
            for key in [each for each in self._parents if each[0] == code]:
                self._parents.pop(key).end()


def fork_workers(runtime: Any) -> None:
    """Have MiniStack's ``runtime`` of functions fork them, where that is to be had.

    Not while tests measure which branches functions take: that begins when a process starts.
    """
    if sys.platform == "linux" and "COVERAGE_PROCESS_CONFIG" not in os.environ:
        runtime.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": Forks()})


# --- the parent -----------------------------------------------------------------------------------


def serve(server: socket.socket, code: Path) -> None:
    """Import the code, then fork for each request until the server has ended."""
    sys.stdout = sys.stderr  # as MiniStack has it before it imports a handler
    sys.path[0] = str(code)
    sys.modules.update(dict.fromkeys(_ABSENT))  # type: ignore[arg-type] # None: not found
    _import_handlers(code)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    while request := _received(server):
        (script, folder, environment), ends = request
        pid = os.fork()
        if not pid:
            server.close()
            _become(ends)
            _run(script, folder, environment)
        for end in ends:
            os.close(end)
        server.sendall(pid.to_bytes(_LENGTH_BYTES))


def _import_handlers(code: Path) -> None:
    """Import what handlers need; what fails is left to the fork, which then says so."""
    with suppress(Exception):
        if (code / "app.py").exists():
            importlib.import_module("app").app.contracts()
    for path in sorted(each for pattern in _HANDLERS for each in code.glob(pattern)):
        with suppress(Exception):
            importlib.import_module(".".join(path.relative_to(code).with_suffix("").parts))


def _received(server: socket.socket) -> tuple[Any, list[int]] | None:
    size, ends, _, _ = socket.recv_fds(server, _LENGTH_BYTES, 4)
    if not size:
        return None
    request = server.recv(int.from_bytes(size), socket.MSG_WAITALL)
    return json.loads(request), ends


def _become(ends: Sequence[int]) -> None:
    """Take a worker's pipes; its lifeline stays open for as long as it lives."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, end in enumerate(ends[:3]):
        os.dup2(end, number)
        os.close(end)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115


def _run(script: str, folder: str, environment: Mapping[str, str]) -> None:
    """Do what Python does with a script, and end."""
    try:
        setproctitle(f"{sys.executable} {script}")  # it writes where the environment stood
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        runpy.run_path(script, run_name="__main__")
    except Exception:  # noqa: BLE001 - whatever it is
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(0)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]))
