"""`backroom webhooks`: who receives events, tests and replays."""

import uuid
from typing import Annotated, Any

import typer

from backroom.core import session, sheets, show
from backroom.core.errors import ClientError
from backroom.core.options import Csv, Json, Yes, checked, instant
from backroom.core.session import Session
from backroom.webhooks import screens
from backroom.webhooks.api import WebhooksApi
from backroom.webhooks.options import ALL_KINDS, KindsOption, SubscriptionId
from chalicelib.webhooks.models import LONGEST_OVERLAP_H, DeliveryView, SubscriptionView

app = typer.Typer(no_args_is_help=True, help="Who receives events, signed as webhooks.")
_LOOKS, _PAUSE_S = 20, 1.0
_TIME = checked(instant)


class UndeliveredError(ClientError):
    """A test was not delivered, or not yet."""


@app.command("list", epilog="Example: backroom webhooks list")
def list_subscriptions(context: typer.Context, as_csv: Csv = False, as_json: Json = False) -> None:
    """List the subscriptions."""
    here = session.of(context)
    with here.api(WebhooksApi) as api:
        answer = api.subscriptions()
    if sheets.printed(here, answer, SubscriptionView, as_json=as_json, as_csv=as_csv):
        return
    if answer.value:
        show.screen().print(screens.subscriptions(answer.value))
    else:
        show.screen().print("Nobody receives events yet.")
        show.next_step(show.screen(), "backroom webhooks create URL")


@app.command("show", epilog="Example: backroom webhooks show sub_...")
def show_subscription(
    context: typer.Context, subscription_id: SubscriptionId, as_json: Json = False
) -> None:
    """Show a subscription with the state of its receiver."""
    with session.of(context).api(WebhooksApi) as api:
        answer = api.subscription(subscription_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.subscription(answer.value))


@app.command("create", epilog="Example: backroom webhooks create https://example.com/hooks")
def create(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are sent.")],
    kinds: KindsOption = None,
    description: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What the receiver is.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Subscribe a receiver; its secret is shown now and never again."""
    with session.of(context).api(WebhooksApi) as api:
        wanted = None if not kinds or kinds == [ALL_KINDS] else kinds
        answer = api.subscribe(url, kinds=wanted, description=description)
    if as_json:
        typer.echo(answer.text)
        return
    console = show.screen()
    console.print(screens.subscription(answer.value))
    show.next_step(console, f"keep the secret; backroom webhooks test {answer.value.id}")


@app.command("change", epilog="Example: backroom webhooks change sub_... --inactive")
def change(
    context: typer.Context,
    subscription_id: SubscriptionId,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where events are sent from now on.")
    ] = None,
    kinds: KindsOption = None,
    description: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What the receiver is.")
    ] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether events are sent.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change a subscription; what you omit keeps its value."""
    given = {"url": url, "kinds": kinds or None, "description": description, "active": active}
    fields: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if kinds == [ALL_KINDS]:
        fields["kinds"] = None
    if not fields:
        raise typer.BadParameter("say what is to be changed")
    with session.of(context).api(WebhooksApi) as api:
        answer = api.change(subscription_id, fields)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.subscription(answer.value))


@app.command("rotate", epilog="Example: backroom webhooks rotate sub_... --overlap-hours 48")
def rotate(
    context: typer.Context,
    subscription_id: SubscriptionId,
    overlap_hours: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=LONGEST_OVERLAP_H, help="So long the secret before signs, too."
        ),
    ] = 24,
    as_json: Json = False,
) -> None:
    """Make a new secret; it is shown now and never again."""
    with session.of(context).api(WebhooksApi) as api:
        answer = api.rotate(subscription_id, overlap_hours=overlap_hours)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.subscription(answer.value))


@app.command("delete", epilog="Example: backroom webhooks delete sub_...")
def delete(
    context: typer.Context, subscription_id: SubscriptionId, yes: Yes = False, as_json: Json = False
) -> None:
    """Delete a subscription; pending deliveries are not sent."""
    here = session.of(context)
    here.make_sure(f"Delete subscription {subscription_id}?", yes=yes)
    with here.api(WebhooksApi) as api:
        api.delete(subscription_id)
    if not as_json:
        show.screen().print(f"Subscription {show.plain(subscription_id)} is deleted.")


@app.command("test", epilog="Example: backroom webhooks test sub_...")
def send_test(
    context: typer.Context, subscription_id: SubscriptionId, as_json: Json = False
) -> None:
    """Send an event of type webhook.test, and say what the receiver answered."""
    here = session.of(context)
    with here.api(WebhooksApi) as api:
        answer = api.test(subscription_id)
        if as_json:
            typer.echo(answer.text)
            return
        found = _tried(here, api, subscription_id, answer.value.event_id)
    show.screen().print(screens.delivery(found))
    if found.state != "done":
        step = f"backroom webhooks delivery {subscription_id} {answer.value.event_id}"
        raise UndeliveredError("The test was not delivered yet.", next_step=step)


@app.command("replay", epilog="Example: backroom webhooks replay sub_... --since 2026-11-29")
def replay(
    context: typer.Context,
    subscription_id: SubscriptionId,
    event_id: Annotated[
        str | None, typer.Option("--event", metavar="ID", help="This event alone.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", callback=_TIME, help="All recorded from this UTC time on."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", callback=_TIME, help="Recorded before this UTC time."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Deliver events again: one, or all since a time that the subscription wants."""
    if (event_id is None) == (since is None) or (until and not since):
        raise typer.BadParameter("name an event by --event, or --since a time")
    given = {"event_id": event_id, "since": since, "until": until}
    body = {name: value for name, value in given.items() if value is not None}
    key, count = str(uuid.uuid4()), 0
    with session.of(context).api(WebhooksApi) as api:
        while True:
            page = api.replay(subscription_id, body, key=key).value
            count += page.events
            if page.after is None:
                break
            body["after"] = page.after
    if as_json:
        typer.echo(f'{{"events":{count}}}')
    else:
        words = f"{show.plural(count, 'event is', 'events are')} delivered again."
        show.screen().print(words)


@app.command("delivery", epilog="Example: backroom webhooks delivery sub_... evt_1795939200000000")
def show_delivery(
    context: typer.Context,
    subscription_id: SubscriptionId,
    event_id: Annotated[str, typer.Argument(metavar="EVENT", help="The id of an event or test.")],
    as_json: Json = False,
) -> None:
    """Show the delivery of an event."""
    with session.of(context).api(WebhooksApi) as api:
        answer = api.delivery(subscription_id, event_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.delivery(answer.value))


def _tried(here: Session, api: WebhooksApi, subscription_id: str, event_id: str) -> DeliveryView:
    """Return a delivery once it was tried, or as it is after a while."""
    found = api.delivery(subscription_id, event_id).value
    for _ in range(_LOOKS):
        if found.attempts and found.state != "sending":
            break
        here.sleep(_PAUSE_S)
        found = api.delivery(subscription_id, event_id).value
    return found
