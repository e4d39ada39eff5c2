"""The real store and the one in memory keep the same promises."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from chalicelib.core import shards
from chalicelib.core.audit.entries import AuditEntry, Change
from chalicelib.core.audit.recording import recording
from chalicelib.core.instants import sortable
from chalicelib.core.settings import from_env
from chalicelib.core.table import Table
from chalicelib.ledger import store as ledger_store
from chalicelib.ledger.chain import following
from chalicelib.ledger.models import (
    AccountBody,
    Details,
    Entry,
    Intent,
    Reservation,
    StoredAccount,
)
from chalicelib.ledger.ports import (
    BatchSnapshot,
    Contention,
    IntentStatus,
    ListPosition,
    Snapshot,
    Store,
    Waiting,
)
from chalicelib.ledger.store import LedgerStore, thing
from tests.support.ids import uuid
from tests.support.ledger.fakes import MORNING, MemoryStore

ANN, BOB = uuid(0xA), uuid(0xB)


@pytest.fixture(params=["in memory", "in DynamoDB"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "in memory":
        return MemoryStore()
    dynamodb = request.getfixturevalue("dynamodb")
    return LedgerStore(Table(dynamodb, request.getfixturevalue("table_name")))


@pytest.fixture
def entry() -> Callable[..., Entry]:
    """Make the next entry of an account."""
    last: dict[str, Entry] = {}

    def make(number: int, account: str = ANN, amount: int = 1, **more: Any) -> Entry:
        last[account] = following(
            last.get(account),
            account_id=account,
            amount=amount,
            transaction_id=uuid(number),
            now=MORNING + timedelta(seconds=number),
            **more,
        )
        return last[account]

    return make


def test_nothing_stands_in_an_empty_ledger(store: Store) -> None:
    assert store.read_snapshot(ANN) == Snapshot()
    assert store.read_snapshot(ANN, transaction_id=uuid(1), key="k") == Snapshot()
    assert store.transaction(uuid(1)) is None
    assert store.account(ANN) is None
    assert store.account_at(ANN, MORNING) is None
    assert not store.accounts(after=None, limit=9)
    assert not store.entries(ANN, after=None, limit=9)
    assert not store.transactions(before=None, limit=9)
    assert not store.of_account(ANN, before=None, limit=9)


def test_an_entry_is_found_by_all_its_names(store: Store, entry: Callable[..., Entry]) -> None:
    first = entry(1, amount=-(2**53) + 1)

    assert store.append(first, key="a key = anything # /?")

    assert store.read_snapshot(ANN) == Snapshot(last=first)
    assert store.read_snapshot(ANN, transaction_id=uuid(1)) == Snapshot(last=first, named=first)
    assert store.read_snapshot(ANN, key="a key = anything # /?") == Snapshot(
        last=first, keyed=first
    )
    assert store.read_snapshot(BOB, transaction_id=uuid(1), key="k") == Snapshot(named=first)
    kept = store.transaction(uuid(1))
    assert kept is not None
    assert (kept.entry, kept.reversed_by) == (first, None)
    assert store.account(ANN) == StoredAccount(last=first)
    assert store.account_at(ANN, MORNING + timedelta(seconds=1)) == first


@pytest.mark.parametrize("taken", ["place", "id", "key"])
def test_an_entry_whose_place_or_name_is_taken_is_not_stored_at_all(
    store: Store, entry: Callable[..., Entry], taken: str
) -> None:
    first = entry(1)
    store.append(first, key="k")
    other = {
        "place": lambda: _again(first, uuid(2)),
        "id": lambda: entry(1, BOB),
        "key": lambda: entry(2, BOB),
    }[taken]()

    assert not store.append(other, key="k" if taken == "key" else None)

    assert [each.last.account_id for each in store.accounts(after=None, limit=9)] == [ANN]
    assert len(store.transactions(before=None, limit=9)) == 1
    assert store.entries(ANN, after=None, limit=9) == [first]
    assert store.read_snapshot(BOB).last is None


def _again(entry: Entry, transaction_id: str) -> Entry:
    """Return another first entry of the same account, a little later."""
    return following(
        None,
        account_id=entry.account_id,
        amount=7,
        transaction_id=transaction_id,
        now=entry.created_at + timedelta(seconds=1),
    )


def test_a_reversal_is_told_to_the_original_once(store: Store, entry: Callable[..., Entry]) -> None:
    store.append(entry(1, amount=4))
    reversal = entry(2, amount=-4, reverses=uuid(1))
    second = entry(3, amount=-4, reverses=uuid(1))

    assert store.append(reversal)
    assert not store.append(second)

    kept = store.transaction(uuid(1))
    assert kept is not None
    assert kept.reversed_by == uuid(2)
    assert store.account(ANN) == StoredAccount(last=reversal)
    assert store.transaction(uuid(3)) is None


def test_what_was_never_posted_cannot_be_reversed(
    store: Store, entry: Callable[..., Entry]
) -> None:
    if isinstance(store, MemoryStore):
        pytest.skip("the service never asks for it")

    assert not store.append(entry(2, amount=-4, reverses=uuid(1)))
    assert store.account(ANN) is None


def test_a_key_is_bound_once(store: Store, entry: Callable[..., Entry]) -> None:
    first, second = entry(1), entry(2)
    store.append(first)
    store.append(second)

    assert store.bind("k", first)
    assert not store.bind("k", second)
    assert store.read_snapshot(BOB, key="k").keyed == first


def test_the_list_goes_on_where_a_page_ended(store: Store, entry: Callable[..., Entry]) -> None:
    numbers = range(1, 16)
    for number in numbers:
        store.append(entry(number, uuid(0xA + number % 3)))
    newest_first = [uuid(number) for number in reversed(numbers)]

    found: list[str] = []
    before = None
    while page := store.transactions(before=before, limit=4):
        found += [each.transaction_id for each in page]
        before = ListPosition(sortable(page[-1].created_at), page[-1].transaction_id)

    assert found == newest_first


def test_transactions_of_one_moment_are_all_listed(store: Store) -> None:
    for number in range(1, 10):
        store.append(
            following(
                None, account_id=uuid(number), amount=1, transaction_id=uuid(number), now=MORNING
            )
        )

    pages, before = [], None
    while page := store.transactions(before=before, limit=4):
        pages += [each.transaction_id for each in page]
        before = ListPosition(sortable(page[-1].created_at), page[-1].transaction_id)

    assert sorted(pages) == [uuid(number) for number in range(1, 10)]


def test_an_accounts_lists_go_on_where_a_page_ended(
    store: Store, entry: Callable[..., Entry]
) -> None:
    entries = [entry(number) for number in range(1, 10)]
    for each in entries:
        store.append(each)
    store.append(entry(99, BOB))

    third = sortable(entries[2].created_at)
    assert store.entries(ANN, after=third, limit=3) == entries[3:6]
    assert store.entries(ANN, after=sortable(entries[-1].created_at), limit=3) == []
    backwards = store.of_account(ANN, before=third, limit=9)
    assert [each.transaction_id for each in backwards] == [uuid(2), uuid(1)]


def test_accounts_are_listed_by_id_page_by_page(store: Store, entry: Callable[..., Entry]) -> None:
    ids = [uuid(number) for number in range(0x10, 0x20)]
    for number, account in enumerate(reversed(ids)):
        store.append(entry(number, account))

    found: list[str] = []
    while page := store.accounts(after=found[-1] if found else None, limit=5):
        found += [each.last.account_id for each in page]

    assert found == ids


def test_entries_are_stored_together_or_not_at_all(
    store: Store, entry: Callable[..., Entry]
) -> None:
    first, second, third = entry(1), entry(2, BOB), entry(3)
    store.append(_again(entry(9, uuid(0xC)), uuid(8)))
    taken = _again(second, uuid(8))

    assert not store.append(first, taken, third)
    assert store.account(ANN) is None
    assert store.append(first, second, third, key="k")

    assert store.entries(ANN, after=None, limit=9) == [first, third]
    standing = store.read_all([ANN, BOB, uuid(0xD)], [uuid(1), uuid(2), uuid(7)], "k")
    assert standing == BatchSnapshot(
        last={ANN: third, BOB: second},
        named={uuid(1): first, uuid(2): second},
        keyed=first,
    )


def _intent(entry: Entry, key: str | None = None) -> Intent:
    return Intent(
        place=f"{sortable(entry.created_at)}#{entry.transaction_id}",
        account_id=entry.account_id,
        amount=entry.amount,
        transaction_id=entry.transaction_id,
        key=key,
        floor=-(10**30) + 1,
        until=MORNING,
    )


def test_what_waits_is_stored_with_its_going_or_not_at_all(
    store: Store, entry: Callable[..., Entry]
) -> None:
    posts = [(_intent(each, key), each) for each, key in ((entry(1), "k"), (entry(2), None))]
    first, second = (intent for intent, _ in posts)
    for intent in (second, first):
        store.leave(intent)
    assert store.intent_status(first) == IntentStatus(waits=True, snapshot=Snapshot())
    assert store.waiting(second) == Waiting(None, [second, first])
    assert store.withdraw(second)
    assert not store.withdraw(second)

    assert not store.settle(posts, None)
    assert store.account(ANN) is None
    store.leave(second)
    assert store.settle(posts, Contention("2142", 7))

    made = [each for _, each in posts]
    assert store.entries(ANN, after=None, limit=9) == made
    now = Snapshot(last=made[1], named=made[0], keyed=made[0], contention=Contention("2142", 7))
    assert store.intent_status(first) == IntentStatus(waits=False, snapshot=now)
    assert not store.settle(posts, None)
    listed = store.transactions(before=None, limit=9)
    assert [row.transaction_id for row in listed] == [uuid(2), uuid(1)]


def test_nothing_that_waits_is_stored_after_the_account_moved_on_or_where_a_name_is_taken(
    store: Store, entry: Callable[..., Entry]
) -> None:
    first = entry(1)
    store.append(first, key="k")
    late = _again(first, uuid(2))
    for each, key in ((late, None), (entry(3), "k"), (_again(entry(4), uuid(1)), None)):
        intent = _intent(each, key)
        store.leave(intent)
        assert not store.settle([(intent, each)], None)
        assert store.intent_status(intent).waits
    assert store.entries(ANN, after=None, limit=9) == [first]


def test_what_waits_is_read_oldest_first_but_for_ones_own_and_what_is_taken(
    store: Store, entry: Callable[..., Entry]
) -> None:
    store.append(last := entry(1), key="k 1")
    waits = [_intent(entry(number), f"k {number}") for number in range(2, 40)]
    for intent in (*waits, taken := _intent(entry(40), "k 1"), same := _intent(entry(41), "k 39")):
        store.leave(intent)

    found = store.waiting(waits[-1])

    assert found.last == last
    assert found.intents == [waits[-1], *waits[:18]]
    assert store.waiting(same).intents[:2] == [same, waits[0]]
    assert taken not in store.waiting(taken).intents


def test_what_waits_is_entered_as_the_doing_of_who_left_it(
    entry: Callable[..., Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_TABLE", "audit")
    from_env.cache_clear()
    client = Mock()
    store = LedgerStore(Table(client, "ledger", things=thing))
    posts = [(_intent(each), each) for each in (entry(1), entry(2))]
    for who, (intent, _) in zip(("ann", "bob"), posts, strict=True):
        with _recorded(who):
            store.leave(intent)
    with _recorded("bob"):
        store.settle(posts, None)

    sent = [call.kwargs["TransactItems"] for call in client.transact_write_items.mock_calls]
    entered = [
        AuditEntry.model_validate_json(action["Put"]["Item"]["body"]["S"])
        for actions in sent
        for action in actions
        if action.get("Put", {}).get("TableName") == "audit"
    ]
    created = [Change(what=f"transactions/{uuid(number)}", change="created") for number in (1, 2)]
    assert [(each.who, each.changes) for each in entered] == [
        ("ann", (created[0],)),
        ("bob", (created[1],)),
    ]
    from_env.cache_clear()


def _recorded(who: str) -> AbstractContextManager[None]:
    return recording(
        who, scopes=(), technician=None, method="POST", route="/transactions", request_id=None
    )


def test_one_at_a_time_means_to_post_what_waits(store: Store, entry: Callable[..., Entry]) -> None:
    def leads(after: int, now: str, until: str) -> bool:
        return store.lead(ANN, after=after, now=now, until=until)

    assert leads(0, "08:00", "08:03")
    assert not leads(0, "08:02", "08:05")
    assert store.intent_status(_intent(entry(1))).led_until == "08:03"
    assert leads(0, "08:04", "08:07")
    assert leads(1, "08:05", "08:08")
    assert not leads(0, "08:06", "08:09")
    assert store.intent_status(_intent(entry(2))).led_until == ""


def test_transactions_of_one_moment_share_a_row_and_are_all_listed(store: Store) -> None:
    for batch in range(3):
        made = [
            following(
                None,
                account_id=uuid(0x100 * batch + number),
                amount=number,
                transaction_id=uuid(0x100 * batch + number),
                now=MORNING + timedelta(seconds=batch % 2),
            )
            for number in range(5)
        ]
        assert store.append(*made)

    pages, before = [], None
    while page := store.transactions(before=before, limit=4):
        pages += [ListPosition(sortable(each.created_at), each.transaction_id) for each in page]
        before = pages[-1]

    assert len(pages) == 15
    assert pages == sorted(pages, reverse=True)


def test_a_key_is_reserved_once(store: Store, entry: Callable[..., Entry]) -> None:
    wanted = Reservation(digest="d", transaction_ids=(uuid(1),))
    posted = entry(1)
    store.append(posted, key="posted")

    assert store.reserve("k", wanted) == wanted
    assert store.reserve("k", Reservation(digest="e", transaction_ids=())) == wanted
    assert store.reserve("posted", wanted) == posted
    assert store.read_snapshot(BOB, key="k").keyed == wanted
    assert not store.bind("k", posted)


def test_what_an_account_is_called_is_changed_field_by_field(
    store: Store, entry: Callable[..., Entry]
) -> None:
    assert store.describe(ANN, AccountBody(name="Till")) is None
    first = entry(1)
    store.append(first)

    store.describe(ANN, AccountBody(name="Till", unit="EUR", decimals=2))
    store.describe(ANN, AccountBody(name=None, decimals=0))
    last = entry(2)
    store.append(last)

    told = StoredAccount(last=last, details=Details(unit="EUR", decimals=0))
    assert store.account(ANN) == store.describe(ANN, AccountBody()) == told
    assert list(store.accounts(after=None, limit=9)) == [told]


def test_the_newest_entries_of_a_span(store: Store, entry: Callable[..., Entry]) -> None:
    entries = [entry(number) for number in range(5)]
    for each in entries:
        store.append(each)
    times = [sortable(each.created_at) for each in entries]

    assert store.newest(ANN, since=times[1], before=times[4], limit=9) == entries[3:0:-1]
    assert store.newest(ANN, since=None, before=times[2], limit=1) == [entries[1]]
    assert store.newest(ANN, since=times[3], before=None, limit=9) == entries[:2:-1]
    assert not store.newest(ANN, since=times[3], before=times[3], limit=9)


@pytest.mark.parametrize("number_of", [ledger_store.ACCOUNT_SHARDS, ledger_store.LIST_SHARDS])
def test_random_ids_spread_evenly_over_the_shards(number_of: int) -> None:
    counts = [0] * number_of
    for number in range(10_000):
        counts[shards.of(uuid(number), number_of)] += 1

    assert max(counts) < 1.2 * min(counts)


def test_every_item_stays_under_a_kilobyte(dynamodb: Any, table_name: str) -> None:
    """So that each takes two write units, whatever the numbers."""
    huge = Entry(
        transaction_id=uuid(2**31),
        account_id=uuid(2**30),
        sequence=10**12,
        amount=-(2**53) + 1,
        balance=-(10**30),
        created_at=MORNING,
        previous_hash="f" * 64,
        hash="f" * 64,
        reverses=uuid(2**29),
        counterpart_id=uuid(2**28),
        counterpart_account_id=uuid(2**27),
    )
    body = {"S": huge.json_text()}
    item = {"pk": {"S": "KEY#" + "k" * 255}, "sk": {"S": "ENTRY"}, "body": body}

    size = sum(len(name) + len(value["S"]) for name, value in item.items())
    assert size + len("reversed_by") + 36 < 1024
