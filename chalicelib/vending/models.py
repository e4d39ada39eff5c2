"""What the vending context takes in, keeps and answers.

Terms: a *row* is one dispense transaction (a UTC second and a gumball count); a *file* is one log
as it was dropped or uploaded; a *verdict* is a rule that fired on the stored rows, with its
evidence. Amounts of money are whole cents, instants are aware UTC.
"""

from datetime import date
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from chalicelib.core import times
from chalicelib.core.forms import Form
from chalicelib.core.instants import Instant
from chalicelib.core.invisible import visible_name
from chalicelib.core.models import Model, OwnBody, PageQuery
from chalicelib.core.numbers import FROM_JSON, FROM_TEXT
from chalicelib.vending import names

T = TypeVar("T", date, str)

CREDIT_CENTS = 25
"""What a customer pays for one dispense (requirement V5)."""
MOST_GUMBALLS = 100_000
"""The most that a machine can hold, or be filled with in one visit."""


Kind = Literal["under", "over", "lost_log", "clock", "stuck_sensor"]
Level = Literal["degraded", "out_of_service"]
MachineState = Literal["healthy", "needs_attention", "degraded", "out_of_service", "retired"]
"""``needs_attention`` is any open cause that is not a fault of the dispensing: a lost log, a wrong
clock, a stuck sensor, unreadable lines, an overdue download."""


class HowWeKnow(Model):
    """The evidence behind a finding."""

    method: str
    figures: str
    threshold: str
    may_also_be: str
    """What else explains the same rows."""


class Verdict(Model):
    """One rule that fired for a machine, with the numbers that made it fire.

    ``under`` and ``over`` carry level, faults, rate and wilson_low; ``lost_log`` carries from, to,
    hours, e and expected, the number of sales that are missing. ``why`` is one sentence for the
    dispatcher.
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
    expected: int | None = None
    why: str
    how_we_know: HowWeKnow | None = None
    clears_when: str
    parts: tuple[str, ...] = ()


class MachineNote(Model):
    """A finding about a machine that needs no visit."""

    kind: Literal["burst", "partial_silence"]
    from_: Instant = Field(alias="from")
    to: Instant
    why: str


class OwnSilence(Model):
    """A silence that a machine's own rhythm does not explain."""

    from_: Instant = Field(alias="from")
    to: Instant
    expected: float
    e: float


class Stock(Model):
    """The gumballs in a machine as of ``as_of``, and the day on which it will be empty.

    ``left_at_least`` allows for sales that are missing from the log. The day is empty when the
    machine has no week of sales to go by; it lies between ``empty_from`` and ``empty_to`` in 90 of
    100 cases.
    """

    capacity: int
    left: int
    left_at_least: int
    as_of: Instant
    filled_at: Instant
    empty_on: date | None = None
    empty_from: date | None = None
    empty_to: date | None = None


class Cash(Model):
    """The cash that was counted at the latest visit, and what the log says it should be.

    ``unserved_cents`` is what customers paid without getting a gumball, ``missing_cents`` what the
    sales are worth that are missing from the log. ``why`` explains the difference in a sentence.
    """

    since: Instant
    until: Instant
    expected_cents: int
    counted_cents: int
    difference_cents: int
    unserved_cents: int
    missing_cents: int
    why: str


class DailySales(Model):
    """The sales of local days in a row, the last of them being ``last``."""

    last: date
    sales: tuple[int, ...]


class MachineSummary(Model):
    """What a machine's stored rows say, and what its region has in common with it."""

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
    notes: tuple[MachineNote, ...] = ()
    silences: tuple[OwnSilence, ...] = ()
    due_at: Instant | None = None
    retired: date | None = None
    stock: Stock | None = None
    cash: Cash | None = None
    daily_sales: DailySales | None = None
    """Those of the last 30 days of its window, up to the day of its newest row."""


Urgency = Literal["under", "over", "lost_log", "clock", "stuck_sensor", "corrupt_data", "overdue"]


class Cause(Model):
    """One reason to go to a machine; ``count`` findings of that kind, of which it tells one."""

    kind: Urgency
    count: int = 1
    since: Instant | None = None
    why: str
    how_we_know: HowWeKnow | None = None
    clears_when: str


class MachineReport(MachineSummary):
    """A machine as the dispatcher sees it: its summary, and whether it is due."""

    overdue: bool
    causes: tuple[Cause, ...] = ()
    """Why to go to it; several findings of one kind are one."""


class FleetGap(Model):
    """A time in which no machine of the fleet reported: one case for IT."""

    from_: Instant = Field(alias="from")
    to: Instant
    hours: float
    e: float
    machines: int | None = None
    """How many machines have rows before and after it."""
    expected: int | None = None
    why: str
    how_we_know: HowWeKnow | None = None


