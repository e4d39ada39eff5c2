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
    """How it was found."""
    figures: str
    """The numbers that were compared."""
    threshold: str
    """From which number on it counts."""
    may_also_be: str
    """What else explains the same rows."""


class Verdict(Model):
    """One rule that fired for a machine, with the numbers that made it fire.

    ``under`` and ``over`` carry level, faults, rate and wilson_low; ``lost_log`` carries from, to,
    hours, e and expected, the number of sales that are missing. ``why`` is one sentence for the
    dispatcher.
    """

    kind: Kind
    """Which rule fired."""
    level: Level | None = None
    """How bad it is, for under and over."""
    faults: int | None = None
    """How many sales were faulty."""
    rate: float | None = None
    """The part of sales that were faulty, 0 to 1."""
    wilson_low: float | None = None
    """The lower end of the rate's 95 % interval (Wilson)."""
    first_known_at: Instant
    """When it could first be known."""
    from_: Instant | None = Field(default=None, alias="from")
    """When the silence began."""
    to: Instant | None = None
    """When the silence ended."""
    hours: float | None = None
    """How long the silence was, in hours."""
    e: float | None = None
    """How many such silences chance alone would leave in a year."""
    expected: int | None = None
    """About how many sales are missing."""
    why: str
    """What was found, in a sentence."""
    how_we_know: HowWeKnow | None = None
    """The evidence."""
    clears_when: str
    """What makes it go away."""
    parts: tuple[str, ...] = ()
    """The parts to carry along."""


class MachineNote(Model):
    """A finding about a machine that needs no visit."""

    kind: Literal["burst", "partial_silence"]
    """What was found."""
    from_: Instant = Field(alias="from")
    """When it began."""
    to: Instant
    """When it ended."""
    why: str
    """What was found, in a sentence."""


class OwnSilence(Model):
    """A silence that a machine's own rhythm does not explain."""

    from_: Instant = Field(alias="from")
    """When the silence began."""
    to: Instant
    """When the silence ended."""
    expected: float
    """How many sales its rhythm would have had in it."""
    e: float
    """How many such silences chance alone would leave in a year."""


class Stock(Model):
    """The gumballs in a machine as of ``as_of``, and the day on which it will be empty.

    ``left_at_least`` allows for sales that are missing from the log. The day lies between
    ``empty_from`` and ``empty_to`` in 90 of 100 cases; it is left out when the machine has no week
    of sales to go by. When nothing is left it is the day on which the last gumball was sold.
    """

    capacity: int
    """How many gumballs the machine holds."""
    left: int
    """How many gumballs are left by the log."""
    left_at_least: int
    """The same, if sales are missing from the log."""
    as_of: Instant
    """The instant that the numbers are of."""
    filled_at: Instant
    """When it was last filled."""
    empty_on: date | None = None
    """The day on which it will be empty; if nothing is left, the day on which it became empty."""
    empty_from: date | None = None
    """The earliest such day, in 90 of 100 cases."""
    empty_to: date | None = None
    """The latest such day, in 90 of 100 cases."""


class Cash(Model):
    """The cash that was counted at the latest visit, and what the log says it should be.

    ``unserved_cents`` is what customers paid without getting a gumball, ``missing_cents`` what the
    sales are worth that are missing from the log. ``why`` explains the difference in a sentence.
    """

    since: Instant
    """The visit before."""
    until: Instant
    """The latest visit."""
    expected_cents: int
    """What the log says was paid between the two, in cents."""
    counted_cents: int
    """What was counted, in cents."""
    difference_cents: int
    """Counted less expected, in cents."""
    unserved_cents: int
    """What customers paid without getting a gumball, in cents."""
    missing_cents: int
    """What the sales are worth that are missing from the log, in cents."""
    why: str
    """What explains the difference, in a sentence."""


class DailySales(Model):
    """The sales of local days in a row, the last of them being ``last``."""

    last: date
    """The last of the days."""
    sales: tuple[int, ...]
    """The sales of each day, in order."""


