"""What the ledger takes in, keeps and answers.

Terms: a *transaction* is what a client posts, an amount on an account; an *entry* is the same as
the ledger keeps it, with the balance after it, its place in the account and its hash. Entries
never change: a *reversal* is one more entry, which takes another one back. A *replay* answers what
was answered before and changes nothing.

Invariant: an account's entries are numbered 1, 2, 3, ... without a gap, and each one's balance is
that of the one before plus its amount. Amounts and balances are integers; what they count is the
account's ``unit``, if it was set. A *transfer* is two entries of one moment, which take an
amount from one account and give it to another.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from chalicelib.core.instants import PreciseInstant as Instant
from chalicelib.core.invisible import visible_name
from chalicelib.core.models import KeyHeader, Model, OwnBody, PageQuery
from chalicelib.core.numbers import FROM_JSON, FROM_TEXT
from chalicelib.core.times import QueryInstant, SpanEnd

MOST_POSTS = 33
"""Transactions of one batch: what one transaction of DynamoDB holds (ADR 122)."""
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


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not hold control characters")
    return text


def _from_array(given: object) -> object:
    return tuple(given) if isinstance(given, list) else given


Id = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
"""A UUID that the ledger itself says, in lower case."""
Uuid = Annotated[Id, AfterValidator(_uuid)]
"""A UUID of any version in canonical form (RFC 9562 section 4), in lower case once it is read."""

Name = Annotated[
    str, Field(max_length=100), AfterValidator(_one_line), AfterValidator(visible_name)
]
Unit = Annotated[str, Field(max_length=16), AfterValidator(_one_line), AfterValidator(visible_name)]
"""What amounts are counted in, such as EUR or kg."""
Decimals = Annotated[int, Field(ge=0, le=18), FROM_JSON]
"""How many of an amount's digits stand behind the point: 12345 with 2 is 123.45."""

Amount = Annotated[int, Field(ge=-LARGEST_AMOUNT, le=LARGEST_AMOUNT), FROM_JSON]
Moved = Annotated[int, Field(ge=1, le=LARGEST_AMOUNT), FROM_JSON]
"""What a transfer moves."""
_FLOOR = Field(ge=-(10**30) + 1, le=10**30 - 1)
Floor = Annotated[int, _FLOOR, FROM_TEXT]
JsonFloor = Annotated[int, _FLOOR, FROM_JSON]
Limit = Annotated[int, Field(ge=1, le=MOST_ROWS), FROM_TEXT]


# --- what comes in --------------------------------------------------------------------------------


class TransactionBody(Model):
    """A transaction to post; a ``transaction_id`` makes a repeat of it safe."""

    account_id: Uuid
    """The account, a UUID; its first transaction creates it."""
    amount: Amount
    """A whole number of the account's unit: above 0 is credited, below 0 is debited."""
    transaction_id: Uuid | None = None
    """An id of your own, a UUID, that makes a repeat safe; one is made when it is omitted."""


class TransferFloors(OwnBody):
    """Under which balances the two accounts may not be after a transfer."""

    from_balance_floor: JsonFloor | None = None
    """Refuse it if the paying account's balance would be below this."""
    to_balance_floor: JsonFloor | None = None
    """Refuse it if the receiving account's balance would be below this."""


class TransferBody(TransferFloors):
    """An amount to move from one account to another; a ``transfer_id`` makes a repeat safe."""

    from_account_id: Uuid
    """The account that pays."""
    to_account_id: Uuid
    """The account that receives."""
    amount: Moved
    """What is moved, a whole number above 0 of the accounts' unit."""
    transfer_id: Uuid | None = None
    """An id of your own, a UUID, that makes a repeat safe; one is made when it is omitted."""

    @field_validator("to_account_id")
    @classmethod
    def _another_account(cls, account_id: str, info: ValidationInfo) -> str:
        if account_id == info.data.get("from_account_id"):
            raise ValueError("must be another account than from_account_id")
        return account_id


class BatchPost(OwnBody):
    """A transaction of a batch, and under which balance its account may not be after it."""

    account_id: Uuid
    """The account, a UUID; its first transaction creates it."""
    amount: Amount
    """A whole number of the account's unit: above 0 is credited, below 0 is debited."""
    transaction_id: Uuid | None = None
    """An id of your own, a UUID, that makes a repeat safe; one is made when it is omitted."""
    balance_floor: JsonFloor | None = None
    """Refuse the batch if the account's balance would be below this."""


def _distinct(posts: tuple[BatchPost, ...]) -> tuple[BatchPost, ...]:
    ids = [post.transaction_id for post in posts if post.transaction_id]
    if twice := next((each for each in ids if ids.count(each) > 1), None):
        raise ValueError(f"must not name the transaction {twice} twice")
    return posts


class TransactionBatchBody(OwnBody):
    """Transactions to post, all or none, in this order."""

    transactions: Annotated[
        tuple[BatchPost, ...],
        Field(min_length=1, max_length=MOST_POSTS),
        BeforeValidator(_from_array),
        AfterValidator(_distinct),
    ]
    """What to post, in this order, all or none."""


