"""What docker-compose.yml runs: images with all that they import, stand-ins that functions call."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from docker.utils.build import exclude_paths

from chalicelib.core.addresses import safe
from infra.package import ROOT, inputs

# What an image runs, where its command is no Python module.
RUN_BY = {"infra/localstack/deploy.sh": "infra.deploy"}


def stages() -> dict[str, str]:
    """Return the instructions of each image that is built, by its name."""
    text = (ROOT / "Dockerfile").read_text()
    _, *parts = re.split(r"^FROM base AS ", text, flags=re.MULTILINE)
    return {name: body for name, _, body in (part.partition("\n") for part in parts)}


def program(stage: str) -> str:
    """Return the module that an image runs."""
    last: str = re.findall(r'"([^"]+)"', stage.strip().splitlines()[-1])[-1]
    return RUN_BY.get(last, last)


def copied(stage: str) -> list[Path]:
    """Return the files and folders of the repository that an image holds."""
    lines = re.findall(r"^COPY (.+)$", stage, flags=re.MULTILINE)
    return [ROOT / name for line in lines for name in line.split()[:-1]]


def installed(stage: str) -> set[str]:
    """Return the names under which an image can import libraries, those of dependencies too."""
    commands = re.findall(r"pip install -c \S+ (.+)$", stage, flags=re.MULTILINE)
    waiting, found = " ".join(commands).split(), set[str]()
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name not in found:
            found.add(name)
            try:
                required = metadata.requires(name) or []
            except metadata.PackageNotFoundError:  # for another platform or Python
                continue
            plain = (each for each in required if "extra ==" not in each)
            waiting += [re.split(r"[^\w.-]", each)[0] for each in plain]
    return {
        module
        for module, packages in metadata.packages_distributions().items()
        if found & {package.lower().replace("_", "-") for package in packages}
    }


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield what a module imports when it runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        yield from imports(node)


def ours(module: str) -> Path | None:
    """Return the file of a module of this repository."""
    path = ROOT.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__main__.py", path / "__init__.py")
    return next((each for each in candidates if each.is_file()), None)


@pytest.mark.parametrize("image", stages())
def test_an_image_holds_what_its_program_imports(image: str) -> None:
    stage = stages()[image]
    there, libraries = copied(stage), installed(stage) | sys.stdlib_module_names
    waiting, seen = [program(stage)], set[str]()
    assert ours(program(stage))
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        path = ours(module)
        if path is None:
            parent = module.rpartition(".")[0]
            known = module.split(".")[0] in libraries or (parent and ours(parent))
            assert known, f"the image {image} cannot import {module}"
            continue
        held = any(path.is_relative_to(each) for each in there)
        assert held, f"the image {image} lacks {path.relative_to(ROOT)}"
        waiting += imports(ast.parse(path.read_text()))
        waiting += [parent] if (parent := module.rpartition(".")[0]) else []


def test_the_deployer_s_image_holds_what_is_deployed() -> None:
    there = copied(stages()["deployer"])
    assert [path for path in inputs() if not any(path.is_relative_to(each) for each in there)] == []


def sent(folder: Path) -> set[str]:
    """Return the files of a folder that Docker's own client sends by the rules beside them."""
    rules = (folder / ".dockerignore").read_text().splitlines()
    patterns = [rule for rule in rules if not rule.startswith("#")]
    found: set[str] = exclude_paths(str(folder), patterns)
    return found


def git_files(folder: Path, *options: str) -> set[str]:
    """Return the files of a folder that git lists."""
    ended = subprocess.run(
        ["git", "-C", str(folder), "ls-files", "-z", *options],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ended.stdout.split("\0")[:-1])


def test_what_the_images_copy_is_sent_to_the_engine() -> None:
    wanted = [str(path) for stage in stages().values() for path in copied(stage)]
    assert git_files(ROOT, *wanted) - sent(ROOT) == set()


def test_nothing_that_git_ignores_is_sent_to_the_engine(tmp_path: Path) -> None:
    """A developer's tokens and data are among it."""
    for name in (".gitignore", ".dockerignore"):
        shutil.copy(ROOT / name, tmp_path)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    rules = (tmp_path / ".gitignore").read_text().split()
    folders = {Path(file).parent for file in git_files(ROOT)}
    for folder in sorted(folders):
        for rule in [*rules, ".env", ".env.local"]:
            path = tmp_path / folder / example(rule)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    ignored = git_files(tmp_path, "--others", "--ignored", "--exclude-standard")

    assert [rule for rule in rules if not any(example(rule) in path for path in ignored)] == []
    assert ignored & sent(tmp_path) == set()


def example(rule: str) -> str:
    """Return a file that a rule of .gitignore names, or one in the folder that it names."""
    name = rule.strip("/").replace("*", "some")
    return f"{name}/file" if rule.endswith("/") else name


def test_functions_send_vendors_secrets_to_the_stand_ins() -> None:
    [name] = re.findall(r"--name=(\S+)", (ROOT / "docker-compose.yml").read_text())
    assert safe(f"http://{name}:8001/jira")
