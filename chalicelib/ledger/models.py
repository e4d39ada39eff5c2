"""What the ledger takes in, keeps and answers.

Terms: a *transaction* is what a client posts, an amount on an account; an *entry* is the same as
the ledger keeps it, with the balance after it, its place in the account and its hash. Entries
never change: a *reversal* is one more entry, which takes another one back. A *replay* answers what
was answered before and changes nothing.

Invariant: an account's entries are numbered 1, 2, 3, ... without a gap, and each one's balance is
that of the one before plus its amount. Amounts and balances are integers without a unit.
"""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    WithJsonSchema,
)

from chalicelib.core.instants import PreciseInstant as Instant
from chalicelib.core.models import KeyHeader, Model, PageQuery
from chalicelib.core.numbers import FROM_JSON, FROM_TEXT
from chalicelib.core.times import QueryInstant

MOST_ROWS = 10_000
"""Rows of one answer: about 2 MB, and a Lambda may answer 6 MB."""
LARGEST_AMOUNT = 2**53 - 1
"""The largest integer that every JSON client reads exactly (JavaScript's numbers are doubles)."""

_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _uuid(text: str) -> str:
    lower = text.lower()
    if not _UUID.fullmatch(lower):
        raise ValueError("must be a UUID such as 123e4567-e89b-12d3-a456-426614174000")
    return lower


Id = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
"""A UUID that the ledger itself says, in lower case."""
Uuid = Annotated[Id, AfterValidator(_uuid)]
"""A UUID of any version in canonical form (RFC 9562 section 4), in lower case once it is read."""

Amount = Annotated[int, Field(ge=-LARGEST_AMOUNT, le=LARGEST_AMOUNT), FROM_JSON]
Floor = Annotated[int, Field(ge=-(10**30) + 1, le=10**30 - 1), FROM_TEXT]
Limit = Annotated[int, Field(ge=1, le=MOST_ROWS), FROM_TEXT]


# --- what comes in --------------------------------------------------------------------------------


class TransactionBody(Model):
    """A transaction to post; a ``transaction_id`` makes a repeat of it safe."""

    account_id: Uuid
    amount: Amount
    transaction_id: Uuid | None = None


class FloorHeader(Model):
    """Under which balance the account may not be after this."""

    floor: Annotated[Floor | None, Field(alias="Balance-Floor")] = None


class PostHeaders(FloorHeader, KeyHeader):
    """The headers of a post."""


class ListQuery(PageQuery):
    """A page of a list."""

    limit: Limit = MOST_ROWS


class TransactionsQuery(ListQuery):
    """A page of all transactions or of one account's."""

    account_id: Uuid | None = None


class AccountQuery(Model):
    """The instant of the balance; omitted, the current one."""

    at: QueryInstant | None = None


# --- what is kept ---------------------------------------------------------------------------------


class Entry(Model):
    """A transaction as the ledger keeps it; ``reverses`` names the one that it takes back."""

    transaction_id: Id
    account_id: Id
    sequence: int
    amount: int
    balance: int
    created_at: Instant
    previous_hash: str
    hash: str
    reverses: Id | None = None


class StoredTransaction(Model):
    """An entry and the reversal that has taken it back since, if there is one."""

    entry: Entry
    reversed_by: Id | None = None


# --- what goes out --------------------------------------------------------------------------------


class Transaction(Model):
    """A transaction, exactly as the contract shows it; what else is known goes into headers."""

    transaction_id: Id
    account_id: Id
    amount: int
    created_at: Instant

    @classmethod
    def of(cls, entry: Entry) -> "Transaction":
        """Return the transaction of ``entry``."""
        return cls.model_construct(
            transaction_id=entry.transaction_id,
            account_id=entry.account_id,
            amount=entry.amount,
            created_at=entry.created_at,
        )


class Proof(Model):
    """What a balance rests on: the last entry that counts in it."""

    sequence: int
    transaction_id: Id
    created_at: Instant
    hash: str


class Account(Model):
    """An account, exactly as the contract shows it; ``at`` and ``proof`` where ``at`` was asked."""

    account_id: Id
    balance: int
    at: Instant | None = None
    proof: Proof | None = None

    @classmethod
    def of(cls, last: Entry, at: datetime | None = None) -> "Account":
        """Return the account after its entry ``last``, or as it was ``at`` an instant."""
        proof = Proof.model_construct(**_fields(last, Proof)) if at else None
        return cls(account_id=last.account_id, balance=last.balance, at=at, proof=proof)


class AccountState(Model):
    """An account in the list of all, with the last entry that its balance rests on."""

    account_id: Id
    balance: int
    sequence: int
    transaction_id: Id
    created_at: Instant
    hash: str

    @classmethod
    def of(cls, last: Entry) -> "AccountState":
        """Return the account whose last entry is ``last``."""
        return cls.model_construct(**_fields(last, cls))


def _fields(entry: Entry, model: type[Model]) -> dict[str, Any]:
    """Return the fields that an entry shares with another model."""
    return {name: getattr(entry, name) for name in model.model_fields}