class MachineSummary(Model):
    """What a machine's stored rows say, and what its region has in common with it."""

    serial: str
    """The serial of the machine, such as GM001."""
    state: MachineState
    """How the machine is."""
    transactions: int
    """How many sales are stored."""
    under: int
    """How many sales dispensed nothing."""
    over: int
    """How many sales dispensed more than one gumball."""
    gumballs: int
    """How many gumballs were dispensed."""
    credits_cents: int
    """What customers paid, in cents."""
    unserved_cents: int
    given_away_cents: int
    """What the gumballs are worth that came without being paid, in cents."""
    corrupt_lines: int
    """How many lines of its logs could not be read."""
    suspected_duplicates: int
    """How many rows may be there twice."""
    first_at: Instant | None = None
    """The oldest row."""
    last_at: Instant | None = None
    """The newest row."""
    last_download_at: Instant | None = None
    """When its log was last downloaded."""
    settled_until: Instant | None = None
    """Until when its silences are judged."""
    verdicts: tuple[Verdict, ...] = ()
    """The rules that fired."""
    notes: tuple[MachineNote, ...] = ()
    """Findings that need no visit."""
    silences: tuple[OwnSilence, ...] = ()
    """Silences that its own rhythm does not explain."""
    due_at: Instant | None = None
    """When its log is to be downloaded next."""
    retired: date | None = None
    """The local date after which it is neither judged nor due."""
    stock: Stock | None = None
    """The gumballs in it."""
    cash: Cash | None = None
    """The cash of the latest visit."""
    daily_sales: DailySales | None = None
    """Those of the last 30 days of its window, up to the day of its newest row."""


Urgency = Literal["under", "over", "lost_log", "clock", "stuck_sensor", "corrupt_data", "overdue"]


class Cause(Model):
    """One reason to go to a machine; ``count`` findings of that kind, of which it shows one."""

    kind: Urgency
    """Which kind of reason."""
    count: int = 1
    """How many findings of this kind there are."""
    since: Instant | None = None
    """Since when it could be known."""
    why: str
    """What was found, in a sentence."""
    how_we_know: HowWeKnow | None = None
    clears_when: str


class CauseEvent(Model):
    """A cause that was raised at a machine, or has cleared.

    ``cause`` is its kind, or out_of_service, which is ``under`` at its higher level. ``episode``
    counts how often it has begun there. What explains it is there as long as it is known: ``since``
    to ``parts``.
    """

    machine: str
    """The serial of the machine."""
    cause: Urgency | Literal["out_of_service"]
    """What kind of cause it is."""
    episode: int
    """How often this cause has begun at this machine."""
    state: MachineState
    """What the machine is called since."""
    site: str | None = None
    """The site of the machine."""
    technician: str | None = None
    """The technician of the machine."""
    since: Instant | None = None
    """When it was first known."""
    why: str | None = None
    """What was found, in a sentence."""
    how_we_know: HowWeKnow | None = None
    """The evidence."""
    clears_when: str | None = None
    """What makes it go away."""
    parts: tuple[str, ...] = ()
    """The parts that a technician should bring."""


class MachineReport(MachineSummary):
    """A machine as the dispatcher sees it: its summary, and whether it is due."""

    overdue: bool
    """Whether the download of its log is overdue."""
    causes: tuple[Cause, ...] = ()
    """Why to go to it; several findings of one kind are one."""


class FleetGap(Model):
    """A time in which no machine of the fleet reported: one case for IT."""

    from_: Instant = Field(alias="from")
    """When it began."""
    to: Instant
    """When it ended."""
    hours: float
    """How long it was, in hours."""
    e: float
    """How many such gaps chance alone would leave in a year."""
    machines: int | None = None
    """How many machines have rows before and after it."""
    expected: int | None = None
    """About how many sales are missing."""
    why: str
    """What was found, in a sentence."""
    how_we_know: HowWeKnow | None = None


