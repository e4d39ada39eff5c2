"""Transfers: an amount leaves one account and reaches another, in one transaction or not at all.

The two entries have one time and name each other. Their transfer has the id of the entry that
pays, so a transfer is found, and done once, as a transaction is.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from chalicelib.core.errors import NotFoundError
from chalicelib.core.idempotency import check_same, differences
from chalicelib.core.values import dataclass
from chalicelib.ledger import chain
from chalicelib.ledger.models import Entry, Reservation, Transfer, TransferBody, TransferFloors
from chalicelib.ledger.ports import Store
from chalicelib.ledger.service.rules import (
    NotReversibleError,
    TransactionIdTakenError,
    check_floor,
    key_of_another_kind,
    too_busy,
)


@dataclass(frozen=True)
class TransferReceipt:
    """The outcome of a transfer; ``replayed`` and ``lost_races`` as in a Receipt."""

    transfer: Transfer
    replayed: bool = False
    lost_races: int = 0


@dataclass(frozen=True)
class Transfers:
    """Moves amounts between accounts, each transfer at most once."""

    store: Store
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    tries: Callable[[], Iterable[int]]

    def send(self, wanted: TransferBody, *, key: str | None = None) -> TransferReceipt:
        """Move an amount, or return the transfer that its id or ``key`` identifies already.

        Raises TransactionIdTakenError, KeyReusedError, BelowFloorError; UnavailableError when too
        many others write to one of the accounts.
        """
        accounts = wanted.from_account_id, wanted.to_account_id
        ids = wanted.transfer_id or self.new_id(), self.new_id()
        named = [wanted.transfer_id] if wanted.transfer_id else []
        for lost in self.tries():
            snapshot = self.store.read_all(accounts, named, key)
            if snapshot.keyed:
                return self._replay(_keyed(snapshot.keyed, wanted), lost)
            if stored := snapshot.named.get(ids[0]):
                _check_id(stored, wanted)
                if key is None or self.store.bind(key, stored):
                    return self._replay(stored, lost)
                continue
            halves = _halves(snapshot.last, accounts, wanted.amount, ids, now=self.now())
            _check_floors(halves, wanted)
            if self.store.append(*halves, key=key):
                return TransferReceipt(Transfer.of(*halves), lost_races=lost)
        raise too_busy("This transfer", *accounts)

    def reverse(self, transfer_id: str, floors: TransferFloors) -> TransferReceipt:
        """Take a transfer back by one in the other direction, or return the one that did.

        ``floors`` are those of the reversal: it pays from the account that was paid. Raises
        NotFoundError, NotReversibleError, BelowFloorError; UnavailableError as `send` does.
        """
        ids = self.new_id(), self.new_id()
        for lost in self.tries():
            original = self.transfer(transfer_id)
            if original.reversed_by:
                return TransferReceipt(
                    self.transfer(original.reversed_by), replayed=True, lost_races=lost
                )
            if original.reverses:
                raise NotReversibleError(
                    f"{transfer_id} is itself a reversal, of {original.reverses}. To move its "
                    f"amount again, send a new transfer."
                )
            accounts = original.to_account_id, original.from_account_id
            halves = _halves(
                self.store.read_all(accounts, []).last,
                accounts,
                original.amount,
                ids,
                now=self.now(),
                reverses=(original.credit.transaction_id, original.debit.transaction_id),
            )
            _check_floors(halves, floors)
            if self.store.append(*halves):
                return TransferReceipt(Transfer.of(*halves), lost_races=lost)
        raise too_busy("This reversal", *accounts)

    def transfer(self, transfer_id: str) -> Transfer:
        """Return a transfer. Raises NotFoundError."""
        debit = self.store.transaction(transfer_id)
        if debit is None or debit.entry.transfer_id != transfer_id:
            raise NotFoundError(f"There is no transfer {transfer_id}.")
        return self._whole(debit.entry)

    def _whole(self, debit: Entry) -> Transfer:
        credit = self.store.transaction(debit.counterpart_id or "")
        if credit is None:
            raise AssertionError(f"{debit.transaction_id} is half of a transfer without the other")
        return Transfer.of(debit, credit.entry, credit.reversed_by)

    def _replay(self, debit: Entry, lost: int) -> TransferReceipt:
        return TransferReceipt(self._whole(debit), replayed=True, lost_races=lost)


def _halves(
    lasts: Mapping[str, Entry],
    accounts: tuple[str, str],
    amount: int,
    ids: tuple[str, str],
    *,
    now: datetime,
    reverses: tuple[str | None, str | None] = (None, None),
) -> tuple[Entry, Entry]:
    """Return the entry that pays and the one that is paid."""
    at = chain.earliest(map(lasts.get, accounts), now)
    debit, credit = (
        chain.following(
            lasts.get(accounts[this]),
            account_id=accounts[this],
            amount=signed,
            transaction_id=ids[this],
            now=at,
            reverses=reverses[this],
            counterpart=chain.Counterpart(ids[other], accounts[other]),
        )
        for this, other, signed in ((0, 1, -amount), (1, 0, amount))
    )
    return debit, credit


def _check_floors(halves: tuple[Entry, Entry], floors: TransferFloors) -> None:
    debit, credit = halves
    check_floor(debit, floors.from_balance_floor)
    check_floor(credit, floors.to_balance_floor)


def _asked(wanted: TransferBody) -> dict[str, object]:
    floors = TransferFloors.model_fields.keys()
    return wanted.model_dump(exclude_none=True, exclude=set(floors))


def _as_asked(debit: Entry) -> dict[str, object]:
    """Return a transfer in the words of a request for it."""
    return {
        "transfer_id": debit.transaction_id,
        "from_account_id": debit.account_id,
        "to_account_id": debit.counterpart_account_id,
        "amount": -debit.amount,
    }


def _keyed(stored: Entry | Reservation, wanted: TransferBody) -> Entry:
    """Return the debit of the transfer that a key identifies. Raises KeyReusedError."""
    if isinstance(stored, Reservation):
        raise key_of_another_kind("batch", "transfer")
    if stored.transfer_id is None:
        raise key_of_another_kind("transaction", "transfer")
    check_same("transfer", _as_asked(stored), _asked(wanted))
    return stored


def _check_id(stored: Entry, wanted: TransferBody) -> None:
    if stored.transfer_id != stored.transaction_id:
        raise TransactionIdTakenError(
            f"{stored.transaction_id} is the id of a transaction. A new transfer needs a new id."
        )
    if differing := differences(_as_asked(stored), _asked(wanted)):
        raise TransactionIdTakenError(
            f"The transfer {stored.transaction_id} was sent with another "
            f"{' and another '.join(differing)}. A new transfer needs a new id."
        )
