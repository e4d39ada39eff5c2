"""The chain of an account's entries: what comes next, and what does not fit."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.ledger import chain
from chalicelib.ledger.models import Entry
from tests.support.ids import uuid
from tests.support.ledger.fakes import MORNING

ACCOUNT = uuid(1)
AMOUNTS = st.integers(-(2**53) + 1, 2**53 - 1)


def linked(*amounts: int, reverses: dict[int, int] | None = None) -> list[Entry]:
    """Return the entries of an account; ``reverses`` says which place takes back which."""
    entries: list[Entry] = []
    for place, amount in enumerate(amounts, start=1):
        original = (reverses or {}).get(place)
        entries.append(
            chain.following(
                entries[-1] if entries else None,
                account_id=ACCOUNT,
                amount=amount,
                transaction_id=uuid(100 + place),
                now=MORNING + timedelta(seconds=place),
                reverses=uuid(100 + original) if original else None,
            )
        )
    return entries


def first_misfit(entries: list[Entry]) -> tuple[int, str] | None:
    looked_at = chain.Chain(ACCOUNT)
    for place, entry in enumerate(entries, start=1):
        if why := looked_at.misfit(entry):
            return place, why
    return None


def test_l7_four_and_then_minus_three_gives_one() -> None:
    assert [entry.balance for entry in linked(4, -3)] == [4, 1]


@given(st.lists(AMOUNTS, max_size=20))
def test_what_the_ledger_chains_verifies_and_adds_up(amounts: list[int]) -> None:
    entries = linked(*amounts)

    assert first_misfit(entries) is None
    assert [entry.sequence for entry in entries] == list(range(1, len(amounts) + 1))
    assert (entries[-1].balance if entries else 0) == sum(amounts)


def test_balances_far_beyond_what_a_double_holds_stay_exact() -> None:
    entries = linked(*[2**53 - 1] * 3)

    assert entries[-1].balance == 3 * (2**53 - 1)
    assert Entry.model_validate_json(entries[-1].json_text()) == entries[-1]


@pytest.mark.parametrize("lag", [timedelta(0), timedelta(hours=1)])
def test_times_in_an_account_strictly_increase(lag: timedelta) -> None:
    last = linked(1)[-1]

    following = chain.following(
        last, account_id=ACCOUNT, amount=1, transaction_id=uuid(2), now=last.created_at - lag
    )

    assert following.created_at == last.created_at + timedelta(microseconds=1)


def test_the_hash_is_the_documented_one() -> None:
    """The example of docs/ledger.md."""
    entry = linked(4)[0]

    assert entry.previous_hash == "0" * 64
    assert entry.hash == "9dc7bfc446fc13cec2a38b0a757b1c94b56476f44e83d344a4021976f5f22dfe"


@given(st.data())
def test_any_change_of_any_field_is_noticed(data: st.DataObject) -> None:
    entries = linked(5, -2, 7, -5, 1, reverses={4: 1})
    place = data.draw(st.integers(0, len(entries) - 1))
    name = data.draw(st.sampled_from(sorted(Entry.model_fields)))
    value: Any = getattr(entries[place], name)
    other: Any
    if isinstance(value, int):
        other = value + data.draw(st.integers().filter(bool))
    elif name == "created_at":
        other = value + timedelta(microseconds=data.draw(st.integers(-9, 9).filter(bool)))
    else:
        words = st.sampled_from([uuid(101), uuid(7), "f" * 64, ""])
        other = data.draw(words.filter(lambda other: other != value))
    entries[place] = entries[place].model_copy(update={name: other})

    found = first_misfit(entries)

    # What the last entry says of itself shows there, any other change there or one entry later.
    assert found is not None
    assert found[0] in {place + 1, place + 2}


def test_a_change_with_a_hash_made_to_fit_is_noticed_one_entry_later() -> None:
    entries = linked(5, -2, 7)
    forged = entries[0].model_copy(update={"created_at": MORNING})
    entries[0] = forged.model_copy(update={"hash": chain.digest(forged)})

    assert first_misfit(entries) == (2, "it does not hold the hash of the entry before it")


@pytest.mark.parametrize(
    ("entries", "place", "why"),
    [
        (linked(1, 2, 3)[1:], 1, "its sequence is 2, but 1 comes next"),
        (linked(1, 2, 3)[::2], 2, "its sequence is 3, but 2 comes next"),
        (linked(1, 2)[:1] * 2, 2, "its sequence is 1, but 2 comes next"),
        (linked(5, -5, -5, reverses={2: 1, 3: 1}), 3, "which was reversed before"),
        (linked(5, -4, reverses={2: 1}), 2, "which did not post 4 here before"),
        (linked(5, -5, 5, reverses={2: 1, 3: 2}), 3, "which did not post -5 here before"),
        (linked(5, 0, reverses={2: 9}), 2, "which did not post 0 here before"),
    ],
)
def test_the_first_entry_that_does_not_fit_is_named(
    entries: list[Entry], place: int, why: str
) -> None:
    found = first_misfit(entries)

    assert found is not None
    assert found[0] == place
    assert why in found[1]
