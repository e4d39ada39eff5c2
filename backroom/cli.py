"""The `backroom` command: composition only."""

import codecs
import io
import sys
from dataclasses import replace
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from backroom import demo
from backroom.auth import commands as auth
from backroom.bakery.commands import batches, cakes, employees, orders
from backroom.core import session, show
from backroom.core.errors import ClientError
from backroom.core.session import DEFAULT_URL
from backroom.dead_letters import commands as dead_letters
from backroom.deliveries import commands as deliveries
from backroom.integrations import commands as integrations
from backroom.ledger import commands as ledger
from backroom.operations import commands as operations
from backroom.outbox import commands as outbox
from backroom.vending.commands import (
    audit,
    files,
    fleet,
    imports,
    machines,
    registry,
    simulate,
    work,
)
from backroom.warranties import commands as warranties
from chalicelib import __version__

_DISPATCHER, _TECHNICIAN = "The dispatcher's work", "The technician's work"
_REGISTRY, _ALONE = "Who and where", "Without a server"
_SERVICE, _PACKAGES, _LEDGER = "The service", "Packages", "The ledger"
_BAKERY, _OPERATORS = "The bakery", "The operator's work"
_WARRANTIES, _CALLER = "Warranties", "Who you are"


_ORDER = (
    *("fleet", "worklist", "dispatch", "import", "imports"),
    *("files", "machines", "sites", "technicians", "packages", "preferences", "stats"),
    *("warranties", "ledger", "cakes", "orders", "batches", "employees", "outbox", "dlq"),
    *("audit", "simulate", "demo", "status", "doctor", "login", "logout", "whoami"),
)


class PlainWords(TyperGroup):
    """Turns what went wrong into plain words on stderr and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - Typer's own signature
        """Return the commands in the order of their use."""
        return sorted(super().list_commands(ctx), key=_ORDER.index)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer's own signature
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ClientError as error:
            show.complain(error)
            raise typer.Exit(error.exit_code) from error


app = typer.Typer(
    cls=PlainWords,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"backroom {__version__}")
        raise typer.Exit


@app.callback(epilog="Example: backroom fleet")
def begin(
    context: typer.Context,
    api: Annotated[
        str, typer.Option(envvar="BACKROOM_API", metavar="URL", help="Where the API answers.")
    ] = DEFAULT_URL,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Run the back office: deliveries, warranties, ledger, vending machines, bakery."""
    here = context.obj if isinstance(context.obj, session.Session) else session.begin()
    context.obj = replace(here, url=api)


app.command("fleet", rich_help_panel=_DISPATCHER, epilog="Example: backroom fleet --watch")(
    fleet.show_fleet
)
app.command(
    "worklist", rich_help_panel=_DISPATCHER, epilog="Example: backroom worklist --technician T0001"
)(work.show_worklist)
app.add_typer(work.dispatch, name="dispatch", rich_help_panel=_DISPATCHER)
app.command(
    "import", rich_help_panel=_DISPATCHER, epilog="Example: backroom import transactions.txt"
)(imports.take)
app.add_typer(imports.app, name="imports", rich_help_panel=_DISPATCHER)
app.add_typer(files.app, name="files", rich_help_panel=_TECHNICIAN)
app.add_typer(machines.app, name="machines", rich_help_panel=_REGISTRY)
app.add_typer(registry.sites, name="sites", rich_help_panel=_REGISTRY)
app.add_typer(registry.technicians, name="technicians", rich_help_panel=_REGISTRY)
app.add_typer(deliveries.packages, name="packages", rich_help_panel=_PACKAGES)
app.add_typer(deliveries.preferences, name="preferences", rich_help_panel=_PACKAGES)
app.command("stats", rich_help_panel=_PACKAGES, epilog="Example: backroom stats --recount")(
    deliveries.show_statistics
)
app.add_typer(warranties.app, name="warranties", rich_help_panel=_WARRANTIES)
app.add_typer(ledger.app, name="ledger", rich_help_panel=_LEDGER)
app.add_typer(cakes.cakes, name="cakes", rich_help_panel=_BAKERY)
app.add_typer(orders.orders, name="orders", rich_help_panel=_BAKERY)
app.add_typer(batches.batches, name="batches", rich_help_panel=_BAKERY)
app.add_typer(employees.employees, name="employees", rich_help_panel=_BAKERY)
app.add_typer(outbox.app, name="outbox", rich_help_panel=_OPERATORS)
app.add_typer(dead_letters.app, name="dlq", rich_help_panel=_OPERATORS)
app.command(
    "audit", rich_help_panel=_ALONE, epilog="Example: backroom audit transactions.txt --json"
)(audit.audit_files)
app.command(
    "simulate", rich_help_panel=_ALONE, epilog="Example: backroom simulate logs --seed 7 --days 28"
)(simulate.write_simulation)
app.command("demo", rich_help_panel=_SERVICE, epilog="Example: backroom demo")(demo.tell)
app.command("status", rich_help_panel=_SERVICE, epilog="Example: backroom status")(
    operations.show_status
)
app.command("doctor", rich_help_panel=_SERVICE, epilog="Example: backroom doctor")(
    integrations.show_integrations
)
app.command("login", rich_help_panel=_CALLER, epilog="Example: backroom login")(auth.login)
app.command("logout", rich_help_panel=_CALLER, epilog="Example: backroom logout")(auth.logout)
app.command("whoami", rich_help_panel=_CALLER, epilog="Example: backroom whoami --json")(
    auth.whoami
)


def main() -> None:
    """Run the command on what the shell gave."""
    codecs.register_error("plainer", show.plainer)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plainer")
    app()
