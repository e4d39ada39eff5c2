"""The `backroom` command: composition only. A command's modules are imported when it is used."""

import codecs
import io
import sys
from collections import UserDict
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from backroom import DEFAULT_URL
from backroom.core.terminal import plainer
from chalicelib import __version__

_DISPATCHER, _TECHNICIAN = "The dispatcher's work", "The technician's work"
_REGISTRY, _ALONE = "Who and where", "Without a server"
_SERVICE, _PACKAGES, _LEDGER = "The service", "Packages", "The ledger"
_BAKERY, _OPERATORS = "The bakery", "The operator's work"
_WARRANTIES, _CALLER = "Warranties", "Who you are"


@dataclass(frozen=True)
class Entry:
    """Where a command is defined (`package.module:name`), and how the help shows it."""

    name: str
    panel: str
    source: str
    example: str = ""

    def load(self) -> Any:  # noqa: ANN401 - Typer has no public type for its commands
        """Import the command, or the group of commands, and return it."""
        module, _, name = self.source.partition(":")
        command = getattr(import_module(f"backroom.{module}"), name)
        alone = typer.Typer(callback=lambda: None)
        if isinstance(command, typer.Typer):
            alone.add_typer(command, name=self.name, rich_help_panel=self.panel)
        else:
            epilog = f"Example: {self.example}"
            alone.command(self.name, rich_help_panel=self.panel, epilog=epilog)(command)
        return _bare_flags(get_group(alone).commands[self.name])


# In the order of their use, which is the order of the help.
COMMANDS = (
    Entry("fleet", _DISPATCHER, "vending.commands.fleet:app"),
    Entry(
        "worklist",
        _DISPATCHER,
        "vending.commands.work:show_worklist",
        "backroom worklist --technician T0001",
    ),
    Entry("dispatch", _DISPATCHER, "vending.commands.work:dispatch"),
    Entry(
        "import", _DISPATCHER, "vending.commands.imports:take", "backroom import transactions.txt"
    ),
    Entry("imports", _DISPATCHER, "vending.commands.imports:app"),
    Entry("files", _TECHNICIAN, "vending.commands.files:app"),
    Entry("machines", _REGISTRY, "vending.commands.machines:app"),
    Entry("sites", _REGISTRY, "vending.commands.registry:sites"),
    Entry("technicians", _REGISTRY, "vending.commands.registry:technicians"),
    Entry("packages", _PACKAGES, "deliveries.commands:packages"),
    Entry("preferences", _PACKAGES, "deliveries.commands:preferences"),
    Entry("stats", _PACKAGES, "deliveries.commands:show_statistics", "backroom stats --recount"),
    Entry("warranties", _WARRANTIES, "warranties.commands:app"),
    Entry("ledger", _LEDGER, "ledger.commands:app"),
    Entry("cakes", _BAKERY, "bakery.commands.cakes:cakes"),
    Entry("orders", _BAKERY, "bakery.commands.orders:orders"),
    Entry("batches", _BAKERY, "bakery.commands.batches:batches"),
    Entry("employees", _BAKERY, "bakery.commands.employees:employees"),
    Entry(
        "erase",
        _BAKERY,
        "bakery.commands.erasing:erase",
        'backroom erase --customer "Mr Cakelover" --dry-run',
    ),
    Entry("outbox", _OPERATORS, "operators.commands.outbox:app"),
    Entry("trail", _OPERATORS, "trail.commands:app"),
    Entry("events", _OPERATORS, "webhooks.commands.events:app"),
    Entry("webhooks", _OPERATORS, "webhooks.commands.webhooks:app"),
    Entry("dlq", _OPERATORS, "operators.commands.dead_letters:app"),
    Entry(
        "audit",
        _ALONE,
        "vending.commands.audit:audit_files",
        "backroom audit transactions.txt --json",
    ),
    Entry(
        "simulate",
        _ALONE,
        "vending.commands.simulate:write_simulation",
        "backroom simulate logs --seed 7 --days 28",
    ),
    Entry("demo", _SERVICE, "demo:play", "backroom demo"),
    Entry("open", _SERVICE, "operations.commands:open_page", "backroom open GM005"),
    Entry("status", _SERVICE, "operations.commands:show_status", "backroom status"),
    Entry("doctor", _SERVICE, "operators.commands.doctor:show_findings", "backroom doctor"),
    Entry("login", _CALLER, "auth.commands:login", "backroom login"),
    Entry("logout", _CALLER, "auth.commands:logout", "backroom logout"),
    Entry("whoami", _CALLER, "auth.commands:whoami", "backroom whoami --json"),
)


def _bare_flags(command: Any) -> Any:  # noqa: ANN401 - Typer has no public type for commands
    """Have the help of a command, and of those below it, name no type where an option is a flag."""
    params = command.get_params

    def bare(context: Any) -> Any:  # noqa: ANN401
        found = params(context)
        for each in found:
            if getattr(each, "is_flag", False):
                each.metavar = ""
        return found

    command.get_params = bare
    for child in getattr(command, "commands", {}).values():
        _bare_flags(child)
    return command


class OnDemand(UserDict[str, Any]):
    """The commands by name; each is imported when it is used."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - Typer has no public type for them
        """Return a command."""
        if isinstance(self.data[name], Entry):
            self.data[name] = self.data[name].load()
        return self.data[name]


class PlainWords(TyperGroup):
    """Turns what went wrong into plain words on stderr and an exit code."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        _bare_flags(self)
        self.commands = OnDemand({entry.name: entry for entry in COMMANDS})

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer's own signature
        """Run the command."""
        from backroom.core import errors, session, show, suggestions  # noqa: PLC0415 - not for --version

        try:
            return super().invoke(ctx)
        except errors.ClientError as error:
            show.complain(error, perhaps=suggestions.after(error, session.of(ctx)))
            raise typer.Exit(error.exit_code) from error
        except OSError as refused:
            if refused.filename is None:  # of no file: a pipe that was closed, say
                raise
            denied = errors.ClientError(
                f"{refused.filename}: {refused.strerror}.",
                next_step="check its name and its rights",
            )
            show.complain(denied)
            raise typer.Exit(denied.exit_code) from refused


app = typer.Typer(
    cls=PlainWords,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"backroom {__version__}")
        raise typer.Exit


@app.callback(epilog="Example: backroom fleet")
def begin(
    context: typer.Context,
    api: Annotated[
        str, typer.Option(envvar="BACKROOM_API", metavar="URL", help="Where the API answers.")
    ] = DEFAULT_URL,
    utc: Annotated[
        bool, typer.Option("--utc", help="Show exact times in UTC, not in words on your clock.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Run the back office: deliveries, warranties, ledger, vending machines, bakery."""
    from backroom.core import session, show  # noqa: PLC0415 - --version needs neither

    here = context.obj if isinstance(context.obj, session.Session) else session.begin()
    context.obj = replace(here, url=api)
    context.with_resource(show.run(None if utc else here.now))


def main() -> None:
    """Run the command on what the shell gave."""
    codecs.register_error("plainer", plainer)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plainer")
    app()
