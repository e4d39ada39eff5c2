"""What is counted is what happened, what dashboards ask has an answer, and failures are told.

The shipped exporter, rules and dashboards, a real Prometheus, a stack of its own.
"""

import json
import math
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from infra.local.monitoring import HOW_TO_GET, Monitoring, Ports, find
from infra.standins.faults import Fault
from monitoring.grafana import dashboards
from tests.support.deployed import Deployed, deployed
from tests.support.patience import eventually
from tests.support.processes import free_port
from tests.support.watched import (
    SCHEDULED,
    Load,
    Watched,
    everything,
    let_poison_die_at_once,
    ordered,
    queries,
    shorten,
)

# What nobody makes happen here (effects that are given up, or that the relay could not forward), or
# what happens only if timing will have it (races that are lost).
NOT_MADE_HERE = {
    "backroom_dead_effects_total",
    "backroom_effects_left_to_sweeper_total",
    "backroom_ledger_lost_races_total",
    "backroom_retries_total",
    "backroom_table_conflicts_total",
    "backroom_warranties_lost_races_total",
}

needs_prometheus = pytest.mark.skipif(
    not (find("prometheus") and find("prometheus-node-exporter")),
    reason=f"Prometheus and node-exporter are not here; to get them: {HOW_TO_GET}",
)


@pytest.fixture(scope="module")
def watched_stack(request: pytest.FixtureRequest) -> Deployed:
    """A stack that nobody else sends anything to."""
    found = deployed(request, "watched")
    let_poison_die_at_once(found)
    return found


