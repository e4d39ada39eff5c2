"""`backroom audit`: the fleet's report from local files, by the same rules, without a server."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from backroom.core import session, show
from backroom.core.errors import UnreadableFileError
from backroom.core.options import Json, checked
from backroom.vending.local_logs import Known, LocalLog, histories, read_log, rows_by_day
from backroom.vending.options import Paths, checked_site, closing_days
from backroom.vending.screens import files as file_screen
from backroom.vending.screens import fleet as fleet_screen
from backroom.vending.screens.machine_table import Surroundings
from backroom.vending.sending import check_present, name_of
from chalicelib.core import times
from chalicelib.vending import names
from chalicelib.vending.anomalies import SENSITIVE_E, Thresholds
from chalicelib.vending.reports import audit


def audit_files(
    context: typer.Context,
    paths: Paths,
    time_zone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE", callback=checked(times.time_zone), help="The machines' time zone."
        ),
    ] = None,
    closed: Annotated[
        list[str] | None,
        typer.Option(metavar="DAY", help="A day without trade, 2026-12-25 or sunday; repeat it."),
    ] = None,
    downloaded_at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            callback=checked(names.checked_download_time),
            help="When the logs were downloaded, if not in their names.",
        ),
    ] = None,
    sensitive: Annotated[
        bool, typer.Option("--sensitive", help="Find more lost logs, and more false ones.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Judge local logs as the service would, without it: same rules, same JSON as the fleet.

    A file named like T0001.GM001.2018-09-21_093448.zip is a technician's of that machine, any
    other may hold all machines. Rows that several files have count once.
    """
    check_present(paths)
    here = session.of(context)
    now = here.now()
    known = _known(time_zone, closed, downloaded_at)
    thresholds = Thresholds(lost_log_e=SENSITIVE_E) if sensitive else Thresholds()
    with show.aside().status("Reading ..."):
        logs = _read_all(paths, now, known)
        found = list(histories(logs, thresholds, known))
        report = audit(found, now=now, thresholds=thresholds, zone=time_zone or "UTC")
    if as_json:
        typer.echo(report.json_text())
    else:
        by_day = {history.serial: rows_by_day(history.keys) for history in found}
        around = Surroundings(now, rows_by_day=by_day)
        fleet_screen.draw(show.screen(), report, around, everything=True)
    _tell_refused(logs)


def _known(zone: str | None, closed: list[str] | None, downloaded_at: str | None) -> Known:
    site = checked_site({"name": "the audit", **closing_days(closed)})
    read_at = names.download_time(downloaded_at) if downloaded_at else None
    return Known(zone, site.closed, site.closed_weekly, read_at)


def _read_all(paths: Iterable[Path], now: datetime, known: Known) -> list[LocalLog]:
    """Read all files; what cannot be read is named before any verdict is given."""
    logs, unreadable = [], 0
    for path in paths:
        try:
            logs.append(read_log(path, now, known))
        except UnreadableFileError as error:
            show.complain(error, about=name_of(path))
            unreadable += 1
    if unreadable:
        rest = "leave it out" if unreadable == 1 else "leave them out"
        step = f"download it again, or {rest}: half a report would mislead"
        raise UnreadableFileError("No report was made.", next_step=step)
    return logs


def _tell_refused(logs: Iterable[LocalLog]) -> None:
    """Print the first refused lines of each file on stderr."""
    console = show.aside()
    for log in logs:
        if not log.refused:
            continue
        lines = f"{show.number(log.refused)} of {show.plural(log.accepted + log.refused, 'line')}"
        show.note(console, f"{show.plain(log.name)}: {lines} refused", style=show.WARN)
        console.print(show.indented(file_screen.refused_lines(log.refusals)))
        if log.refused > len(log.refusals):
            more = f"and {log.refused - len(log.refusals):,} more"
            console.print(show.indented(more), style=show.CALM)
