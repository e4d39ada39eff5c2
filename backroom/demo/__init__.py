"""`backroom demo`: the whole story against the running stack, chapter by chapter."""

from typing import Annotated

import typer
from rich.text import Text

from backroom.core import page, session, show
from backroom.core.options import Json, each, one_of
from backroom.demo import bakery, deliveries, ledger, vending, warranties
from backroom.demo.story import Story
from backroom.operations.api import OperationsApi

STANDINS = "http://127.0.0.1:8001"


_CHAPTERS = {
    "vending": ("Vending: which machines to visit, and why", vending.play),
    "packages": ("Packages: delivered at most once", deliveries.play),
    "ledger": ("The ledger: it always adds up", ledger.play),
    "warranties": ("Warranties: a price that explains itself", warranties.play),
    "bakery": ("The bakery: it orders its own ingredients", bakery.play),
}


def play(
    context: typer.Context,
    chapters: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CHAPTER]...",
            callback=each(one_of("chapter", _CHAPTERS)),
            help=f"{', '.join(_CHAPTERS)}; all by default.",
        ),
    ] = None,
    clean: Annotated[
        bool, typer.Option("--clean", help="Only take the files of an earlier demo back.")
    ] = False,
    browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page at what it made, at the end.")
    ] = True,
    standins: Annotated[
        str,
        typer.Option(envvar="BACKROOM_STANDINS", metavar="URL", help="Address of the stand-ins."),
    ] = STANDINS,
    as_json: Json = False,
) -> None:
    """Show all contexts in two minutes, with the command for each step.

    Plays with machines GM900 to GM999 and with names of its own, and can be repeated. --json prints
    what each chapter ends with.
    """
    console = show.aside() if as_json else show.screen()
    story = Story(session.of(context), console, standins=standins)
    with story.here.api(OperationsApi) as api:
        api.health()
    if clean:
        vending.clean(story)
        return
    ended = []
    for name in chapters or _CHAPTERS:
        title, chapter = _CHAPTERS[name]
        story.chapter(title)
        ended.append(f'"{name}": {chapter(story)}')
        story.console.print()
    if as_json:
        typer.echo("{" + ", ".join(ended) + "}")
    show_page(story, api.url, wanted=browser)


def show_page(story: Story, url: str, *, wanted: bool) -> None:
    """Print where the page shows what was made; open the first at a terminal."""
    if not story.made:
        return
    story.console.print(Text("On the page", style="bold"))
    addresses = [page.thing(url, kind, name) for kind, name in story.made]
    for address in addresses:
        show.note(story.console, f"   {address}")
    if wanted and story.console.is_terminal and story.here.ask is not None:
        story.here.browse(addresses[0])