class AccountBody(OwnBody):
    """What an account is called and how its amounts read; null takes a value back."""

    name: Name | None = None
    """What the account is called."""
    unit: Unit | None = None
    """What its amounts count, such as EUR or kg."""
    decimals: Decimals | None = None
    """How many of an amount's digits stand behind the point: 12345 with 2 is 123.45."""


class FloorHeader(Model):
    """Under which balance the account may not be after this."""

    floor: Annotated[Floor | None, Field(alias="Balance-Floor")] = None
    """Refuse it if the account's balance would be below this whole number."""


class PostHeaders(FloorHeader, KeyHeader):
    """The headers of a post."""


class ListQuery(PageQuery):
    """A page of a list."""

    limit: Limit = MOST_ROWS


class TransactionsQuery(ListQuery):
    """A page of all transactions or of one account's."""

    account_id: Uuid | None = None
    """Only the transactions of this account."""


class AccountQuery(Model):
    """The instant of the balance; omitted, the current one."""

    at: QueryInstant | None = None
    """An instant with its offset: the balance as it was then."""


class StatementQuery(PageQuery):
    """Which entries: from an instant on, and until before another one; newest first."""

    from_: Annotated[SpanEnd | None, Field(alias="from")] = None
    """Only entries from this instant on (included)."""
    to: SpanEnd | None = None
    """Only entries before this instant."""
    format: Literal["json", "csv"] = "json"
    """Whether to answer JSON or CSV."""
    limit: Limit = 1_000


# --- what is stored -------------------------------------------------------------------------------


class Entry(Model):
    """A transaction as the ledger keeps it; ``reverses`` names the one that it takes back.

    Half of a transfer names the transaction and the account of the other half.
    """

    transaction_id: Id
    """The id of the transaction."""
    account_id: Id
    """The account."""
    sequence: int
    """The place of the entry in its account: 1, 2, 3, ..."""
    amount: int
    """What it adds to the balance, a whole number of the account's unit."""
    balance: int
    """The balance after it, a whole number of the account's unit."""
    created_at: Instant
    """When it was posted."""
    previous_hash: str
    """The hash of the account's entry before it."""
    hash: str
    """The hash of the entry (SHA-256, hexadecimal), which chains it to the one before."""
    reverses: Id | None = None
    """What it takes back."""
    counterpart_id: Id | None = None
    """The transaction that is the other half of the transfer."""
    counterpart_account_id: Id | None = None
    """The account of the other half of the transfer."""

    @property
    def transfer_id(self) -> str | None:
        """Return the transfer that this is half of: it has the id of the half that pays."""
        return (
            self.transaction_id if self.amount < 0 and self.counterpart_id else self.counterpart_id
        )


class StoredTransaction(Model):
    """An entry and the reversal that has taken it back since, if there is one."""

    entry: Entry
    reversed_by: Id | None = None


class Reservation(Model):
    """What an Idempotency-Key of a batch identifies: its digest, and the ids of its posts."""

    digest: str
    transaction_ids: tuple[Id, ...]


class Intent(Model):
    """A post that waits beside its account; after ``until`` its client no longer waits.

    ``place`` is its place among those that wait: when it was left, its transaction, its own name.
    """

    place: str
    account_id: Id
    amount: int
    transaction_id: Id
    key: str | None = None
    floor: int | None = None
    until: Instant


class Details(Model):
    """What an account is called and how its amounts read."""

    name: str | None = None
    unit: str | None = None
    decimals: int | None = None


class StoredAccount(Model):
    """An account: its last entry, and what it is called."""

    last: Entry
    details: Details = Details()


# --- what goes out --------------------------------------------------------------------------------


class Transaction(Model):
    """A transaction, exactly as the contract shows it; what else is known goes into headers."""

    transaction_id: Id
    """The id of the transaction."""
    account_id: Id
    """The account."""
    amount: int
    """What it adds to the balance, a whole number of the account's unit."""
    created_at: Instant
    """When it was posted."""

    @classmethod
    def of(cls, entry: Entry) -> "Transaction":
        """Return the transaction of ``entry``."""
        return cls(
            transaction_id=entry.transaction_id,
            account_id=entry.account_id,
            amount=entry.amount,
            created_at=entry.created_at,
        )


class Proof(Model):
    """What a balance rests on: the last entry that counts in it."""

    sequence: int
    """Its place in the account: 1, 2, 3, ..."""
    transaction_id: Id
    """Its transaction."""
    created_at: Instant
    """When it was posted."""
    hash: str
    """Its hash (SHA-256, hexadecimal)."""


