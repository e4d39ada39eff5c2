"""The packaged stack, deployed to an embedded AWS that the tests start and stop themselves.

The functions are packaged once, apart from the developer's ``build/``. `deployed` brings
up a stack on ports of its own and remembers it, so all who ask for the same name share it; what was
brought up is stopped when the session ends, however it ends.
"""

import fcntl
import json
import os
import shutil
import signal
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

from infra import deploy, package
from infra.deploy import vendor_parameters
from infra.local.aws import REGION, LocalAws
from infra.local.daemon import DaemonError
from infra.local.gateway import ORIGINS
from infra.local.shared_code import SHARED_CODE
from infra.localstack.up import LocalStack
from infra.stack import Stack
from infra.standins.contracts import Contracts
from infra.standins.server import Standins
from tests.support.compose import STAGE, Compose, commands, engine_answers
from tests.support.lanes import PACKAGE_FOLDER
from tests.support.measured import measuring
from tests.support.patience import CLIENT_S, NotYetError, eventually
from tests.support.plain import NO_TLS
from tests.support.processes import free_port, kill, processes

PYTHON = package.ROOT / ".ministack" / "venv" / "bin" / "python"
# What plays AWS: `make test TARGET=...`
TARGET = os.environ.get("TEST_TARGET") or "local"
# A file's message hides this long while it is worked on: longer than any file takes here.
VISIBILITY_S = 10
PARAMETERS = {
    "Auth": "open",
    # The searches of the stand-ins show everything at once.
    "BakerySettleSeconds": "3",
    "BakeryDriveSettleSeconds": "3",
    "BakeryUndoSeconds": "3",
    "VendingFleetDelaySeconds": "0",
    "VendingVisibilitySeconds": str(VISIBILITY_S),
}
_MAKING_CLIENTS = threading.Lock()  # a session makes one at a time
_PACKAGE = pytest.StashKey[Path]()
_RUNNING = pytest.StashKey[dict[str, "Deployed"]]()


