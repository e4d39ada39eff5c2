"""What a chapter of the demo is made of: steps, each with the command that would do the same."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.text import Text

from backroom.core import session, show
from backroom.core.errors import UnfinishedError

_PATIENCE_S = 60.0


@dataclass
class Story:
    """Tells one step after the other; ``standins`` is where those of the vendors answer."""

    here: session.Session
    console: Console
    standins: str = ""
    made: list[tuple[str, str]] = field(default_factory=list)
    """What the chapters made, a kind and a name each, as the page shows them."""
    _step: int = field(default=0, init=False)

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self.console.rule(Text(title, style="bold"), align="left", style=show.CALM)
        self._step = 0

    def step(self, what: str, *commands: str) -> None:
        """Begin the next step."""
        self._step += 1
        self.console.print(Text.assemble(f"\n{self._step}  ", (what, "bold")))
        for command in commands:
            show.note(self.console, f"   $ backroom {command}", style=show.CALM)

    def say(self, part: RenderableType) -> None:
        """Tell how it went."""
        self.console.print(show.indented(part, by=3))

    def tries(self, missing: str) -> Iterator[None]:
        """Yield at growing intervals; after a minute raise UnfinishedError: it is ``missing``."""
        waited_s, pause_s = 0.0, 0.25
        while waited_s < _PATIENCE_S:
            yield
            self.here.sleep(pause_s)
            waited_s += pause_s
            pause_s = min(1.5 * pause_s, 2.0)
        raise UnfinishedError(f"After {waited_s:.0f} s {missing}.", next_step="make logs")
