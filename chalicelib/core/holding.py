"""Holding a stage while an operator restores the tables (``HELD``): reads work, changes wait."""

from chalice.app import Request
from pydantic import BaseModel, ConfigDict

from chalicelib.core.errors import UnavailableError
from chalicelib.core.settings import from_env

_READS = {"GET", "HEAD", "OPTIONS"}
_RETRY_AFTER_S = 60


class HoldingSettings(BaseModel):
    """Settings from the environment: whether the stage refuses changes."""

    model_config = ConfigDict(frozen=True)

    held: bool = False


def refuse_changes(request: Request) -> None:
    """Raise UnavailableError for a request that may change something while the stage is held."""
    if request.method not in _READS and from_env(HoldingSettings).held:
        raise UnavailableError(
            "Changes wait while the data is being restored; try again in a few minutes.",
            retry_after_s=_RETRY_AFTER_S,
        )