@dataclass
class Deployed:
    """A stack on an embedded AWS: its API, its functions, its queues, its logs, its processes."""

    aws: LocalAws | LocalStack
    stage: str
    signs_in: bool = False
    own: Mapping[str, str] = field(default_factory=dict)
    """Parameters that other stacks have not."""
    outputs: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    clients: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def standins(self) -> Standins:
        """Return the vendors' stand-ins that this stack talks to."""
        webhook = f"{self.aws.api}/webhooks/jira"
        return Standins(self.aws.home, contracts=Contracts.find(), webhook=webhook).start()

    @property
    def parameters(self) -> dict[str, str]:
        """Return the parameters that the stack is deployed with."""
        here = {"BakeryHome": self.aws.api, "PresignEndpoint": self.aws.presign_endpoint}
        auth = self.standins.identity() if self.signs_in else {}
        settled = {**PARAMETERS, **self.own, **auth, **here}
        return {**settled, **vendor_parameters(json.dumps(self.standins.settings()))}

    @cached_property
    def api(self) -> httpx.Client:
        """Return a client of the API; threads may share it."""
        return httpx.Client(base_url=self.aws.api, timeout=CLIENT_S, verify=NO_TLS)

    @property
    def bucket(self) -> str:
        """Return the name of the share."""
        return self.outputs["VendingBucket"]

    def client(self, service: str) -> Any:
        """Return a client of one of AWS's services; threads may share it."""
        with _MAKING_CLIENTS:
            if service not in self.clients:
                pool = Config(max_pool_connections=40, read_timeout=CLIENT_S)
                at = {"endpoint_url": self.aws.endpoint, "config": pool}
                self.clients[service] = _session().client(service, **at)
            return self.clients[service]

    def function(self, name: str) -> str:
        """Return the full name of a function such as ``vending-file-arrived``."""
        return f"backroom-{self.stage}-{name}"

    def invoke(self, name: str, event: Mapping[str, Any]) -> None:
        """Run a function, which must not fail."""
        answer = self.client("lambda").invoke(
            FunctionName=self.function(name), Payload=json.dumps(event)
        )
        assert "FunctionError" not in answer, answer["Payload"].read()

    def logs(self, name: str, since_ms: int = 0) -> list[str]:
        """Return what a function has logged since then, oldest first."""
        group = f"/aws/lambda/{self.function(name)}"
        pages = self.client("logs").get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=group, startTime=since_ms)
        return [event["message"] for page in found for event in page["events"]]

    def records(self, name: str, message: str, since_ms: int = 0) -> list[dict[str, Any]]:
        """Return a function's own log lines that say ``message``."""
        lines = [_json(line) for line in self.logs(name, since_ms)]
        return [line for line in lines if line.get("message") == message]

    def last_logs(self, since_ms: int, most: int = 200) -> list[str]:
        """Return the last lines that the stage's functions have logged since then, in order."""
        logs = self.client("logs")
        groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{self.function('')}")
        found = [
            event
            for group in groups["logGroups"]
            for event in logs.filter_log_events(
                logGroupName=group["logGroupName"], startTime=since_ms
            )["events"]
        ]
        found.sort(key=lambda event: event["timestamp"])
        return [event["message"].rstrip() for event in found[-most:]]

    def kill_one(self, name: str) -> int:
        """Kill one of a function's environments, whatever it does; return how many died."""
        return self._kill(name, most=1)

    def kill_all(self, name: str) -> int:
        """Kill all of a function's environments, whatever they do; return how many died."""
        return self._kill(name)

    def _kill(self, name: str, most: int | None = None) -> int:
        if isinstance(self.aws, Compose):
            return sum(map(self.aws.kill, self.aws.environments(self.function(name))[:most]))
        kind = "ministack-lambda-" if isinstance(self.aws, LocalAws) else ""
        found = processes(f"{self.aws.temporary}/{kind}{self.function(name)}-")
        return sum(map(kill, found[:most]))

    def objects(self) -> list[str]:
        """Return the keys of the share."""
        pages = self.client("s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.bucket)
        return [entry["Key"] for page in found for entry in page.get("Contents", [])]

    def queue_depth(self, output: str) -> int:
        """Return how many messages a queue holds, those that are worked on included."""
        attributes = self.client("sqs").get_queue_attributes(
            QueueUrl=self.outputs[output], AttributeNames=["All"]
        )["Attributes"]
        waiting, taken = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"
        return int(attributes[waiting]) + int(attributes[taken])

    def calm(self) -> bool:
        """Return whether every file has been looked at and the fleet has been judged."""
        if self.queue_depth("VendingUploadsQueue") or self.queue_depth("VendingFleetQueue"):
            return False
        return bool(self.api.get("/fleet").json()["up_to_date"])

    def healthy(self) -> bool:
        """Return whether the API says that it is well."""
        with suppress(httpx.TransportError):
            return self.api.get("/health").status_code == httpx.codes.OK
        return False

    def start(self) -> None:
        """Start the embedded AWS and wait until AWS's APIs answer."""
        with warnings.catch_warnings():
            # Nobody keeps the server's process at hand: it is found and stopped by its id.
            warnings.simplefilter("ignore", ResourceWarning)
            self.aws.start(patience_s=CLIENT_S)

    def stop(self) -> None:
        """Stop the embedded AWS; what is stored stays, of its processes nothing does."""
        pid = self.aws.pid()
        try:
            self.aws.stop()
        finally:
            if pid and self.aws.pid() == pid:
                kill(pid)
            self._leave_no_process()

    def close(self) -> None:
        """Stop for good, undisturbed."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.stop()
        if "standins" in vars(self):
            self.standins.stop()
        self.api.close()
        for client in self.clients.values():
            client.close()

    def _leave_no_process(self) -> None:
        """Wait for the functions' processes, which end when the server has; then end them."""
        home = str(self.aws.home)
        with suppress(NotYetError):
            eventually(lambda: not processes(home), within_s=20)
        for pid in processes(home):
            kill(pid)


@cache
def _session() -> Any:
    """Return the session of all stacks; each session reads descriptions of the services anew."""
    return boto3.session.Session("test", "test", region_name=REGION)


def packaged(request: pytest.FixtureRequest) -> Path:
    """Return the folder with the session's zips and ``sam.json``."""
    stash = request.config.stash
    if _PACKAGE not in stash:
        ours = os.environ.get(PACKAGE_FOLDER)
        folder = Path(ours) if ours else _new_folder(request, "build")
        done = folder / "done"
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another lane may be at it
            if not done.exists():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # those of the libraries that read templates
                    done.write_text(str(package.build(local=True, folder=folder)))
        stash[_PACKAGE] = Path(done.read_text())
    return stash[_PACKAGE]


def deployed(
    request: pytest.FixtureRequest,
    stage: str,
    *,
    signs_in: bool = False,
    parameters: Mapping[str, str] | None = None,
    **environment: str,
) -> Deployed:
    """Return the stack ``stage``, brought up at the first call and stopped with the session.

    With ``signs_in`` it takes the tokens of its own stand-in for an identity provider, otherwise
    anybody may call it. ``parameters`` are its own, ``environment`` is the embedded AWS's.
    """
    running = request.config.stash.setdefault(_RUNNING, {})
    if TARGET == "compose" and stage not in running:
        if running:
            pytest.skip("a Compose project has one stack")
        running[stage] = _composed(request, parameters or {}, environment)
    if stage not in running:
        _check_what_is_installed()
        built = packaged(request)
        running[stage] = _started(request, stage, {**_settings(request), **environment})
        running[stage].signs_in = signs_in
        running[stage].own = parameters or {}
        # As `make up` does: the gateway lets these origins in.
        origins = running[stage].own.get("CorsOrigins", "")
        (running[stage].aws.home / ORIGINS).write_text(origins)
        deploy_first(running[stage], built)
        eventually(running[stage].healthy, within_s=60)
    return running[stage]


def _check_what_is_installed() -> None:
    if not PYTHON.exists():
        pytest.skip("the embedded AWS is not installed here; run: make install")
    if TARGET == "localstack" and not LocalStack(PYTHON, 0, 0).python.exists():
        pytest.skip("LocalStack is not installed here; run: make install TARGET=localstack")


def deploy_again(stack: Deployed, folder: Path) -> dict[str, str]:
    """Run the deployer as ``make up`` does, packaging below ``folder``; return the outputs.

    Skips the test when somebody edits the sources meanwhile.
    """
    if _fingerprint(stack) != stack.fingerprint:
        pytest.skip("the sources have changed since the stack was deployed")
    with aimed_at(stack.aws):
        return deploy.deploy("local", stack.stage, stack.parameters, build=folder)


def deploy_over(stack: Deployed, built: Path, settings: Mapping[str, str] | None = None) -> None:
    """Have the deployer put a package over what stands, with other vendors' settings if given."""
    more = vendor_parameters(json.dumps(settings)) if settings else {}
    parameters = {"Stage": stack.stage, **stack.parameters, **more}
    target: deploy.Target = "localstack" if TARGET == "localstack" else "local"
    with aimed_at(stack.aws):
        standing = Stack(deploy.session(target), f"backroom-{stack.stage}")
        stack.outputs = deploy.roll_out(target, standing, built, parameters, "another")


def deploy_first(stack: Deployed, built: Path) -> None:
    """Deploy what was packaged before, as the deployer would have done it."""
    stack.fingerprint = _fingerprint(stack)
    with aimed_at(stack.aws):
        standing = Stack(deploy.session("local"), f"backroom-{stack.stage}")
        parameters = {"Stage": stack.stage, **stack.parameters}
        stack.outputs = standing.deploy(built, parameters, stack.fingerprint)


def _settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the settings of every embedded AWS: code for all, seldom snapshots; and coverage."""
    if TARGET != "local":
        return {}
    shared = {SHARED_CODE: str(packaged(request).parent / "unpacked"), "SAVE_EVERY_S": "60"}
    return {**shared, **measuring(_new_folder(request, "coverage"))}


def _fingerprint(stack: Deployed) -> str:
    return package.fingerprint("local", stack.stage, repr(sorted(stack.parameters.items())))


def _started(
    request: pytest.FixtureRequest, stage: str, environment: Mapping[str, str]
) -> Deployed:
    """Start an embedded AWS on free ports, and again on others when somebody snatches one."""
    for attempt in range(5):
        home = _new_folder(request, stage)
        stack = Deployed(_server(home, environment), stage)
        request.config.add_cleanup(stack.close)
        signal.signal(signal.SIGTERM, _terminated)
        try:
            stack.start()
        except DaemonError:
            if attempt == 4:
                raise
        else:
            return stack
    raise AssertionError


def _composed(
    request: pytest.FixtureRequest, parameters: Mapping[str, str], environment: Mapping[str, str]
) -> Deployed:
    """Return the stack that docker-compose.yml deploys, behind its gateway."""
    if not (engine_answers() and commands()):
        pytest.skip("no Docker engine answers, or no Compose; see: docker info")
    if environment:
        pytest.skip(f"the embedded AWS alone knows {', '.join(environment)}")
    settings = {**PARAMETERS, **parameters}
    home = _new_folder(request, "compose")
    project = Compose(home, free_port(), free_port(), command=commands()[0], parameters=settings)
    stack = Deployed(project, STAGE)
    request.config.add_cleanup(stack.close)
    signal.signal(signal.SIGTERM, _terminated)
    stack.start()
    with aimed_at(stack.aws):
        stack.outputs = Stack(deploy.session("localstack"), f"backroom-{STAGE}").outputs()
    return stack


def _server(home: Path, environment: Mapping[str, str]) -> LocalAws | LocalStack:
    if TARGET != "localstack":
        return LocalAws(home, free_port(), free_port(), PYTHON, environment)
    if own := environment.keys() - {
        "AUTH"
    }:  # it does not enforce IAM, which only test_iam is about
        pytest.skip(f"the embedded AWS alone knows {', '.join(own)}")
    return LocalStack(home, free_port(), free_port())


@contextmanager
def aimed_at(aws: LocalAws | LocalStack) -> Iterator[None]:
    """Have the deployer find this embedded AWS, whatever AWS the developer uses otherwise."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", aws.endpoint)
        environment.delenv("AWS_PROFILE", raising=False)
        yield


def _terminated(*_: object) -> None:
    pytest.exit("terminated")  # so that what was started is stopped


def _new_folder(request: pytest.FixtureRequest, name: str) -> Path:
    """Return a folder that is there until the session ends.

    It is not pytest's own: those go when other sessions on this machine tidy up after old ones, and
    with it the file by which a running server is found.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"backroom-{name}-"))
    request.config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    return folder


def _json(line: str) -> dict[str, Any]:
    with suppress(ValueError):
        found = json.loads(line)
        return found if isinstance(found, dict) else {}
    return {}