class PartialSilence(Model):
    """A silence of many machines at the same time, but not of all: one case for IT."""

    from_: Instant = Field(alias="from")
    """When it began."""
    to: Instant
    """When it ended."""
    hours: float
    """How long it was, in hours."""
    silent: int
    """How many machines were silent."""
    of: int
    """How many machines have rows before and after it."""
    machines: tuple[str, ...]
    """The serials of those that were silent, the first fifty."""
    why: str
    """What was found, in a sentence."""
    how_we_know: HowWeKnow


class Totals(Model):
    """Sums over the machines of a report."""

    machines: int
    """How many machines there are."""
    transactions: int
    gumballs: int
    credits_cents: int
    unserved_cents: int
    given_away_cents: int


class FleetReport(Model):
    """A page of the machines, most urgent first, and what the fleet has in common."""

    machines: tuple[MachineReport, ...]
    """The machines of this page."""
    fleet_gaps: tuple[FleetGap, ...]
    """Times in which no machine reported."""
    partial_silences: tuple[PartialSilence, ...] = ()
    """Times in which many machines were silent together."""
    totals: Totals
    """The sums of all pages."""
    totals_exact: bool = True
    """False where more machines would have to be read than a request reads."""
    window_days: int
    """How many days back the rules reach."""
    up_to_date: bool = True
    """False while files are processed whose gaps have not been searched yet."""


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
    """A place where machines stand; its zone is the one that a technician's clock shows.

    On its closing days (local dates, and weekdays) no sale is expected.
    """

    name: Name
    """The name of the site."""
    time_zone: Annotated[str, AfterValidator(times.time_zone)] = "UTC"
    """Its time zone (IANA), such as America/Chicago."""
    address: Annotated[str, StringConstraints(max_length=500), AfterValidator(names.printable)] = ""
    """Its postal address."""
    closed: Annotated[
        tuple[Day, ...], Field(max_length=400), _FROM_ARRAY, AfterValidator(_in_order)
    ] = ()
    """Local dates on which no sale is expected."""
    closed_weekly: Annotated[
        tuple[Weekday, ...], Field(max_length=7), _FROM_ARRAY, AfterValidator(_in_order)
    ] = ()
    """Weekdays on which no sale is expected."""


class TechnicianBody(OwnBody):
    """A person who empties logs out of machines."""

    name: Name
    """The name of the technician."""


class MachineBody(OwnBody):
    """The site of a machine, and its technician.

    After the local date on which it is ``retired`` it is neither judged nor due. ``capacity`` is
    how many gumballs it holds.
    """

    site: SiteId | None = None
    """The id of its site."""
    technician: TechnicianId | None = None
    """The technician that it is assigned to, such as T0001."""
    retired: Day | None = None
    capacity: Annotated[int, Field(ge=1, le=MOST_GUMBALLS)] | None = None
    """How many gumballs it holds."""


class UploadQuery(Model):
    """The metadata of a technician's file."""

    technician: TechnicianId
    """Who downloaded the log, such as T0001 or #001."""
    machine: Serial
    """The machine that the log is of, such as GM001."""
    downloaded_at: DownloadedAt
    """When the log was downloaded: the technician's wall clock, or an instant with its offset."""
    filename: OriginalName | None = None
    """What the file was called."""


class ImportQuery(Model):
    """The metadata of a dispatcher's file."""

    filename: OriginalName | None = None


class _Sent(Model):
    """What is known of the bytes before they are sent; each that is given is signed.

    ``size_bytes`` is their number, ``sha256`` their digest in hexadecimal: of the bytes that are
    sent, packed or not.
    """

    size_bytes: Annotated[int, Field(ge=1, le=256 * 1024**2), FROM_JSON] | None = None
    """How many bytes will be sent."""
    sha256: Annotated[str, Form("[0-9a-f]{64}", "must be 64 hexadecimal digits")] | None = None
    """The digest (SHA-256, hexadecimal) of the bytes that will be sent."""


