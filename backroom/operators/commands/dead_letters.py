"""`backroom dlq`: what no function could deal with, and sending it back."""

import json
from typing import Annotated

import typer

from backroom.core import session, sheets, show
from backroom.core.options import Csv, Json
from backroom.operators.api import OperatorsApi
from backroom.operators.screens import dead_letters as screens
from chalicelib.operators.models.dead_letters import DeadLetters

app = typer.Typer(no_args_is_help=True, help="Dead letters of all queues.")


@app.command("list", epilog="Example: backroom dlq list")
def list_dead_letters(context: typer.Context, as_csv: Csv = False, as_json: Json = False) -> None:
    """List the queues, how many dead letters they have, and the first few."""
    here = session.of(context)
    with here.api(OperatorsApi) as api:
        answer = api.dead_letters()
    if sheets.printed(here, answer, DeadLetters, as_json=as_json, as_csv=as_csv):
        return
    console = show.screen()
    console.print(screens.dead_letters(answer.value))
    if full := [each.queue for each in answer.value if each.depth and each.redrivable]:
        show.next_step(console, f"fix the cause, then: backroom dlq redrive {full[0]}")


@app.command("redrive", epilog="Example: backroom dlq redrive vending-uploads")
def redrive(
    context: typer.Context,
    queue: Annotated[
        str, typer.Argument(metavar="QUEUE", help="A queue that backroom dlq list names.")
    ],
    as_json: Json = False,
) -> None:
    """Send the dead letters of a queue back to it. Safe to repeat: none gets lost."""
    moved = 0
    with session.of(context).api(OperatorsApi) as api:
        while True:
            answer = api.redrive(queue)
            moved += answer.value.moved
            if not answer.value.moved or not answer.value.left:
                break
    done = answer.value.model_copy(update={"moved": moved})
    if as_json:
        typer.echo(json.dumps(done.model_dump()))
        return
    console = show.screen()
    console.print(f"{show.plural(moved, 'dead letter')} of {show.plain(queue)} sent back.")
    if done.left:
        left = show.plural(done.left, "is", "are")
        show.note(console, f"{left} left, in use by another reader; try again in a minute.")
