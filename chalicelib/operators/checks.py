"""Is each vendor configured, reachable, and does it let us do what we need: one cheap read each.

The vendors are checked concurrently, so that the slowest alone decides how long it takes.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from chalicelib.core.models import Model
from chalicelib.core.outbox.effects import CredentialsError, EffectError, RejectedError
from chalicelib.core.values import dataclass

State = Literal["ok", "off", "unreachable", "denied"]


class CheckResult(Model):
    """How an integration is, and what to do about it.

    ``reachable`` and ``allowed`` are null where it was not tried. ``missing`` are the settings
    that it lacks.
    """

    nulls = True

    integration: str
    """The name of the vendor."""
    state: State
    """How the integration is."""
    configured: bool
    """Whether all of its settings are there."""
    reachable: bool | None = None
    """Whether the vendor answers; null where it was not tried."""
    allowed: bool | None = None
    """Whether the credentials are good for what is needed; null where it was not tried."""
    detail: str
    """What was found, in a sentence."""
    missing: tuple[str, ...] = ()
    """The settings that are missing."""
    next_step: str = ""
    """What to do about it."""


@dataclass(frozen=True)
class VendorCheck:
    """One integration: the settings it lacks, a cheap read, and the scope that it takes."""

    name: str
    missing: Callable[[], Sequence[str]]
    run: Callable[[], str]
    scope: str


def run_checks(checks: Sequence[VendorCheck]) -> list[CheckResult]:
    """Return how each integration is, in the order given."""
    with ThreadPoolExecutor(max_workers=max(len(checks), 1)) as pool:
        return list(pool.map(_checked, checks))


def _checked(check: VendorCheck) -> CheckResult:
    try:
        missing = tuple(check.missing())
    except EffectError as closed:
        return _secret_is_closed(check, closed)
    if missing:
        return CheckResult(
            integration=check.name,
            state="off",
            configured=False,
            missing=missing,
            detail="It is off: effects wait, and nothing fails.",
            next_step=f"set {', '.join(missing)} (docs/integrations.md, settings)",
        )
    return _looked_at(check)


def _looked_at(check: VendorCheck) -> CheckResult:
    try:
        detail = check.run()
    except (CredentialsError, RejectedError) as refused:
        return CheckResult(
            integration=check.name,
            state="denied",
            configured=True,
            reachable=True,
            allowed=False,
            detail=str(refused),
            next_step=f"mend the credentials or the address; it takes {check.scope}",
        )
    except EffectError as broken:
        return CheckResult(
            integration=check.name,
            state="unreachable",
            configured=True,
            reachable=False,
            detail=str(broken),
            next_step="see whether the vendor is up and the address is right; effects wait",
        )
    return CheckResult(
        integration=check.name,
        state="ok",
        configured=True,
        reachable=True,
        allowed=True,
        detail=detail,
    )


def _secret_is_closed(check: VendorCheck, closed: EffectError) -> CheckResult:
    return CheckResult(
        integration=check.name,
        state="denied",
        configured=False,
        detail=str(closed),
        next_step="see that the secret exists, and that the function's role may read it",
    )
