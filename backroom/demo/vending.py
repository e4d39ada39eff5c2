"""Vending: logs are sent and judged, a technician is sent, a machine is repaired.

It keeps to machines, sites and technicians of its own, and takes back what an earlier run sent.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.text import Text

from backroom.core import show
from backroom.core.errors import ApiError, ClientError
from backroom.demo import vending_cast
from backroom.demo.story import Story
from backroom.demo.vending_cast import SITES, TECHNICIANS, Cast
from backroom.vending.api import LogDetails, VendingApi
from backroom.vending.outcomes import wait_until_processed
from backroom.vending.screens import files as file_screen
from backroom.vending.screens import fleet as fleet_screen
from backroom.vending.screens import work as work_screen
from backroom.vending.sending import LogFile, send
from backroom.vending.surroundings import Bars, surroundings
from chalicelib.vending.files import FileView
from chalicelib.vending.models import Dispatch, FleetReport

_NOTE = "dead mechanism or stuck sensor: carry both"


def play(story: Story) -> str:
    """Tell the chapter; return the fleet that it ends with, as JSON."""
    with story.here.api(VendingApi) as api:
        _check_names(api)
        _tidy_up(api)
        _tell(Vending(story, api))
        return api.fleet().text


def clean(story: Story) -> None:
    """Take back what an earlier run sent."""
    with story.here.api(VendingApi) as api:
        _check_names(api)
        _tidy_up(api)
    story.console.print("The demo's files are gone, and its dispatches closed.")


@dataclass(frozen=True)
class Vending:
    """The chapter, and the API that it plays on."""

    story: Story
    api: VendingApi


def _tell(play: Vending) -> None:
    machines, visits = play.api.machines().value, play.api.dispatches().value
    now = play.story.here.now().replace(microsecond=0)
    cast = vending_cast.cast(machines, visits, now)
    _register(play, cast)
    _send_logs(play, cast)
    _show_fleet(play, cast)
    dispatch = _send_somebody(play, cast)
    file = _send_clean_log(play, cast, dispatch)
    _show_closed(play, cast, dispatch, file)


def _check_names(api: VendingApi) -> None:
    """Make sure that the demo's technicians' numbers belong to no other technicians."""
    for technician in api.technicians().value:
        theirs = TECHNICIANS.get(technician.technician_id, technician.name)
        if theirs != technician.name:
            raise ClientError(
                f"{technician.technician_id} is {technician.name}, and the demo would play with "
                "their files.",
                next_step="run it against a stack without that technician: make reset, make up",
            )


def _tidy_up(api: VendingApi) -> None:
    """Take back what an earlier run sent, and close what it left open."""
    for technician in TECHNICIANS:
        with suppress(ApiError):  # the technician is not known, or a file is just gone
            for file in api.files(technician).value:
                api.delete_file(technician, file.id)
    for dispatch in api.dispatches(state="open").value:
        if dispatch.technician in TECHNICIANS:
            api.close_dispatch(dispatch.id, "closed before another demo")


def _register(play: Vending, cast: Cast) -> None:
    play.story.step(
        "The dispatcher registers two sites, two technicians and six machines.",
        f'sites put demo-mall --name "Riverside Mall (demo)" --time-zone {vending_cast.ZONE}',
        'technicians put T9001 --name "Ada (demo)"',
        f"machines put {cast.dead} --site {cast.site(cast.dead)} "
        f"--technician {cast.technician(cast.dead)}",
    )
    for site_id, site in SITES.items():
        play.api.put_site(site_id, site)
    for technician, name in TECHNICIANS.items():
        play.api.put_technician(technician, name)
    for serial in cast.logs:
        play.api.put_machine(serial, site=cast.site(serial), technician=cast.technician(serial))
    for technician, name in TECHNICIANS.items():
        theirs = ", ".join(
            serial for serial in sorted(cast.logs) if cast.technician(serial) == technician
        )
        play.story.say(f"{theirs} assigned to {technician}, {name}.")


def _send_logs(play: Vending, cast: Cast) -> None:
    play.story.step(
        "The technicians send the logs of four weeks; lines that cannot be read are set aside.",
        f"files upload {cast.name(cast.dead, cast.ending)}",
    )
    sent = [
        _sent(play.api, cast, serial, text, cast.ending)
        for serial, text in sorted(cast.logs.items())
    ]
    for file in sent:
        detail = wait_until_processed(play.story.here, play.api, file.id).value
        play.story.say(
            Text.assemble((str(file.machine), "bold"), f"  {file_screen.counts(detail)}")
        )
        if detail.refused:
            play.story.say(show.indented(file_screen.refusals(detail, first=2), by=7))


def _show_fleet(play: Vending, cast: Cast) -> None:
    play.story.step(
        "The dispatcher opens the fleet: which machines are faulty, since when, and at what cost.",
        "fleet",
    )
    report = fleet_screen.only(_judged(play, cast), cast.logs)
    around = surroundings(play.story.here, play.api, play.story.console, Bars(play.api), report)
    width = play.story.console.width - 3
    play.story.say(fleet_screen.compose(report, around, width=width))
    play.story.say(
        f"The mall closes at night: its machines were silent for {cast.nights()} nights of about "
        "13 hours, and no technician is sent for that."
    )


def _judged(play: Vending, cast: Cast) -> FleetReport:
    """Return the fleet once all logs are judged, silences included."""
    for _ in play.story.tries("the fleet was not judged"):
        report = play.api.fleet().value
        seen = {machine.serial for machine in report.machines if machine.transactions}
        if report.up_to_date and seen.issuperset(cast.logs):
            return report
    raise AssertionError  # tries ends with an error


def _send_somebody(play: Vending, cast: Cast) -> Dispatch:
    technician = cast.technician(cast.dead)
    play.story.step(
        f"{cast.dead} takes money and gives nothing: the dispatcher sends {technician}.",
        f'dispatch open {cast.dead} --note "{_NOTE}"',
        f"worklist --technician {technician}",
    )
    dispatch = play.api.open_dispatch(cast.dead, _NOTE).value
    items = [item for item in play.api.worklist(technician).value if item.machine in cast.logs]
    play.story.say(work_screen.worklist(items, play.story.here.now()))
    return dispatch


def _send_clean_log(play: Vending, cast: Cast, dispatch: Dispatch) -> FileView:
    text, downloaded_at = cast.after_visit(dispatch.opened_at)
    play.story.step(
        "Both parts are changed; the technician buys five gumballs to test, and sends the log.",
        f"files upload {cast.name(cast.dead, downloaded_at)}",
    )
    file = _sent(play.api, cast, cast.dead, text, downloaded_at)
    detail = wait_until_processed(play.story.here, play.api, file.id).value
    play.story.say(f"{file_screen.counts(detail)}: what other files hold counts once")
    return detail


def _show_closed(play: Vending, cast: Cast, dispatch: Dispatch, file: FileView) -> None:
    play.story.step(
        f"File {file.id} proves that the visit helped: the dispatch closes by itself.",
        f"dispatch list --machine {cast.dead}",
        f"machines show {cast.dead}",
    )
    for _ in play.story.tries(f"dispatch {dispatch.id} is still open"):
        listed = play.api.dispatches(machine=cast.dead).value
        ended = next((each for each in listed if each.id == dispatch.id), dispatch)
        if ended.state == "closed":
            break
    play.story.say(f"Dispatch {dispatch.id} closed {work_screen.ending(ended)}.")
    play.story.say(work_screen.verdict_line(play.api.machine(cast.dead).value))
    play.story.made.append(("machines", cast.dead))
    play.story.console.print()
    show.next_step(play.story.console, "backroom worklist has the other machines")
    show.note(play.story.console, "      backroom demo --clean takes the demo's files back")


def _sent(
    api: VendingApi, cast: Cast, serial: str, text: bytes, downloaded_at: datetime
) -> FileView:
    """Send one machine's log the way the command does, from a file."""
    name = cast.name(serial, downloaded_at)
    details = LogDetails(cast.technician(serial), serial, downloaded_at.isoformat(), name)
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(text)
        return send(api, LogFile(path, details)).file
