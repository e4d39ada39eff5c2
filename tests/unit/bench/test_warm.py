"""The requests that `bench.warm` measures, and its ratchet. Nothing is timed here."""

import json
from pathlib import Path

import pytest

from bench import warm
from bench.replay import told
from tests.support.routes import CONTRACTS


def test_every_route_is_measured_and_makes_its_request_again() -> None:
    routes = {f"{each.method} {each.path}" for each in CONTRACTS}

    with told() as replay:
        measured = {exchange.route for exchange in replay.exchanges}
        cake = next(each for each in replay.exchanges if each.route == "GET /cakes/{cake_id}")
        again = [call.method for call in replay.calls_of(replay.handling(cake))]
        bare = replay.bare(cake, replay.calls_of(replay.handling(cake)))
        alone = [call.method for call in replay.calls_of(bare)]

    assert measured == routes
    assert again == alone == ["get_item"]


def test_the_ratchet_knows_the_routes_there_are() -> None:
    routes = {f"{each.method} {each.path}" for each in CONTRACTS}

    assert json.loads(warm.RATCHET.read_text()).keys() <= routes


def test_a_route_is_worse_above_its_ratchet_and_above_the_goal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ratchet = tmp_path / "ratchet.json"
    ratchet.write_text('{"GET /slow": 2.0, "GET /fast": 0.8}')
    monkeypatch.setattr(warm, "RATCHET", ratchet)

    assert warm.worse({"GET /slow": 2.2, "GET /fast": 1.1, "GET /new": 1.15}) == {}
    assert warm.worse({"GET /slow": 2.4, "GET /fast": 1.2, "GET /new": 1.2}) == {
        "GET /slow": pytest.approx(2.3),
        "GET /fast": warm.GOAL,
        "GET /new": warm.GOAL,
    }
