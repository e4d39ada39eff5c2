"""Writing effects: the part of the outbox that a context's stores use."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from chalicelib.core.outbox import rows
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.table import ABSENT, Table

# An id is part of keys and of messages, a kind of the names of settings.
_ID = re.compile("[!-~]{1,255}")
_KIND = re.compile("[a-z][a-z0-9_]{0,30}")


class Outbox:
    """The table of effects, as those see it who ask for them."""

    def __init__(self, table: Table, *, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def adding(self, effect: Effect) -> dict[str, Any]:
        """Return the action that asks for ``effect``, to go into the transaction of its cause.

        Its condition fails when the same id was asked for before. Raises ValueError for an id
        that is not 1 to 255 characters of printable ASCII without blanks, and for a kind that is
        not a name in lower case.
        """
        if not _ID.fullmatch(effect.id) or not _KIND.fullmatch(effect.kind):
            raise ValueError(f"no effect can be called {effect.id!r} of kind {effect.kind!r}")
        return self._table.putting(rows.item(rows.asked(effect, self._now())), ABSENT)
