"""The screen of the fleet: most urgent machine first, why, what IT should know, the sums."""

from collections.abc import Iterable, Iterator
from itertools import chain

from rich.console import Console, Group, RenderableType
from rich.text import Text

from backroom.core import show
from backroom.vending.screens import states
from backroom.vending.screens.machine_table import (
    Surroundings,
    has_bars,
    has_pale_bars,
    machine_table,
)
from chalicelib.vending.causes import by_kind
from chalicelib.vending.models import FleetReport, MachineReport, PartialSilence, Totals

_MANY_MACHINES = 40
_MOST_REASONS = 30


def draw(
    console: Console, report: FleetReport, around: Surroundings, *, everything: bool = False
) -> None:
    """Print the report; ``everything`` lists the healthy machines of a large fleet, too."""
    console.print(compose(report, around, width=console.width, everything=everything))


def compose(
    report: FleetReport, around: Surroundings, *, width: int, everything: bool = False
) -> RenderableType:
    """Return the whole screen for a terminal of ``width`` characters."""
    listed = report.machines if everything else _worth_listing(report.machines)
    table = machine_table(listed, around, width)
    parts: list[RenderableType] = [table]
    hidden = len(report.machines) - len(listed)
    if hidden:
        line = f"and {show.plural(hidden, 'healthy machine')}; --all lists them"
        parts.append(Text(line, style=show.CALM))
    parts += [*_reasons(report.machines), *_gaps(report), Text(), *_sums(report)]
    parts.append(_legend(report, around, bars=has_bars(table)))
    if not report.up_to_date:
        waiting = "New files have arrived and are being evaluated. Try again in a moment."
        parts.append(Text(waiting, style=show.LATE))
    return Group(*parts)


def only(report: FleetReport, serials: Iterable[str]) -> FleetReport:
    """Return the report of some machines; the gaps stay those of the whole fleet."""
    wanted = set(serials)
    machines = tuple(machine for machine in report.machines if machine.serial in wanted)
    sums = {
        name: sum(getattr(machine, name) for machine in machines)
        for name in Totals.model_fields
        if name != "machines"
    }
    totals = Totals(machines=len(machines), **sums)
    return report.model_copy(update={"machines": machines, "totals": totals})


def _worth_listing(machines: tuple[MachineReport, ...]) -> tuple[MachineReport, ...]:
    if len(machines) <= _MANY_MACHINES:
        return machines
    return tuple(machine for machine in machines if states.urgency(machine)[0] != "healthy")


# --- under the table ----------------------------------------------------------------------------


def _reasons(machines: Iterable[MachineReport]) -> list[RenderableType]:
    found = [(machine, cause) for machine in machines for cause in by_kind(machine.verdicts)]
    if not found:
        return []
    table = show.grid(3)
    for machine, cause in found[:_MOST_REASONS]:
        style = states.urgency(machine)[1]
        known = f"known since {show.day(cause.since)}"
        carry = [v.parts for v in machine.verdicts if v.kind == cause.kind]
        parts = f"; carry {', '.join(dict.fromkeys(chain(*carry)))}" if any(carry) else ""
        table.add_row(
            Text(machine.serial, style=style),
            states.symptom(cause),
            Text.assemble(show.plain(cause.why), (f"\n{known}{show.plain(parts)}", show.CALM)),
        )
    more = len(found) - _MOST_REASONS
    rest = [Text(f"and {more} more: backroom worklist", style=show.CALM)] if more > 0 else []
    return [Text("\nWhy", style="bold"), table, *rest]


def _gaps(report: FleetReport) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for title, cases in (
        ("The whole fleet was silent", report.fleet_gaps),
        ("Many machines were silent at once", report.partial_silences),
    ):
        table = show.grid(2)
        for case in cases:
            extent = f"{show.moment(case.from_)} to {show.moment(case.to)}"
            table.add_row(f"{case.hours:.1f} h", Text.assemble((f"{extent}\n", "bold"), case.why))
            if isinstance(case, PartialSilence):
                table.add_row("", Text(", ".join(case.machines), style=show.CALM))
        if cases:
            parts += [Text(f"\n{title}", style="bold"), table]
    return parts


def _sums(report: FleetReport) -> Iterator[Text]:
    totals = report.totals
    yield Text(f"{show.plural(totals.machines, 'machine')}: {_states(report.machines)}")
    yield Text(
        f"{show.plural(totals.transactions, 'credit')}, {show.money(totals.credits_cents)} taken: "
        f"{show.money(totals.unserved_cents)} of it for no gumball; "
        f"gumballs worth {show.money(totals.given_away_cents)} given away"
    )


def _legend(report: FleetReport, around: Surroundings, *, bars: bool) -> Text:
    legend = f"Each machine over its last {report.window_days} days."
    if bars and len(around.rows_by_day) < len(report.machines):
        legend += f" Bars: the {len(around.rows_by_day)} most urgent."
    if bars and has_pale_bars(around):
        legend += " Pale bars: silent before the others."
    return Text(legend, style=show.CALM)


def _states(machines: Iterable[MachineReport]) -> str:
    """Return how many machines are in which state, the worst state first."""
    listed = list(machines)
    counts = {
        "out of service": sum(machine.state == "out_of_service" for machine in listed),
        "degraded": sum(machine.state == "degraded" for machine in listed),
        "in need of attention": sum(machine.state == "needs_attention" for machine in listed),
        "healthy": sum(machine.state == "healthy" for machine in listed),
        "retired": sum(machine.state == "retired" for machine in listed),
        "with a lost log": sum(
            any(verdict.kind == "lost_log" for verdict in machine.verdicts) for machine in listed
        ),
        "overdue": sum(machine.overdue for machine in listed),
    }
    return ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
