"""`backroom ledger`: post, read, reverse, and verify that everything adds up."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer
from pydantic import TypeAdapter, ValidationError

from backroom.core import session, sheets, show
from backroom.core.errors import ApiError, ClientError, UnreachableError
from backroom.core.options import Csv, Json, Since, Until, checked, instant
from backroom.ledger import audit, screens, transaction_files
from backroom.ledger.api import LedgerApi, LedgerHeaders
from backroom.ledger.audit import Finding
from backroom.ledger.transaction_files import Row
from chalicelib.ledger.models import (
    LARGEST_AMOUNT,
    MOST_POSTS,
    MOST_ROWS,
    AccountState,
    Transaction,
    Uuid,
)

app = typer.Typer(no_args_is_help=True, help="Transactions, balances, and the proof of both.")

_UUID: TypeAdapter[str] = TypeAdapter(Uuid)
_INTEGER = re.compile("-?[0-9]{1,16}")
_END_OF_TIME = "9999-12-31T00:00:00+00:00"


def _uuid(given: str) -> str:
    """Return a UUID in lower case. Raises ValueError."""
    try:
        return _UUID.validate_python(given)
    except ValidationError as wrong:
        raise ValueError("is no UUID such as 123e4567-e89b-12d3-a456-426614174000") from wrong


def _amount(given: str) -> str:
    """Return the text of an amount that the ledger takes. Raises ValueError."""
    if not _INTEGER.fullmatch(given) or abs(int(given)) > LARGEST_AMOUNT:
        raise ValueError(f"is no whole number from -{LARGEST_AMOUNT} to {LARGEST_AMOUNT}")
    return given


AccountId = Annotated[
    str, typer.Argument(metavar="ACCOUNT", callback=checked(_uuid), help="The account's id.")
]
AccountOption = Annotated[
    str | None,
    typer.Option("--account", metavar="ID", callback=checked(_uuid), help="Of this account only."),
]
TransactionId = Annotated[
    str, typer.Argument(metavar="TRANSACTION", callback=checked(_uuid), help="Its id.")
]
Floor = Annotated[
    int | None, typer.Option(metavar="BALANCE", help="Only if the balance is at least this then.")
]


class ImportStoppedError(ClientError):
    """An import broke off; what was posted until then stays, and a repeat continues from there."""


class LedgerMisfitError(ClientError):
    """The ledger does not add up."""


@app.command(
    # What looks like an unknown option is a negative amount.
    context_settings={"ignore_unknown_options": True},
    epilog="Example: backroom ledger post 123e4567-e89b-12d3-a456-426614174000 -250 --floor 0",
)
def post(
    context: typer.Context,
    account_id: AccountId,
    amount: Annotated[
        str, typer.Argument(metavar="AMOUNT", callback=checked(_amount), help="A whole number.")
    ],
    transaction_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", callback=checked(_uuid), help="Its id; a new one."),
    ] = None,
    key: Annotated[str | None, typer.Option(metavar="KEY", help="An idempotency key.")] = None,
    floor: Floor = None,
    as_json: Json = False,
) -> None:
    """Post an amount, a negative one too. Posting it again with the same --id is safe."""
    named = transaction_id or str(uuid4())
    with session.of(context).api(LedgerApi) as api:
        try:
            answer, headers = api.post(
                account_id, int(amount), transaction_id=named, key=key, floor=floor
            )
        except UnreachableError as lost:
            # Whether it was posted is not known; with its id, asking again does no harm.
            again = f"backroom ledger post {account_id} {amount} --id {named}"
            raise UnreachableError(lost.detail, next_step=f"{again}: it is posted once") from lost
    if as_json:
        typer.echo(answer.text)
    else:
        screens.print_posted(answer.value, headers)


@app.command("show", epilog="Example: backroom ledger show 7d444840-9dc0-11d1-b245-5ffdce74fad2")
def show_transaction(
    context: typer.Context, transaction_id: TransactionId, as_json: Json = False
) -> None:
    """Show a transaction, the balance after it, and its reversal."""
    with session.of(context).api(LedgerApi) as api:
        answer, headers = api.transaction(transaction_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.transaction(answer.value, headers))


@app.command(
    epilog="Example: backroom ledger account 123e4567-e89b-12d3-a456-426614174000 --at 2026-01-01"
)
def account(
    context: typer.Context,
    account_id: AccountId,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", callback=checked(instant), help="As it was at this UTC time."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show an account's balance, now or at an instant, and its last transaction."""
    with session.of(context).api(LedgerApi) as api:
        answer, headers = api.account(account_id, at=at)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.account(answer.value, headers))


