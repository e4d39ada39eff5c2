"""Building what is deployed: a zip that starts fast, and a template that was checked.

Chalice packages from a staging folder (``build/app``) whose ``vendor`` holds the dependencies,
installed once. It ships no compiled files and dates everything 1980, so that each cold start would
compile them; here every module comes as an unchecked-hash ``.pyc`` (PEP 552), valid wherever it is
unzipped. Of the dependencies only that form is shipped, of botocore only the services in use, and
pydantic in a form that imports faster (`infra.lighter`).
"""

import ast
import compileall
import fcntl
import gzip
import hashlib
import json
import os
import py_compile
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

from infra import lighter, rate_cards, restorable, templates
from infra.declarations import DeclarationError, Declarations

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build"
API_ZIP, EVENTS_ZIP = "deployment.zip", "events.zip"
MAX_ZIP_BYTES = {API_ZIP: 8_000_000, EVENTS_ZIP: 6_200_000}
# The page shows it; `chalicelib.web.files` reads it from here where nothing is packaged.
_RUNBOOK = ROOT / "docs" / "operations.md"
# The deployer's environment lacks some of the function's dependencies; what it has goes first, as
# theirs may be built for another platform.
_RENDER = (
    "import runpy, sys; sys.path.append(sys.argv.pop(1)); "
    "runpy.run_module('infra.openapi', run_name='__main__', alter_sys=True)"
)
# What no event function imports: it takes no tokens, serves no page and has no routes.
_API_ALONE = re.compile(
    r"Crypto/|jwt/|chalicelib/(openapi|web/|.*(routes|screens)\."
    r"|(__pycache__/)?operations\.|ledger/(service/|(__pycache__/)?wiring\.)"
    r"|operators/(models/|service/|(__pycache__/)?(checking|store|wiring)\.)"
    r"|core/(__pycache__/)?(auth/|(contexts|descriptions|openapi|routing)\.))"
)
# The botocore services whose data is shipped.
SERVICES = ("dynamodb", "lambda", "s3", "secretsmanager", "sesv2", "sqs")
# Parts of the dependencies that no function imports; the end-to-end tests would notice.
_UNUSED = (
    "Crypto/Cipher/_mode_*",
    "Crypto/PublicKey/*25519*",
    "Crypto/PublicKey/ML*",
    "Crypto/PublicKey/_ml*",
    "Crypto/SelfTest",
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/metrics/provider/datadog",
    "aws_lambda_powertools/utilities/[!_j]*",
    "bin",
    "dateutil/rrule.py",
    "jwt/help.py",
    "dateutil/zoneinfo",
    "pydantic/deprecated",
    "pydantic/experimental",
    "pydantic/mypy.py",
    "pydantic/v1",
    "tzdata/zoneinfo/tzdata.zi",
    "urllib3/contrib/[!_]*",
)
# Those that handlers are registered for: their ids, and STS, which gives credentials.
_EVENT_SERVICES = {"dynamodb", "lambda", "s3", "secrets-manager", "sesv2", "sqs", "sts"}
# What botocore imports of its docstrings.
_DOCSTRINGS = ("ClientMethodDocstring", "PaginatorDocstring", "WaiterDocstring")
_ENDPOINT_SERVICES = {*SERVICES, "email", "sts"}  # email is SES

LAMBDA_PLATFORM = "manylinux2014_x86_64"
"""The wheels that AWS Lambda runs, and LocalStack's containers."""


class PackagingError(Exception):
    """The package can't be built; the message says why."""


def inputs() -> Iterator[Path]:
    """Yield every file that what is deployed is made of."""
    yield from (ROOT / "app.py", ROOT / "requirements.txt", _RUNBOOK)
    for folder in (ROOT / "chalicelib", ROOT / ".chalice", ROOT / "infra"):
        yield from (
            path
            for path in sorted(folder.rglob("*"))
            if path.is_file()
            and "__pycache__" not in path.parts
            and "deployments" not in path.parts
        )


def fingerprint(*settings: str) -> str:
    """Return a name for the present inputs and ``settings``: another one when any of it changes."""
    digest = hashlib.sha256(f"{sys.version_info[:2]}{settings}".encode())
    for path in inputs():
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def build(*, local: bool, platform: str | None = None, folder: Path = BUILD) -> Path:
    """Build below ``folder``; return where the zips and ``sam.json``, which names them, are then.

    ``local`` adds what only local targets need. ``platform`` names the wheels of the machine that
    will run the functions; None is this one, which the embedded AWS runs them on. The dependencies
    are installed once for all folders. Raises PackagingError.
    """
    vendor = _vendor(platform)
    app, overlay, out = folder / "app", folder / "infra.json", folder / "out"
    _stage(app, vendor)
    try:
        templates.write(overlay, app / ".chalice", local=local)
    except DeclarationError as wrong:
        raise PackagingError(f"The templates cannot be merged: {wrong}") from wrong
    shutil.rmtree(out, ignore_errors=True)
    _run(
        [_tool("chalice"), "package", "--stage", "backroom"]
        + ["--pkg-format", "cloudformation", "--merge-template", str(overlay), str(out)],
        cwd=app,
        why="Chalice could not package the app",
    )
    _compile_rest(out / API_ZIP)
    _split(out, templates.merged(local=local).declared)
    for name, most in MAX_ZIP_BYTES.items():
        if (size := (out / name).stat().st_size) > most:
            raise PackagingError(f"{name} has {size} bytes; at most {most} go.")
    return out


