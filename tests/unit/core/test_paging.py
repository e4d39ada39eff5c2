"""Paging: a cursor leads on in the list that gave it, with the filters it was asked with."""

import base64
import json
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import app
from chalicelib.core import paging
from chalicelib.core.errors import InvalidInputError
from chalicelib.core.http import checked
from chalicelib.core.models import PageQuery
from chalicelib.core.openapi import document
from chalicelib.core.paging import Id, Page, Pages, cut, sift
from chalicelib.core.totals import Total

parts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


class Named(NamedTuple):
    name: str
    number: int


class Query(PageQuery):
    limit: int = 10
    state: str | None = None


THINGS = Pages("/things", Named)
PARTS = Pages("/things/{thing}/parts", Named)
HERE = Named("sofa", 3)


def cursor_of(pages: Pages[Named], query: Query, **path: str) -> str:
    cursor = pages.cursor(query, HERE, **path)
    assert cursor
    return cursor


@given(parts, st.integers(0, 10**15))
def test_a_cursor_leads_back_to_its_place(name: str, number: int) -> None:
    cursor = THINGS.cursor(Query(), Named(name, number))

    assert THINGS.start(Query(cursor=cursor)) == Named(name, number)


def test_the_first_page_has_no_place_and_the_last_one_no_next() -> None:
    assert THINGS.start(Query()) is None
    assert THINGS.following(Query(), None) is None


def test_the_next_page_is_requested_with_the_same_filters_and_limit() -> None:
    url = PARTS.following(Query(limit=3, state="open"), HERE, thing="a")

    assert url
    assert urlsplit(url).path == "/things/a/parts"
    asked = parse_qs(urlsplit(url).query)
    assert (asked["limit"], asked["state"]) == (["3"], ["open"])
    again = Query(limit=3, state="open", cursor=asked["cursor"][0])
    assert PARTS.start(again, thing="a") == HERE


def test_a_caller_may_ask_for_another_limit_on_the_way() -> None:
    cursor = cursor_of(THINGS, Query(limit=3))

    assert THINGS.start(Query(limit=500, cursor=cursor)) == HERE


def test_a_cursor_of_another_list_or_of_other_filters_is_refused() -> None:
    things, parts_of_a = cursor_of(THINGS, Query()), cursor_of(PARTS, Query(), thing="a")

    refused(PARTS, things, thing="a")
    refused(THINGS, parts_of_a)
    refused(PARTS, parts_of_a, thing="b")
    refused(THINGS, things, state="open")


@given(st.text(min_size=1))
def test_any_other_text_is_refused(text: str) -> None:
    refused(THINGS, text)


@pytest.mark.parametrize(
    "made_up", [[], {}, "x", None, 7, ["", "sofa", 3], ["0" * 16, "sofa", 3], [["deep"], "sofa", 3]]
)
def test_json_that_this_list_has_not_sealed_is_refused(made_up: object) -> None:
    refused(THINGS, encoded(made_up))


@pytest.mark.parametrize("opened", ["[", '{"a":'])
def test_a_cursor_that_is_deeper_than_python_goes_is_refused(opened: str) -> None:
    deep = opened * 900 + "1" + {"[": "]"}.get(opened, "}") * 900
    text = f'["{"0" * 16}",{deep}]'

    refused(THINGS, base64.urlsafe_b64encode(text.encode()).decode().rstrip("="))


@given(st.integers(0, 200), st.integers(0, 63))
def test_a_cursor_that_was_changed_is_refused(place: int, letter: int) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    cursor = cursor_of(THINGS, Query())
    at = place % (len(cursor) - 1)  # the last letter has bits that say nothing
    changed = cursor[:at] + alphabet[letter] + cursor[at + 1 :]

    if changed != cursor:
        refused(THINGS, changed)


@pytest.mark.parametrize("place", [("x" * 1001, 1), ("\ud800", 1), ("sofa", "many"), ("sofa",)])
def test_a_sealed_place_that_no_key_could_have_is_refused(place: tuple[object, ...]) -> None:
    """Whoever knows how a seal is made gets no further than to the edge of what a list has."""
    seal = THINGS._seal(Query(), {}, place)

    refused(THINGS, encoded([seal, *place]))