class PartialSilence(Model):
    """A silence of many machines at the same time, but not of all: one case for IT."""

    from_: Instant = Field(alias="from")
    to: Instant
    hours: float
    silent: int
    of: int
    """How many machines have rows before and after it."""
    machines: tuple[str, ...]
    """The serials of those that were silent, the first fifty."""
    why: str
    how_we_know: HowWeKnow


class Totals(Model):
    """Sums over the machines of a report."""

    machines: int
    transactions: int
    gumballs: int
    credits_cents: int
    unserved_cents: int
    given_away_cents: int


class FleetReport(Model):
    """A page of the machines, most urgent first, and what the fleet has in common."""

    machines: tuple[MachineReport, ...]
    fleet_gaps: tuple[FleetGap, ...]
    partial_silences: tuple[PartialSilence, ...] = ()
    totals: Totals
    window_days: int
    up_to_date: bool = True
    """False while files are processed whose gaps have not been looked for yet."""


# --- what comes in ------------------------------------------------------------------------------

Serial = Annotated[str, names.SERIAL]
TechnicianId = Annotated[
    str,
    AfterValidator(names.technician_id),
    Field(json_schema_extra={"pattern": r"^\s*[#Tt]?[0-9]{1,9}\s*$"}),
]
SiteId = Annotated[
    str,
    Form(
        r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}",
        "must have 1 to 64 letters, digits, points, hyphens and underscores, and no point first",
    ),
]
_Text = StringConstraints(strip_whitespace=True, min_length=1, max_length=200)
Name = Annotated[str, _Text, AfterValidator(names.printable), AfterValidator(visible_name)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000)]
# The name that a file had where it came from: stored as text, never used as a key.
OriginalName = Annotated[str, StringConstraints(max_length=255), AfterValidator(names.printable)]
DownloadedAt = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    AfterValidator(names.checked_download_time),
]


Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
Day = Annotated[times.Day, AfterValidator(names.day)]


# Strict validation takes no list, which is what an array of JSON is, for a tuple.
_FROM_ARRAY = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)


def _in_order(days: tuple[T, ...]) -> tuple[T, ...]:
    order = WEEKDAYS.index if set(days) <= set(WEEKDAYS) else None
    return tuple(sorted(set(days), key=order))


class SiteBody(OwnBody):
    """A place where machines stand; its zone tells what a technician's clock meant.

    On its closing days (local dates, and weekdays) no sale is expected.
    """

    name: Name
    time_zone: Annotated[str, AfterValidator(times.time_zone)] = "UTC"
    address: Annotated[str, StringConstraints(max_length=500), AfterValidator(names.printable)] = ""
    closed: Annotated[
        tuple[Day, ...], Field(max_length=400), _FROM_ARRAY, AfterValidator(_in_order)
    ] = ()
    closed_weekly: Annotated[
        tuple[Weekday, ...], Field(max_length=7), _FROM_ARRAY, AfterValidator(_in_order)
    ] = ()


class TechnicianBody(OwnBody):
    """A person who empties logs out of machines."""

    name: Name


class MachineBody(OwnBody):
    """The site of a machine, and its technician.

    After the local date on which it is ``retired`` it is neither judged nor due. ``capacity`` is
    how many gumballs it holds.
    """

    site: SiteId | None = None
    technician: TechnicianId | None = None
    retired: Day | None = None
    capacity: Annotated[int, Field(ge=1, le=MOST_GUMBALLS)] | None = None


class UploadQuery(Model):
    """What is said about a technician's file beside its bytes."""

    technician: TechnicianId
    machine: Serial
    downloaded_at: DownloadedAt
    filename: OriginalName | None = None


class ImportQuery(Model):
    """What is said about a dispatcher's file beside its bytes."""

    filename: OriginalName | None = None


class _Sent(Model):
    """What is known of the bytes before they are sent; each that is told is signed.

    ``size_bytes`` is their number, ``sha256`` their digest in hexadecimal: of the bytes that are
    sent, packed or not.
    """

    size_bytes: Annotated[int, Field(ge=1, le=256 * 1024**2), FROM_JSON] | None = None
    sha256: Annotated[str, Form("[0-9a-f]{64}", "must be 64 hexadecimal digits")] | None = None


class AwaitedUpload(UploadQuery, _Sent):
    """A technician's file that goes straight to the share."""


class AwaitedImport(ImportQuery, _Sent):
    """A dispatcher's file that goes straight to the share."""


class TechnicianQuery(Model):
    """Whose files, or whose work."""

    technician: TechnicianId


class ListQuery(PageQuery):
    """A page of a list."""

    limit: Annotated[int, Field(ge=1, le=1_000), FROM_TEXT] = 1_000


class FilesQuery(ListQuery):
    """Whose files to list."""

    technician: TechnicianId


class MachinesQuery(ListQuery):
    """Which machines to list; all of them without filters."""

    site: SiteId | None = None
    technician: TechnicianId | None = None
    state: MachineState | None = None


