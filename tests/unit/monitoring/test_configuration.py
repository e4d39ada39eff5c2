"""What Prometheus, Grafana and docker-compose are told: complete, closed, linked to what to do."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import templates
from infra.local.monitoring import HOW_TO_GET, Monitoring, Ports, find
from monitoring.grafana import dashboards
from monitoring.grafana.panels import Dashboard

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "monitoring" / "prometheus"
GRAFANA = ROOT / "monitoring" / "grafana"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def alerts() -> list[dict[str, Any]]:
    rules = read(PROMETHEUS / "rules.yml")
    return [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]


def headings(path: Path) -> set[str]:
    """Return what GitHub calls the headings of a Markdown file in links."""
    found = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in found}


# --- rules -------------------------------------------------------------------------------------

needs_promtool = pytest.mark.skipif(
    not find("promtool"), reason=f"promtool is not here; to get it: {HOW_TO_GET}"
)


@needs_promtool
@pytest.mark.parametrize(
    "command",
    [
        ["check", "config", "prometheus.yml"],
        ["test", "rules", "rules_test.yml", "rules_batch_test.yml"],
    ],
)
def test_the_rules_do_what_their_tests_say(command: list[str]) -> None:
    done = subprocess.run(
        [str(find("promtool")), *command],
        cwd=PROMETHEUS,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_every_alert_leads_to_its_section_of_the_runbook(alert: dict[str, Any]) -> None:
    path, _, section = alert["annotations"]["runbook"].partition("#")

    assert section in headings(ROOT / path)


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_every_alert_is_tested_to_go_off(alert: dict[str, Any]) -> None:
    tested = {
        case["alertname"]
        for path in PROMETHEUS.glob("rules*_test.yml")
        for test in read(path)["tests"]
        for case in test["alert_rule_test"]
        if case.get("exp_alerts")
    }

    assert alert["alert"] in tested


def cloudwatch_alarms() -> dict[str, dict[str, Any]]:
    resources = templates.merged().resources
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource.get("Type") == "AWS::CloudWatch::Alarm"
    }


def test_every_alarm_on_aws_notifies_someone() -> None:
    silent = [name for name, alarm in cloudwatch_alarms().items() if not alarm.get("AlarmActions")]

    assert silent == []


def test_every_alarm_on_aws_leads_to_its_section_of_the_runbook() -> None:
    sections = headings(ROOT / "docs" / "operations.md")

    for name, alarm in cloudwatch_alarms().items():
        section = alarm["AlarmDescription"].partition("see docs/operations.md, ")[2]
        assert section.replace(" ", "-") in sections, name


# --- dashboards --------------------------------------------------------------------------------


def test_the_kept_dashboards_are_those_that_are_written_down() -> None:
    """To write them: python -m monitoring.grafana.dashboards."""
    kept = {path: path.read_text() for path in dashboards.FOLDER.glob("*.json")}

    assert kept == dashboards.texts()


def test_l10_grafana_finds_data_source_and_dashboards_without_a_click() -> None:
    [source] = read(GRAFANA / "provisioning/datasources/prometheus.yml")["datasources"]
    [provider] = read(GRAFANA / "provisioning/dashboards/backroom.yml")["providers"]
    volumes = compose()["grafana"]["volumes"]

    host, _, port = source["url"].removeprefix("http://").partition(":")
    assert (host in compose(), port) == (True, "9090")
    assert f"./monitoring/grafana/dashboards:{provider['options']['path']}:ro" in volumes
    assert "./monitoring/grafana/provisioning:/etc/grafana/provisioning:ro" in volumes


@pytest.mark.parametrize("dashboard", dashboards.ALL, ids=lambda dashboard: str(dashboard.uid))
def test_every_panel_asks_the_provisioned_source_and_stands_in_its_place(
    dashboard: Dashboard,
) -> None:
    [source] = read(GRAFANA / "provisioning/datasources/prometheus.yml")["datasources"]
    document = json.loads(json.dumps(dashboard.document()))
    taken: set[tuple[int, int]] = set()

    for panel in document["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + row)
            for column in range(place["w"])
            for row in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["targets"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {source["uid"]}


def test_l10_the_overview_shows_the_system_and_the_application() -> None:
    asked = " ".join(q.expr for panel in dashboards.OVERVIEW.panels for q in panel.queries)

    for word in ("node_cpu", "node_memory", "cpu_seconds", "peak_memory", "0.5,", "0.9,", "0.99"):
        assert word in asked
    assert 'status=~"5.."' in asked


# --- docker-compose ----------------------------------------------------------------------------


def compose() -> dict[str, Any]:
    services: dict[str, Any] = read(ROOT / "docker-compose.yml")["services"]
    return services


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="docker-compose is not here")
def test_l9_docker_compose_takes_the_file() -> None:
    done = subprocess.run(
        ["docker-compose", "config", "-q"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_l9_only_the_exporter_is_on_both_networks() -> None:
    services = compose()
    assert services["cleaner"].pop("network_mode") == "none"
    networks = {name: set(service.get("networks", ())) for name, service in services.items()}
    assert {name for name, joined in networks.items() if not joined} == {"cleaner"}

    both = {name for name, joined in networks.items() if len(joined) > 1}
    assert both == {"exporter"}
    assert {name for name, joined in networks.items() if "monitoring" in joined} == {
        *("exporter", "grafana", "node-exporter", "prometheus")
    }


def test_l9_everything_that_stays_up_is_watched_and_started_again() -> None:
    for name, service in compose().items():
        assert service["restart"] == "unless-stopped", name
        assert "healthcheck" in service, name


def test_l9_every_port_is_this_machine_s_alone_and_every_image_is_pinned() -> None:
    for name, service in compose().items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        ours = service["image"] == f"backroom-{name}" and service["build"]["target"] == name
        assert ours or re.search(r":v?\d+\.\d+.*@sha256:[0-9a-f]{64}}$", service["image"]), name


def test_an_image_gets_nothing_that_git_ignores() -> None:
    taken = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    ]

    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in taken:
        assert any(path.startswith(name) for path in tracked.stdout.splitlines()), name
    assert "**/.env*" in (ROOT / ".dockerignore").read_text().splitlines()


def test_l9_no_secret_is_in_the_file() -> None:
    for name, service in compose().items():
        for variable, value in service.get("environment", {}).items():
            if re.search("TOKEN|SECRET|PASSWORD|KEY", variable):
                assert value == f"${{{variable}:-}}", name


def test_prometheus_looks_at_the_containers_by_their_names() -> None:
    targets = [read(path) for path in (PROMETHEUS / "targets").glob("*.yml")]
    hosts = {each.partition(":")[0] for [entry] in targets for each in entry["targets"]}

    assert hosts - {"localhost"} <= set(compose())


def test_beside_the_local_stack_prometheus_looks_at_this_machine(tmp_path: Path) -> None:
    monitoring = Monitoring(tmp_path, Path("python"), ports=Ports(1, 2, 3))
    monitoring.configure()
    monitoring.configure()  # as often as it is started

    configured = tmp_path / "prometheus"
    assert (configured / "rules.yml").read_text() == (PROMETHEUS / "rules.yml").read_text()
    for name, port in (("exporter", 1), ("prometheus", 2), ("node", 3)):
        [target] = read(configured / "targets" / f"{name}.yml")
        assert target["targets"] == [f"127.0.0.1:{port}"]
