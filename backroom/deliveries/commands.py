"""`backroom packages`, `preferences` and `stats`."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from backroom.core import session, show
from backroom.core.errors import ClientError
from backroom.core.options import Csv, Json, Since, Until, checked, each, instant, one_of
from backroom.deliveries import package_files, screens
from backroom.deliveries.api import DeliveriesApi, Tally, tally
from chalicelib.deliveries.answers import PackageVerdict, Statistics
from chalicelib.deliveries.models import MOST_PACKAGES
from chalicelib.deliveries.registry import TYPES

packages = typer.Typer(no_args_is_help=True, help="Send packages, each at most once.")
preferences = typer.Typer(no_args_is_help=True, help="Show and set recipients' preferences.")

_KINDS = ", ".join(sorted(TYPES))


_KIND = one_of("type", sorted(TYPES))

PackageId = Annotated[str, typer.Argument(metavar="PACKAGE", help="The package's id.")]
RecipientId = Annotated[str, typer.Argument(metavar="RECIPIENT", help="The recipient's id.")]
SENT = ("delivered", "dropped")
"""The verdicts on packages that are decided."""
At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", callback=checked(instant), help="When; now by default."),
]
Kinds = list[str]


class UnsentError(ClientError):
    """Some packages of a file were not sent."""


class DisagreementError(ClientError):
    """The counters and the records disagree."""


@packages.command(epilog="Example: backroom packages send box-1 --from earth --to mars")
def send(
    context: typer.Context,
    package_id: PackageId,
    sender: Annotated[str, typer.Option("--from", metavar="SENDER", help="The sender.")],
    recipient: Annotated[str, typer.Option("--to", metavar="RECIPIENT", help="The recipient.")],
    kind: Annotated[
        str, typer.Option("--type", metavar="TYPE", callback=checked(_KIND), help=_KINDS)
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


@packages.command("list", epilog="Example: backroom packages list --recipient mars --type personal")
def list_packages(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    context: typer.Context,
    recipient: Annotated[str | None, typer.Option(metavar="ID", help="To this recipient.")] = None,
    sender: Annotated[str | None, typer.Option(metavar="ID", help="From this sender.")] = None,
    outcome: Annotated[
        str | None,
        typer.Option(
            metavar="OUTCOME",
            callback=checked(one_of("outcome", SENT)),
            help="delivered or dropped.",
        ),
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", callback=checked(_KIND), help=_KINDS)
    ] = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=1_000, help="At most this many.")
    ] = 20,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List packages, newest decision first."""
    wanted = {
        "recipient": recipient,
        "sender": sender,
        "outcome": outcome,
        "type": kind,
        "from": since,
        "to": until,
    }
    with session.of(context).api(DeliveriesApi) as api:
        if as_csv:
            show.write_csv(api.packages_csv(**wanted))
            return
        answer = api.packages(limit, **wanted)
    if as_json:
        typer.echo(answer.text)
        return
    console = show.screen()
    if answer.value:
        console.print(screens.listed(answer.value))
    if answer.next_page:
        step = f"--limit {min(10 * limit, 1_000)}"
        show.rest(console, len(answer.value), answer.total, step)
    elif not answer.value:
        console.print("No packages found.")


@packages.command("send-batch", epilog="Example: backroom packages send-batch packages.csv")
def send_batch(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="With a line of names.")],
    as_json: Json = False,
) -> None:
    """Send the packages of a CSV file, 500 at a time. Sending it again is safe.

    Columns: sender_id, recipient_id, package_id, package_type, and timestamp (now by default).
    Ends with 1 when one of them was not sent, and says which and why.
    """
    here = session.of(context)
    read = package_files.read(file, timestamp=here.now().isoformat())
    verdicts: list[PackageVerdict] = []
    with here.api(DeliveriesApi) as api:
        for start in range(0, len(read), MOST_PACKAGES):
            verdicts += _sent(api, read[start : start + MOST_PACKAGES])
    if as_json:
        typer.echo(f"[{','.join(verdict.json_text() for verdict in verdicts)}]")
    else:
        screens.print_batch(verdicts)
    if unsent := sum(verdict.verdict not in SENT for verdict in verdicts):
        raise UnsentError(
            f"{show.plural(unsent, 'package was', 'packages were')} not sent.",
            next_step="correct these lines and run it again: the others are not sent twice",
        )


