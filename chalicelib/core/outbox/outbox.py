"""Writing effects: the part of the outbox that a context's stores use."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from chalicelib.core import table
from chalicelib.core.outbox.effects import Effect
from chalicelib.core.table import ABSENT, Table


class Outbox:
    """The table of effects, as those see it who ask for them."""

    def __init__(self, table: Table, *, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def adding(self, effect: Effect) -> dict[str, Any]:
        """Return the action that asks for ``effect``, to go into the transaction of its cause.

        Its condition fails when the same id was asked for before.
        """
        item = {
            **table.key(f"EFFECT#{effect.id}", "EFFECT"),
            "kind": {"S": effect.kind},
            "state": {"S": "pending"},
            "payload": {"S": json.dumps(effect.payload)},
            "asked_at": {"S": self._now().isoformat()},
        }
        return self._table.putting(item, ABSENT)
