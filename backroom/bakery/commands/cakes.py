"""`backroom cakes`: the recipe book."""

from typing import Annotated

import typer

from backroom.bakery import screens
from backroom.bakery.api import BakeryApi
from backroom.bakery.options import CakeId, amounts
from backroom.core import session, sheets, show
from backroom.core.options import Csv, Json
from chalicelib.bakery.answers import CakeAnswer

cakes = typer.Typer(no_args_is_help=True, help="Cakes and their recipes, per serving.")


@cakes.command("list", epilog="Example: backroom cakes list")
def list_cakes(context: typer.Context, as_csv: Csv = False, as_json: Json = False) -> None:
    """List the cakes with their recipes."""
    here = session.of(context)
    with here.api(BakeryApi) as api:
        answer = api.cakes()
    if sheets.printed(here, answer, CakeAnswer, as_json=as_json, as_csv=as_csv):
        return
    if answer.value:
        show.screen().print(screens.cakes(answer.value))
    else:
        show.screen().print("No cakes yet.")
        show.next_step(show.screen(), 'backroom cakes add "Carrot Cake" carrots=50g eggs=1')


@cakes.command("show", epilog="Example: backroom cakes show carrot_cake")
def show_cake(context: typer.Context, cake_id: CakeId, as_json: Json = False) -> None:
    """Show a recipe."""
    with session.of(context).api(BakeryApi) as api:
        answer = api.cake(cake_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.cake(answer.value))


@cakes.command("add", epilog='Example: backroom cakes add "Carrot Cake" carrots=50g eggs=1')
def add_cake(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The cake's name.")],
    ingredients: Annotated[
        list[str], typer.Argument(metavar="NAME=AMOUNT...", help="For one: flour=17g, eggs=2.")
    ],
    as_json: Json = False,
) -> None:
    """Add a cake; its id is derived from its name."""
    with session.of(context).api(BakeryApi) as api:
        answer = api.add_cake({"name": name, "ingredients": amounts(ingredients)})
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.cake(answer.value))


@cakes.command("remove", epilog="Example: backroom cakes remove carrot_cake")
def remove_cake(context: typer.Context, cake_id: CakeId, as_json: Json = False) -> None:
    """Delete a cake; its orders stay, with the recipe that they were placed with."""
    with session.of(context).api(BakeryApi) as api:
        api.remove_cake(cake_id)
    if not as_json:
        show.note(show.screen(), f"{show.plain(cake_id)} is deleted; its orders stay.")
