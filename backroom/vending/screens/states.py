"""The states of machines and files in a word and a colour."""

from rich.text import Text

from backroom.core import show
from chalicelib.vending.models import Cause, MachineReport, MachineState, Verdict, WorkItem

_SYMPTOM = {
    "under": "no gumball",
    "over": "too many",
    "lost_log": "lost log",
    "clock": "wrong clock",
    "stuck_sensor": "stuck sensor",
    "corrupt_data": "unreadable lines",
    "overdue": "overdue",
}
_STATE_STYLE: dict[MachineState, str] = {
    "out_of_service": show.BAD,
    "degraded": show.WARN,
    "needs_attention": show.LATE,
    "healthy": show.GOOD,
    "retired": show.CALM,
}
_FILE_STYLE = {
    "awaiting_upload": show.LATE,
    "received": show.LATE,
    "processed": show.GOOD,
    "suspect": show.WARN,
    "held": show.WARN,
    "rejected": show.BAD,
    "failed": show.BAD,
    "deleted": show.CALM,
}


def urgency(machine: MachineReport | WorkItem) -> tuple[str, str]:
    """Return the state of a machine in words, as the page has them, and its colour."""
    return machine.state.replace("_", " "), _STATE_STYLE[machine.state]


def symptom(found: Verdict | Cause) -> str:
    """Return what a verdict or a cause is about."""
    return _SYMPTOM[found.kind]


def file_state(state: str) -> Text:
    """Return the state of a file in its colour."""
    return Text(state.replace("_", " "), style=_FILE_STYLE.get(state, ""))
