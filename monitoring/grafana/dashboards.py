"""The dashboards: ``python -m monitoring.grafana.dashboards`` writes them as Grafana reads them.

``--check`` says whether what is kept in ``dashboards/`` is fresh.
"""

import argparse
import json
import sys
from pathlib import Path

from monitoring.grafana.panels import (
    RATE,
    Dashboard,
    Panel,
    Query,
    counters,
    graph,
    number,
    or_zero,
    quantile,
    quantiles,
    rate,
)

FOLDER = Path(__file__).with_name("dashboards")

REQUESTS = "backroom_requests_total"
DURATION = "backroom_request_duration_seconds"
EVENTS = "backroom_events_total"
ERROR_RATIO = f"({rate(REQUESTS, status='5..')} or vector(0)) / ({rate(REQUESTS)} > 0)"
LAST_COUNTED = "backroom_last_counted_timestamp_seconds"


def _http(routes: str) -> tuple[Panel, ...]:
    """Return what every context has: its requests, how long they take, how many fail."""
    return (
        graph(
            "Requests by route",
            "reqps",
            Query(rate(REQUESTS, "method, route", route=routes), "{{method}} {{route}}"),
        ),
        graph("Response times", "s", *quantiles(DURATION, route=routes)),
        graph("Answers by status", "reqps", Query(rate(REQUESTS, "status", route=routes))),
    )


def _queues(names: str) -> tuple[Panel, ...]:
    return (
        graph(
            "Messages in the queues",
            "short",
            Query(f'sum by (queue) (backroom_queue_messages{{queue=~"{names}"}})'),
        ),
        graph(
            "Oldest message",
            "s",
            Query(f'max by (queue) (backroom_queue_oldest_message_seconds{{queue=~"{names}"}})'),
        ),
    )


OVERVIEW = Dashboard(
    "overview",
    "Backroom: overview",
    (
        number("Requests a second", "reqps", rate(REQUESTS)),
        number("Errors of ours", "percentunit", ERROR_RATIO),
        number("Response time, p99", "s", quantile(0.99, DURATION)),
        number("Dead letters", "short", "sum(backroom_dead_letters)"),
        number("Alerts that fire", "short", or_zero('count(ALERTS{alertstate="firing"})')),
        number(
            "Logs read",
            "s",
            "time() - max(backroom_exporter_last_success_timestamp_seconds)",
            about="Seconds since the exporter last read everything",
        ),
        graph("Throughput by status", "reqps", Query(rate(REQUESTS, "status"))),
        graph("Response times", "s", *quantiles(DURATION)),
        graph(
            "Error rates",
            "percentunit",
            Query(ERROR_RATIO, "of ours (5xx)"),
            Query(
                f"({rate(REQUESTS, status='4..')} or vector(0)) / ({rate(REQUESTS)} > 0)",
                "of callers (4xx)",
            ),
        ),
        graph(
            "Busiest routes",
            "reqps",
            Query(f"topk(10, {rate(REQUESTS, 'method, route')})", "{{method}} {{route}}"),
        ),
        graph(
            "Slowest routes, p99",
            "s",
            Query(f"topk(10, {quantile(0.99, DURATION, 'method, route')})", "{{method}} {{route}}"),
        ),
        graph("Events", "ops", Query(rate(EVENTS, "handler, outcome"), "{{handler}} {{outcome}}")),
        graph(
            "CPU of the host",
            "percentunit",
            Query(f'1 - avg(rate(node_cpu_seconds_total{{mode="idle"}}[{RATE}]))', "busy"),
        ),
        graph(
            "Memory of the host",
            "percentunit",
            Query("1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", "used"),
        ),
        graph("CPU of the functions", "s", Query(rate("backroom_cpu_seconds_total", "function"))),
        graph(
            "Memory of the functions",
            "bytes",
            Query("max by (function) (backroom_peak_memory_bytes)"),
            about="The most that the process which answered last has held",
        ),
        graph(
            "Invocations",
            "ops",
            Query(rate("backroom_function_invocations_total", "function")),
        ),
        graph(
            "Durations of the functions, p99",
            "s",
            Query(quantile(0.99, "backroom_function_duration_seconds", "function")),
            about="As Lambda reports them, start of the process included",
        ),
        graph("Cold starts", "ops", Query(rate("backroom_cold_starts_total", "function"))),
        graph(
            "DynamoDB",
            "ops",
            *counters(conflicts="table_conflicts", second_tries="retries"),
            about="Transactions that met another one, and tries after the first",
        ),
        graph(
            "Errors logged",
            "ops",
            Query(or_zero(rate("backroom_logged_errors_total", "function"))),
        ),
    ),
)

