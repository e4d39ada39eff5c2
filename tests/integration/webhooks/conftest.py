"""The whole app on moto, its event functions at hand."""

from collections.abc import Iterator
from functools import _lru_cache_wrapper
from types import ModuleType

import pytest

from chalicelib.core import settings
from chalicelib.core.outbox import wiring as outbox
from chalicelib.webhooks import wiring as webhooks
from tests.support.api import Api
from tests.support.whole_app import whole_app


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with whole_app() as api:
        _forget(outbox, webhooks)
        settings.from_env.cache_clear()
        yield api
    _forget(outbox, webhooks)


def _forget(*modules: ModuleType) -> None:
    """Forget what was built of other settings."""
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, _lru_cache_wrapper):
                value.cache_clear()
