"""Builds the ledger, once per process, on first use."""

import uuid
from functools import cache, partial

from pydantic import BaseModel, ConfigDict

from chalicelib.core import aws, retry
from chalicelib.core.instants import now
from chalicelib.core.settings import from_env
from chalicelib.core.table import Table
from chalicelib.ledger.service.posting import Ledger
from chalicelib.ledger.store import LedgerStore, thing

# Who waits for a busy account has waited for others' turns, a few hundredths of a second each:
# longer pauses than this only let newcomers overtake (bench/ledger_model.py has the model).
_LONGEST_PAUSE_S = 0.25


class LedgerSettings(BaseModel):
    """What the ledger reads from the environment (upper-case names).

    ``ledger_patience_s`` is how long a post tries to get its turn in an account before it answers
    503.
    """

    model_config = ConfigDict(frozen=True)

    ledger_table: str
    ledger_patience_s: float = 8.0


@cache
def ledger() -> Ledger:
    """Return the ledger on the table that the settings name."""
    settings = from_env(LedgerSettings)
    return Ledger(
        LedgerStore(Table(aws.dynamodb(), settings.ledger_table, things=thing)),
        now=now,
        new_id=_new_id,
        tries=partial(retry.tries, budget_s=settings.ledger_patience_s, longest_s=_LONGEST_PAUSE_S),
    )


def _new_id() -> str:
    return str(uuid.uuid4())
