"""The app's own clients of AWS, for tests."""

from functools import cache
from typing import Any

from chalicelib.core import aws


@cache
def client(service: str) -> Any:
    """Return the app's own client of a service, cached for all tests: creating one takes long."""
    return getattr(aws, service).__wrapped__()
