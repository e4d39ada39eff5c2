"""A screen that is drawn again and again, for `--watch`."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from backroom.core import show
from backroom.core.errors import ApiError, UnreachableError
from backroom.core.session import Session

NEXT_LOOK_S = 5.0

Watch = Annotated[bool, typer.Option("--watch", help="Refresh every five seconds, until Ctrl-C.")]


def watched(here: Session, console: Console, draw: Callable[[], RenderableType]) -> bool:
    """Show what ``draw`` returns, anew until Ctrl-C; return False where there is no terminal.

    While the API does not answer, the last screen stays, below the reason. Raises ApiError when it
    refuses.
    """
    if not console.is_terminal:
        return False
    seen = draw()
    try:
        with Live(seen, console=console, screen=True, auto_refresh=False) as live:
            live.refresh()
            while True:
                here.sleep(NEXT_LOOK_S)
                try:
                    seen = draw()
                    live.update(seen, refresh=True)
                except (ApiError, UnreachableError) as error:
                    if isinstance(error, ApiError) and not _passes(error):
                        raise
                    trouble = Text(f"Not up to date: {show.plain(error.detail)}", style=show.WARN)
                    live.update(Group(trouble, seen), refresh=True)
    except KeyboardInterrupt:
        console.print(f"Updated at {here.now().astimezone():%H:%M:%S}.", style=show.CALM)
    return True


def _passes(error: ApiError) -> bool:
    """Return whether a refusal may be over by itself."""
    too_many = error.status == HTTPStatus.TOO_MANY_REQUESTS
    return too_many or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
