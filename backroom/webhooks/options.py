"""Options of the commands about events and receivers."""

from typing import Annotated

import typer

from backroom.core.options import checked, each, one_of
from chalicelib.webhooks.models import KINDS

ALL_KINDS = "all"


_KIND = one_of("kind of events", KINDS)


def _kinds(given: list[str] | None) -> list[str] | None:
    return given if given == [ALL_KINDS] else each(_KIND)(given)


KindOption = Annotated[
    str | None,
    typer.Option("--kind", metavar="KIND", callback=checked(_KIND), help=", ".join(KINDS)),
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
