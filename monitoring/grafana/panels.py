"""The words that dashboards are written in: panels and what they ask Prometheus."""

from dataclasses import dataclass
from typing import Any, Literal

DATA_SOURCE = {"type": "prometheus", "uid": "prometheus"}
WIDTH = 24
"""Columns of a dashboard, by Grafana's count."""
RATE = "$__rate_interval"


@dataclass(frozen=True)
class Query:
    """An expression, and what its series are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """A graph, or a single number; ``unit`` is Grafana's word for it."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 8
    height: int = 8
    about: str = ""


@dataclass(frozen=True)
class Dashboard:
    """A page of panels, laid out from left to right and top to bottom."""

    uid: str
    title: str
    panels: tuple[Panel, ...]

    def document(self) -> dict[str, Any]:
        """Return the dashboard as Grafana reads it."""
        return {
            "uid": f"backroom-{self.uid}",
            "title": self.title,
            "tags": ["backroom"],
            "schemaVersion": 39,
            "editable": False,
            "refresh": "10s",
            "time": {"from": "now-30m", "to": "now"},
            "timezone": "utc",
            "links": [
                {
                    "type": "dashboards",
                    "title": "Backroom",
                    "tags": ["backroom"],
                    "asDropdown": True,
                }
            ],
            "panels": [
                _panel(number, panel, place)
                for number, (panel, place) in enumerate(
                    zip(self.panels, self._places(), strict=True), start=1
                )
            ],
        }

    def _places(self) -> list[dict[str, int]]:
        """Return where each panel stands: beside the last one while there is room."""
        places: list[dict[str, int]] = []
        x = y = row_height = 0
        for panel in self.panels:
            if x + panel.width > WIDTH:
                x, y, row_height = 0, y + row_height, 0
            places.append({"x": x, "y": y, "w": panel.width, "h": panel.height})
            x, row_height = x + panel.width, max(row_height, panel.height)
        return places


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": DATA_SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": _OPTIONS[panel.kind],
        "targets": [
            {
                "refId": chr(ord("A") + place_),
                "datasource": DATA_SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
            }
            for place_, query in enumerate(panel.queries)
        ],
    }


_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"},
}


def graph(title: str, unit: str, *queries: Query, about: str = "") -> Panel:
    """Return a graph over time, a third of a row wide."""
    return Panel(title, unit, queries, about=about)


def number(title: str, unit: str, expr: str, about: str = "") -> Panel:
    """Return a single number, a sixth of a row wide."""
    return Panel(title, unit, (Query(expr),), kind="stat", width=4, height=4, about=about)


def rate(counter: str, by: str = "", **where: str) -> str:
    """Return what is added to a counter in a second, by label."""
    by = f" by ({by})" if by else ""
    return f"sum{by} (rate({counter}{_selector(where)}[{RATE}]))"


def or_zero(expr: str) -> str:
    """Return an expression that is 0 while what it asks for has never happened."""
    return f"{expr} or vector(0)"


def counters(**names: str) -> tuple[Query, ...]:
    """Return the rates of the app's counters, each under the name that it is shown by."""
    return tuple(
        Query(or_zero(rate(f"backroom_{counter}_total")), shown.replace("_", " "))
        for shown, counter in names.items()
    )


def quantiles(histogram: str, **where: str) -> tuple[Query, ...]:
    """Return p50, p90 and p99 of a histogram."""
    return tuple(
        Query(quantile(level, histogram, **where), f"p{level * 100:.0f}")
        for level in (0.5, 0.9, 0.99)
    )


def quantile(level: float, histogram: str, by: str = "", **where: str) -> str:
    """Return one quantile of a histogram, by label."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({level}, {rate(f'{histogram}_bucket', labels, **where)})"


def _selector(where: dict[str, str]) -> str:
    told = ", ".join(f'{label}=~"{value}"' for label, value in where.items())
    return f"{{{told}}}" if told else ""
