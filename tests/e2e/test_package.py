"""The packaged functions: small, compiled, and whole without what the embedded AWS brings along."""

import hashlib
import importlib.util
import json
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import chalice
import pytest

from infra import openapi, package, quotas
from tests.e2e.test_events import IT_IS_LATE
from tests.support.deployed import Deployed
from tests.support.issuer import AUDIENCE, Issuer, PrivateKey, ec_key, rsa_key
from tests.support.vending.crew import hired, log

_UNCHECKED_HASH = (1).to_bytes(4, "little")  # PEP 552


@pytest.fixture(scope="module", params=package.MAX_ZIP_BYTES)
def deployment(package_folder: Path, request: pytest.FixtureRequest) -> Iterator[zipfile.ZipFile]:
    """Each of the zips."""
    with zipfile.ZipFile(package_folder / request.param) as opened:
        yield opened


@pytest.fixture(scope="module")
def unzipped_events(unzipped_by_name: dict[str, Path]) -> Path:
    """The files of the event functions' zip."""
    return unzipped_by_name[package.EVENTS_ZIP]


@pytest.fixture(scope="module")
def functions(package_folder: Path) -> dict[str, Any]:
    """Every function's properties by its name in the template."""
    template = json.loads((package_folder / "sam.json").read_text())
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


@pytest.fixture(scope="module")
def handlers(functions: dict[str, Any]) -> dict[str, str]:
    """Every function's handler by its name in the template."""
    return {name: properties["Handler"] for name, properties in functions.items()}