def test_a_page_is_cut_where_the_limit_is() -> None:
    assert cut([1, 2, 3], 3, Id) == Page([1, 2, 3])
    assert cut(iter([1, 2, 3, 4]), 3, Id) == Page([1, 2, 3], Id(3))
    assert cut([], 3, Id) == Page([])


def test_a_page_of_what_is_wanted_reads_so_many_rows_and_the_next_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paging, "MOST_READ", 4)
    rows, even = range(10), lambda row: row % 2 == 0

    assert sift(rows, even, 2, Id) == Page([0, 2], Id(2))
    assert sift(rows, even, 3, Id) == Page([0, 2], Id(3)), "short, and more to come"
    assert sift(rows, lambda row: row > 7, 3, Id) == Page([], Id(3)), "empty, and more to come"
    assert sift(range(4), even, 3, Id) == Page([0, 2]), "nothing is left"
    assert sift(range(3), even, 2, Id) == Page([0, 2]), "nothing is left behind the last one"


def test_every_route_that_pages_says_so_in_the_document() -> None:
    """The header follows from the query: nobody has to remember it."""
    paths = document(app.contracts(), version="1")["paths"]
    paged = [each for each in app.contracts() if each.paged]

    assert len(paged) >= 12
    for each in app.contracts():
        answer = paths[each.path][each.method.lower()]["responses"].get("200", {})
        told = {"Link", "Total-Count", "Total-Count-At-Least"}
        assert (told <= answer.get("headers", {}).keys()) == each.paged, each.path
        named = {"limit", "cursor", "count"} <= (
            each.query.model_fields.keys() if each.query else set()
        )
        assert named == each.paged, each.path


def headers(query: Query, page: Page[int, Named], total: Total) -> dict[str, str]:
    return THINGS.headers(query, page, lambda: total)


def test_16_7_a_total_is_counted_only_where_it_is_wanted() -> None:
    def count() -> Total:
        raise AssertionError

    page: Page[int, Named] = Page([1, 2], HERE)

    assert THINGS.headers(Query(), page, count).keys() == {"Link"}
    assert headers(Query(count=True), page, Total(511))["Total-Count"] == "511"
    assert headers(Query(count=True), page, Total(7, exact=False))["Total-Count-At-Least"] == "7"


def test_16_7_a_list_that_is_on_one_page_is_counted_without_a_read() -> None:
    def count() -> Total:
        raise AssertionError

    assert THINGS.headers(Query(count=True), Page([1, 2]), count) == {"Total-Count": "2"}
    assert THINGS.headers(Query(count=True), Page([]), count) == {"Total-Count": "0"}


def test_16_7_with_a_cursor_the_whole_list_is_counted() -> None:
    last = Query(count=True, cursor=cursor_of(THINGS, Query()))

    assert headers(last, Page([1, 2]), Total(511)) == {"Total-Count": "511"}


def test_16_7_the_next_page_is_neither_sealed_nor_requested_with_a_count() -> None:
    url = THINGS.following(Query(count=True, limit=3), HERE)

    assert url == THINGS.following(Query(limit=3), HERE)


@pytest.mark.parametrize("odd", ["yes", "1", "True", "on", ""])
def test_16_7_a_count_that_is_neither_true_nor_false_is_refused(odd: str) -> None:
    with pytest.raises(InvalidInputError) as wrong:
        checked(Query, {"count": odd}, place="query")

    [fault] = wrong.value.faults
    assert (fault["field"], fault["detail"]) == ("count", "must be true or false")
    assert checked(Query, {"count": "true"}, place="query").count
    assert not checked(Query, {"count": "false"}, place="query").count


def refused(pages: Pages[Named], cursor: str, *, state: str | None = None, **path: str) -> None:
    with pytest.raises(InvalidInputError) as wrong:
        pages.start(checked(Query, {"cursor": cursor, "state": state}, place="query"), **path)
    assert [fault["field"] for fault in wrong.value.faults] == ["cursor"]


def test_a_cursor_that_is_none_is_one_fault_of_all() -> None:
    with pytest.raises(InvalidInputError) as wrong:
        checked(Query, {"cursor": "soon", "limit": "many"}, place="query")

    assert {fault["field"] for fault in wrong.value.faults} == {"cursor", "limit"}


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
