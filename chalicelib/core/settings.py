"""The environment, read and checked once per process.

A context declares a frozen pydantic model whose field names are the lower-case names of its
variables, and reads it with `from_env`. Defaults are the model's; a missing or wrong variable
fails at first use and is named.
"""

import os
from functools import cache
from typing import TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


class SettingsError(RuntimeError):
    """A variable of the environment is missing or unusable; the message names all of them."""


@cache
def from_env(model: type[M]) -> M:
    """Return ``model`` filled from the environment (``table_name`` from ``TABLE_NAME``)."""
    found = {
        name: os.environ[name.upper()] for name in model.model_fields if name.upper() in os.environ
    }
    try:
        return model.model_validate(found)
    except ValidationError as invalid:
        faults = "; ".join(
            f"{'.'.join(map(str, error['loc'])).upper()}: {error['msg']}"
            for error in invalid.errors()
        )
        raise SettingsError(faults) from invalid
