"""The ledger in DynamoDB.

``ACCOUNTS#<shard>/<account_id>``      the account, as its last entry, its ``sequence``, and its
                                       ``name``, ``unit`` and ``decimals`` if they were set;
                                       ``crowded_until`` and ``crowd`` are its `Contention`
``ENTRIES#<account_id>/<created_at>``  the account's entries in order: their times strictly increase
``TRANSACTION#<id>/ENTRY``             the entry by the transaction's id, with ``reversed_by``
``KEY#<key>/ENTRY``                    the entry that an Idempotency-Key identifies (of a transfer:
                                       its debit), or the ``batch`` for which it is reserved
``INTENTS#<account_id>/<left_at>#<id>#...``  posts that wait beside a crowded account (ADR 187)
``LEADER#<account_id>/ENTRY``          after which number of the account a leader posts them
``LIST#<shard>/<created_at>#<id>``     all transactions in order of time, as the contract shows
                                       them; those that are posted at once share a row: ``rows``

Each holds its JSON as ``body``. One transaction of DynamoDB writes all of them or none, and the
condition on the account's sequence number lets one writer at a time through. Copies of an entry
are never changed; ``reversed_by`` is set once. Every item but a shared row has less than a
kilobyte: two write units.
"""

import heapq
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import chain, groupby, islice
from typing import Any

from chalicelib.core import shards, table, totals
from chalicelib.core.audit.entries import thing as named
from chalicelib.core.audit.recording import unrecorded
from chalicelib.core.errors import UnavailableError
from chalicelib.core.facts import ItemChange
from chalicelib.core.instants import sortable
from chalicelib.core.merging import merged
from chalicelib.core.table import ABSENT, HIGHEST, Condition, ConditionError, Item, Table
from chalicelib.core.totals import MOST_COUNTED, Total
from chalicelib.ledger.models import (
    MOST_POSTS,
    AccountBody,
    Details,
    Entry,
    Intent,
    Reservation,
    StoredAccount,
    StoredTransaction,
    Transaction,
)
from chalicelib.ledger.ports import (
    BatchSnapshot,
    Contention,
    IntentStatus,
    ListPosition,
    Snapshot,
    Waiting,
)

# A partition takes 1,000 write units a second: 500 transactions that touch it. An account stays
# in its shard for ever.
ACCOUNT_SHARDS = 16
# A page of the list asks each shard once. This number may grow, as a row is found in any of them.
LIST_SHARDS = 4

_MOST_READ = 100
_MOST_ACTIONS = 100
"""What one transaction of DynamoDB holds."""

_Key = tuple[str, str]
_ENTRY = "ENTRY"