class DispatchBody(Model):
    """Send a technician to a machine."""

    machine: Serial
    note: Note = ""


class DispatchQuery(ListQuery):
    """Which dispatches to list; all when absent."""

    state: Literal["open", "closed"] | None = None
    machine: Serial | None = None


class Service(Model):
    """What was done at a machine: gumballs that were filled in, cash that was taken out.

    ``full`` says that it was filled up to its capacity.
    """

    filled: Annotated[int, Field(ge=0, le=MOST_GUMBALLS)] | None = None
    full: bool = False
    cash_cents: Annotated[int, Field(ge=0, le=100_000_00)] | None = None

    @property
    def reported(self) -> bool:
        """Whether anything was done."""
        return self.full or self.filled is not None or self.cash_cents is not None


class ClosingBody(Service):
    """How a dispatch ended."""

    note: Note = ""


class ServiceBody(Service):
    """A service visit: when it was, by an instant with an offset, and what was done."""

    at: times.At
    note: Note = ""


# --- what is kept and answered ------------------------------------------------------------------


class Site(SiteBody):
    """A site as it is stored."""

    model_config = ConfigDict(extra="ignore")

    site_id: str


class Technician(TechnicianBody):
    """A technician and the serials of the machines assigned to them."""

    model_config = ConfigDict(extra="ignore")

    technician_id: str
    machines: tuple[str, ...] = ()


class Machine(Model):
    """A registered machine."""

    serial: str
    site: str | None = None
    technician: str | None = None
    retired: date | None = None
    capacity: int | None = None
    registered_at: Instant


class ServiceVisit(Service):
    """A visit to a machine as it is stored; a machine has one at a time ``at``.

    ``dispatch`` is the visit that was closed with it.
    """

    machine: str
    at: Instant
    note: str = ""
    dispatch: int | None = None


DispatchState = Literal["open", "closed"]


class Dispatch(Model):
    """A visit that a technician was sent on."""

    id: int
    machine: str
    technician: str | None = None
    note: str = ""
    state: DispatchState = "open"
    opened_at: Instant
    closed_at: Instant | None = None
    closed_by: str | None = None
    closing_note: str | None = None


class DaySilence(Model):
    """A part of a day without a row that has a verdict; the fleet's when ``kind`` says so."""

    kind: Literal["lost_log", "partial_silence", "fleet_gap"]
    from_: Instant = Field(alias="from")
    to: Instant
    why: str


class Visit(Model):
    """A technician's download of a machine's log: the file that it gave, and when at the latest."""

    file: int
    technician: str
    at: Instant


class DayView(Model):
    """A machine's local day: what it sold, what went wrong, who was there.

    ``sales_by_hour`` are those of the 24 local hours; ``covered_by_hour`` says of each (0 or 1)
    whether its log would show a sale, ``covered_hours`` of how many. ``visits`` are the downloads,
    ``dispatches`` those that were opened on the day, ``service_visits`` what was reported.
    """

    day: date
    time_zone: str
    sales: int
    sales_by_hour: tuple[int, ...]
    covered_hours: int
    under: int
    over: int
    refused_lines: int
    covered_by_hour: tuple[int, ...] = ()
    beyond: int = 0
    first_at: Instant | None = None
    last_at: Instant | None = None
    silences: tuple[DaySilence, ...] = ()
    visits: tuple[Visit, ...] = ()
    dispatches: tuple[Dispatch, ...] = ()
    service_visits: tuple[ServiceVisit, ...] = ()


class Rebuild(Model):
    """How far a rebuild of all conclusions is: machines so far, parts of the fleet done."""

    epoch: int
    state: Literal["running", "done"]
    machines: int
    parts: int
    parts_done: int


class MachineView(MachineReport):
    """A machine's report and its place in the registry."""

    site: str | None = None
    technician: str | None = None
    retired: date | None = None
    capacity: int | None = None
    registered_at: Instant | None = None


class RowView(Model):
    """One transaction; ``id`` counts up from 1 in the machine's time order (V7)."""

    id: int
    machine: str
    at: Instant
    gumballs: int
    credit_cents: int = CREDIT_CENTS
    suspected_duplicate: bool = False


class WorkItem(Model):
    """A machine to go to: why, what to carry, since when it could be known.

    ``unserved_cents`` and ``given_away_cents`` are those of the machine.
    """

    machine: str
    site: str | None = None
    site_name: str | None = None
    technician: str | None = None
    technician_name: str | None = None
    unserved_cents: int = 0
    given_away_cents: int = 0
    state: MachineState
    causes: tuple[Cause, ...]
    parts: tuple[str, ...]
    since: Instant | None = None
    overdue: bool
    due_at: Instant | None = None
    stock: Stock | None = None
    cash: Cash | None = None
    dispatch: Dispatch | None = None
