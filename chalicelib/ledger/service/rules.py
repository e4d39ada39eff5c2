"""What posting, transferring and reversing have in common: refusals, receipts, checks."""

from collections.abc import Mapping

from chalicelib.core.errors import (
    ConflictError,
    NotFoundError,
    UnavailableError,
    UnprocessableError,
)
from chalicelib.core.idempotency import KeyReusedError, differences
from chalicelib.core.values import dataclass
from chalicelib.ledger.models import Entry


class TransactionIdTakenError(ConflictError):
    """The transaction_id names another transaction."""

    type = "/problems/transaction-id-taken"
    title = "Transaction id taken"


class BelowFloorError(UnprocessableError):
    """The balance would be under the floor that the request set."""

    type = "/problems/below-floor"
    title = "Below the floor"


class NotReversibleError(UnprocessableError):
    """It is a reversal itself, or half of a transfer."""

    type = "/problems/not-reversible"
    title = "Not reversible"


@dataclass(frozen=True)
class Receipt:
    """The outcome of a post or a reversal.

    ``replayed`` is whether the entry existed before; ``lost_races`` how many other writers were
    first.
    """

    entry: Entry
    replayed: bool = False
    lost_races: int = 0


def check_transaction(stored: Entry, requested: Mapping[str, object]) -> None:
    """Raise TransactionIdTakenError unless ``stored`` is the ``requested`` transaction."""
    if stored.transfer_id:
        raise TransactionIdTakenError(
            f"The transaction {stored.transaction_id} is half of the transfer "
            f"{stored.transfer_id}. A new transaction needs a new id."
        )
    if differing := differences(dict(stored), requested):
        raise TransactionIdTakenError(
            f"The transaction {stored.transaction_id} was posted with another "
            f"{' and another '.join(differing)}. A new transaction needs a new id."
        )


def key_of_another_kind(used: str, wanted: str) -> KeyReusedError:
    """Return the refusal of a key that identifies something else, such as a batch."""
    return KeyReusedError(
        f"This Idempotency-Key was used for a {used}. A new {wanted} needs a new key."
    )


def no_account(account_id: str) -> NotFoundError:
    """Return the refusal of an account that does not exist."""
    return NotFoundError(f"There is no account {account_id}.")


def check_floor(entry: Entry, floor: int | None) -> None:
    """Raise BelowFloorError when the balance after ``entry`` is under ``floor``."""
    if floor is not None and entry.balance < floor:
        raise BelowFloorError(
            f"The balance of {entry.account_id} would be {entry.balance}, under the floor of "
            f"{floor}. Nothing was posted."
        )


def too_busy(what: str, *account_ids: str) -> UnavailableError:
    """Return the refusal of ``what`` after others were first for too long."""
    accounts = "account" if len(account_ids) == 1 else "accounts"
    return UnavailableError(
        f"Too many transactions are being posted to the {accounts} {' and '.join(account_ids)}. "
        f"{what} was not."
    )
