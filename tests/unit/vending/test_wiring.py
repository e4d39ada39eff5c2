"""How the context is put together, and what the environment turns."""

from types import SimpleNamespace

import pytest

from chalicelib.core.settings import SettingsError, from_env
from chalicelib.vending import wiring
from chalicelib.vending.anomalies import Thresholds
from chalicelib.vending.registry_wiring import registry
from chalicelib.vending.wiring import VendingSettings, vending
from tests.support.vending.world import World


def test_the_thresholds_are_the_rules_own_unless_they_are_set() -> None:
    assert from_env(VendingSettings).thresholds() == Thresholds()


def test_c10_thresholds_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "VENDING_MIN_FAULTS": "5",
        "VENDING_FAULT_RATE": "0.01",
        "VENDING_OUT_OF_SERVICE_RATE": "0.4",
        "VENDING_FLEET_GAP_E": "0.02",
        "VENDING_LOST_LOG_E": "0.1",
        "VENDING_WINDOW_DAYS": "30",
        "VENDING_DUE_DAYS": "7",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)

    assert from_env(VendingSettings).thresholds() == Thresholds(
        min_faults=5,
        fault_rate=0.01,
        out_of_service_rate=0.4,
        fleet_gap_e=0.02,
        lost_log_e=0.1,
        window_days=30,
        due_days=7,
    )


def test_what_has_no_default_must_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VENDING_TABLE", "VENDING_BUCKET", "VENDING_FLEET_QUEUE_URL"):
        monkeypatch.delenv(name)

    with pytest.raises(SettingsError, match=r"VENDING_TABLE.*VENDING_BUCKET.*VENDING_FLEET_QUEUE"):
        vending()


def test_the_services_stand_on_the_same_stores_and_are_made_once() -> None:
    made = vending()

    assert vending() is made
    assert made.uploads.files is made.arrivals.files is made.registry.files
    assert made.history.chunks is made.arrivals.chunks is made.verdicts.days.chunks
    assert made.dispatching.verdicts is made.arrivals.verdicts is made.verdicts
    assert made.queues is made.arrivals.queues is made.verdicts.queues
    assert made.uploads.share is made.arrivals.share


def test_the_registry_alone_has_the_rest_when_it_calls_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []
    rest = SimpleNamespace(fleet=world.vending.fleet, verdicts=SimpleNamespace(judge=judged.append))
    monkeypatch.setattr(wiring, "vending", lambda: rest)

    registry().judge("GM003")

    assert judged == ["GM003"]
    assert registry().serials_of("T0001") == ("GM001", "GM002")
    assert registry() is registry()
