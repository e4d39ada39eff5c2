"""The fuzzer of `make fuzz`, in short: it finds nothing, and would find what there were."""

from collections import Counter
from random import Random

import pytest

from bench.fuzz import __main__ as fuzz
from bench.fuzz import handlers, parsers, routes, watching
from bench.fuzz.hostile import Mutator
from bench.fuzz.watching import limited
from tests.support.api_cases import OPERATIONS


def test_no_request_of_a_short_run_is_a_5xx_hangs_or_is_stored_though_it_was_refused() -> None:
    found = list(routes.run(Mutator(Random(1)), 300, of_each=0))

    assert [each for each in found if each[2]] == []
    assert {label for label, *_ in found} == set(OPERATIONS)


def test_what_a_refused_request_stores_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting malformed packages is documented; without the document it would be a finding."""
    monkeypatch.setattr(routes, "DOCUMENTED", ())

    found = {
        fault
        for label, _, fault, _ in routes.run(Mutator(Random(1)), 600, of_each=0)
        if label == "POST /packages" and fault
    }

    assert any(fault.startswith("400 and stored UpdateItem DeliveriesTable") for fault in found)


def test_no_event_of_a_short_run_ends_in_an_error() -> None:
    found = list(handlers.run(Mutator(Random(1)), 60))

    assert [each for each in found if each[2]] == []
    assert {name for name, *_ in found} == {*handlers.QUEUES, *handlers.STREAMS}


def test_no_parser_of_a_short_run_raises_anything_but_its_refusals() -> None:
    found = list(parsers.run(Mutator(Random(1)), 8_000))

    assert [each for each in found if each[2]] == []
    ends: dict[str, Counter[str]] = {name: Counter() for name in parsers.PARSERS}
    for name, end, *_ in found:
        ends[name][end] += 1
    # Inputs that nobody reads, or that all are refused, would prove nothing.
    assert {name for name, counts in ends.items() if not counts["read"]} <= {
        "an answer of a vendor's"
    }


def test_an_error_that_is_no_refusal_is_found() -> None:
    known: dict[bytes, int] = {}
    broken = parsers.Parser(known.__getitem__, (b"x",), (ValueError,))

    assert parsers.fault(broken, b"x") == ("raised", "raised KeyError: b'x'")


def test_what_takes_too_long_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "limited", lambda _=0: limited(0.05))
    endless = parsers.Parser(lambda _: [None for _ in iter(int, 1)], (b"x",))

    assert parsers.fault(endless, b"x") == ("hang", "hangs")


def test_a_run_has_all_its_inputs_and_all_sorts_early() -> None:
    parts = fuzz.slices(1_000_000)

    assert sum(part.size for part in parts) == 1_000_000
    assert {part.sort for part in parts} == set(fuzz.SHARES)
    assert len(set(parts)) == len(parts)
