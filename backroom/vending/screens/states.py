"""The states of machines and files in a word and a colour."""

from rich.text import Text

from backroom.core import show
from chalicelib.vending.models import Cause, MachineReport, Verdict

_SYMPTOM = {
    "under": "no gumball",
    "over": "too many",
    "lost_log": "lost log",
    "corrupt_data": "unreadable lines",
    "overdue": "overdue",
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


def urgency(machine: MachineReport) -> tuple[str, str]:
    """Return why a machine stands where it does in the list, in a word, and its colour."""
    if machine.state == "out_of_service":
        return "out of service", show.BAD
    if machine.state == "degraded":
        return "degraded", show.WARN
    if any(verdict.kind == "lost_log" for verdict in machine.verdicts):
        return "lost log", show.WARN
    if machine.overdue:
        return "overdue", show.LATE
    return "healthy", show.GOOD


def symptom(found: Verdict | Cause) -> str:
    """Return what a verdict or a cause is about."""
    return _SYMPTOM[found.kind]


def file_state(state: str) -> Text:
    """Return the state of a file in its colour."""
    return Text(state.replace("_", " "), style=_FILE_STYLE.get(state, ""))
