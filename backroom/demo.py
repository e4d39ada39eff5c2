"""`backroom demo`: the whole story against the running stack, in well under two minutes.

It keeps to machines, sites and technicians of its own, and takes back what an earlier run sent.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from backroom import demo_cast, file_screen, fleet_screen, session, show, work_screen
from backroom.api import Api, Told
from backroom.delivery import wait_until_processed
from backroom.demo_cast import SITES, TECHNICIANS, Cast
from backroom.errors import ApiError, ClientError, UnfinishedError
from backroom.fleet import Bars, surroundings
from backroom.options import Json
from backroom.sending import LogFile, send
from chalicelib.vending.files import FileView
from chalicelib.vending.models import Dispatch, FleetReport

_PATIENCE_S = 60.0
_NOTE = "dead mechanism or stuck sensor: carry both"


@dataclass
class Story:
    """Tells one step after the other, with the command that would do the same."""

    here: session.Session
    api: Api
    console: Console
    _step: int = field(default=0, init=False)

    def step(self, what: str, *commands: str) -> None:
        """Begin the next step."""
        self._step += 1
        self.console.print(Text.assemble(f"\n{self._step}  ", (what, "bold")))
        for command in commands:
            show.note(self.console, f"   $ backroom {command}", style=show.CALM)

    def say(self, part: RenderableType) -> None:
        """Tell how it went."""
        self.console.print(show.indented(part, by=3))

    def tries(self, missing: str) -> Iterator[None]:
        """Yield at growing intervals; after a minute raise UnfinishedError: it is ``missing``."""
        waited_s, pause_s = 0.0, 0.25
        while waited_s < _PATIENCE_S:
            yield
            self.here.sleep(pause_s)
            waited_s += pause_s
            pause_s = min(1.5 * pause_s, 2.0)
        raise UnfinishedError(f"After {waited_s:.0f} s {missing}.", next_step="make logs")


def tell(
    context: typer.Context,
    clean: Annotated[
        bool, typer.Option("--clean", help="Only take the demo's files back.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Tell the whole story in two minutes: logs, verdicts, a visit, a machine that is mended.

    Uses machines GM900 to GM999 only, and can be repeated. --json prints the fleet it ends with.
    """
    here = session.of(context)
    with here.api() as api:
        story = Story(here, api, show.aside() if as_json else show.screen())
        _check_names(api)
        _tidy_up(api)
        if clean:
            story.console.print("The demo's files are gone, and its dispatches closed.")
        else:
            _tell(story)
        if as_json:
            typer.echo(api.fleet().text)


def _tell(story: Story) -> None:
    machines, visits = story.api.machines().value, story.api.dispatches().value
    cast = demo_cast.cast(machines, visits, story.here.now().replace(microsecond=0))
    _register(story, cast)
    _send_logs(story, cast)
    _show_fleet(story, cast)
    dispatch = _send_somebody(story, cast)
    file = _send_clean_log(story, cast, dispatch)
    _show_closed(story, cast, dispatch, file)


def _check_names(api: Api) -> None:
    """Make sure that nobody real goes by the numbers of the demo's technicians."""
    for technician in api.technicians().value:
        theirs = TECHNICIANS.get(technician.technician_id, technician.name)
        if theirs != technician.name:
            raise ClientError(
                f"{technician.technician_id} is {technician.name}, and the demo would play with "
                "their files.",
                next_step="run it against a stack without that technician: make reset, make up",
            )


def _tidy_up(api: Api) -> None:
    """Take back what an earlier run sent, and close what it left open."""
    for technician in TECHNICIANS:
        with suppress(ApiError):  # the technician is not known, or a file is just gone
            for file in api.files(technician).value:
                api.delete_file(technician, file.id)
    for dispatch in api.dispatches(state="open").value:
        if dispatch.technician in TECHNICIANS:
            api.close_dispatch(dispatch.id, "closed before another demo")