@pytest.fixture(scope="module")
def watched(watched_stack: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The stack with its exporter running."""
    python = Path(dashboards.__file__).parents[2] / ".venv" / "bin" / "python"
    ports = Ports(free_port(), free_port(), free_port())
    home = tmp_path_factory.mktemp("monitoring")
    aws = watched_stack.aws
    stack = f"backroom-{watched_stack.stage}"
    monitoring = Monitoring(home, python, aws.endpoint, stack, ports, poll_s=0.5)
    found = Watched(watched_stack, monitoring)
    found.monitoring.configure()
    shorten(home / "prometheus")
    try:
        found.start("exporter")
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="module")
def scraped(watched: Watched) -> Watched:
    """The same with Prometheus and node-exporter, on a day whose batch has run."""
    watched.stack.invoke("bakery-daily-batch", json.loads(SCHEDULED.read_text()))
    watched.start("node-exporter")
    watched.start("prometheus")
    return watched


# --- the exporter ------------------------------------------------------------------------------


def test_l10_each_of_800_requests_is_counted_once_though_the_exporter_dies_in_the_middle(
    watched: Watched,
) -> None:
    load = Load(watched.stack)
    sending = Thread(target=load.send, args=(800,))
    sending.start()
    eventually(lambda: sum(_counted(watched, load).values()) > 200, within_s=60)
    _kill(watched)
    eventually(lambda: sum(load.answered.values()) > 400, within_s=120)
    watched.start("exporter")
    eventually(lambda: sum(_counted(watched, load).values()) > 500, within_s=60)
    watched.started["exporter"].stop()
    watched.start("exporter")
    sending.join()

    assert sum(load.answered.values()) == 800
    eventually(lambda: _counted(watched, load) == load.answered, within_s=60)
    routes = {dict(labels)["route"] for labels in load.answered}
    measured = {
        labels: count
        for labels, count in watched.exported("backroom_request_duration_seconds_count").items()
        if dict(labels)["route"] in routes
    }
    assert sum(measured.values()) == 800


def test_what_was_counted_is_not_counted_again_after_a_restart(watched: Watched) -> None:
    before = watched.exported("backroom_requests_total")
    watched.started["exporter"].stop()
    watched.start("exporter")

    assert watched.exported("backroom_requests_total") == before


def test_every_queue_of_the_stack_is_checked(watched: Watched) -> None:
    names = {dict(labels)["queue"] for labels in watched.exported("backroom_queue_messages")}

    sqs = watched.stack.client("sqs")
    prefix = f"backroom-{watched.stack.stage}-"
    there = sqs.list_queues(QueueNamePrefix=prefix)["QueueUrls"]
    assert names == {url.rpartition("/")[2].removeprefix(prefix) for url in there}


def test_the_age_of_a_queue_is_that_of_its_oldest_message(watched: Watched) -> None:
    sqs, url = watched.stack.client("sqs"), watched.stack.outputs["DeliveriesPackagesDlq"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")

    def age() -> float:
        ages = watched.exported("backroom_queue_oldest_message_seconds")
        return ages[frozenset({("queue", "deliveries-packages-dlq")})]

    try:
        young = eventually(age, within_s=30)
        eventually(lambda: age() > young, within_s=30)
    finally:
        sqs.purge_queue(QueueUrl=url)
    eventually(lambda: age() == 0, within_s=30)


# --- dashboards --------------------------------------------------------------------------------


@needs_prometheus
def test_l10_every_query_of_every_panel_has_an_answer(scraped: Watched) -> None:
    began = time.monotonic()
    everything(scraped.stack)
    _told(scraped)
    everything(scraped.stack)  # a rate takes a count that grows
    _told(scraped)
    window = f"{time.monotonic() - began + 60:.0f}s"  # in which both were counted

    silent = []
    for dashboard in dashboards.ALL:
        for title, expr in queries(dashboard.document(), window):
            found = [float(result["value"][1]) for result in scraped.ask(expr)]
            if not any(map(math.isfinite, found)):
                silent.append((dashboard.title, title, expr, found))
    assert silent == []


@needs_prometheus
def test_dashboards_name_no_metric_that_does_not_exist(scraped: Watched) -> None:
    """An expression that falls back to 0 has an answer whatever it names."""
    named = {
        name
        for dashboard in dashboards.ALL
        for panel in dashboard.panels
        for query in panel.queries
        for name in re.findall(r"\b(?:backroom|node)_\w+", query.expr)
    }

    assert named - scraped.names() - NOT_MADE_HERE == set()


# --- alerts ------------------------------------------------------------------------------------


@needs_prometheus
def test_a_message_that_was_given_up_raises_its_alert_and_no_other(scraped: Watched) -> None:
    _calm(scraped)

    scraped.stack.client("sqs").send_message(
        QueueUrl=scraped.stack.outputs["VendingUploadsQueue"], MessageBody="this is no JSON"
    )

    eventually(lambda: scraped.fires("DeadLetters"), within_s=60)
    [alert] = scraped.ask('ALERTS{alertname="DeadLetters",alertstate="firing"}')
    assert alert["metric"]["queue"] == "vending-uploads-dlq"
    _calm(scraped)


@needs_prometheus
def test_a_vendor_that_refuses_our_token_raises_its_alert_and_no_other(scraped: Watched) -> None:
    _calm(scraped)
    api, faults = scraped.stack.api, scraped.stack.standins.office.faults
    faults.add(Fault("jira", "status", status=401, times=None))

    order = ordered(scraped.stack, urgent=True)

    def stands_still_and_is_told_of() -> bool:
        _sweep(scraped)
        return scraped.fires("KindStandsStill")

    eventually(stands_still_and_is_told_of, within_s=90)
    faults.clear()  # the token is renewed
    assert api.post("/outbox/retry", json={"id": f"jira#order#{order}"}).status_code == 200
    eventually(lambda: api.get(f"/orders/{order}").json()["ticket"].get("key"), within_s=60)
    _sweep(scraped)
    _calm(scraped)


@needs_prometheus
def test_a_table_that_is_gone_raises_the_alert_of_errors_and_no_other(scraped: Watched) -> None:
    """The last test of this stack: its ledger is gone."""
    _calm(scraped)

    table = scraped.stack.outputs["LedgerTable"]
    scraped.stack.client("dynamodb").delete_table(TableName=table)

    def errs_and_is_told_of() -> bool:
        assert scraped.stack.api.get("/transactions").status_code >= 500
        return scraped.fires("ErrorRateHigh")

    eventually(errs_and_is_told_of, within_s=60)
    _calm(scraped)


def _sweep(scraped: Watched) -> None:
    """Have the sweeper look, which tells how effects stand."""
    scraped.stack.invoke("outbox-sweeper", json.loads(SCHEDULED.read_text()))


def _calm(scraped: Watched) -> None:
    """Take away what earlier tests left, and wait until nothing fires."""
    sqs = scraped.stack.client("sqs")
    for output in ("VendingUploadsDlq", "DeliveriesPackagesDlq"):
        sqs.purge_queue(QueueUrl=scraped.stack.outputs[output])
    eventually(scraped.fires, within_s=60)


def _told(scraped: Watched) -> None:
    """Wait until Prometheus knows what has been counted up to now."""
    scraped.stack.api.get("/ping")
    asked = scraped.exported("backroom_requests_total")

    def newer() -> bool:
        return sum(scraped.exported("backroom_requests_total").values()) > sum(asked.values())

    scraped.stack.api.get("/ping")
    eventually(newer, within_s=30)
    wanted = sum(scraped.exported("backroom_requests_total").values())

    def known() -> bool:
        [total] = scraped.ask("sum(backroom_requests_total)")
        return float(total["value"][1]) >= wanted

    eventually(known, within_s=30)


def _counted(watched: Watched, load: Load) -> dict[frozenset[tuple[str, str]], float]:
    """Return what was counted of what the load asks for."""
    counted = watched.exported("backroom_requests_total")
    asked = {(dict(labels)["route"], dict(labels)["method"]) for labels in load.answered.copy()}
    return {
        labels: count
        for labels, count in counted.items()
        if (dict(labels)["route"], dict(labels)["method"]) in asked
    }


def _kill(watched: Watched) -> None:
    """Kill the exporter as a power cut would."""
    pid = watched.started["exporter"].pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: watched.started["exporter"].pid() is None)
