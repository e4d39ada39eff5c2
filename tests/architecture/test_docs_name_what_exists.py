"""What README.md and docs/ name exists: links, routes, settings, commands, targets, modules."""

import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from app import app
from backroom.cli import app as client
from infra import templates

ROOT = Path(__file__).parents[2]
DOCS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_ROUTE = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[^\s`'\"?,;|)]*)")
_CURL = re.compile(r"curl\b.*?localhost:8000(/[^\s`'\"?]*)")
_SETTING = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`")
_SOURCES = ("chalicelib", "backroom", "infra", "monitoring", ".chalice", ".ci", ".github", "tests")
_FENCE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_WORD = re.compile(r"[a-z0-9_]+")


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


docs = pytest.mark.parametrize("doc", DOCS, ids=_named)


# --- links ----------------------------------------------------------------------------------------


@docs
def test_every_internal_link_leads_somewhere(doc: Path) -> None:
    broken = [
        target
        for target in _LINK.findall(_prose(doc.read_text()))
        if not re.match("[a-z]+:", target) and not _leads_somewhere(doc, target)
    ]

    assert broken == []


def _prose(text: str) -> str:
    """Return a document without its code, where brackets are no links."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def _leads_somewhere(doc: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    file = (doc.parent / name).resolve() if name else doc
    if not file.exists():
        return False
    return not anchor or anchor in _anchors(file.read_text())


def _anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", _prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


# --- decisions ------------------------------------------------------------------------------------

DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
_FILLERS = re.compile("an?|and|are|as|by|for|from|in|is|it|not|of|one|that|the|their|there|to|when")


@pytest.mark.parametrize("decision", DECISIONS, ids=_named)
def test_a_decision_has_the_title_of_its_name_and_of_the_index(decision: Path) -> None:
    number, *words = decision.stem.split("-")
    heading = decision.read_text().partition("\n")[0]
    title = heading.removeprefix(f"# {int(number)}. ")
    index = (decision.parent / "README.md").read_text()

    assert heading != title, "the heading begins with the number of the file"
    missing = [
        word for word in words if not _FILLERS.fullmatch(word) and word[:4] not in title.lower()
    ]
    assert missing == [], f"{title!r} is not what the file is called"
    assert f"\n- [{int(number)}. {title}]({decision.name})\n" in index, (
        "the index has the same title"
    )


def test_the_index_of_decisions_is_in_their_order_within_each_part() -> None:
    parts = (ROOT / "docs" / "adr" / "README.md").read_text().split("\n## ")[1:]
    numbers = [[int(n) for n in re.findall(r"^- \[(\d+)\.", part, re.MULTILINE)] for part in parts]

    assert numbers == [sorted(part) for part in numbers]
    assert sum(len(part) for part in numbers) == len(DECISIONS)


def test_the_decisions_keep_to_their_budget_of_words() -> None:
    words = sum(len(path.read_text().split()) for path in (ROOT / "docs" / "adr").glob("*.md"))

    assert words <= 6_500, "shorten, merge or delete a decision that is no choice any more"


# --- routes ---------------------------------------------------------------------------------------


@docs
def test_every_route_that_is_named_exists(doc: Path) -> None:
    text = doc.read_text()
    named = {(method, path.rstrip(".:")) for method, path in _ROUTE.findall(text)}
    named |= {("", path.rstrip(".:")) for path in _CURL.findall(text.replace("\\\n", ""))}

    unknown = [f"{method} {path}" for method, path in sorted(named) if not _served(method, path)]
    assert unknown == []


# The vendors', where a document tells what we call there.
_VENDORS = {"/myself", "/rest/api/3/issue", "/search/jql", "/users/"}


def _served(method: str, path: str) -> bool:
    return path in _VENDORS or any(
        pattern.fullmatch(path) and (not method or method == verb) for verb, pattern in _routes()
    )


@cache
def _routes() -> list[tuple[str, re.Pattern[str]]]:
    """Return the routes of the API, and those by which the stand-ins are controlled."""
    ours = [(each.method, re.escape(each.path)) for each in app.contracts()]
    controls = re.findall(r'^ +\("(GET|POST|DELETE)", "(/[^"]*)", ', _control(), re.MULTILINE)
    return [
        *((verb, re.compile(re.sub(r"\\{[^/]*\\}", "[^/]+", path))) for verb, path in ours),
        *((verb, re.compile(f"/control{pattern}")) for verb, pattern in controls),
    ]


def _control() -> str:
    return (ROOT / "infra" / "standins" / "control.py").read_text()


# --- settings -------------------------------------------------------------------------------------


@docs
def test_every_setting_that_is_named_is_read_somewhere(doc: Path) -> None:
    named = set(_SETTING.findall(doc.read_text()))

    assert sorted(name for name in named if name.lower() not in _names_in_sources()) == []


@cache
def _names_in_sources() -> set[str]:
    """Return every word of the sources, in lower case."""
    folders = [ROOT / name for name in _SOURCES]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    files += [ROOT / "Makefile", ROOT / "docker-compose.yml", ROOT / "pyproject.toml"]
    kinds = {".py", ".yaml", ".yml", ".json", ".toml", ".sh", ".js", ""}
    written = [file.read_text() for file in files if file.suffix in kinds]
    written.append(json.dumps(templates.merged().resources))
    return {name for text in written for name in _WORD.findall(text.lower())}


# --- commands -------------------------------------------------------------------------------------


@docs
def test_every_command_that_is_named_exists(doc: Path) -> None:
    wrong = [wrong for line in _command_lines(doc.read_text()) if (wrong := _wrong(line))]

    assert wrong == []


def _command_lines(text: str) -> Iterator[list[str]]:
    """Yield the words of each `backroom ...` in a shell's block or in code amid prose."""
    blocks = "\n".join(_FENCE.findall(text)).replace("\\\n", " ").splitlines()
    for line in [*blocks, *_CODE.findall(_prose(text))]:
        for part in re.split(r"\||&&|;", line.partition(" #")[0]):
            found = re.match(r"\s*(?:\.venv/bin/)?backroom (.*)", part)
            if found:
                yield _words(found[1])


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quotation that goes on elsewhere
        return line.split()


def _wrong(words: list[str]) -> str | None:
    """Return what a line names that the client does not have."""
    command = _client()
    rest = list(words)
    while hasattr(command, "commands") and rest:
        word = rest.pop(0)
        if word.startswith("-"):
            if not _option(command, word):
                return f"{' '.join(words)}: no option {word}"
            continue
        if word == "...":
            return None
        found = command.get_command(None, word.rstrip(",."))
        if found is None:
            return f"{' '.join(words)}: no command {word}"
        command = found
    odd = [word for word in rest if word.startswith("--") and not _option(command, word)]
    return f"{' '.join(words)}: no option {', '.join(odd)}" if odd else None


@cache
def _client() -> Any:
    """Return the client's command; Typer brings a Click of its own, so it has no name here."""
    return typer.main.get_command(client)


def _option(command: Any, word: str) -> bool:
    name = word.partition("=")[0].rstrip(",.")
    known = {each for param in command.params for each in (*param.opts, *param.secondary_opts)}
    return name in known | {"--help", "-h"}


@docs
def test_every_make_target_that_is_named_exists(doc: Path) -> None:
    text = doc.read_text()
    code = [*"\n".join(_FENCE.findall(text)).splitlines(), *_CODE.findall(_prose(text))]
    named = {found[1] for line in code if (found := re.match(r"make ([a-z][a-z-]*)", line))}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert named <= targets


@docs
def test_every_module_and_file_that_is_named_exists(doc: Path) -> None:
    text = doc.read_text()
    modules = set(re.findall(r"python3? -m ((?:infra|bench|monitoring|backroom)[\w.]*)", text))
    files = {
        name
        for name in _CODE.findall(_prose(text))
        if re.fullmatch(
            r"(?:chalicelib|backroom|infra|monitoring|tests|bench|docs|\.chalice)/[\w./-]+", name
        )
    }

    assert [name for name in modules if importlib.util.find_spec(name) is None] == []
    assert [name for name in files if not (ROOT / name).exists()] == []
