"""What a finding is called: a sentence for the dispatcher, and apart from it how we know.

The sentence holds no statistics and no jargon; times are local to the machine. Numbers are rounded
to what a reader can use, and never written with an exponent.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from chalicelib.vending.anomalies import Burst, Fault, FaultKind, Thresholds, rows_to_clear
from chalicelib.vending.clock import Doubt
from chalicelib.vending.models import CREDIT_CENTS, HowWeKnow

_GAVE: dict[FaultKind, str] = {"under": "no gumball", "over": "more than one gumball"}
_ELSE: dict[FaultKind, str] = {
    "under": "an empty machine, or a dispense sensor that misses gumballs",
    "over": "a dispense sensor that counts twice",
}
_DAY_H, _WEEK = 24, 7
_FEWEST_A_DAY = 0.95
_LEAST_SHARE = 1e-6


def money(sales: float) -> str:
    """Return what so many sales are worth."""
    return f"${CREDIT_CENTS * sales / 100:,.2f}"


def moment(second: float, zone: str) -> str:
    """Return a time in words: ``Tue 14 Apr 2026 14:10``, with UTC where no zone is known."""
    at = datetime.fromtimestamp(second, ZoneInfo(zone))
    return f"{at:%a} {at.day} {at:%b %Y %H:%M}{' UTC' if zone == 'UTC' else ''}"


def length(hours: float) -> str:
    """Return a time span in words: ``5 hours``, ``3 days``."""
    if hours < 3 * _DAY_H:
        return f"{hours:.0f} hour{'' if round(hours) == 1 else 's'}"
    return f"{hours / _DAY_H:.0f} days"


def pace(sales_a_day: float) -> str:
    """Return how much a machine sells."""
    if sales_a_day >= _FEWEST_A_DAY:
        return f"Sells about {sales_a_day:,.0f} a day"
    a_week = max(round(sales_a_day * _WEEK), 1)
    return f"Sells about {a_week} a week"


def chance(e: float) -> str:
    """Return how often chance alone does something, in words that have no exponent."""
    if e >= 1:
        return f"about {e:.0f} times"
    return "less than once in a million" if e < _LEAST_SHARE else f"once in {1 / e:,.0f}"


def percent(share: float) -> str:
    """Return a share with two digits."""
    return f"{float(f'{100 * share:.2g}'):g} %"


# --- faults ---


def fault(found: Fault, zone: str, *, settled: bool) -> str:
    """Return what a fault is to the dispatcher; ``settled`` when a visit came before it."""
    since = " since the last visit" if settled else ""
    if found.began_at is not None:
        since = f" since {moment(found.began_at, zone)}"
    cost = "stock is given away"
    if found.kind == "under":
        cost = f"customers paid {money(found.faults)} for nothing"
    if found.kind == "under" and found.faults == found.rows:
        cost += ": a dead mechanism or a stuck sensor, carry both"
    return f"{found.faults:,} of {found.rows:,} credits{since} gave {_GAVE[found.kind]}; {cost}."


def how_fault(found: Fault, settled: bool, thresholds: Thresholds) -> HowWeKnow:
    """Return what a fault follows from."""
    run = found.began_at is not None
    out = found.level == "out_of_service"
    limit = thresholds.out_of_service_rate if out else thresholds.fault_rate
    meaning = "puts a machine out of service" if out else "is tolerated"
    rows = "since the last visit" if settled else f"of the last {thresholds.window_days} days"
    return HowWeKnow(
        method="a sum that grows with each fault and falls with each good row (rule A2)"
        if run
        else f"the rate over all rows {rows}, with the lower end of its 95 % interval (rule A)",
        figures=f"{found.faults:,} of {found.rows:,} rows ({percent(found.rate)}), cautiously "
        f"{percent(found.wilson_low)}",
        threshold=f"{percent(limit)} {meaning}",
        may_also_be=_ELSE[found.kind],
    )


def fault_clears(rate: float) -> str:
    """Return the evidence that clears a fault."""
    rows = rows_to_clear(rate)
    clean = "credit" if rows == 1 else f"{rows} credits"
    return f"no such fault in the first {clean} after a visit shows (95 %) that it is mended"


def burst(found: Burst, zone: str) -> str:
    """Return what a run of faults was that is over."""
    rows = f"the {found.clean_rows:,} credits since were clean"
    return (
        f"{found.faults} credits in a short time gave {_GAVE[found.kind]}, from "
        f"{moment(found.start, zone)}; {rows}."
    )


# --- silences ---


def lost_log(
    start: int, end: int, expected: float, sales_a_day: float, zone: str, *, still: bool
) -> str:
    """Return what a silence of one machine is; ``still`` when no row came after it."""
    sales = f"about {expected:,.0f} sales are missing, worth about {money(round(expected))}"
    if still:
        return f"{pace(sales_a_day)}. Nothing since {moment(start, zone)}; {sales}."
    return (
        f"{pace(sales_a_day)}. Nothing from {moment(start, zone)} to {moment(end, zone)}; {sales}."
    )


def how_lost_log(expected: float, e: float, thresholds: Thresholds, *, still: bool) -> HowWeKnow:
    """Return what a lost log follows from."""
    return HowWeKnow(
        method="the machine's own sales by hour of the week, around the silence and without it; "
        "closing days, quiet days and silences of the whole fleet do not count (rule B2)",
        figures=f"{expected:,.1f} sales expected, none came; by chance "
        f"{chance(e)} in a log as long as this one",
        threshold=f"{thresholds.lost_log_e:g} false ones in a month of a machine; at least 2 hours "
        "and 10 expected sales",
        may_also_be="a machine that was off, covered or out of reach of customers"
        + (", or that is dead now" if still else ""),
    )


def fleet_gap(start: int, end: int, expected: float, machines: int) -> str:
    """Return what a silence of all machines is."""
    return (
        f"None of {machines:,} machines reported for {length((end - start) / 3_600)}; about "
        f"{expected:,.0f} sales are missing, worth about {money(round(expected))}. "
        "It is a case for IT, not for technicians."
    )


def how_fleet_gap(expected: float, e: float, machines: int, thresholds: Thresholds) -> HowWeKnow:
    """Return what a fleet gap follows from."""
    return HowWeKnow(
        method="the sales of all machines together by hour of the week, of those whose logs have "
        "rows before and after (rule B1)",
        figures=f"{expected:,.1f} sales of {machines:,} machines expected, none came; by chance "
        f"{chance(e)} in the months around",
        threshold=f"{thresholds.fleet_gap_e:g} false ones in a month; at least three machines",
        may_also_be="a day on which all sites were closed: name it as a closing day",
    )


def partial_silence(hours: float, silent: int, of: int) -> str:
    """Return what a silence of many machines is."""
    return (
        f"{silent:,} of {of:,} machines were silent for {length(hours)} at the same time. "
        "It is a case for IT, not for technicians."
    )


def how_partial_silence(silent: int, of: int) -> HowWeKnow:
    """Return what a partial silence follows from."""
    return HowWeKnow(
        method="silences that each machine's own rhythm does not explain, overlapping by half",
        figures=f"{silent:,} of the {of:,} machines with rows before and after",
        threshold="at least three machines and 30 %",
        may_also_be="sites that were closed: name the day as a closing day of each",
    )


# --- clocks and sensors ---


def clock(found: Doubt, zone: str) -> str:
    """Return what is wrong with a clock."""
    at, apart = moment(found.at, zone), length(found.apart_s / 3_600)
    match found.kind:
        case "lone_rows":
            rows = "One sale is" if found.rows == 1 else f"{found.rows} sales are"
            sentence = f"{rows} dated {at}, {apart} after all others"
        case "never_set":
            sentence = f"Its newest sale is dated {at}, when no such machine existed"
        case "behind_download":
            sentence = f"Its newest sale is dated {at}, {apart} before its log was read"
        case "behind_file":
            sentence = f"Its newest sale is dated {at}, {apart} before those of the other machines"
    return f"{sentence}: its clock is wrong."


def how_clock(found: Doubt) -> HowWeKnow:
    """Return what a wrong clock follows from."""
    return HowWeKnow(
        method="the dates of its rows against each other and against when its log was read",
        figures=f"{found.rows:,} rows up to {datetime.fromtimestamp(found.at, UTC):%Y-%m-%d}",
        threshold="fewer than three rows more than 7 days after all others; before the year 2000; "
        "or 180 days from the download or from the other logs of the file",
        may_also_be="a log that was read long after the machine had stopped",
    )


def stuck_sensor(day: str, rows: int, most: int) -> str:
    """Return what a day with impossibly many rows is."""
    return (
        f"It reported {rows:,} sales on {day}, more than it can make: its sensor is stuck; "
        f"the first {most:,} count."
    )


def how_stuck_sensor(most: int) -> HowWeKnow:
    """Return what a stuck sensor follows from."""
    return HowWeKnow(
        method="the number of rows of a day",
        figures=f"more than {most:,} rows",
        threshold=f"{most:,} rows a day",
        may_also_be="a log that was written twice over",
    )


# --- stock and cash ---


def empty(filled_at: int, gumballs: int, faults: int, zone: str) -> str:
    """Return what a machine is that gives nothing because it has nothing left."""
    return (
        f"Empty: bring gumballs. All {gumballs:,} of {moment(filled_at, zone)} are sold; "
        f"{faults:,} credits since gave no gumball, and customers paid {money(faults)} for nothing."
    )


def how_empty(gumballs: int) -> HowWeKnow:
    """Return what it follows from that a machine is empty."""
    return HowWeKnow(
        method="the gumballs that it gave since it was filled, against those that were filled in",
        figures=f"{gumballs:,} filled in, as many given, and none since",
        threshold="all of them given",
        may_also_be="a dead mechanism or a stuck sensor: look at it once it is filled",
    )


def cash(difference_cents: int, under: int, missing: int) -> str:
    """Return how the cash that was counted differs from the log, and what explains it."""
    if difference_cents == 0:
        return "The cash agrees with the log."
    more = difference_cents > 0
    found = f"${abs(difference_cents) / 100:,.2f} {'more' if more else 'less'} than the log shows"
    if more and missing:
        return (
            f"{found}; about {missing:,} sales are missing from it, worth {money(missing)}."
            f"{_unexplained(difference_cents, missing)}"
        )
    if not more and under:
        return (
            f"{found}; {under:,} credits ({money(under)}) gave no gumball: customers were perhaps "
            "paid back, or the sensor counted unpaid sales."
            f"{_unexplained(difference_cents, under)}"
        )
    return f"{found}; no fault of the machine explains it."


def _unexplained(difference_cents: int, sales: int) -> str:
    """Return that a difference is too large for ``sales``, whose number is an estimate."""
    explained = CREDIT_CENTS * sales
    return " That is too little to explain it." if abs(difference_cents) > 2 * explained else ""