class LedgerStore:
    """Accounts and entries in DynamoDB; every read is strongly consistent."""

    def __init__(self, table: Table) -> None:
        self._table = table

    # --- writing ---

    def read_snapshot(
        self, account_id: str, *, transaction_id: str | None = None, key: str | None = None
    ) -> Snapshot:
        """Return what is stored where a transaction of ``account_id`` is to be posted: one read."""
        if transaction_id is None and key is None:
            account = self._table.get(*_account_key(account_id))
            return _snapshot({_account_key(account_id): account} if account else {}, account_id)
        found = self._found([_account_key(account_id), *_names(transaction_id, key)])
        return _snapshot(found, account_id, transaction_id, key)

    def read_all(
        self, account_ids: Collection[str], transaction_ids: Collection[str], key: str | None = None
    ) -> BatchSnapshot:
        """Return what is stored where transactions are posted: one read of up to 100 items."""
        accounts = {_account_key(each): each for each in account_ids}
        transactions = {_transaction_key(each): each for each in transaction_ids}
        keyed = [_idempotency_key(key)] if key else []
        found = self._found([*accounts, *transactions, *keyed])
        return BatchSnapshot(
            last={accounts[each]: _read(found[each]) for each in accounts if each in found},
            named={
                transactions[each]: _read(found[each]) for each in transactions if each in found
            },
            keyed=next((_keyed(found[each]) for each in keyed if each in found), None),
        )

    def _found(self, keys: Iterable[_Key]) -> dict[_Key, Item]:
        """Return the items that exist of up to 100 ``keys``."""
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in self._table.get_many(keys)}

    def append(
        self, *entries: Entry, key: str | None = None, contention: Contention | None = None
    ) -> bool:
        """Store ``entries`` with all that refers to them, or nothing: one transaction.

        Those of one account follow each other; ``key`` will identify the first of all, and
        ``contention``, if given, is noted in their accounts. Returns False, and has stored
        nothing, when an account has moved on, when a transaction or the key is there already, or
        when what one reverses was reversed.
        """
        actions = [
            *self._accounts_moving_on(entries, contention),
            *(self._putting(_entry_key(entry), entry) for entry in entries),
            *(self._putting(_transaction_key(entry.transaction_id), entry) for entry in entries),
            *(self._table.putting(row, ABSENT) for row in _rows(entries)),
            *([self._putting(_idempotency_key(key), entries[0])] if key else []),
            *(
                self._reversing(entry.reverses, entry.transaction_id)
                for entry in entries
                if entry.reverses
            ),
        ]
        return self._all_or_none(actions)

    def _all_or_none(self, actions: Iterable[dict[str, Any]]) -> bool:
        try:
            # One try: what conflicts has moved the account on, so that these entries are too old.
            self._table.transact(*actions, budget_s=0)
        except (ConditionError, UnavailableError):
            return False
        return True

    def _accounts_moving_on(
        self, entries: Sequence[Entry], contention: Contention | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the actions that make the last of ``entries`` that of its account.

        They leave alone what the account is called.
        """
        setting, values = _contending(contention) if contention else ("", {})
        first: dict[str, Entry] = {}
        last: dict[str, Entry] = {}
        for entry in entries:
            first.setdefault(entry.account_id, entry)
            last[entry.account_id] = entry
        for account_id, entry in last.items():
            yield self._table.updating(
                *_account_key(account_id),
                f"SET body = :body, #s = :sequence{setting}",
                values={
                    **values,
                    ":body": {"S": entry.stored_text()},
                    ":sequence": {"N": str(entry.sequence)},
                },
                names={"#s": "sequence"},
                condition=_still_at(first[account_id].sequence - 1),
            )

    def _putting(self, place: _Key, entry: Entry) -> dict[str, Any]:
        return self._table.putting(_item(place, entry.stored_text()), ABSENT)

    # --- posts that wait ---

    def leave(self, intent: Intent) -> None:
        """Store that a post waits beside its account; the audit trail has it from here."""
        self._table.put(_item(_intent_key(intent), intent.stored_text()), ABSENT)

    def intent_status(self, intent: Intent) -> IntentStatus:
        """Return the outcome of ``intent``: one read, of items that may change in between."""
        account, names = intent.account_id, (intent.transaction_id, intent.key)
        leader, place = _leader_key(account), _intent_key(intent)
        found = self._found([_account_key(account), leader, place, *_names(*names)])
        snapshot = _snapshot(found, account, *names)
        after = snapshot.last.sequence if snapshot.last else 0
        led = found.get(leader)
        return IntentStatus(
            waits=place in found,
            snapshot=snapshot,
            led_until=led["until"]["S"] if led and led["after"]["N"] == str(after) else "",
        )

    def lead(self, account_id: str, *, after: int, now: str, until: str) -> bool:
        """Say that one means to post what waits ``after`` a number of the account.

        Returns False when another means to, and has until later than ``now``. This saves work in
        vain; what is stored does not depend on it.
        """
        item = {
            **table.key(*_leader_key(account_id)),
            "after": {"N": str(after)},
            "until": {"S": until},
        }
        free = Condition(
            "attribute_not_exists(pk) OR #a < :a OR #u < :now",
            {":a": item["after"], ":now": {"S": now}},
            {"#a": "after", "#u": "until"},
        )
        try:
            self._table.put(item, free)
        except ConditionError:
            return False
        return True

    def waiting(self, first: Intent) -> Waiting:
        """Return ``first`` and the oldest other intents beside its account: two reads.

        As many as one transaction takes, without those whose id or key is taken: the writer that
        left them finds out, and what waits in vain goes when it is too old.
        """
        place = f"INTENTS#{first.account_id}"
        oldest = self._table.query(place, page_size=_MOST_READ)
        read = [_intent(item) for item in islice(oldest, _MOST_READ)]
        candidates = [first, *(each for each in read if each.place != first.place)][:MOST_POSTS]
        account = _account_key(first.account_id)
        names = {name for each in candidates for name in _names(each.transaction_id, each.key)}
        found = self._found([account, *names])
        taken, actions, free = {*found}, 1, []
        for each in candidates:
            own = {*_names(each.transaction_id, each.key)}
            actions += 3 + len(own)
            if actions > _MOST_ACTIONS:
                break
            if own & taken:
                actions -= 3 + len(own)
                continue
            taken |= own
            free.append(each)
        return Waiting(_entry(found.get(account)), free)

    def settle(self, posts: Sequence[tuple[Intent, Entry]], contention: Contention | None) -> bool:
        """Store the entries of intents, which follow each other, and take the intents away.

        Returns False, and has stored nothing, when the account has moved on, when an intent is
        gone, or when an id or a key is taken.
        """
        entries = [entry for _, entry in posts]
        waits = Condition("attribute_exists(pk)")
        actions = [
            *self._accounts_moving_on(entries, contention),
            *(self._putting(_entry_key(entry), entry) for entry in entries),
            *(self._table.putting(row, ABSENT) for row in _rows(entries)),
            *(
                self._putting(name, entry)
                for intent, entry in posts
                for name in _names(entry.transaction_id, intent.key)
            ),
            *(self._table.deleting(*_intent_key(intent), waits) for intent, _ in posts),
        ]
        with unrecorded():
            return self._all_or_none(actions)

    def withdraw(self, intent: Intent) -> bool:
        """Delete ``intent``, so that it is never posted; return False when it is gone.

        Raises UnavailableError when transactions on it do not end.
        """
        waits = Condition("attribute_exists(pk)")
        try:
            self._table.transact(self._table.deleting(*_intent_key(intent), waits))
        except ConditionError:
            return False
        return True

    # --- keys and names ---

    def reserve(self, key: str, wanted: Reservation) -> Entry | Reservation:
        """Store that ``key`` identifies a batch, or return what it identifies already."""
        item = {**table.key(*_idempotency_key(key)), "batch": {"S": wanted.stored_text()}}
        try:
            self._table.put(item, ABSENT)
        except ConditionError as taken:
            if taken.item is None:
                raise UnavailableError("The database is too busy to read.") from taken
            return _keyed(taken.item)
        return wanted

    def describe(self, account_id: str, wanted: AccountBody) -> StoredAccount | None:
        """Change what an account is called, where ``wanted`` says so; return the account."""
        given = {name: getattr(wanted, name) for name in sorted(wanted.model_fields_set)}
        stated = {name: value for name, value in given.items() if value is not None}
        if not given:
            return self.account(account_id)
        parts = {
            "SET": [f"#{name} = :{name}" for name in stated],
            "REMOVE": [f"#{name}" for name in given if name not in stated],
        }
        try:
            item = self._table.update(
                *_account_key(account_id),
                " ".join(f"{verb} {', '.join(terms)}" for verb, terms in parts.items() if terms),
                values={f":{name}": _attribute(value) for name, value in stated.items()},
                names={f"#{name}": name for name in given},
                condition=Condition("attribute_exists(pk)"),
            )
        except ConditionError:
            return None
        return _account(item)

    def bind(self, key: str, entry: Entry) -> bool:
        """Store that ``key`` identifies ``entry``; return False when it is taken."""
        try:
            self._table.put(_item(_idempotency_key(key), entry.stored_text()), ABSENT)
        except ConditionError:
            return False
        return True

    def _reversing(self, original: str, reversal: str) -> dict[str, Any]:
        """Return the action that stores a transaction's reversal; once only."""
        return self._table.updating(
            *_transaction_key(original),
            "SET reversed_by = :reversal",
            values={":reversal": {"S": reversal}},
            condition=Condition("attribute_exists(pk) AND attribute_not_exists(reversed_by)"),
        )

    # --- looking ---

    def transaction(self, transaction_id: str) -> StoredTransaction | None:
        """Return the transaction: one read."""
        item = self._table.get(*_transaction_key(transaction_id))
        if item is None:
            return None
        reversed_by = item.get("reversed_by", {}).get("S")
        return StoredTransaction(entry=_read(item), reversed_by=reversed_by)

    def account(self, account_id: str) -> StoredAccount | None:
        """Return the account: one read."""
        item = self._table.get(*_account_key(account_id))
        return _account(item) if item else None

    def account_at(self, account_id: str, at: datetime) -> Entry | None:
        """Return the last entry that the account had at an instant: one read."""
        found = self._table.query(
            _entries_of(account_id), last=sortable(at), newest_first=True, page_size=1
        )
        return _entry(next(found, None))

    def accounts(self, *, after: str | None, limit: int) -> list[StoredAccount]:
        """Return accounts in the order of their ids."""
        pks = [f"ACCOUNTS#{shard}" for shard in range(ACCOUNT_SHARDS)]
        found = merged(self._table, pks, first=_above(after), page_size=limit)
        return [_account(item) for item in islice(found, limit)]

    def count_accounts(self) -> Total:
        """Count the accounts."""
        return totals.add(
            partial(self._table.count, f"ACCOUNTS#{shard}") for shard in range(ACCOUNT_SHARDS)
        )

    def count_entries(self) -> Total:
        """Add up the numbers of the accounts' last entries, of `MOST_COUNTED` accounts at most."""
        streams = (
            self._table.query(f"ACCOUNTS#{shard}", page_size=MOST_COUNTED)
            for shard in range(ACCOUNT_SHARDS)
        )
        accounts = chain.from_iterable(streams)
        sequences = [int(item["sequence"]["N"]) for item in islice(accounts, MOST_COUNTED + 1)]
        return Total(sum(sequences), exact=len(sequences) <= MOST_COUNTED)

    def entries(self, account_id: str, *, after: str | None, limit: int) -> list[Entry]:
        """Return the account's entries in order, those later than the time ``after``."""
        found = self._table.query(_entries_of(account_id), first=_above(after), page_size=limit)
        return [_read(item) for item in islice(found, limit)]

    def transactions(self, *, before: ListPosition | None, limit: int) -> list[Transaction]:
        """Return transactions of all accounts, newest first, those before a place."""
        # A shared row may hold transactions before the place and after it: they have one time.
        last = f"{before.created_at}#{HIGHEST}" if before else HIGHEST
        streams = [
            _listed(
                self._table.query(
                    f"LIST#{shard}",
                    last=last,
                    newest_first=True,
                    page_size=shards.share(limit, LIST_SHARDS),
                )
            )
            for shard in range(LIST_SHARDS)
        ]
        merged = heapq.merge(*streams, reverse=True)
        below = (row for row in merged if before is None or row[0] < "#".join(before))
        return [Transaction.model_validate_json(text) for _, text in islice(below, limit)]

    def of_account(self, account_id: str, *, before: str | None, limit: int) -> list[Transaction]:
        """Return the account's transactions, newest first, those before a time."""
        found = self.newest(account_id, since=None, before=before, limit=limit)
        return [Transaction.of(entry) for entry in found]

    def newest(
        self, account_id: str, *, since: str | None, before: str | None, limit: int
    ) -> list[Entry]:
        """Return the account's entries, newest first, of the times from ``since`` to ``before``."""
        found = self._table.query(
            _entries_of(account_id),
            first=since or "",
            last=_below(before) if before else HIGHEST,
            newest_first=True,
            page_size=limit,
        )
        return [_read(item) for item in islice(found, limit)]


def thing(pk: str, sk: str) -> str | None:
    """Return the thing at a key, as the audit trail names it: a transaction or an account."""
    kind, _, name = pk.partition("#")
    if kind == "TRANSACTION":
        return named("transactions", name)
    if kind == "INTENTS":
        return named("transactions", sk.split("#")[1])
    return named("accounts", sk) if kind == "ACCOUNTS" else None


def posted_by(change: ItemChange) -> Entry | None:
    """Return the entry that a change of the table has posted, if it has."""
    if change.new is None or change.old is not None or not change.pk.startswith(_entries_of("")):
        return None
    return _read(change.new)


# --- keys -----------------------------------------------------------------------------------------


def _account_key(account_id: str) -> _Key:
    return f"ACCOUNTS#{shards.of(account_id, ACCOUNT_SHARDS)}", account_id


def _entries_of(account_id: str) -> str:
    return f"ENTRIES#{account_id}"


def _entry_key(entry: Entry) -> _Key:
    return _entries_of(entry.account_id), sortable(entry.created_at)


def _transaction_key(transaction_id: str) -> _Key:
    return f"TRANSACTION#{transaction_id}", _ENTRY


def _idempotency_key(key: str) -> _Key:
    return f"KEY#{key}", _ENTRY


def _names(transaction_id: str | None, key: str | None) -> list[_Key]:
    """Return under what the entry of a post is found: its id, and the key if it has one."""
    return [
        *([_transaction_key(transaction_id)] if transaction_id else []),
        *([_idempotency_key(key)] if key else []),
    ]


def _intent_key(intent: Intent) -> _Key:
    return f"INTENTS#{intent.account_id}", intent.place


def _leader_key(account_id: str) -> _Key:
    return f"LEADER#{account_id}", _ENTRY


def _row_key(entry: Entry) -> _Key:
    shard = shards.of(entry.transaction_id, LIST_SHARDS)
    return f"LIST#{shard}", f"{sortable(entry.created_at)}#{entry.transaction_id}"


def _rows(entries: Sequence[Entry]) -> Iterator[Item]:
    """Yield the rows of the list: those of one moment share one."""
    at_once: dict[datetime, list[Entry]] = defaultdict(list)
    for entry in entries:
        at_once[entry.created_at].append(entry)
    for together in at_once.values():
        texts = [Transaction.of(entry).stored_text() for entry in together]
        newest = max(together, key=lambda entry: entry.transaction_id)
        if len(texts) == 1:
            yield _item(_row_key(newest), texts[0])
        else:
            rows = {"L": [{"S": text} for text in texts]}
            yield {**table.key(*_row_key(newest)), "rows": rows}


def _listed(items: Iterator[Item]) -> Iterator[tuple[str, str]]:
    """Yield the transactions of rows with their places, newest first."""
    for _, together in groupby(items, key=lambda item: _sort_key(item).partition("#")[0]):
        yield from sorted((row for item in together for row in _unfolded(item)), reverse=True)


def _unfolded(item: Item) -> Iterator[tuple[str, str]]:
    """Yield the place and the text of each transaction in a row of the list."""
    if "body" in item:
        yield _sort_key(item), item["body"]["S"]
        return
    time = _sort_key(item).partition("#")[0]
    for row in item["rows"]["L"]:
        yield f"{time}#{json.loads(row['S'])['transaction_id']}", row["S"]


def _sort_key(item: Item) -> str:
    sort_key: str = item["sk"]["S"]
    return sort_key


def _above(sort_key: str | None) -> str:
    """Return the least sort key above ``sort_key``; the least of all for None."""
    return sort_key + "\x00" if sort_key else ""


def _below(sort_key: str) -> str:
    """Return the greatest sort key below ``sort_key`` (which is not empty)."""
    return sort_key[:-1] + chr(ord(sort_key[-1]) - 1) + HIGHEST


def _still_at(sequence: int) -> Condition:
    """Hold while the account's last entry has this number; 0 is an account without entries."""
    if sequence == 0:
        return ABSENT
    return Condition("#s = :s", {":s": {"N": str(sequence)}}, {"#s": "sequence"})


# --- items ----------------------------------------------------------------------------------------


def _item(key: _Key, body: str) -> Item:
    return {**table.key(*key), "body": {"S": body}}


def _entry(item: Item | None) -> Entry | None:
    return _read(item) if item else None


def _snapshot(
    found: Mapping[_Key, Item],
    account_id: str,
    transaction_id: str | None = None,
    key: str | None = None,
) -> Snapshot:
    """Return what ``found`` says of a post that is to be made."""
    account = found.get(_account_key(account_id))
    keyed = found.get(_idempotency_key(key)) if key else None
    return Snapshot(
        last=_entry(account),
        named=_entry(found.get(_transaction_key(transaction_id))) if transaction_id else None,
        keyed=_keyed(keyed) if keyed else None,
        contention=_contention(account) if account else Contention(),
    )


def _contention(account: Item) -> Contention:
    """Return what an account's item says of those who post to it."""
    until, posts = account.get("crowded_until"), account.get("crowd")
    return Contention(until["S"] if until else "", int(posts["N"]) if posts else 0)


def _contending(contention: Contention) -> tuple[str, Item]:
    """Return what an update adds to an account's item so that it says so."""
    values: Item = {
        ":until": {"S": contention.until},
        ":crowd": {"N": str(contention.posts)},
    }
    return ", crowded_until = :until, crowd = :crowd", values


def _intent(item: Item) -> Intent:
    return Intent.model_validate_json(item["body"]["S"])


def _keyed(item: Item) -> Entry | Reservation:
    if "batch" in item:
        return Reservation.model_validate_json(item["batch"]["S"])
    return _read(item)


def _account(item: Item) -> StoredAccount:
    decimals = item.get("decimals", {}).get("N")
    return StoredAccount(
        last=_read(item),
        details=Details(
            name=item.get("name", {}).get("S"),
            unit=item.get("unit", {}).get("S"),
            decimals=None if decimals is None else int(decimals),
        ),
    )


def _attribute(value: str | int) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def _read(item: Item) -> Entry:
    return Entry.model_validate_json(item["body"]["S"])
