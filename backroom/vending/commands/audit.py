"""`backroom audit`: the fleet's report from local files, by the same rules, without a server."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import typer

from backroom.core import session, show
from backroom.core.errors import UnreadableFileError
from backroom.core.options import Json
from backroom.vending.local_logs import LocalLog, histories, read_log, rows_by_day
from backroom.vending.options import Paths
from backroom.vending.screens import files as file_screen
from backroom.vending.screens import fleet as fleet_screen
from backroom.vending.screens.machine_table import Surroundings
from backroom.vending.sending import check_present, name_of
from chalicelib.vending.anomalies import Thresholds
from chalicelib.vending.reports import audit


def audit_files(context: typer.Context, paths: Paths, as_json: Json = False) -> None:
    """Judge local logs as the service would, without it: same rules, same JSON as the fleet.

    A file named like T0001.GM001.2018-09-21_093448.zip is a technician's of that machine, any
    other may hold all machines. Rows that several files have count once.
    """
    check_present(paths)
    here = session.of(context)
    now = here.now()
    with show.aside().status("Reading ..."):
        logs = _read_all(paths, now)
        thresholds = Thresholds()
        found = list(histories(logs, thresholds))
        report = audit(found, now=now, thresholds=thresholds)
    if as_json:
        typer.echo(report.json_text())
    else:
        by_day = {history.serial: rows_by_day(history.keys) for history in found}
        around = Surroundings(now, rows_by_day=by_day)
        fleet_screen.draw(show.screen(), report, around, everything=True)
    _tell_refused(logs)


def _read_all(paths: Iterable[Path], now: datetime) -> list[LocalLog]:
    """Read all files; what cannot be read is named before any verdict is given."""
    logs, unreadable = [], 0
    for path in paths:
        try:
            logs.append(read_log(path, now))
        except UnreadableFileError as error:
            show.complain(error, about=name_of(path))
            unreadable += 1
    if unreadable:
        rest = "leave it out" if unreadable == 1 else "leave them out"
        step = f"download it again, or {rest}: half a report would mislead"
        raise UnreadableFileError("No report was made.", next_step=step)
    return logs


def _tell_refused(logs: Iterable[LocalLog]) -> None:
    """Say on stderr which lines were not kept, the first of each file."""
    console = show.aside()
    for log in logs:
        if not log.refused:
            continue
        lines = f"{show.number(log.refused)} of {show.plural(log.kept + log.refused, 'line')}"
        show.note(console, f"{show.plain(log.name)}: {lines} refused", style=show.WARN)
        console.print(show.indented(file_screen.refused_lines(log.refusals)))
        if log.refused > len(log.refusals):
            more = f"and {log.refused - len(log.refusals):,} more"
            console.print(show.indented(more), style=show.CALM)