def _register(story: Story, cast: Cast) -> None:
    story.step(
        "The dispatcher registers two sites, two technicians and six machines.",
        'sites put demo-mall --name "Riverside Mall (demo)"',
        'technicians put T9001 --name "Ada (demo)"',
        f"machines put {cast.dead} --site {cast.site(cast.dead)} "
        f"--technician {cast.technician(cast.dead)}",
    )
    for site_id, site in SITES.items():
        story.api.put_site(site_id, site)
    for technician, name in TECHNICIANS.items():
        story.api.put_technician(technician, name)
    for serial in cast.logs:
        story.api.put_machine(serial, site=cast.site(serial), technician=cast.technician(serial))
    for technician, name in TECHNICIANS.items():
        theirs = ", ".join(
            serial for serial in sorted(cast.logs) if cast.technician(serial) == technician
        )
        story.say(f"{technician}, {name}, looks after {theirs}.")


def _send_logs(story: Story, cast: Cast) -> None:
    story.step(
        "The technicians send the logs of four weeks; lines that cannot be read are set aside.",
        f"files upload {cast.name(cast.dead, cast.ending)}",
    )
    sent = [
        _sent(story.api, cast, serial, text, cast.ending)
        for serial, text in sorted(cast.logs.items())
    ]
    for file in sent:
        detail = wait_until_processed(story.here, story.api, file.id).value
        story.say(Text.assemble((str(file.machine), "bold"), f"  {file_screen.counts(detail)}"))
        if detail.refused:
            story.say(show.indented(file_screen.refusals(detail, first=2), by=7))


def _show_fleet(story: Story, cast: Cast) -> None:
    story.step(
        "The dispatcher looks at the fleet: who is ill, since when, and what it costs.", "fleet"
    )
    report = fleet_screen.only(_judged(story, cast), cast.logs)
    around = surroundings(story.here, story.api, story.console, Bars(story.api), report)
    width = story.console.width - 3
    story.say(fleet_screen.compose(report, around, width=width))


def _judged(story: Story, cast: Cast) -> FleetReport:
    """Return the fleet once all logs are judged, silences included."""
    for _ in story.tries("the fleet was not judged"):
        report = story.api.fleet().value
        seen = {machine.serial for machine in report.machines if machine.transactions}
        if report.up_to_date and seen.issuperset(cast.logs):
            return report
    raise AssertionError  # tries ends with an error


def _send_somebody(story: Story, cast: Cast) -> Dispatch:
    technician = cast.technician(cast.dead)
    story.step(
        f"{cast.dead} takes money and gives nothing: the dispatcher sends {technician}.",
        f'dispatch open {cast.dead} --note "{_NOTE}"',
        f"worklist --technician {technician}",
    )
    dispatch = story.api.open_dispatch(cast.dead, _NOTE).value
    items = [item for item in story.api.worklist(technician).value if item.machine in cast.logs]
    story.say(work_screen.worklist(items, story.here.now()))
    return dispatch


def _send_clean_log(story: Story, cast: Cast, dispatch: Dispatch) -> FileView:
    text, downloaded_at = cast.after_visit(dispatch.opened_at)
    story.step(
        "Both parts are changed; the technician buys five gumballs to test, and sends the log.",
        f"files upload {cast.name(cast.dead, downloaded_at)}",
    )
    file = _sent(story.api, cast, cast.dead, text, downloaded_at)
    detail = wait_until_processed(story.here, story.api, file.id).value
    story.say(f"{file_screen.counts(detail)}: what other files hold counts once")
    return detail


def _show_closed(story: Story, cast: Cast, dispatch: Dispatch, file: FileView) -> None:
    story.step(
        f"File {file.id} proves that the visit helped: the dispatch closes by itself.",
        f"dispatch list --machine {cast.dead}",
        f"machines show {cast.dead}",
    )
    for _ in story.tries(f"dispatch {dispatch.id} is still open"):
        listed = story.api.dispatches(machine=cast.dead).value
        ended = next((each for each in listed if each.id == dispatch.id), dispatch)
        if ended.state == "closed":
            break
    story.say(f"Dispatch {dispatch.id} closed {work_screen.ending(ended)}.")
    story.say(work_screen.verdict_line(story.api.machine(cast.dead).value))
    story.console.print()
    show.next_step(story.console, "backroom worklist has the other machines")
    show.note(story.console, "      backroom demo --clean takes the demo's files back")


def _sent(api: Api, cast: Cast, serial: str, text: bytes, downloaded_at: datetime) -> FileView:
    """Send one machine's log the way the command does, from a file."""
    name = cast.name(serial, downloaded_at)
    told = Told(cast.technician(serial), serial, downloaded_at.isoformat(), name)
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(text)
        return send(api, LogFile(path, told)).file
