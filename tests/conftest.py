"""What every test stands on: settings that name nothing real, and no client of another test."""

import gc
import os
import re
import sys
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import HealthCheck, settings

_KEEPS_CLIENTS = re.compile(
    r"chalicelib\.(core\.(aws|auth\.guard|settings|outbox\.wiring)|\w+\.\w*wiring)"
)
# Holds nothing of a test, only botocore's models of the services: a tenth of a second to load.
_KEEP = {"_session"}

for _name in [
    name
    for name in os.environ
    if name.startswith(("AUTH", "AWS_", "BACKROOM_", "OUTBOX_", "VENDING_"))
]:
    del os.environ[_name]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AUTH": "open",
    "BACKROOM_CONFIG": "/nowhere/backroom",
    "AUDIT_TABLE": "",  # as on an open stage
    "OUTBOX_TABLE": "outbox",
    "VENDING_TABLE": "vending",
    "VENDING_BUCKET": "vending-share",
    "VENDING_UPLOADS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/uploads",
    "VENDING_FLEET_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/fleet",
    "VENDING_FLEET_DELAY_S": "0",
}

# Machines that are busy with something else are no fault of ours. A gate says the same twice, so
# it tries the same examples; `make fuzz` looks for new ones, and ten times as long.
_PATIENT = (HealthCheck.too_slow,)
settings.register_profile(
    "gate", deadline=None, suppress_health_check=_PATIENT, derandomize=True, print_blob=True
)
settings.register_profile(
    "fuzz", deadline=None, suppress_health_check=_PATIENT, max_examples=1_000, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))


def pytest_collection_finish() -> None:
    """Look for garbage only among what the tests make: all modules and tests are there to stay."""
    gc.collect()
    gc.freeze()


@cache
def _keepers(_: int) -> list[str]:
    """Return the loaded modules that keep clients; to be asked again when more are loaded."""
    return [name for name in sys.modules if _KEEPS_CLIENTS.fullmatch(name)]


@pytest.fixture(autouse=True)
def _forgotten_clients() -> Iterator[None]:
    """Keep no client, setting or service for the next test."""
    yield
    for name in _keepers(len(sys.modules)):
        for kept, value in list(vars(sys.modules[name]).items()):
            if hasattr(value, "cache_clear") and kept not in _KEEP:
                value.cache_clear()