DELIVERIES = Dashboard(
    "deliveries",
    "Backroom: deliveries",
    (
        graph(
            "Packages by outcome",
            "ops",
            *counters(
                delivered="packages_delivered",
                dropped="packages_dropped",
                duplicates="package_duplicates",
                malformed="packages_malformed",
            ),
        ),
        graph(
            "Messages by verdict",
            "ops",
            Query(rate(EVENTS, "outcome", handler="deliveries_package_sent"), "runs {{outcome}}"),
            *counters(
                delivered="messages_delivered",
                dropped="messages_dropped",
                conflict="messages_conflict",
                malformed="messages_malformed",
            ),
        ),
        *_http("/packages.*|/preferences|/recipients.*|/statistics.*|/messages.*"),
        *_queues("deliveries-.*"),
    ),
)

LEDGER = Dashboard(
    "ledger",
    "Backroom: ledger",
    (
        graph("Entries", "ops", *counters(entries="ledger_entries", replays="ledger_replays")),
        graph(
            "Races lost",
            "ops",
            *counters(lost_races="ledger_lost_races"),
            about="Tries that another entry of the same account overtook; see docs/ledger.md",
        ),
        *_http("/transactions.*|/accounts.*"),
    ),
)

VENDING = Dashboard(
    "vending",
    "Backroom: vending",
    (
        number("Machines overdue", "short", "max(backroom_machines_overdue)"),
        number(
            "Since the last sweep",
            "s",
            f'time() - max({LAST_COUNTED}{{metric="events", handler="vending_daily_sweep"}})',
        ),
        graph(
            "Files by what became of them",
            "ops",
            *counters(
                processed="files_processed",
                suspect="files_suspect",
                rejected="files_rejected",
                held="files_held",
            ),
        ),
        graph("Rows", "ops", *counters(kept="rows_kept", refused="rows_refused")),
        graph(
            "Time that a run takes, p90",
            "s",
            Query(
                quantile(0.9, "backroom_event_duration_seconds", "handler", handler="vending_.*")
            ),
        ),
        *_http(
            "/files.*|/imports.*|/machines.*|/sites.*|/technicians.*|/fleet|/worklist|/dispatches.*"
        ),
        *_queues("vending-.*"),
    ),
)

WARRANTIES = Dashboard(
    "warranties",
    "Backroom: warranties",
    (
        graph("Warranties", "ops", *counters(sold="warranties", without_a_plan="sales_refused")),
        graph("Races lost", "ops", *counters(lost_races="warranties_lost_races")),
        *_http("/warranties.*|/plans"),
    ),
)

BAKERY = Dashboard(
    "bakery",
    "Backroom: bakery",
    (
        number(
            "Since the last batch",
            "s",
            f'time() - max({LAST_COUNTED}{{metric="events", handler="bakery_daily_batch"}})',
        ),
        number(
            "Since a batch was sealed",
            "s",
            f'time() - max({LAST_COUNTED}{{metric="batches_sealed"}})',
        ),
        graph("Orders", "ops", *counters(placed="orders_placed", batches="batches_sealed")),
        *_http("/cakes.*|/orders.*|/batches.*|/webhooks.*|/employees.*"),
    ),
)

OUTBOX = Dashboard(
    "outbox",
    "Backroom: outbox and queues",
    (
        graph(
            "Effects by kind and outcome",
            "ops",
            Query(rate("backroom_effects_total", "kind, outcome"), "{{kind}} {{outcome}}"),
        ),
        graph(
            "Oldest effect by kind",
            "s",
            Query('max by (kind) (backroom_oldest_effect_seconds{kind!=""})'),
        ),
        graph(
            "Effects in trouble",
            "short",
            *counters(dead="dead_effects", left_to_the_sweeper="effects_left_to_sweeper"),
            Query("max(backroom_kinds_denied)", "kinds denied"),
        ),
        *_queues(".*"),
        graph("Dead letters", "short", Query("backroom_dead_letters", "{{queue}}")),
        graph(
            "Messages in flight",
            "short",
            Query('backroom_queue_messages{state="in_flight"}', "{{queue}}"),
        ),
        graph("Event handlers", "ops", Query(rate(EVENTS, "handler"))),
        graph(
            "Time that a run takes, p90",
            "s",
            Query(quantile(0.9, "backroom_event_duration_seconds", "handler")),
        ),
    ),
)

ALL = (OVERVIEW, DELIVERIES, LEDGER, VENDING, WARRANTIES, BAKERY, OUTBOX)


def texts() -> dict[Path, str]:
    """Return each dashboard's file and what is in it."""
    return {
        FOLDER / f"{dashboard.uid}.json": json.dumps(dashboard.document(), indent=1) + "\n"
        for dashboard in ALL
    }


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.grafana.dashboards")
    parser.add_argument("--check", action="store_true")
    wanted = texts()
    if parser.parse_args().check:
        kept = {path: path.read_text() for path in FOLDER.glob("*.json")}
        print("fresh" if kept == wanted else "stale: python -m monitoring.grafana.dashboards")
        return 0 if kept == wanted else 1
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
