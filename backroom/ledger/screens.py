"""Screens of transactions, accounts and checks of the ledger."""

import typer
from rich.console import RenderableType
from rich.table import Table

from backroom.core import show
from backroom.core.connection import Answer
from backroom.ledger.api import LedgerHeaders
from backroom.ledger.audit import Finding, Misfit
from chalicelib.ledger.models import Account, Statement, Transaction, Transfer

_MOST_SHOWN = 20


def print_posted(made: Transaction, headers: LedgerHeaders) -> None:
    """Print what was posted, or had been before, and the balance."""
    console = show.screen()
    verb = "Already posted" if headers.replayed else "Posted"
    what = f"{verb}: {made.amount:+,} on {made.account_id}, balance {headers.balance}."
    show.note(console, what)
    if headers.reverses:
        show.note(console, f"It reverses {headers.reverses}.", style=show.CALM)
    show.note(
        console,
        f"Entry {headers.sequence} of the account: {made.transaction_id}",
        style=show.CALM,
    )


def transaction(made: Transaction, headers: LedgerHeaders) -> RenderableType:
    """Return a transaction with the balance after it, and its reversal."""
    return show.facts(
        [
            ("Transaction", made.transaction_id),
            ("Account", made.account_id),
            ("Amount", f"{made.amount:+,}"),
            ("Balance after", headers.balance),
            ("Number", f"{headers.sequence} of the account"),
            ("Posted", show.precisely(made.created_at)),
            ("Reverses", headers.reverses or ""),
            ("Reversed by", headers.reversed_by or ""),
            ("Half of transfer", headers.transfer_id or ""),
        ]
    )


def account(found: Account, headers: LedgerHeaders) -> RenderableType:
    """Return an account's balance and its last transaction."""
    return show.facts(
        [
            ("Account", found.account_id),
            ("Name", show.plain(found.name or "")),
            ("Balance", figure(found.balance, found.unit, found.decimals)),
            ("At", show.precisely(found.at) if found.at else ""),
            ("Transactions", headers.sequence),
            ("Last transaction", headers.transaction_id or ""),
        ]
    )


def figure(amount: int, unit: str | None, decimals: int | None, *, sign: bool = False) -> str:
    """Return an amount with its account's decimals and unit: ``-1,234.50 EUR``."""
    whole, part = divmod(abs(amount), 10 ** (decimals or 0))
    point = f".{part:0{decimals}}" if decimals else ""
    minus = "-" if amount < 0 else "+" if sign else ""
    return f"{minus}{whole:,}{point} {show.plain(unit or '')}".rstrip()


def show_transfer(answer: Answer[Transfer], headers: LedgerHeaders, *, as_json: bool) -> None:
    """Print a transfer, or the API's JSON of it."""
    if as_json:
        typer.echo(answer.text)
        return
    console, made = show.screen(), answer.value
    verb = "Already transferred" if headers.replayed else "Transferred"
    show.note(console, f"{verb}: {made.amount:,}, transfer {made.transfer_id}.")
    if made.reverses:
        show.note(console, f"It reverses the transfer {made.reverses}.", style=show.CALM)
    for account_id, half in (
        (made.from_account_id, made.debit),
        (made.to_account_id, made.credit),
    ):
        show.note(console, f"{account_id}: balance {half.balance:,}, entry {half.sequence}.")


def print_statement(found: Statement) -> None:
    """Print a statement, newest first, between its closing and its opening balance."""
    console = show.screen()
    table = show.listing()
    for name, justify in (("Posted", "left"), ("Amount", "right"), ("Balance", "right")):
        table.add_column(name, justify=justify)
    table.add_ids("Transaction")
    for row in found.entries:
        table.add_row(
            show.moment(row.created_at),
            figure(row.amount, found.unit, found.decimals, sign=True),
            figure(row.balance, found.unit, found.decimals),
            row.transaction_id,
        )
    name = f"{show.plain(found.name)}, " if found.name else ""
    show.note(console, f"{name}{found.account_id}")
    for title, balance in (("Closing", found.closing_balance), ("Opening", found.opening_balance)):
        text = figure(balance, found.unit, found.decimals)
        show.note(console, f"{title} balance: {text}")
    if found.entries:
        console.print(table)


def transactions(rows: tuple[Transaction, ...]) -> Table:
    """Return transactions, one a line."""
    table = show.listing()
    table.add_column("Posted")
    table.add_column("Amount", justify="right")
    table.add_ids("Transaction")
    table.add_column("Account")
    for row in rows:
        at = show.moment(row.created_at)
        table.add_row(at, f"{row.amount:+,}", row.transaction_id, row.account_id)
    return table


def print_finding(finding: Finding) -> None:
    """Print whether everything adds up, and where it does not."""
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