@app.command("list", epilog="Example: backroom ledger list --limit 50")
def list_transactions(
    context: typer.Context,
    account_id: AccountOption = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=MOST_ROWS, help="At most this many.")
    ] = 20,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """List the newest transactions, of all accounts or of one."""
    here = session.of(context)
    with here.api(LedgerApi) as api:
        answer = api.transactions(account_id=account_id, limit=limit)
    if sheets.printed(here, answer, Transaction, as_json=as_json, as_csv=as_csv):
        return
    console = show.screen()
    if not answer.value:
        console.print("No transactions yet.")
        show.next_step(console, "backroom ledger post ACCOUNT AMOUNT")
        return
    console.print(screens.transactions(answer.value))
    if answer.next_page:
        show.rest(console, len(answer.value), answer.total, f"--limit {min(10 * limit, MOST_ROWS)}")


@app.command(epilog="Example: backroom ledger reverse 7d444840-9dc0-11d1-b245-5ffdce74fad2")
def reverse(
    context: typer.Context,
    transaction_id: TransactionId,
    floor: Floor = None,
    transfer: Annotated[
        bool, typer.Option("--transfer", help="It is a transfer: reverse both halves.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take a transaction back by one that posts the opposite. Asking again is safe.

    A transfer is taken back as a whole; --floor is then about the account that pays it back.
    """
    with session.of(context).api(LedgerApi) as api:
        if transfer:
            moved, headers = api.reverse_transfer(transaction_id, floor=floor)
            screens.show_transfer(moved, headers, as_json=as_json)
            return
        answer, headers = api.reverse(transaction_id, floor=floor)
    if as_json:
        typer.echo(answer.text)
    else:
        screens.print_posted(answer.value, headers)


@app.command(
    "transfer",
    epilog="Example: backroom ledger transfer 123e4567-e89b-12d3-a456-426614174000 "
    "7d444840-9dc0-11d1-b245-5ffdce74fad2 250 --floor 0",
)
def send_transfer(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    context: typer.Context,
    from_account: Annotated[
        str, typer.Argument(metavar="FROM", callback=checked(_uuid), help="The account that pays.")
    ],
    to_account: Annotated[
        str, typer.Argument(metavar="TO", callback=checked(_uuid), help="The account that is paid.")
    ],
    amount: Annotated[
        int, typer.Argument(metavar="AMOUNT", min=1, max=LARGEST_AMOUNT, help="More than 0.")
    ],
    transfer_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", callback=checked(_uuid), help="Its id; a new one."),
    ] = None,
    key: Annotated[str | None, typer.Option(metavar="KEY", help="An idempotency key.")] = None,
    floor: Floor = None,
    to_floor: Annotated[
        int | None, typer.Option(metavar="BALANCE", help="As --floor, of the account TO.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Move an amount from one account to another, or post nothing. Again with --id is safe."""
    named = transfer_id or str(uuid4())
    floors = {"from_balance_floor": floor, "to_balance_floor": to_floor}
    wanted = {
        "transfer_id": named,
        "from_account_id": from_account,
        "to_account_id": to_account,
        "amount": amount,
        **{name: value for name, value in floors.items() if value is not None},
    }
    with session.of(context).api(LedgerApi) as api:
        try:
            answer, headers = api.transfer(wanted, key=key)
        except UnreachableError as lost:
            # Whether it was posted is not known; with its id, asking again does no harm.
            again = f"backroom ledger transfer {from_account} {to_account} {amount} --id {named}"
            raise UnreachableError(lost.detail, next_step=f"{again}: it is sent once") from lost
    screens.show_transfer(answer, headers, as_json=as_json)


@app.command(
    epilog="Example: backroom ledger describe 123e4567-e89b-12d3-a456-426614174000 "
    '--name "Petty cash" --unit EUR --decimals 2'
)
def describe(
    context: typer.Context,
    account_id: AccountId,
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help='Its name; "" removes it.')
    ] = None,
    unit: Annotated[
        str | None, typer.Option(metavar="TEXT", help='The unit, such as EUR; "" removes it.')
    ] = None,
    decimals: Annotated[
        int | None, typer.Option(metavar="N", min=0, max=18, help="Digits after the decimal point.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set an account's name, unit and decimals; omitted options keep their current value."""
    details = {"name": name, "unit": unit, "decimals": decimals}
    given = {
        field: None if value == "" else value
        for field, value in details.items()
        if value is not None
    }
    with session.of(context).api(LedgerApi) as api:
        answer = api.describe(account_id, given)
    if as_json:
        typer.echo(answer.text)
    else:
        show.screen().print(screens.account(answer.value, LedgerHeaders.by(answer.headers)))


@app.command(
    epilog="Example: backroom ledger statement 123e4567-e89b-12d3-a456-426614174000 "
    "--from 2026-01-01 --to 2026-02-01"
)
def statement(
    context: typer.Context,
    account_id: AccountId,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=MOST_ROWS, help="At most this many entries.")
    ] = 50,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Show an account's entries of a span, newest first, and its balances before and after."""
    with session.of(context).api(LedgerApi) as api:
        if as_csv:
            show.write_csv(api.statement_csv(account_id, since=since, until=until))
            return
        answer = api.statement(account_id, since=since, until=until, limit=limit)
    if as_json:
        typer.echo(answer.text)
        return
    console = show.screen()
    screens.print_statement(answer.value)
    if answer.next_page:
        show.rest(
            console,
            len(answer.value.entries),
            answer.total,
            f"--limit {min(10 * limit, MOST_ROWS)}",
        )


@app.command("import", epilog="Example: backroom ledger import transactions.csv")
def import_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="With a line of names.")],
    as_json: Json = False,
) -> None:
    """Post the transactions of a CSV file, each once, however often it is imported.

    Columns: account_id, amount, and transaction_id or reference, which identify what was posted
    before. A file without either is known by its content: import it unchanged, or it is another
    file.
    """
    rows = transaction_files.read(file)
    posted = 0
    with session.of(context).api(LedgerApi) as api:
        for chunk in _chunks(rows):
            try:
                answer = api.post_batch([row.body() for row in chunk])
            except ApiError as refused:
                raise _stopped(chunk, refused) from refused
            posted += sum(not each.replayed for each in answer.value.transactions)
    known = len(rows) - posted
    if as_json:
        typer.echo(json.dumps({"posted": posted, "already_posted": known}))
        return
    show.screen().print(f"{show.plural(posted, 'transaction')} posted, {known:,} posted before.")
    if not transaction_files.knows_its_rows(file):
        hint = "Rows have no transaction_id and no reference: a changed copy would be another file."
        show.note(show.screen(), hint, style=show.CALM)


