"""How much a test tries: enough in the gate, many times that in `make fuzz`."""

import os

import pytest

FUZZING = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"

grows = pytest.mark.grows
"""Marks what `make fuzz` runs besides properties, as it tries more there."""


def size(gate: int, *, fuzz: int) -> int:
    """Return ``gate``, or ``fuzz`` in `make fuzz`."""
    return fuzz if FUZZING else gate