def lint(template: Path) -> None:
    """Check the packaged template with cfn-lint, unless it is the one that was found good last.

    Raises PackagingError.
    """
    stamp = template.parent.with_suffix(".linted")
    found = hashlib.sha256(
        metadata.version("cfn-lint").encode() + template.read_bytes()
    ).hexdigest()
    if stamp.exists() and stamp.read_text() == found:
        return
    _run(
        [_tool("cfn-lint"), "--regions", "us-east-1", "--", str(template)],
        cwd=ROOT,
        why="cfn-lint found faults in the packaged template",
    )
    stamp.write_text(found)


def _vendor(platform: str | None) -> Path:
    """Return the folder with the function's dependencies, installed unless they are there."""
    vendor = BUILD / f"vendor-{platform or 'here'}"
    vendor.parent.mkdir(exist_ok=True)
    requirements = ROOT / "requirements.txt"
    made_of = (requirements, Path(__file__), *lighter.SOURCES)
    wanted = hashlib.sha256(
        b"".join(path.read_bytes() for path in made_of) + str(sys.version_info[:2]).encode()
    ).hexdigest()
    stamp = vendor.with_suffix(".stamp")
    with vendor.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another `make` may be at it
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            shutil.rmtree(vendor, ignore_errors=True)
            _install(requirements, vendor, platform)
            _prune(vendor)
            _lighten(vendor)
            _compile(vendor, alone=True)
            stamp.write_text(wanted)
    return vendor


def _install(requirements: Path, vendor: Path, platform: str | None) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    elsewhere = ["--platform", platform, "--implementation", "cp"] if platform else []
    _run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        + ["--target", str(vendor), "--no-compile", "--no-deps", "--only-binary", ":all:"]
        + ["--python-version", version, *elsewhere, "-r", str(requirements)],
        cwd=ROOT,
        why="The function's dependencies could not be installed (is the registry reachable?)",
    )


