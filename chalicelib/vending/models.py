"""What the vending context takes in, keeps and answers.

Terms: a *row* is one dispense transaction (a UTC second and a gumball count); a *file* is one log
as it was dropped or uploaded; a *verdict* is a rule that fired on the stored rows, with its
evidence. Amounts of money are whole cents, instants are aware UTC.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

CREDIT_CENTS = 25
"""What a customer pays for one dispense (requirement V5)."""


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


Instant = Annotated[AwareDatetime, PlainSerializer(_iso, when_used="json")]
Kind = Literal["under", "over", "lost_log"]
Level = Literal["degraded", "out_of_service"]
MachineState = Literal["healthy", "degraded", "out_of_service"]


class Model(BaseModel):
    """A frozen value; fields that do not apply are None and left out of the JSON."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    def json_text(self) -> str:
        """Return the wire form: aliases, UTC with ``Z``, absent where a field does not apply."""
        return self.model_dump_json(exclude_none=True)


class Verdict(Model):
    """One rule that fired for a machine, with the numbers that made it fire.

    ``under`` and ``over`` carry level, faults, rate and wilson_low; ``lost_log`` carries from, to,
    hours and e.
    """

    kind: Kind
    level: Level | None = None
    faults: int | None = None
    rate: float | None = None
    wilson_low: float | None = None
    first_known_at: Instant
    from_: Instant | None = Field(default=None, alias="from")
    to: Instant | None = None
    hours: float | None = None
    e: float | None = None
    why: str
    clears_when: str
    parts: tuple[str, ...] = ()


class MachineSummary(Model):
    """What the stored rows of one machine say on their own, before the fleet is looked at."""

    serial: str
    state: MachineState
    transactions: int
    under: int
    over: int
    gumballs: int
    credits_cents: int
    unserved_cents: int
    given_away_cents: int
    corrupt_lines: int
    suspected_duplicates: int
    first_at: Instant | None = None
    last_at: Instant | None = None
    last_download_at: Instant | None = None
    settled_until: Instant | None = None
    verdicts: tuple[Verdict, ...] = ()


class MachineReport(MachineSummary):
    """A machine as the dispatcher sees it: its summary, its lost logs, and whether it is due."""

    overdue: bool
    due_at: Instant | None = None


class FleetGap(Model):
    """A time in which no machine of the fleet reported: one case for IT."""

    from_: Instant = Field(alias="from")
    to: Instant
    hours: float
    e: float
    why: str


class Totals(Model):
    """Sums over the machines of a report."""

    machines: int
    transactions: int
    gumballs: int
    credits_cents: int
    unserved_cents: int
    given_away_cents: int


class FleetReport(Model):
    """Every machine, most urgent first, and what the fleet has in common."""

    machines: tuple[MachineReport, ...]
    fleet_gaps: tuple[FleetGap, ...]
    totals: Totals
    window_days: int
    up_to_date: bool = True
    """False while files are processed whose gaps have not been looked for yet."""
