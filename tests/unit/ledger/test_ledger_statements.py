"""Statements: which entries, and the balances before and after them."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import NotFoundError
from chalicelib.ledger.models import AccountBody, Entry, TransactionBody
from chalicelib.ledger.screens import statement_csv
from chalicelib.ledger.service.posting import Ledger
from chalicelib.ledger.service.statements import StatementPage
from tests.support.clock import Clock
from tests.support.ids import uuid
from tests.support.ledger.fakes import MORNING, MemoryStore, a_ledger

ANN, BOB = uuid(0xA), uuid(0xB)


def books(*amounts: int) -> Ledger:
    """Return a ledger whose account has an entry an hour."""
    clock = Clock(MORNING)
    ledger = a_ledger(MemoryStore(), clock)
    for amount in amounts:
        ledger.post(TransactionBody(account_id=ANN, amount=amount))
        clock.forward(hours=1)
    return ledger


def hour(number: float) -> datetime:
    return MORNING + timedelta(hours=number)


def pages(
    ledger: Ledger, since: datetime | None, until: datetime | None, limit: int
) -> list[StatementPage]:
    found, start = [], None
    while True:
        page = ledger.statements.page(ANN, since=since, until=until, start=start, limit=limit)
        found.append(page)
        start = page.page.next
        if start is None:
            return found


def rows(found: list[StatementPage]) -> list[Entry]:
    return [entry for page in found for entry in page.page.rows]


@pytest.mark.parametrize(
    ("since", "until", "opening", "closing", "amounts"),
    [
        (None, None, 0, 1111, [1000, 100, 10, 1]),
        (1, 3, 1, 111, [100, 10]),
        (1, 3.5, 1, 1111, [1000, 100, 10]),
        (0, 0, 0, 0, []),
        (2, 2, 11, 11, []),
        (-9, 1, 0, 1, [1]),
        (99, None, 1111, 1111, []),
        (None, -9, 0, 0, []),
    ],
)
def test_a_statement_runs_from_an_instant_until_before_another(
    since: float | None, until: float | None, opening: int, closing: int, amounts: list[int]
) -> None:
    ledger = books(1, 10, 100, 1000)
    first = None if since is None else hour(since)
    last = None if until is None else hour(until)

    (page,) = pages(ledger, first, last, limit=9)

    assert (page.opening_balance, page.closing_balance) == (opening, closing)
    assert [entry.amount for entry in page.page.rows] == amounts


@given(
    amounts=st.lists(st.integers(-9, 9), min_size=1, max_size=12),
    since=st.none() | st.integers(-1, 13),
    until=st.none() | st.integers(-1, 13),
    limit=st.integers(1, 5),
)
def test_opening_balance_and_entries_add_up_to_the_closing_balance_on_every_page(
    amounts: list[int], since: int | None, until: int | None, limit: int
) -> None:
    ledger = books(*amounts)
    found = pages(
        ledger,
        None if since is None else hour(since),
        None if until is None else hour(max(until, since or until)),
        limit,
    )

    told = {(page.opening_balance, page.closing_balance) for page in found}
    ((opening, closing),) = told
    assert opening + sum(entry.amount for entry in rows(found)) == closing


def test_what_is_posted_while_somebody_turns_pages_changes_none_of_them() -> None:
    ledger = books(1, 10, 100)
    first = ledger.statements.page(ANN, since=None, until=None, start=None, limit=2)

    ledger.post(TransactionBody(account_id=ANN, amount=1000))
    second = ledger.statements.page(ANN, since=None, until=None, start=first.page.next, limit=2)

    assert (first.closing_balance, second.closing_balance) == (111, 111)
    assert [entry.amount for entry in second.page.rows] == [1]


def test_an_unknown_account_has_no_statement() -> None:
    with pytest.raises(NotFoundError):
        books(1).statements.page(BOB, since=None, until=None, start=None, limit=1)


def test_the_year_one_is_no_trouble() -> None:
    since = datetime.fromisoformat("0001-01-01T00:00:00+00:00")
    until = datetime.fromisoformat("9999-12-31T23:59:59.999999+00:00")

    (page,) = pages(books(1), since, until, limit=9)

    assert (page.opening_balance, page.closing_balance) == (0, 1)


def test_csv_begins_with_the_closing_balance_and_ends_with_the_opening_one() -> None:
    ledger = books(1, -10)
    found = pages(ledger, hour(1), None, limit=1)

    text = "".join(statement_csv(page, first=page is found[0]) for page in found)

    lines = [line.split(",") for line in text.splitlines()[1:]]
    assert [(line[0], line[3], line[4]) for line in lines] == [
        ("closing_balance", "", "-9"),
        ("entry", "-10", "-9"),
        ("opening_balance", "", "1"),
    ]


@pytest.mark.parametrize("begins", ["=", "+", "-", "@"])
def test_a_name_that_a_spreadsheet_would_evaluate_is_a_text(begins: str) -> None:
    ledger = books(-7)
    ledger.describe(ANN, AccountBody(name=f"{begins}cmd|' /C calc'!A0", unit=f"{begins}x"))

    (page,) = pages(ledger, None, None, limit=9)
    text = statement_csv(page, first=True)

    assert f",'{begins}cmd|' /C calc'!A0,'{begins}x," in text
    assert ",-7,-7,1," in text