def run(unzipped: Path, script: str, **environment: str) -> str:
    """Run a script with nothing but the zip and the standard library; return what it prints."""
    path = f"import sys; sys.path.insert(0, {str(unzipped)!r})\n"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", path + script],
        env={"AWS_DEFAULT_REGION": "us-east-1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def imported(unzipped: Path, handler: str) -> list[str]:
    """Return all modules that are imported with a handler."""
    module, _, function = handler.rpartition(".")
    script = f"import {module}; assert callable({module}.{function}); print(*sys.modules)"
    return run(unzipped, script).split()


def request(
    method: str, path: str, body: str = "", token: str | None = None, **path_values: str
) -> dict[str, Any]:
    """Return an event as the gateway gives it to the API's function."""
    return {
        "path": path.format(**path_values),
        "requestContext": {"resourcePath": path, "httpMethod": method, "requestId": "1"},
        "headers": {
            "content-type": "text/plain",
            **({"authorization": f"Bearer {token}"} if token else {}),
        },
        "multiValueQueryStringParameters": None,
        "pathParameters": path_values or None,
        "stageVariables": None,
        "body": body,
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize(("name", "most"), package.MAX_ZIP_BYTES.items())
def test_the_zips_are_small(package_folder: Path, name: str, most: int) -> None:
    assert (package_folder / name).stat().st_size < most


def test_what_reads_tokens_is_shipped_to_the_api_alone(
    functions: dict[str, Any], unzipped_events: Path
) -> None:
    zips = {name: PurePosixPath(told["CodeUri"]).name for name, told in functions.items()}

    assert zips.pop("APIHandler") == package.API_ZIP
    assert set(zips.values()) == {package.EVENTS_ZIP}
    assert not [name for name in ("Crypto", "jwt") if (unzipped_events / name).exists()]


def test_every_module_is_compiled_and_never_checked_against_its_source(
    deployment: zipfile.ZipFile,
) -> None:
    names = set(deployment.namelist())
    stale = []
    for name in names:
        if name.endswith(".py"):
            compiled = importlib.util.cache_from_source(name)
            head = deployment.read(compiled)[:16] if compiled in names else b""
            source = importlib.util.source_hash(deployment.read(name))
            if head != importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + source:
                stale.append(name)

    assert stale == []


def test_modules_without_source_are_compiled_for_this_python(deployment: zipfile.ZipFile) -> None:
    for name in deployment.namelist():
        if name.endswith(".pyc"):
            assert deployment.read(name)[:8] == importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH, name


def test_nothing_of_the_workshop_is_shipped(deployment: zipfile.ZipFile) -> None:
    tops = {PurePosixPath(name).parts[0] for name in deployment.namelist()}

    assert not tops & {"backroom", "bench", "infra", "tests", "boto3", "pip", "chalicelib.egg-info"}
    assert not [name for name in deployment.namelist() if "/tests/" in name]


def test_every_function_starts_from_its_zip_alone(
    unzipped_by_name: dict[str, Path], functions: dict[str, Any]
) -> None:
    """The embedded AWS hides a module that is missing from the zip; AWS does not."""
    assert len(functions) >= 4

    for told in functions.values():
        imported(unzipped_by_name[PurePosixPath(told["CodeUri"]).name], told["Handler"])


def test_an_event_function_starts_without_the_api(
    unzipped_events: Path, handlers: dict[str, str]
) -> None:
    events = {name: handler for name, handler in handlers.items() if handler != "app.app"}
    assert events

    for name, handler in events.items():
        modules = imported(unzipped_events, handler)
        context = handler.split(".")[1]
        assert "app" not in modules, name
        assert not [m for m in modules if m.endswith("routes")], name
        others = {m.split(".")[1] for m in modules if m.startswith("chalicelib.")}
        assert others <= {"core", context, "integrations"}, name


def test_the_zips_alone_do_the_main_job(
    stack: Deployed, unzipped: Path, unzipped_events: Path, handlers: dict[str, str]
) -> None:
    """What is imported late, while a request or an event is worked on, must be shipped too."""
    environment = stack.client("lambda").get_function_configuration(
        FunctionName=stack.function("api")
    )["Environment"]["Variables"]
    crew = hired(stack)
    name = f"{crew.technician}.{crew.machine}.2020-04-01_120000.zip"
    crew.upload(log(crew.machine, rows=400, faulty=10))
    body = json.dumps({"keys": [f"incoming/{name}"]})
    message = {"messageId": "1", "receiptHandle": "1", "attributes": {}, "body": body}
    asked = [
        ("app.app", request("GET", "/openapi.json")),
        ("app.app", request("POST", "/imports", log(crew.machine))),
        ("app.app", request("GET", "/fleet")),
        ("app.app", request("GET", "/machines/{serial}/transactions", serial=crew.machine)),
    ]
    events: list[tuple[str, dict[str, Any]]] = [
        (handlers["VendingFileArrived"], {"Records": [message]}),
        (handlers["VendingFleetChanged"], {"Records": []}),
        (handlers["VendingDailySweep"], IT_IS_LATE),
    ]
    environment |= {
        "AWS_ENDPOINT_URL": stack.aws.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }

    answers = _done(unzipped, asked, environment)
    done = _done(unzipped_events, events, environment)

    assert [answer["statusCode"] for answer in answers] == [200, 201, 200, 200]
    assert done == [{"batchItemFailures": []}, {"batchItemFailures": []}, None]


def _done(
    unzipped: Path, jobs: list[tuple[str, dict[str, Any]]], environment: dict[str, str]
) -> list[Any]:
    """Return what handlers answer, called one after the other in one process."""
    script = f"""
import contextlib, importlib, json
class Context:
    aws_request_id, function_name = "1", "f"
    memory_limit_in_mb, invoked_function_arn = 128, "arn"
    def get_remaining_time_in_millis(self): return 60000
answers = []
with contextlib.redirect_stdout(sys.stderr):
    for handler, event in json.loads({json.dumps(json.dumps(jobs))}):
        module, _, function = handler.rpartition(".")
        answers.append(getattr(importlib.import_module(module), function)(event, Context()))
print(json.dumps(answers))
"""
    answers: list[Any] = json.loads(run(unzipped, script, **environment))
    return answers


def test_the_document_is_rendered_where_the_function_s_dependencies_are_not_installed(
    package_folder: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As on a fresh checkout, whose deployer has Chalice but not all of them."""
    vendor = (package_folder.parent / "app" / "vendor").resolve()
    installed = tmp_path_factory.mktemp("installed")
    (installed / "chalice").symlink_to(Path(chalice.__file__).parent)
    command = [sys.executable, "-S", "-c", package._RENDER, str(vendor), "--package", str(tmp_path)]

    subprocess.run(command, cwd=package.ROOT, env={"PYTHONPATH": str(installed)}, check=True)

    for path in tmp_path.iterdir():
        packaged = package_folder.parent / "app" / "chalicelib" / path.name
        assert path.read_bytes() == packaged.read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(("auth", "takes_tokens"), [("open", False), ("jwt", True)])
def test_the_openapi_document_is_packaged_and_not_rendered(
    unzipped: Path, auth: str, takes_tokens: bool
) -> None:
    stage = {"AUTH": auth, "AUTH_ISSUER": "https://id.example/", "AUTH_AUDIENCE": "backroom"}
    script = f"""
import contextlib, hashlib, json
with contextlib.redirect_stdout(sys.stderr):
    import app
    answer = app.app({request("GET", "/openapi.json")!r}, None)
rendering = [name for name in sys.modules if name.startswith("chalicelib.") and "openapi" in name]
print(json.dumps([hashlib.sha256(answer["body"].encode()).hexdigest(), rendering]))
"""

    told = json.loads(run(unzipped, script, AWS_LAMBDA_FUNCTION_NAME="x", **stage))

    rendered = openapi.packaged(takes_tokens=takes_tokens)
    assert told == [hashlib.sha256(rendered.encode()).hexdigest(), []]


# --- tokens -------------------------------------------------------------------------------------

_ANSWERS = """
import contextlib, importlib, json
with contextlib.redirect_stdout(sys.stderr):
    import app
    statuses = [app.app(event, None)["statusCode"] for event in json.loads({events!r})]
print(json.dumps([statuses, "jwt" in sys.modules, "Crypto" in sys.modules]))
"""


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    running = Issuer().start()
    yield running
    running.stop()


def answered(unzipped: Path, *events: dict[str, Any], **environment: str) -> list[Any]:
    """Return what the API's function answers, and whether it has loaded what reads tokens."""
    script = _ANSWERS.format(events=json.dumps(events))
    told: list[Any] = json.loads(run(unzipped, script, AWS_LAMBDA_FUNCTION_NAME="x", **environment))
    return told


@pytest.mark.parametrize("key", [rsa_key("first"), ec_key("first")])
def test_the_zip_alone_reads_tokens(
    unzipped: Path, issuer: Issuer, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer, "key", key)
    stage = {"AUTH": "jwt", "AUTH_ISSUER": issuer.url, "AUTH_AUDIENCE": AUDIENCE}
    tokens = [issuer.token("operate"), issuer.token("operate", exp=1)]
    asked = [request("PUT", "/sites/{site_id}", "", token, site_id="a") for token in tokens]

    assert answered(unzipped, *asked, **stage) == [[403, 401], True, True]


def test_who_brings_no_token_has_nothing_loaded_that_reads_one(
    unzipped: Path, issuer: Issuer
) -> None:
    stage = {"AUTH": "jwt", "AUTH_ISSUER": issuer.url, "AUTH_AUDIENCE": AUDIENCE}
    asked = [request("GET", "/ping"), request("GET", "/fleet")]

    assert answered(unzipped, *asked, **stage) == [[200, 401], False, False]


def test_an_open_stage_never_loads_what_reads_tokens(unzipped: Path) -> None:
    asked = [request("GET", "/ping"), request("PUT", "/sites/{site_id}", "{", "x", site_id="a")]

    assert answered(unzipped, *asked, AUTH="open") == [[200, 415], False, False]


# --- what AWS allows ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def template_for_aws(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged template that `make deploy` gives to AWS; local targets take another."""
    return package.build(local=False, folder=tmp_path_factory.mktemp("aws")) / "sam.json"


def test_aws_takes_the_template(template_for_aws: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the libraries that read templates
        package.lint(template_for_aws)


def test_nothing_outgrows_what_aws_allows(template_for_aws: Path) -> None:
    template = json.loads(template_for_aws.read_text())

    assert [str(use) for use in quotas.uses(template) if use.exceeded] == []


def test_another_kind_of_effects_still_fits(template_for_aws: Path) -> None:
    """Each takes a variable of the API's function, which has the fullest environment."""
    template = json.loads(template_for_aws.read_text())
    [left] = [
        use.quota - use.used
        for use in quotas.uses(template)
        if (use.what, use.whom) == ("environment in bytes", "APIHandler")
    ]

    assert left > 3 * 130
