"""Who looks at the vendors: a function of its own, or this process where there is none."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, TypeAdapter

from chalicelib.core.calling import call
from chalicelib.operators.checks import CheckResult

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_RESULTS = TypeAdapter(list[CheckResult])


class CheckSettings(BaseModel):
    """What is read from the environment (upper-case names)."""

    model_config = ConfigDict(frozen=True)

    vendor_checks: str = ""


class RemoteChecks:
    """The checks, made by the function ``name``."""

    def __init__(self, client: "LambdaClient", name: str) -> None:
        self._client = client
        self._name = name

    def results(self) -> Sequence[CheckResult]:
        """Return how each integration is. Raises UnavailableError."""
        return _RESULTS.validate_python(call(self._client, self._name))