class AwaitedUpload(UploadQuery, _Sent):
    """A technician's file that goes straight to the share."""


class AwaitedImport(ImportQuery, _Sent):
    """A dispatcher's file that goes straight to the share."""


class TechnicianQuery(Model):
    """Whose files, or whose work."""

    technician: TechnicianId
    """The technician, such as T0001."""


class ListQuery(PageQuery):
    """A page of a list."""

    limit: Annotated[int, Field(ge=1, le=1_000), FROM_TEXT] = 1_000


class FilesQuery(ListQuery):
    """Whose files to list."""

    technician: TechnicianId
    """The technician, such as T0001."""


class MachinesQuery(ListQuery):
    """Which machines to list; all of them without filters."""

    site: SiteId | None = None
    """Only machines of this site."""
    technician: TechnicianId | None = None
    """Only machines that are assigned to this technician."""
    state: MachineState | None = None
    """Only machines in this state."""


class DispatchBody(Model):
    """Send a technician to a machine."""

    machine: Serial
    """The machine to go to, such as GM001."""
    note: Note = ""
    """Something for the technician to know."""


class DispatchQuery(ListQuery):
    """Which dispatches to list; all when absent."""

    state: Literal["open", "closed"] | None = None
    """Only open, or only closed ones."""
    machine: Serial | None = None
    """Only those to this machine."""


class Service(Model):
    """What was done at a machine: gumballs that were filled in, cash that was taken out.

    ``full`` says that it was filled up to its capacity.
    """

    filled: Annotated[int, Field(ge=0, le=MOST_GUMBALLS)] | None = None
    """How many gumballs were filled in."""
    full: bool = False
    """Whether it was filled up to its capacity."""
    cash_cents: Annotated[int, Field(ge=0, le=100_000_00)] | None = None
    """The cash that was taken out, in cents."""

    @property
    def reported(self) -> bool:
        """Whether anything was done."""
        return self.full or self.filled is not None or self.cash_cents is not None


class ClosingBody(Service):
    """How a dispatch ended."""

    note: Note = ""
    """What was done, or found."""


class ServiceBody(Service):
    """A service visit: when it was, by an instant with an offset, and what was done."""

    at: times.At
    """When the visit was, an instant with its offset."""
    note: Note = ""
    """What was done, or found."""


# --- what is stored and answered ------------------------------------------------------------------


class Site(SiteBody):
    """A site as it is stored."""

    model_config = ConfigDict(extra="ignore")

    site_id: str
    """The id of the site."""


class Technician(TechnicianBody):
    """A technician and the serials of the machines assigned to them."""

    model_config = ConfigDict(extra="ignore")

    technician_id: str
    """The technician's number, such as T0001."""
    machines: tuple[str, ...] = ()
    """The serials of the machines that are assigned to them."""


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
    """The machine that was visited."""
    at: Instant
    """When the visit was."""
    note: str = ""
    """What was done, or found."""
    dispatch: int | None = None
    """The dispatch that was closed with it."""


DispatchState = Literal["open", "closed"]


class Dispatch(Model):
    """A visit that a technician was sent on."""

    id: int
    """The number of the dispatch."""
    machine: str
    """The machine to go to."""
    technician: str | None = None
    """Who was sent."""
    note: str = ""
    """What the dispatcher wrote."""
    state: DispatchState = "open"
    """Whether it is still open."""
    opened_at: Instant
    """When the technician was sent."""
    closed_at: Instant | None = None
    """When it was closed."""
    closed_by: str | None = None
    """Who closed it: a download of the machine's log, or a dispatcher by hand."""
    closing_note: str | None = None
    """What was written when it was closed."""


class DaySilence(Model):
    """A part of a day without a row that has a verdict; the fleet's when ``kind`` says so."""

    kind: Literal["lost_log", "partial_silence", "fleet_gap"]
    """Whose silence it is."""
    from_: Instant = Field(alias="from")
    """When it began."""
    to: Instant
    """When it ended."""
    why: str
    """What was found, in a sentence."""


