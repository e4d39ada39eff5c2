"""`backroom packages`, `preferences` and `stats`: what is sent, and whether it is wanted."""

import json
from collections import Counter
from typing import Annotated

import typer

from backroom.core import session, show
from backroom.core.errors import ClientError
from backroom.core.options import Json, checked, instant
from backroom.deliveries import screens
from backroom.deliveries.api import DeliveriesApi, Tally, tally
from chalicelib.deliveries.answers import Statistics
from chalicelib.deliveries.registry import TYPES

packages = typer.Typer(no_args_is_help=True, help="Send packages, each at most once.")
preferences = typer.Typer(no_args_is_help=True, help="Show and set recipients' preferences.")

_KINDS = ", ".join(sorted(TYPES))


def _kind(given: str) -> str:
    """Return the name of a type of packages. Raises ValueError."""
    if given not in TYPES:
        raise ValueError(f"is no type; there are {_KINDS}")
    return given


def _kinds(given: list[str]) -> list[str]:
    try:
        return [_kind(each) for each in given]
    except ValueError as wrong:
        raise typer.BadParameter(f"one of them {wrong}") from wrong


PackageId = Annotated[str, typer.Argument(metavar="PACKAGE", help="The package's id.")]
RecipientId = Annotated[str, typer.Argument(metavar="RECIPIENT", help="The recipient's id.")]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", callback=checked(instant), help="When; now by default."),
]
Kinds = list[str]


class DisagreementError(ClientError):
    """The counters are not what the records say."""


@packages.command(epilog="Example: backroom packages send box-1 --from earth --to mars")
def send(
    context: typer.Context,
    package_id: PackageId,
    sender: Annotated[str, typer.Option("--from", metavar="SENDER", help="Who sends it.")],
    recipient: Annotated[str, typer.Option("--to", metavar="RECIPIENT", help="Who is to get it.")],
    kind: Annotated[
        str, typer.Option("--type", metavar="TYPE", callback=checked(_kind), help=_KINDS)
    ] = "personal",
    at: At = None,
    as_json: Json = False,
) -> None:
    """Send a package. Sending it again is safe: it is delivered at most once."""
    here = session.of(context)
    body = {
        "timestamp": at or here.now().isoformat(),
        "sender_id": sender,
        "recipient_id": recipient,
        "package_id": package_id,
        "package_type": kind,
    }
    with here.api(DeliveriesApi) as api:
        answer = api.send(body)
    if as_json:
        typer.echo(answer.text)
    else:
        show.note(show.screen(), screens.outcome(answer.value))


@packages.command("show", epilog="Example: backroom packages show box-1")
def show_package(context: typer.Context, package_id: PackageId, as_json: Json = False) -> None:
    """Show what became of a package, the preference that decided, and the attempts to send it."""
    with session.of(context).api(DeliveriesApi) as api:
        answer = api.package(package_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.package(answer.value))


@packages.command("verdict", epilog="Example: backroom packages verdict 6f9619ff-8b86-d011-b42d")
def show_verdict(
    context: typer.Context,
    message_id: Annotated[
        str, typer.Argument(metavar="MESSAGE", help="The id that the queue gave it.")
    ],
    as_json: Json = False,
) -> None:
    """Show what became of a message that was sent to the queue."""
    with session.of(context).api(DeliveriesApi) as api:
        answer = api.verdict(message_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.verdict(answer.value))


@preferences.command("show", epilog="Example: backroom preferences show mars")
def show_preferences(
    context: typer.Context, recipient_id: RecipientId, as_json: Json = False
) -> None:
    """Show which types somebody wants, and how it came to be."""
    with session.of(context).api(DeliveriesApi) as api:
        answer = api.preferences(recipient_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.preferences(answer.value))


@preferences.command("set", epilog="Example: backroom preferences set mars --declines marketing")
def set_preferences(
    context: typer.Context,
    recipient_id: RecipientId,
    wants: Annotated[
        Kinds, typer.Option("--wants", metavar="TYPE", callback=_kinds, help=_KINDS)
    ] = [],  # noqa: B006 - Typer's way to say that an option may be absent
    declines: Annotated[
        Kinds, typer.Option("--declines", metavar="TYPE", callback=_kinds, help=_KINDS)
    ] = [],  # noqa: B006
    at: At = None,
    as_json: Json = False,
) -> None:
    """Say which types somebody wants or declines; what is not named stays as it is.

    What was said later counts, and of two words at the same time the refusal.
    """
    if not wants and not declines:
        raise typer.BadParameter("name at least one type", param_hint="--wants, --declines")
    if both := set(wants) & set(declines):
        raise typer.BadParameter(f"{', '.join(both)}: take one of the two")
    here = session.of(context)
    said = {**dict.fromkeys(wants, True), **dict.fromkeys(declines, False)}
    with here.api(DeliveriesApi) as api:
        answer = api.choose(recipient_id, said, at or here.now().isoformat())
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.preferences(answer.value))


def show_statistics(
    context: typer.Context,
    recount: Annotated[
        bool, typer.Option("--recount", help="Count the records, and compare: ends with 1 if not.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show how many packages were delivered and dropped, each counted once."""
    with session.of(context).api(DeliveriesApi) as api:
        answer = api.statistics()
        if recount:
            _compare(api, answer.value, as_json=as_json)
            return
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.statistics(answer.value))


def _compare(api: DeliveriesApi, before: Statistics, *, as_json: bool) -> None:
    """Hold the counters against the records. Raises DisagreementError.

    Packages may come meanwhile: each is on record before it is answered and never leaves, so the
    records found lie between the counters before and the counters after.
    """
    records = _recounted(api)
    first, last = tally(before), tally(api.statistics().value)
    wrong = screens.disagreements(first, records, last)
    if as_json:
        told = {"agree": not wrong, "counters": {"before": first, "after": last}}
        typer.echo(json.dumps({**told, "records": records}))
    else:
        show.screen().print(screens.comparison(first, records, last))
    if wrong:
        raise DisagreementError(
            "The counters and the records do not agree: " + "; ".join(wrong),
            next_step="see docs/deliveries.md, when the counters are wrong",
        )


def _recounted(api: DeliveriesApi) -> Tally:
    records: Tally = {}
    for page in api.recounted():
        for kind, counted in tally(page).items():
            records.setdefault(kind, Counter()).update(counted)
    return records
