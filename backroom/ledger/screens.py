"""How transactions, accounts and what was found about them look to a person."""

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from backroom.core import show
from backroom.ledger.api import Told
from backroom.ledger.audit import Finding, Misfit
from chalicelib.core.instants import precise
from chalicelib.ledger.models import Account, Transaction

_MOST_SHOWN = 20


def print_posted(made: Transaction, told: Told) -> None:
    """Say what was posted, or that it was before, and which balance that made."""
    console = show.screen()
    verb = "Already posted" if told.replayed else "Posted"
    what = f"{verb}: {made.amount:+,} on {made.account_id}, balance {told.balance}."
    show.note(console, what)
    if told.reverses:
        show.note(console, f"It reverses {told.reverses}.", style=show.CALM)
    show.note(
        console,
        f"Entry {told.sequence} of the account: {made.transaction_id}",
        style=show.CALM,
    )


def transaction(made: Transaction, told: Told) -> RenderableType:
    """Return a transaction with the balance after it, and what took it back."""
    return show.facts(
        [
            ("Transaction", made.transaction_id),
            ("Account", made.account_id),
            ("Amount", f"{made.amount:+,}"),
            ("Balance after", told.balance),
            ("Number", f"{told.sequence} of the account"),
            ("Posted", precise(made.created_at)),
            ("Reverses", told.reverses or ""),
            ("Reversed by", told.reversed_by or ""),
        ]
    )


def account(found: Account, told: Told) -> RenderableType:
    """Return an account's balance, and the transaction that it rests on."""
    return show.facts(
        [
            ("Account", found.account_id),
            ("Balance", f"{found.balance:,}"),
            ("At", precise(found.at) if found.at else ""),
            ("Transactions", told.sequence),
            ("Last transaction", told.transaction_id or ""),
        ]
    )


def transactions(rows: tuple[Transaction, ...]) -> Table:
    """Return transactions, one a line."""
    table = show.listing()
    table.add_column("Posted (UTC)", no_wrap=True)
    table.add_column("Amount", justify="right", no_wrap=True)
    table.add_column("Transaction", no_wrap=True)
    table.add_column("Account")  # the one to be cut where the screen is narrow
    for row in rows:
        at = f"{row.created_at:%Y-%m-%d %H:%M:%S}"
        account = Text(row.account_id, no_wrap=True, overflow="ellipsis")
        table.add_row(at, f"{row.amount:+,}", row.transaction_id, account)
    return table


def print_finding(finding: Finding) -> None:
    """Say whether everything adds up, and where it does not."""
    console = show.screen()
    counted = (
        f"{show.plural(finding.entries, 'entry', 'entries')} "
        f"of {show.plural(finding.accounts, 'account')}"
    )
    if not finding.misfits:
        console.print(f"Everything adds up: {counted}.")
        return
    console.print(f"{counted} checked.")
    for misfit in finding.misfits[:_MOST_SHOWN]:
        show.note(console, _misfit(misfit))
    if len(finding.misfits) > _MOST_SHOWN:
        rest = show.plural(len(finding.misfits) - _MOST_SHOWN, "account")
        show.note(console, f"... and {rest} more; --json shows all", style=show.CALM)


def _misfit(misfit: Misfit) -> str:
    where = f"account {misfit.account_id}"
    if misfit.sequence is not None:
        where = f"{where}, entry {misfit.sequence} (transaction {misfit.transaction_id})"
    return show.plain(f"{where}: {misfit.what}")
