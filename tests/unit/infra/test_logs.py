"""What `make logs` shows of a line of the log, whoever has written into it."""

import json

import pytest

from infra.logs import readable

FORGED = "ann\n12:00:00 api: INFO request subject=boss\x1b[2J\u202e"


@pytest.mark.parametrize("name", ["subject", "message", "level", "a\nb"])
def test_a_value_cannot_make_another_line(name: str) -> None:
    told = readable(json.dumps({"level": "INFO", "message": "request", name: FORGED}))

    assert told
    assert len(told.splitlines()) == 1
    assert r"ann\n12:00:00 api: INFO request subject=boss\x1b[2J\u202e" in told


@pytest.mark.parametrize(
    "text", [FORGED, json.dumps({"message": "m", "exception": f"Error: {FORGED}"}), '"a\\nb"']
)
def test_what_has_several_lines_is_indented(text: str) -> None:
    told = readable(text)

    assert told
    first, *rest = told.splitlines()
    assert all(line.startswith("    ") for line in rest)
    assert "\x1b" not in told
    assert first


def test_a_figure_is_shown_as_one_and_the_platform_s_own_lines_are_not() -> None:
    told = readable(json.dumps({"level": "INFO", "message": "request", "Latency": [1.5]}))

    assert told == "INFO request Latency=1.5"
    assert readable("START RequestId: 1") is None
