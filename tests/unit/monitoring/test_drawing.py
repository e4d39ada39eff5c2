"""Dashboards as they are drawn: every panel, its units, its legends, and that it has no data."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from PIL import Image

from monitoring.grafana import drawing
from monitoring.grafana.dashboards import FOLDER

SOURCE = drawing.Source("http://prometheus.test", 1_000_000, 1_001_800)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A Prometheus that has two series of whatever is counted, and nothing of dead letters."""
    found: list[str] = []

    def get(url: str, *, params: dict[str, str], timeout: float) -> httpx.Response:
        request = httpx.Request("GET", url, params=params)
        query = parse_qs(urlsplit(str(request.url)).query)["query"][0]
        found.append(query)
        series = [
            {
                "metric": {"method": "GET", "route": f"/{name}", "status": "200"},
                "values": [[1_000_000 + 60 * n, str(n * 0.001)] for n in range(30)]
                + [[1_001_800, "NaN"]],
            }
            for name in ("orders", "cakes")
        ]
        result = [] if "dead_letters" in query else series
        return httpx.Response(200, json={"data": {"result": result}}, request=request)

    monkeypatch.setattr(httpx, "get", get)
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_every_panel_of_every_dashboard_is_asked_for_and_drawn(
    path: Path, asked: list[str], tmp_path: Path
) -> None:
    dashboard = json.loads(path.read_text())

    figure = drawing.draw(dashboard, SOURCE)
    drawing.save(figure, tmp_path / "drawn.png")

    told = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {panel["title"] for panel in dashboard["panels"]} <= told
    assert ("No data" in told) == any("dead_letters" in query for query in asked)
    assert len(asked) == sum(len(panel["targets"]) for panel in dashboard["panels"])
    assert not any("$__" in query for query in asked)
    with Image.open(tmp_path / "drawn.png") as image:
        assert image.mode == "P"


def test_series_have_the_names_that_grafana_gives_them(asked: list[str]) -> None:
    panel = {
        "title": "Busiest routes",
        "targets": [
            {"expr": "a", "legendFormat": "{{method}} {{route}}"},
            {"expr": "b", "legendFormat": "__auto"},
        ],
    }

    names = [line.name for line in SOURCE.lines(panel)]

    assert names == ["GET /orders", "GET /cakes", "GET, /orders, 200", "GET, /cakes, 200"]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0421, "s", "42.1 ms"),
        (90, "s", "1.5 min"),
        (0.5, "percentunit", "50 %"),
        (2_100_000, "bytes", "2.1 MB"),
        (1_500, "reqps", "1.5 kreq/s"),
        (12, "short", "12"),
        (0.25, "ops", "0.25 /s"),
    ],
)
def test_values_are_read_in_their_units(value: float, unit: str, text: str) -> None:
    assert drawing.said(value, unit) == text
