"""`backroom batches`: what is ordered from the provider, day by day."""

from http import HTTPStatus
from typing import Annotated

import typer

from backroom.bakery import screens
from backroom.bakery.api import BakeryApi
from backroom.core import session, sheets, show
from backroom.core.errors import UnfinishedError
from backroom.core.options import Csv, Json, checked
from chalicelib.bakery.answers import BatchAnswer, BatchSummary
from chalicelib.core.times import day

batches = typer.Typer(no_args_is_help=True, help="One ingredient ticket a day, for all orders.")


def _day(text: str) -> str:
    return day(text).isoformat()


@batches.command("list", epilog="Example: backroom batches list")
def list_batches(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 31,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List the newest batches."""
    here = session.of(context)
    with here.api(BakeryApi) as api:
        answer = api.batches(limit)
    if sheets.printed(here, answer, BatchSummary, as_json=as_json, as_csv=as_csv):
        return
    if answer.value:
        show.screen().print(screens.batches(answer.value))
        if answer.next_page:
            show.rest(show.screen(), len(answer.value), answer.total, "--limit shows up to 500")
    else:
        show.screen().print("Nothing has been ordered yet.")
        show.next_step(show.screen(), "backroom batches run")


@batches.command("show", epilog="Example: backroom batches show 2026-11-21")
def show_batch(
    context: typer.Context,
    day: Annotated[str, typer.Argument(metavar="DAY", callback=checked(_day), help="Whose.")],
    ticket: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=99, help="An extra ticket of the day.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a day's ticket, each line with its orders."""
    with session.of(context).api(BakeryApi) as api:
        answer = api.batch(day, ticket)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.batch(answer.value))


@batches.command("next", epilog="Example: backroom batches next")
def show_next_batch(context: typer.Context, as_json: Json = False) -> None:
    """Show what the waiting orders need, before their ticket is created."""
    with session.of(context).api(BakeryApi) as api:
        answer = api.next_batch()
    if as_json:
        typer.echo(answer.text)
    elif answer.value.orders:
        show.screen().print(screens.next_batch(answer.value))
    else:
        show.screen().print("No order is waiting.")
        show.next_step(show.screen(), 'backroom orders place "Mr Cakelover" carrot_cake')


@batches.command("run", epilog="Example: backroom batches run")
def run_batch(
    context: typer.Context,
    extra: Annotated[
        bool, typer.Option("--extra", help="An extra ticket, if today's exists already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Order what all open orders need, now. A day has one ticket: a repeat shows it.

    Exits with 1 when orders are left, which tomorrow's ticket takes.
    """
    with session.of(context).api(BakeryApi) as api:
        answer = api.run_batch()
        if extra and answer.value.next_ticket:
            answer = api.run_batch(answer.value.next_ticket)
    left = answer.value.waiting or 0
    if as_json:
        typer.echo(answer.text)
    elif answer.value.status == "empty":
        show.screen().print("No order is waiting, so nothing is ordered.")
        show.next_step(show.screen(), "backroom orders list --status all")
    else:
        show.screen().print(screens.batch(answer.value))
        _tell_rest(answer.value, left, repeated=answer.status == HTTPStatus.OK)
    if left:
        raise typer.Exit(UnfinishedError.exit_code)


def _tell_rest(found: BatchAnswer, left: int, *, repeated: bool) -> None:
    """Print when a run ordered nothing, and how many orders wait."""
    console = show.aside()
    if repeated:
        when = show.moment(found.sealed_at)
        show.note(console, f"Nothing was ordered now: today's ticket was created {when}.")
    elif found.message:
        show.note(console, f"The ticket is {found.message}.")
    if left:
        line = f"{show.plural(left, 'order')} left: on tomorrow's ticket."
        show.note(console, line, style=show.WARN)
        show.next_step(
            console,
            "backroom batches run --extra" if found.next_ticket else "backroom batches next",
        )