def _prune(vendor: Path) -> None:
    """Drop what never runs in a function: tests, stubs, botocore's other services."""
    stubs = ("*.dist-info", "**/tests", "**/*.pyi", "**/py.typed", "**/examples-1.json*")
    for pattern in (*_UNUSED, *stubs):
        for path in list(vendor.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    data = vendor / "botocore" / "data"
    for service in data.iterdir():
        if service.is_dir() and service.name not in SERVICES:
            shutil.rmtree(service)
    for model in data.glob("*/*/service-2.json.gz"):
        _strip_documentation(model)
    _prune_endpoints(data / "endpoints.json")
    _drop_docstrings(vendor / "botocore" / "docs")
    for library in vendor.rglob("*.so"):
        _strip_symbols(library)


def _lighten(vendor: Path) -> None:
    try:
        lighter.lighten(vendor, _EVENT_SERVICES)
    except lighter.UnexpectedSourceError as odd:
        raise PackagingError(str(odd)) from odd


def _strip_documentation(path: Path) -> None:
    """Drop the prose from a service's description, two thirds of it."""
    described = json.loads(gzip.decompress(path.read_bytes()), object_hook=_undocumented)
    text = json.dumps(described, separators=(",", ":")).encode()
    path.write_bytes(gzip.compress(text, mtime=0))


def _drop_docstrings(docs: Path) -> None:
    """Give the methods of botocore's clients no docstrings; what writes them imports a lot.

    Raises PackagingError when botocore has others than those that are left out here.
    """
    written = docs / "docstring.py"
    classes = {
        node.name for node in ast.parse(written.read_text()).body if isinstance(node, ast.ClassDef)
    }
    if classes != {"LazyLoadedDocstring", *_DOCSTRINGS}:
        raise PackagingError(f"{written} has other classes than expected: {sorted(classes)}")
    for path in docs.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "utils.py":  # botocore's handlers are made of it
            path.unlink()
    (docs / "__init__.py").write_text("")
    written.write_text(
        "class _Nothing(str):\n"
        "    def __new__(cls, *_, **__):\n"
        "        return super().__new__(cls)\n\n\n"
        f"{' = '.join(_DOCSTRINGS)} = _Nothing\n"
    )


def _strip_symbols(library: Path) -> None:
    """Cut off what follows the last segment of an ELF file: symbols for debuggers, sections.

    Only segments are loaded (ELF-64 specification, "Program Header"). Other formats stay.
    """
    content = bytearray(library.read_bytes())
    if content[:6] != b"\x7fELF\x02\x01":  # 64 bits, little-endian
        return
    (first,) = struct.unpack_from("<Q", content, 0x20)
    size, count = struct.unpack_from("<HH", content, 0x36)
    ends = [
        offset + length
        for place in range(first, first + size * count, size)
        for offset, length in [struct.unpack_from("<8xQ16xQ", content, place)]
    ]
    struct.pack_into("<Q", content, 0x28, 0)  # where the section headers are
    struct.pack_into("<HHH", content, 0x3A, 0, 0, 0)  # their size, number, and names
    library.write_bytes(content[: max(ends)])


def _undocumented(node: dict[str, Any]) -> dict[str, Any]:
    # Emptied and not removed: botocore expects the member in places.
    return {**node, "documentation": ""} if isinstance(node.get("documentation"), str) else node


def _prune_endpoints(path: Path) -> None:
    """Keep only our services' endpoints: the whole file is parsed for one host name."""
    endpoints = json.loads(path.read_text())
    for partition in endpoints["partitions"]:
        partition["services"] = {
            name: service
            for name, service in partition["services"].items()
            if name in _ENDPOINT_SERVICES
        }
    path.write_text(json.dumps(endpoints, separators=(",", ":")))


def _stage(app: Path, vendor: Path) -> None:
    """Copy the app, and link its dependencies, to where Chalice packages from."""
    shutil.rmtree(app, ignore_errors=True)
    app.mkdir(parents=True)
    shutil.copy(ROOT / "app.py", app)
    skip = shutil.ignore_patterns("__pycache__", "deployments", "deployed")
    shutil.copytree(ROOT / "chalicelib", app / "chalicelib", ignore=skip)
    shutil.copytree(ROOT / ".chalice", app / ".chalice", ignore=skip)
    shutil.copy(_RUNBOOK, app / "chalicelib" / "web" / "static" / "runbook.md")
    (app / rate_cards.TARGET.relative_to(ROOT)).write_text(rate_cards.text())
    # In a process of its own: `make dev` packages again and again, and holds the first version.
    _run(
        [sys.executable, "-c", _RENDER, str(vendor), "--package", str(app / "chalicelib")],
        cwd=ROOT,
        why="The OpenAPI document could not be rendered",
    )
    (app / "requirements.txt").write_text("")
    (app / "vendor").symlink_to(vendor)
    _compile(app / "chalicelib")


def _compile(folder: Path, *, alone: bool = False) -> None:
    """Compile every module below ``folder``; the files are valid whatever their dates become.

    ``alone`` leaves no source beside them: half the size. They run on this Python's minor version,
    which is the runtime that Chalice names in the template.
    """
    done = compileall.compile_dir(
        folder,
        quiet=1,
        workers=0,
        legacy=alone,
        stripdir=str(folder.parent),
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        raise PackagingError(f"Not every module below {folder} compiles.")
    if alone:
        for source in list(folder.rglob("*.py")):
            source.unlink()


def _compile_rest(package: Path) -> None:
    """Compile what is in the zip without having been staged: Chalice's own runtime, ``app.py``."""
    with zipfile.ZipFile(package, "a", zipfile.ZIP_DEFLATED) as zipped:
        names = set(zipped.namelist())
        for name in sorted(names):
            compiled = cache_from_source(name)
            if name.endswith(".py") and compiled not in names:
                code = _compiled(zipped.read(name), name)
                # Dated like the rest, so that the same inputs give the same zip.
                zipped.writestr(zipfile.ZipInfo(compiled), code, zipfile.ZIP_DEFLATED)


def _split(out: Path, declared: Declarations) -> None:
    """Give the event functions a zip of their own, without what the API alone needs.

    And have the template follow its parameters of tables and of holding the stage.
    """
    with (
        zipfile.ZipFile(out / API_ZIP) as whole,
        zipfile.ZipFile(out / EVENTS_ZIP, "w") as events,
    ):
        for entry in whole.infolist():
            if not _API_ALONE.match(entry.filename):
                events.writestr(entry, whole.read(entry), zipfile.ZIP_DEFLATED, compresslevel=9)
    template = json.loads((out / "sam.json").read_text())
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function" and properties["Handler"] != "app.app":
            properties["CodeUri"] = f"./{EVENTS_ZIP}"
    restorable.follow_parameters(template, declared)
    # cfn-lint counts the blanks, too: 1,000,000 bytes.
    (out / "sam.json").write_text(json.dumps(template, indent=1))


def _compiled(source: bytes, name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path, compiled = Path(folder, "source.py"), Path(folder, "compiled.pyc")
        path.write_bytes(source)
        mode = PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(path), str(compiled), name, doraise=True, invalidation_mode=mode)
        return compiled.read_bytes()


def _tool(name: str) -> str:
    """Return the command ``name`` of this Python's environment."""
    return str(Path(sys.executable).with_name(name))


def _run(command: Iterable[str], *, cwd: Path, why: str) -> None:
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        list(command), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PackagingError(f"{why}:\n{done.stdout}{done.stderr}".rstrip())
