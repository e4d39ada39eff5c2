"""Write ``docs/cli.md`` and ``docs/parameters.md``, or ``--check`` that they are fresh."""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from backroom.cli import COMMANDS, app
from infra import parameter_reference

TARGET = Path(__file__).parent.parent / "docs" / "cli.md"
_HEAD = """# Commands

Made by `python -m infra.cli_reference` from the commands; a test checks that it is fresh. Every
command has `--json` (the API's own answer) and `--help` (an example); lists have `--csv`. Before
the command `--api`, or `BACKROOM_API`, names the API; `--utc` shows exact times, which `--from` and
`--to` take, instead of words such as `2 h ago`. Exit codes: 0 done, 1 refused, 2 wrong usage, 3
nothing answers.
"""


def text() -> str:
    """Return the document."""
    root: Any = get_command(app)
    sections: dict[str, list[str]] = {}
    for entry in COMMANDS:
        rows = sections.setdefault(entry.panel, [])
        rows += [_row(*leaf) for leaf in _leaves(root.commands[entry.name], entry.name)]
    tables = (
        "\n".join(
            ("", f"## {panel}", "", "| command | what it does | options |", "|---|---|---|", *rows)
        )
        for panel, rows in sections.items()
    )
    return _HEAD + "\n".join(tables) + "\n"


def _leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield each command that does something, with the words that call it."""
    if not hasattr(command, "commands") or command.invoke_without_command:
        yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _leaves(child, f"{path} {name}")


def _row(path: str, command: Any) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    called = " ".join([path, *map(_argument, arguments)])
    texts = (_option(each) for each in options if "--json" not in each.opts and not each.hidden)
    return f"| `{called}` | {_line(command.help)} | {'; '.join(texts)} |"


def _argument(argument: Any) -> str:
    name = (argument.metavar or argument.name).upper().strip("[].")
    name += "..." if argument.nargs != 1 else ""
    return name if argument.required else f"[{name}]"


def _option(option: Any) -> str:
    names = "/".join(max(each, key=len) for each in (option.opts, option.secondary_opts) if each)
    needed = " (required)" if option.required else ""
    help_ = _line(option.help).rstrip(".")
    return f"`{names}`{needed}" + (f" {help_[0].lower()}{help_[1:]}" if help_ else "")


def _line(help_: str | None) -> str:
    """Return the first sentence of a help, for a cell of a table."""
    first = (help_ or "").strip().partition("\n\n")[0]
    flat = re.sub(r"\s+", " ", first).replace("|", "\\|")
    return re.split(r"(?<=[.])\s", flat)[0]


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.cli_reference")
    parser.add_argument("--check", action="store_true")
    written = {TARGET: text(), parameter_reference.TARGET: parameter_reference.text()}
    if parser.parse_args().check:
        stale = [path for path, now in written.items() if not _is(path, now)]
        for path in stale:
            print(f"docs/{path.name} is stale: python -m infra.cli_reference")
        return 1 if stale else 0
    for path, now in written.items():
        path.write_text(now)
    return 0


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())
