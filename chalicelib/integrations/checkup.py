"""Is each vendor configured, reachable, and does it let us do what we need: one cheap read each.

The vendors are asked side by side, so that the slowest alone decides how long it takes.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from chalicelib.core.outbox.effects import DeniedError, EffectError, PoisonError

State = Literal["ok", "off", "unreachable", "denied"]


class Checkup(BaseModel):
    """How an integration is, and what to do about it.

    ``reachable`` and ``allowed`` are null where it was not tried. ``missing`` are the settings
    that it lacks.
    """

    model_config = ConfigDict(frozen=True)

    integration: str
    state: State
    configured: bool
    reachable: bool | None = None
    allowed: bool | None = None
    detail: str
    missing: tuple[str, ...] = ()
    next_step: str = ""

    def json_text(self) -> str:
        """Return the JSON text of this value."""
        return self.model_dump_json()


@dataclass(frozen=True)
class Patient:
    """One integration: the settings it lacks, a cheap read, and the scope that it takes."""

    name: str
    missing: Callable[[], Sequence[str]]
    look: Callable[[], str]
    scope: str


def examine(patients: Sequence[Patient]) -> list[Checkup]:
    """Return how each integration is, in the order given."""
    with ThreadPoolExecutor(max_workers=max(len(patients), 1)) as pool:
        return list(pool.map(_examined, patients))


def _examined(patient: Patient) -> Checkup:
    try:
        missing = tuple(patient.missing())
    except EffectError as closed:
        return _secret_is_closed(patient, closed)
    if missing:
        return Checkup(
            integration=patient.name,
            state="off",
            configured=False,
            missing=missing,
            detail="It is off: effects wait, and nothing fails.",
            next_step=f"set {', '.join(missing)} (docs/integrations.md, settings)",
        )
    return _looked_at(patient)


def _looked_at(patient: Patient) -> Checkup:
    try:
        detail = patient.look()
    except (DeniedError, PoisonError) as refused:
        return Checkup(
            integration=patient.name,
            state="denied",
            configured=True,
            reachable=True,
            allowed=False,
            detail=str(refused),
            next_step=f"mend the credentials or the address; it takes {patient.scope}",
        )
    except EffectError as broken:
        return Checkup(
            integration=patient.name,
            state="unreachable",
            configured=True,
            reachable=False,
            detail=str(broken),
            next_step="see whether the vendor is up and the address is right; effects are kept",
        )
    return Checkup(
        integration=patient.name,
        state="ok",
        configured=True,
        reachable=True,
        allowed=True,
        detail=detail,
    )


def _secret_is_closed(patient: Patient, closed: EffectError) -> Checkup:
    return Checkup(
        integration=patient.name,
        state="denied",
        configured=False,
        detail=str(closed),
        next_step="see that the secret exists, and that the function's role may read it",
    )
