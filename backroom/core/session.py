"""What a command finds around it: the API's address, a person or none, the clock."""

import os
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import httpx
import typer
from rich.text import Text

from backroom import DEFAULT_URL
from backroom.core import show
from backroom.core.connection import Connection
from backroom.core.errors import DeclinedError, UnansweredError

Ask = Callable[[str], str]
Calls = TypeVar("Calls")


@dataclass(frozen=True)
class Session:
    """One run of the command.

    ``ask`` puts a question to the person at the keyboard, None without a terminal. Tests pass a
    transport, a clock, a ``sleep`` and a browser of their own.
    """

    url: str = DEFAULT_URL
    ask: Ask | None = None
    transport: httpx.BaseTransport | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep
    browse: Callable[[str], bool] = webbrowser.open

    @contextmanager
    def api(self, calls: Callable[[Connection], Calls]) -> Iterator[Calls]:
        """Talk to the API for a while, by the typed ``calls`` of a context."""
        connection = Connection(self.url, transport=self.transport, sleep=self.sleep)
        with closing(connection):
            yield calls(connection)

    def answer(self, question: str, choices: str, *, otherwise: str) -> str:
        """Return the person's answer to ``question``, stripped; ``choices`` lists them.

        Raises UnansweredError, with ``otherwise`` as the next step, without a terminal.
        """
        if self.ask is None:
            raise UnansweredError(
                f"{question} This terminal is not interactive.", next_step=otherwise
            )
        try:
            return self.ask(f"{question} [{choices}] ").strip()
        except EOFError as gone:
            raise UnansweredError("No answer was given.", next_step=otherwise) from gone

    def make_sure(self, question: str, *, yes: bool) -> None:
        """Return if the person confirms, or with ``yes``; an empty answer declines.

        Raises DeclinedError, or UnansweredError without a terminal.
        """
        if yes:
            return
        reply = self.answer(question, "y/N", otherwise="add --yes to confirm")
        if reply.lower() not in {"y", "yes"}:
            raise DeclinedError("Nothing was done.")


def of(context: typer.Context) -> Session:
    """Return the session that a command runs in."""
    session = context.find_object(Session)
    return session or begin()


def begin() -> Session:
    """Return a session with the person at the keyboard, if there is one."""
    here = sys.stdin is not None and sys.stdin.isatty() and "CI" not in os.environ
    # Questions go to stderr: stdout is for answers.
    return Session(ask=(lambda question: show.aside().input(Text(question))) if here else None)
