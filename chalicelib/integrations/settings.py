"""What each vendor needs to be talked to, and where it comes from.

A value is read from the environment, then in the secret that `VENDORS_SECRET` names: a JSON
object in Secrets Manager with the same names. The key for checking webhooks is in a
secret of its own, `WEBHOOK_SECRET`, so that the public function has no token. An
empty value is none. A secret is read at first use, again after five minutes, and when a vendor
refuses what it says, so a new token needs no deployment and stops nothing.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from urllib3 import Timeout

from chalicelib.core.log import logger
from chalicelib.core.outbox.effects import (
    CredentialsError,
    Effect,
    EffectHandler,
    Ending,
    NotConfiguredError,
    NotExecutedError,
)
from chalicelib.core.values import dataclass

KEPT_S = 300.0
RENEWED_S = 5.0
"""Seconds between two reads of a secret whose credentials are refused."""
VENDORS_SECRET = "VENDORS_SECRET"  # noqa: S105 - the name of a variable
WEBHOOK_SECRET = "WEBHOOK_SECRET"  # noqa: S105 - the name of a variable

S = TypeVar("S", bound="VendorSettings")
Read = Callable[[str], str]
"""Returns the text of a secret by its name. Raises EffectError."""


class VendorSettings(BaseModel):
    """Settings of one vendor; the fields are its variables in lower case."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    secret: ClassVar[str] = VENDORS_SECRET
    """The variable that names the secret which has them."""


@dataclass(frozen=True)
class Vendor:
    """One integration: its settings, the scope that it takes, and a cheap read that needs it.

    ``run`` waits as long as ``timeout`` says and returns a sentence on what it found, or raises
    EffectError.
    """

    name: str
    settings: type[VendorSettings]
    scope: str
    run: Callable[[Timeout], str]


class Settings:
    """The settings of all vendors; ``read_secret`` returns the text of a secret by its name."""

    def __init__(
        self,
        read_secret: Read,
        *,
        environment: Mapping[str, str] = os.environ,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_secret = read_secret
        self._environment = environment
        self._now = now
        self._kept: dict[str, dict[str, str]] = {}
        self._stale_at: dict[str, float] = {}
        self._reported: set[str] = set()

    def of(self, model: type[S]) -> S:
        """Return a vendor's settings. Raises NotConfiguredError, logged once."""
        values = self._values(model)
        try:
            return model.model_validate(values)
        except ValidationError as lacking:
            missing = [str(error["loc"][0]).upper() for error in lacking.errors()]
            raise self._disabled(model, missing) from None

    def renew(self) -> bool:
        """Read the secrets again that were not read just now; return whether one has changed."""
        changed = False
        for name, before in list(self._kept.items()):
            if self._now() >= self._stale_at[name] - KEPT_S + RENEWED_S:
                self._read(name)
                changed |= self._kept[name] != before
        return changed

    def missing(self, model: type[VendorSettings]) -> list[str]:
        """Return the names of the settings that a vendor needs and does not have."""
        values = self._values(model)
        return [
            name.upper()
            for name, info in model.model_fields.items()
            if info.is_required() and name not in values
        ]

    def _values(self, model: type[VendorSettings]) -> dict[str, str]:
        secret = self._secret(model.secret)
        found = {
            name: self._environment.get(name.upper()) or secret.get(name.upper())
            for name in model.model_fields
        }
        return {name: value for name, value in found.items() if value}

    def _secret(self, variable: str) -> dict[str, str]:
        name = self._environment.get(variable)
        if not name:
            return {}
        if name not in self._kept or self._now() >= self._stale_at[name]:
            self._read(name)
        return self._kept[name]

    def _read(self, name: str) -> None:
        self._kept[name] = self._fresh(name)
        self._stale_at[name] = self._now() + KEPT_S
        self._reported.clear()

    def _fresh(self, name: str) -> dict[str, str]:
        try:
            return _texts(self._read_secret(name))
        except NotExecutedError:
            if name not in self._kept:
                raise
            logger.warning("the vendors' secret cannot be read; what was read before stays")
            return self._kept[name]

    def _disabled(self, model: type[VendorSettings], missing: list[str]) -> NotConfiguredError:
        vendor = model.__name__.removesuffix("Settings")
        words = f"{vendor} is off: {', '.join(missing)} not set"
        if vendor not in self._reported:
            self._reported.add(vendor)
            logger.warning("vendor is off", extra={"vendor": vendor, "missing": missing})
        return NotConfiguredError(words)


@dataclass(frozen=True)
class Renewing:
    """A handler that tries once more where its credentials are refused and there are new ones.

    What is refused was not done, so the second try is the only one that does anything.
    """

    handler: EffectHandler
    settings: Callable[[], Settings]

    @property
    def search_lag_s(self) -> float:
        """Return what the handler says."""
        return self.handler.search_lag_s

    def handle(self, effect: Effect, /) -> str | None:
        """Do it."""
        return self._renewing(lambda: self.handler.handle(effect))

    def find(self, effect: Effect, /) -> str | None:
        """Find it."""
        return self._renewing(lambda: self.handler.find(effect))

    def on_finished(self, effect: Effect, conclusion: Ending, /) -> None:
        """Tell the context."""
        self.handler.on_finished(effect, conclusion)

    def _renewing(self, call: Callable[[], str | None]) -> str | None:
        try:
            return call()
        except CredentialsError:
            if not self.settings().renew():
                raise
            logger.info("the credentials were renewed")
            return call()


def _texts(secret: str) -> dict[str, str]:
    """Return the members of a secret that are texts; a broken one holds none, and is logged."""
    try:
        found = json.loads(secret)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        logger.error("the vendors' secret is no JSON object")
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str)}
