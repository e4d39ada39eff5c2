"""`backroom outbox`: the side effects that wait, those that are dead and why, and trying again."""

from contextlib import suppress
from functools import partial
from typing import Annotated, get_args

import typer

from backroom.core import session, sheets, show
from backroom.core.closeness import closest
from backroom.core.errors import ApiError, ClientError
from backroom.core.options import Csv, Json, Yes, checked, one_of
from backroom.core.watching import Watch, watched
from backroom.operators.api import OperatorsApi
from backroom.operators.screens import effects as screens
from chalicelib.core.outbox.effects import EffectState
from chalicelib.operators.models.effects import MOST_ROWS, EffectLine, EffectView, KindView

app = typer.Typer(no_args_is_help=True, help="Side effects: each is done once.")

_STATES: tuple[str, ...] = get_args(EffectState)


KindOption = Annotated[
    str | None, typer.Option("--kind", metavar="KIND", help="Of this kind only, such as archive.")
]


class UnretriedError(ClientError):
    """Some effects could not be tried again."""


@app.command("list", epilog="Example: backroom outbox list --state dead")
def list_effects(
    context: typer.Context,
    state: Annotated[
        str | None,
        typer.Option(
            metavar="STATE", callback=checked(one_of("state", _STATES)), help=", ".join(_STATES)
        ),
    ] = None,
    kind: KindOption = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=MOST_ROWS, help="So many at most.")
    ] = 50,
    watch: Watch = False,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List effects by kind, the newest of each first."""
    here, console = session.of(context), show.screen()
    with here.api(OperatorsApi) as api:
        ask = partial(api.effects, state=state, kind=kind, limit=limit)
        answer = ask(counted=True)
        if sheets.printed(here, answer, EffectLine, as_json=as_json, as_csv=as_csv):
            return
        if watch and watched(here, console, lambda: screens.effects(ask().value, here.now())):
            return
        if not answer.value and not answer.next_page:
            console.print("No effects found.")
            _tell_kind(api, kind)
            return
    console.print(screens.effects(answer.value, here.now()))
    if answer.next_page:
        narrower = f"--limit {min(10 * limit, MOST_ROWS)}, --state or --kind"
        show.rest(console, len(answer.value), answer.total, narrower)
    if any(effect.state == "dead" for effect in answer.value):
        show.next_step(console, "backroom outbox show ID, for the reason; backroom outbox retry ID")


def _tell_kind(api: OperatorsApi, kind: str | None) -> None:
    """Print which kind was probably meant by one that there is not."""
    if kind is None:
        return
    with suppress(ClientError):
        known = [each.kind for each in api.kinds().value]
        if kind not in known and (meant := closest(kind, known)):
            show.note(show.screen(), f"There is no kind {kind}; did you mean {meant}?")


@app.command("show", epilog="Example: backroom outbox show jira#batch#2026-11-21")
def show_effect(
    context: typer.Context,
    effect_id: Annotated[str, typer.Argument(metavar="ID", help="The effect's id.")],
    as_json: Json = False,
) -> None:
    """Show an effect: its attempts, its last error, its payload."""
    with session.of(context).api(OperatorsApi) as api:
        answer = api.effect(effect_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.effect(answer.value))


@app.command("kinds", epilog="Example: backroom outbox kinds")
def list_kinds(context: typer.Context, as_csv: Csv = False, as_json: Json = False) -> None:
    """List the kinds of effects: which work, which are paused or disabled, and why."""
    here = session.of(context)
    with here.api(OperatorsApi) as api:
        answer = api.kinds()
    if sheets.printed(here, answer, KindView, as_json=as_json, as_csv=as_csv):
        return
    if answer.value:
        show.screen().print(screens.kinds(answer.value))
    else:
        show.screen().print("No kinds of effects yet.")


@app.command("retry", epilog="Example: backroom outbox retry jira#batch#2026-11-21")
def retry_effects(
    context: typer.Context,
    effect_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="The ids of effects.")
    ] = None,
    dead: Annotated[
        bool, typer.Option("--dead", help="All that are dead, of the kind that --kind names.")
    ] = False,
    kind: KindOption = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Retry effects now, also dead ones; unsure ones are looked up first."""
    if bool(effect_ids) == dead or dead != (kind is not None):
        raise typer.BadParameter("name effects by their ids, or --dead with --kind")
    here = session.of(context)
    with here.api(OperatorsApi) as api:
        chosen = list(effect_ids or ())
        if kind:
            chosen = [effect.id for effect in api.all_effects(state="dead", kind=kind)]
            question = f"Have {show.plural(len(chosen), 'dead effect')} of {kind} tried again?"
            if chosen:
                here.make_sure(question, yes=yes)
        _retry(api, chosen, as_json=as_json)


def _retry(api: OperatorsApi, effect_ids: list[str], *, as_json: bool) -> None:
    """Have each tried; what is refused does not keep the others. Raises UnretriedError."""
    tried: list[EffectView] = []
    refused = []
    for effect_id in effect_ids:
        try:
            tried.append(api.retry(effect_id).value)
        except ApiError as error:
            refused.append(effect_id)
            show.complain(error, about=effect_id)
    if as_json:
        typer.echo(f"[{','.join(effect.json_text() for effect in tried)}]")
    else:
        show.screen().print(screens.tried(tried))
    if refused:
        raise UnretriedError(
            f"{show.plural(len(refused), 'effect was', 'effects were')} not tried."
        )
