"""Options of the commands about events and receivers."""

from typing import Annotated

import typer

from backroom.core.options import checked
from chalicelib.webhooks.models import KINDS

ALL_KINDS = "all"


def kind(given: str) -> str:
    """Return the name of a kind of events. Raises ValueError."""
    if given not in KINDS:
        raise ValueError(f"is no kind of events; there are {', '.join(KINDS)}")
    return given


def _kinds(given: list[str] | None) -> list[str] | None:
    if given != [ALL_KINDS]:
        check = checked(kind)
        for each in given or ():
            check(each)
    return given


KindOption = Annotated[
    str | None,
    typer.Option("--kind", metavar="KIND", callback=checked(kind), help=", ".join(KINDS)),
]
KindsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        metavar="KIND",
        callback=_kinds,
        help="A kind of events, or all; may be given repeatedly.",
    ),
]
SubscriptionId = Annotated[str, typer.Argument(metavar="ID", help="The id of a subscription.")]
