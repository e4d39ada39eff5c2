"""Builds the registry alone: a site needs neither the rules nor the parser.

They are nearly half of what vending adds to a cold start, and are loaded when the registry calls
for them: for the machines of a technician.
"""

from functools import cache

from chalicelib.core.instants import now
from chalicelib.core.settings import from_env
from chalicelib.vending.resources import ResourceSettings, queues_of, table_of
from chalicelib.vending.service.registry import RegistryService
from chalicelib.vending.store.files import FileStore
from chalicelib.vending.store.registry import RegistryStore
from chalicelib.vending.store.rollups import RollupStore


@cache
def registry() -> RegistryService:
    """Return the registry on the stores that the settings name."""
    settings = from_env(ResourceSettings)
    table = table_of(settings)
    return RegistryService(
        RegistryStore(table, RollupStore(table)),
        FileStore(table),
        queues_of(settings),
        judge=_judge,
        serials_of=_serials_of,
        now=now,
    )


def _judge(serial: str) -> None:
    from chalicelib.vending.wiring import vending  # noqa: PLC0415 - see above

    vending().verdicts.judge(serial)


def _serials_of(technician: str) -> tuple[str, ...]:
    from chalicelib.vending.wiring import vending  # noqa: PLC0415 - see above

    return vending().fleet.serials_of(technician)
