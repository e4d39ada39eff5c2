"""`backroom erase`: removes a customer from everything that is stored."""

from typing import Annotated

import typer

from backroom.bakery import screens
from backroom.bakery.api import BakeryApi
from backroom.core import session, show
from backroom.core.errors import ClientError
from backroom.core.options import Json, Yes
from chalicelib.bakery.answers import ErasureAnswer


class WaitingError(ClientError):
    """Some orders could not lose their customer yet."""


def erase(
    context: typer.Context,
    customer: Annotated[
        str, typer.Option(metavar="NAME", help="The customer's name, as orders spell it.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be erased; change nothing.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Erase a customer: their orders stay, without any link to the customer.

    Ends with 1 if orders have to wait, such as open ones; run it again later.
    """
    here = session.of(context)
    if not dry_run:
        here.make_sure(f"Erase the customer {customer}? This cannot be undone.", yes=yes)
    with here.api(BakeryApi) as api:
        answer = _all(api, customer, dry_run=dry_run)
    if as_json:
        typer.echo(answer.json_text())
    else:
        show.screen().print(screens.erasure(answer))
    if answer.waiting and not dry_run:
        count = show.plural(len(answer.waiting), "order still has", "orders still have")
        raise WaitingError(f"{count} the customer.", next_step="run it again when they are over")


def _all(api: BakeryApi, customer: str, *, dry_run: bool) -> ErasureAnswer:
    """Erase page by page; return the sum. Documents are all in the first page."""
    total = page = api.erase(customer, dry_run=dry_run).value
    while page.before is not None:
        page = api.erase(customer, dry_run=dry_run, before=page.before).value
        total = total.model_copy(
            update={
                "orders": total.orders + page.orders,
                "documents": max(total.documents, page.documents),
                "messages": total.messages + page.messages,
                "letters": total.letters + page.letters,
                "waiting": total.waiting + page.waiting,
                "before": None,
            }
        )
    return total