def _sent(api: DeliveriesApi, chunk: Sequence[Mapping[str, str]]) -> list[PackageVerdict]:
    """Send a batch; repeat for undecided packages, as long as some are decided."""
    verdicts = list(api.send_batch(chunk).value.packages)
    left = len(chunk)
    while places := [n for n, each in enumerate(verdicts) if each.verdict == "undecided"]:
        if len(places) == left:
            break
        left = len(places)
        again = api.send_batch([chunk[place] for place in places]).value.packages
        for place, verdict in zip(places, again, strict=True):
            verdicts[place] = verdict
    return verdicts


@packages.command("fill-list", epilog="Example: backroom packages fill-list")
def fill_list(context: typer.Context, as_json: Json = False) -> None:
    """Add packages from before 0.2.0 to the list; needed once, repeatable."""
    filled = 0
    with (
        session.of(context).api(DeliveriesApi) as api,
        show.aside().status("Listing packages ...") as status,
    ):
        for page in api.filled():
            filled += page.packages
            status.update(f"{show.plural(filled, 'package')} ...")
    if as_json:
        typer.echo(json.dumps({"packages": filled}))
    else:
        show.screen().print(f"{show.plural(filled, 'package')} listed.")


@packages.command("show", epilog="Example: backroom packages show box-1")
def show_package(context: typer.Context, package_id: PackageId, as_json: Json = False) -> None:
    """Show a package's outcome, the deciding preference, and the attempts."""
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
        str, typer.Argument(metavar="MESSAGE", help="The id that the queue returned.")
    ],
    as_json: Json = False,
) -> None:
    """Show the verdict on a message of the queue."""
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
    """Show a recipient's preferences and their history."""
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
        Kinds, typer.Option("--wants", metavar="TYPE", callback=each(_KIND), help=_KINDS)
    ] = [],  # noqa: B006 - Typer's way to say that an option may be absent
    declines: Annotated[
        Kinds, typer.Option("--declines", metavar="TYPE", callback=each(_KIND), help=_KINDS)
    ] = [],  # noqa: B006
    at: At = None,
    as_json: Json = False,
) -> None:
    """Set the types that a recipient accepts or declines; omitted types keep their current value.

    The later choice takes precedence, and of two at the same time the refusal.
    """
    if not wants and not declines:
        raise typer.BadParameter("name at least one type", param_hint="--wants, --declines")
    if both := set(wants) & set(declines):
        raise typer.BadParameter(f"{', '.join(both)}: use either --wants or --declines")
    here = session.of(context)
    choices = {**dict.fromkeys(wants, True), **dict.fromkeys(declines, False)}
    with here.api(DeliveriesApi) as api:
        answer = api.choose(recipient_id, choices, at or here.now().isoformat())
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.preferences(answer.value))


def show_statistics(
    context: typer.Context,
    recount: Annotated[
        bool, typer.Option("--recount", help="Count the records; 1 if they differ.")
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
        shown = {"agree": not wrong, "counters": {"before": first, "after": last}}
        typer.echo(json.dumps({**shown, "records": records}))
    else:
        show.screen().print(screens.comparison(first, records, last))
    if wrong:
        raise DisagreementError(
            "The counters and the records do not agree: " + "; ".join(wrong),
            next_step='see "Counters" in docs/deliveries.md',
        )


def _recounted(api: DeliveriesApi) -> Tally:
    records: Tally = {}
    for page in api.recounted():
        for kind, counted in tally(page).items():
            records.setdefault(kind, Counter()).update(counted)
    return records