class Visit(Model):
    """A technician's download of a machine's log: the file that it gave, and when at the latest."""

    file: int
    """The number of the file."""
    technician: str
    """Who downloaded the log."""
    at: Instant
    """When, at the latest."""


class DayView(Model):
    """A machine's local day: what it sold, what went wrong, who was there.

    ``sales_by_hour`` are those of the 24 local hours; ``covered_by_hour`` says of each (0 or 1)
    whether its log would show a sale, ``covered_hours`` of how many. ``visits`` are the downloads,
    ``dispatches`` those that were opened on the day, ``service_visits`` what was reported.
    """

    day: date
    """The local date."""
    time_zone: str
    """The time zone of the day (IANA)."""
    sales: int
    """How many sales there were."""
    sales_by_hour: tuple[int, ...]
    """The sales of the 24 local hours."""
    covered_hours: int
    """How many hours its logs cover."""
    under: int
    over: int
    refused_lines: int
    """How many lines of its logs were refused."""
    covered_by_hour: tuple[int, ...] = ()
    """Whether its logs cover the hour (1) or not (0), for the 24 local hours."""
    beyond: int = 0
    """How many sales are behind the time that its logs cover."""
    first_at: Instant | None = None
    """The first row."""
    last_at: Instant | None = None
    """The last row."""
    silences: tuple[DaySilence, ...] = ()
    """Parts of the day without a row that have a verdict."""
    visits: tuple[Visit, ...] = ()
    """The downloads of its log."""
    dispatches: tuple[Dispatch, ...] = ()
    """The dispatches that were opened on the day."""
    service_visits: tuple[ServiceVisit, ...] = ()
    """The visits that were reported."""


class Rebuild(Model):
    """How far a rebuild of all conclusions is: machines so far, parts of the fleet done."""

    epoch: int
    """Which rebuild it is: 1, 2, 3, ..."""
    state: Literal["running", "done"]
    """Whether it is still going on."""
    machines: int
    """How many machines are done."""
    parts: int
    """How many parts the fleet has."""
    parts_done: int
    """How many parts are done."""


class MachineView(MachineReport):
    """A machine's report and its place in the registry."""

    site: str | None = None
    """The id of its site."""
    technician: str | None = None
    """The technician that it is assigned to."""
    retired: date | None = None
    capacity: int | None = None
    """How many gumballs it holds."""
    registered_at: Instant | None = None
    """When it was registered."""


class RowView(Model):
    """One transaction; ``id`` counts up from 1 in the machine's time order (V7)."""

    id: int
    """The number of the row in the machine's time order, from 1."""
    machine: str
    """The machine."""
    at: Instant
    """When the sale was, to the second."""
    gumballs: int
    credit_cents: int = CREDIT_CENTS
    """What the customer paid, in cents."""
    suspected_duplicate: bool = False
    """Whether the row may be there twice."""


class WorkItem(Model):
    """A machine to go to: why, what to carry, since when it could be known.

    ``unserved_cents`` and ``given_away_cents`` are those of the machine.
    """

    machine: str
    """The machine to go to."""
    site: str | None = None
    """The id of its site."""
    site_name: str | None = None
    """The name of its site."""
    technician: str | None = None
    """The technician that it is assigned to."""
    technician_name: str | None = None
    """Their name."""
    unserved_cents: int = 0
    given_away_cents: int = 0
    state: MachineState
    """How the machine is."""
    causes: tuple[Cause, ...]
    """Why to go to it."""
    parts: tuple[str, ...]
    """The parts to carry along."""
    since: Instant | None = None
    """Since when it could be known."""
    overdue: bool
    due_at: Instant | None = None
    """When its log is to be downloaded."""
    stock: Stock | None = None
    cash: Cash | None = None
    dispatch: Dispatch | None = None
    """The dispatch that is open, if there is one."""
