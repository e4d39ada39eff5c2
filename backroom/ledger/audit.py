"""Whether the ledger adds up: every balance, sequence and hash worked out again from the entries.

Nothing is taken on trust but what cannot be otherwise: the entries of an account prove themselves
(`chalicelib.ledger.chain`), the account's balance has to be that of its last entry, the list of all
transactions has to show the same, and the halves of a transfer have to be each other's opposite.
Transactions that are posted meanwhile do no harm: what is compared ends where each account ended
when it was first read.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from backroom.ledger.api import LedgerApi
from chalicelib.ledger.chain import Chain
from chalicelib.ledger.models import AccountState, Entry, Transaction

_AT_ONCE = 8
_LARGEST = 2**256

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Misfit:
    """The first entry of an account that does not fit (none, where it is the account or the list).

    ``what`` says in plain words what is wrong.
    """

    account_id: str
    what: str
    sequence: int | None = None
    transaction_id: str | None = None


@dataclass
class Sum:
    """Transactions counted and added up in any order: two lists of the same have equal sums."""

    count: int = 0
    digest: int = 0

    def add(self, row: Transaction) -> None:
        """Count ``row`` in."""
        digest = hashlib.sha256(row.json_text().encode()).digest()
        self.count += 1
        self.digest = (self.digest + int.from_bytes(digest)) % _LARGEST


@dataclass
class Finding:
    """What was found: how many accounts and entries, and what does not fit."""

    accounts: int = 0
    entries: int = 0
    misfits: list[Misfit] = field(default_factory=list)


@dataclass(frozen=True)
class _Checked:
    """One account: its entries until the last that counts, and the first misfit.

    ``halves`` are those of them that are half of a transfer, by transaction.
    """

    state: AccountState
    entries: int
    sum: Sum
    halves: dict[str, Entry]
    misfit: Misfit | None


def verify(api: LedgerApi, progress: Progress = lambda _: None) -> Finding:
    """Check the whole ledger; ``progress`` receives the number of checked entries."""
    states = [state for page in api.all_accounts() for state in page]
    listed = _listed(api, {state.account_id: state for state in states})
    finding = Finding()
    halves: dict[str, dict[str, Entry]] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for checked in pool.map(lambda state: _check(api, state), states):
            _count(finding, checked)
            misfit = checked.misfit or _differs(checked, listed[checked.state.account_id])
            finding.misfits += [misfit] if misfit else []
            halves[checked.state.account_id] = checked.halves
            progress(finding.entries)
    finding.misfits += _unmatched({state.account_id: state for state in states}, halves, finding)
    return finding


def verify_account(api: LedgerApi, state: AccountState) -> Finding:
    """Check one account, without the list of all transactions."""
    finding, checked = Finding(), _check(api, state)
    _count(finding, checked)
    finding.misfits += [checked.misfit] if checked.misfit else []
    return finding


def _count(finding: Finding, checked: _Checked) -> None:
    finding.accounts += 1
    finding.entries += checked.entries


def _listed(api: LedgerApi, states: dict[str, AccountState]) -> dict[str, Sum]:
    """Return what the list shows of each account, until where it ended."""
    sums: dict[str, Sum] = defaultdict(Sum)
    for page in api.all_transactions():
        for row in page:
            state = states.get(row.account_id)
            if state and row.created_at <= state.created_at:
                sums[row.account_id].add(row)
    return sums


def _check(api: LedgerApi, state: AccountState) -> _Checked:
    chain, total = Chain(state.account_id), Sum()
    halves: dict[str, Entry] = {}
    entries = _noting_halves(api.entries(state.account_id), halves)
    misfit = _first_misfit(chain, total, state, entries)
    if misfit is None and total.count < state.sequence:
        what = f"it has {state.sequence} transactions, but only {total.count} entries are there"
        misfit = Misfit(state.account_id, what)
    return _Checked(state, total.count, total, halves, misfit)


def _noting_halves(entries: Iterable[Entry], halves: dict[str, Entry]) -> Iterator[Entry]:
    """Yield ``entries``; those that are half of a transfer are noted."""
    for entry in entries:
        if entry.transfer_id:
            halves[entry.transaction_id] = entry
        yield entry


def _unmatched(
    states: dict[str, AccountState], halves: dict[str, dict[str, Entry]], finding: Finding
) -> Iterator[Misfit]:
    """Yield the first entry of each account whose other half is not there or is not its opposite.

    What was transferred after the other account was read is left out, and so are accounts
    that do not fit anyway.
    """
    wrong = {misfit.account_id for misfit in finding.misfits}
    for account_id, own in halves.items():
        for entry in own.values():
            there = entry.counterpart_account_id or ""
            state = states.get(there)
            if state is None or entry.created_at > state.created_at or {account_id, there} & wrong:
                continue
            other = halves[there].get(entry.counterpart_id or "")
            if other is None or not _opposite(entry, other):
                what = (
                    f"it is half of the transfer {entry.transfer_id}, whose other half is not in "
                    f"the account {there} as it should be"
                )
                yield Misfit(account_id, what, entry.sequence, entry.transaction_id)
                break


def _opposite(half: Entry, other: Entry) -> bool:
    return (
        other.counterpart_id == half.transaction_id
        and other.counterpart_account_id == half.account_id
        and (other.amount, other.created_at) == (-half.amount, half.created_at)
    )


def _first_misfit(
    chain: Chain, total: Sum, state: AccountState, entries: Iterable[Entry]
) -> Misfit | None:
    """Return the first entry that does not fit; those up to the account's last are summed up."""
    for entry in entries:
        what = chain.misfit(entry)
        if what is None and entry.sequence == state.sequence:
            what = _unlike(entry, state)
        if what:
            return Misfit(state.account_id, what, entry.sequence, entry.transaction_id)
        if entry.sequence <= state.sequence:
            total.add(Transaction.of(entry))
    return None


def _unlike(entry: Entry, state: AccountState) -> str | None:
    """Return how the account differs from its last entry."""
    for name in ("balance", "hash", "transaction_id", "created_at"):
        if getattr(entry, name) != getattr(state, name):
            stated, is_ = getattr(state, name), getattr(entry, name)
            return f"the account's {name} is {stated}, but its last entry's is {is_}"
    return None


def _differs(checked: _Checked, listed: Sum) -> Misfit | None:
    """Return what the list of all transactions shows otherwise than the entries."""
    if listed == checked.sum:
        return None
    what = f"the list of transactions shows {listed.count} of {checked.sum.count} as they are"
    if listed.count == checked.sum.count:
        what = "the list of transactions shows other transactions than the entries"
    return Misfit(checked.state.account_id, what)