def _chunks(rows: Sequence[Row]) -> list[Sequence[Row]]:
    return [rows[start : start + MOST_POSTS] for start in range(0, len(rows), MOST_POSTS)]


def _stopped(chunk: Sequence[Row], refused: ApiError) -> ImportStoppedError:
    faults = "; ".join(f"{fault.field} {fault.detail}" for fault in refused.errors)
    first, last = chunk[0].line, chunk[-1].line
    where = f"line {first}" if first == last else f"lines {first} to {last}"
    # The id of a row that has a reference is in no file, so its line is named.
    meant = [f"line {row.line}: " for row in chunk if row.transaction_id in refused.detail]
    return ImportStoppedError(
        f"Stopped at {where}, of which none was posted: {''.join(meant)}{faults or refused.detail}",
        next_step="correct that and run it again: posted transactions are not posted twice",
    )


@app.command(epilog="Example: backroom ledger verify")
def verify(context: typer.Context, account_id: AccountOption = None, as_json: Json = False) -> None:
    """Prove that the ledger adds up, by its entries alone; ends with 1 if it does not.

    Works out every balance, sequence and hash again, and names the first entry of each account
    that does not fit. It may run while others post.
    """
    with session.of(context).api(LedgerApi) as api:
        finding = _verified(api, account_id)
    if as_json:
        typer.echo(json.dumps(asdict(finding)))
    else:
        screens.print_finding(finding)
    if finding.misfits:
        accounts = show.plural(len(finding.misfits), "account does", "accounts do")
        raise LedgerMisfitError(f"{accounts} not add up.")


def _verified(api: LedgerApi, account_id: str | None) -> Finding:
    if account_id is None:
        with show.aside().status("Recomputing every balance ...") as status:
            return audit.verify(
                api,
                lambda entries: status.update(f"{show.plural(entries, 'entry', 'entries')} ..."),
            )
    # At the end of time an account is as it is now; only then it comes with its proof.
    found = api.account(account_id, at=_END_OF_TIME)[0].value
    proof = found.proof.model_dump() if found.proof else {}
    return audit.verify_account(
        api, AccountState(account_id=account_id, balance=found.balance, **proof)
    )