class Account(Model):
    """An account, exactly as the contract shows it; ``at`` and ``proof`` where ``at`` was given.

    Its name is present when it was set.
    """

    account_id: Id
    """The account."""
    balance: int
    """The balance, a whole number of the account's unit."""
    at: Instant | None = None
    """The instant of the balance, if one was requested."""
    proof: Proof | None = None
    """The last entry that counts in the balance."""
    name: str | None = None
    unit: str | None = None
    decimals: int | None = None

    @classmethod
    def of(cls, last: Entry, details: Details, at: datetime | None = None) -> "Account":
        """Return the account after its entry ``last``, or as it was ``at`` an instant."""
        proof = Proof(**_fields(last, Proof)) if at else None
        return cls(
            account_id=last.account_id, balance=last.balance, at=at, proof=proof, **dict(details)
        )


class AccountState(Model):
    """An account in the list of all, with the last entry that its balance rests on."""

    account_id: Id
    """The account."""
    balance: int
    """The balance, a whole number of the account's unit."""
    sequence: int
    """The place of the account's last entry: how many it has."""
    transaction_id: Id
    """The transaction of the last entry."""
    created_at: Instant
    """When the last entry was posted."""
    hash: str
    """The hash of the last entry (SHA-256, hexadecimal)."""
    name: str | None = None
    unit: str | None = None
    decimals: int | None = None

    @classmethod
    def of(cls, account: StoredAccount) -> "AccountState":
        """Return the account as it is listed."""
        own = Details.model_fields.keys()
        values = {name: getattr(account.last, name) for name in cls.model_fields if name not in own}
        return cls(**values, **dict(account.details))


class PostedTransaction(Transaction):
    """A transaction of a batch, and its account after it; ``replayed`` when it was there before."""

    balance: int
    """The account's balance after it."""
    sequence: int
    """The place of its entry in the account: 1, 2, 3, ..."""
    hash: str
    """The hash of its entry (SHA-256, hexadecimal)."""
    replayed: bool
    """Whether it was posted before, and nothing was posted now."""

    @classmethod
    def at(cls, entry: Entry, *, replayed: bool) -> "PostedTransaction":
        """Return the transaction of ``entry``."""
        values = {name: getattr(entry, name) for name in cls.model_fields if name != "replayed"}
        return cls(**values, replayed=replayed)


class PostedBatch(Model):
    """The transactions of a batch, in its order."""

    transactions: tuple[PostedTransaction, ...]
    """The transactions, in the order of the batch."""


class Half(Model):
    """One account's part in a transfer: its transaction, and the account after it."""

    transaction_id: Id
    """The transaction on this account."""
    sequence: int
    """The place of its entry in the account: 1, 2, 3, ..."""
    balance: int
    """The account's balance after it."""
    hash: str
    """The hash of its entry (SHA-256, hexadecimal)."""


class Transfer(Model):
    """A transfer with both halves; ``reverses`` and ``reversed_by`` name transfers."""

    transfer_id: Id
    """The id of the transfer."""
    from_account_id: Id
    to_account_id: Id
    amount: int
    """What was moved, a whole number above 0."""
    created_at: Instant
    """When it was posted."""
    debit: Half
    """The entry of the account that pays."""
    credit: Half
    """The entry of the account that receives."""
    reverses: Id | None = None
    """The transfer that it takes back."""
    reversed_by: Id | None = None
    """The transfer that took it back."""

    @classmethod
    def of(cls, debit: Entry, credit: Entry, reversed_by: str | None = None) -> "Transfer":
        """Return the transfer of two halves; ``reversed_by`` is what took ``credit`` back."""
        return cls(
            transfer_id=debit.transaction_id,
            from_account_id=debit.account_id,
            to_account_id=credit.account_id,
            amount=credit.amount,
            created_at=debit.created_at,
            debit=Half(**_fields(debit, Half)),
            credit=Half(**_fields(credit, Half)),
            reverses=credit.reverses,
            reversed_by=reversed_by,
        )


class StatementRow(Model):
    """An entry in a statement."""

    created_at: Instant
    """When it was posted."""
    transaction_id: Id
    """The id of the transaction."""
    amount: int
    """What it adds to the balance, a whole number of the account's unit."""
    balance: int
    """The balance after it."""
    sequence: int
    """The place of the entry in its account: 1, 2, 3, ..."""
    reverses: Id | None = None
    """The transaction that it takes back."""
    counterpart_id: Id | None = None
    counterpart_account_id: Id | None = None

    @classmethod
    def of(cls, entry: Entry) -> "StatementRow":
        """Return the row of ``entry``."""
        return cls(**_fields(entry, cls))


class Statement(Model):
    """An account's entries of a span, newest first, between its balances before and after it."""

    account_id: Id
    """The account."""
    name: str | None = None
    unit: str | None = None
    decimals: int | None = None
    from_: Annotated[Instant | None, Field(alias="from")] = None
    """Where the span begins, if it does."""
    to: Instant | None = None
    """Before which instant the span ends, if it does."""
    opening_balance: int
    """The balance before the first entry of the span."""
    closing_balance: int
    """The balance after the last entry of the span."""
    entries: tuple[StatementRow, ...]
    """The entries of this page, newest first."""


def _fields(entry: Entry, model: type[Model]) -> dict[str, Any]:
    """Return the fields that an entry shares with another model."""
    return {name: getattr(entry, name) for name in model.model_fields}
