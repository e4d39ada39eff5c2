"""Draws the dashboards as people see them: ``python -m monitoring.grafana.drawing http://localhost:9090``.

It asks a Prometheus what each panel asks, over the last ``--minutes``, and writes a picture a
dashboard into docs/images. It is no Grafana: it draws graphs and numbers, their units, legends.
"""

import argparse
import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator
from PIL import Image

from monitoring.grafana.dashboards import FOLDER
from monitoring.grafana.panels import WIDTH

TARGET = FOLDER.parents[2] / "docs" / "images"
POINTS = 120
_WINDOW = "1m"  # of the rates; Grafana takes at least four times what lies between two scrapes
_TIMEOUT_S = 60
_COLUMN, _ROW, _HEAD = 0.48, 0.30, 0.6  # inches
_DOTS = 100  # an inch
_COLOURS = 48
_TICKS_S, _MOST_TICKS = (60, 300, 600, 1_800, 3_600, 10_800, 43_200, 86_400), 6
_MOST_NAMES = 6  # the last of them is how many more there are
_LINES = ("#1f60c4", "#37872d", "#e0752d", "#c4162a", "#8f3bb8", "#0a7f8c", "#b8860b", "#705da0")
_INK, _QUIET, _PAPER, _PANEL = "#24292e", "#5f6770", "#f4f5f5", "#ffffff"
_SIZES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Line:
    """A series of a panel, with what it is called."""

    name: str
    times: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True)
class Source:
    """A Prometheus, and the span that is asked for."""

    address: str
    start: float
    end: float

    def lines(self, panel: Mapping[str, Any]) -> Iterator[Line]:
        """Yield what a panel shows."""
        for target in panel["targets"]:
            query = target["expr"].replace("$__rate_interval", _WINDOW)
            step = max(5, round((self.end - self.start) / POINTS))
            answer = httpx.get(
                f"{self.address}/api/v1/query_range",
                params={"query": query, "start": self.start, "end": self.end, "step": step},
                timeout=_TIMEOUT_S,
            )
            answer.raise_for_status()
            for found in answer.json()["data"]["result"]:
                points = [(float(at), float(value)) for at, value in found["values"]]
                kept = [(at, value) for at, value in points if math.isfinite(value)]
                if kept:
                    yield Line(
                        _name(target["legendFormat"], found["metric"], panel["title"]),
                        [at for at, _ in kept],
                        [value for _, value in kept],
                    )


def _name(legend: str, labels: Mapping[str, str], title: str) -> str:
    """Return what Grafana calls a series: its legend, or the values of its labels."""
    if legend == "__auto":
        return ", ".join(v for k, v in labels.items() if k != "__name__") or title
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend)


def said(value: float, unit: str) -> str:
    """Return a value in Grafana's ``unit`` as people read it."""
    if unit == "percentunit":
        return f"{_short(value * 100)} %"
    if unit == "s":
        return _span(value)
    word = {"reqps": "req/s", "ops": "/s", "bytes": "B"}.get(unit, "")
    for size, letter in _SIZES:
        if abs(value) >= size:
            return f"{_short(value / size)} {letter}{word}"
    return f"{_short(value)} {word}".strip()


def _span(seconds: float) -> str:
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if abs(seconds) >= size:
            return f"{_short(seconds / size)} {name}"
    return f"{_short(seconds * 1_000)} ms"


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1_000 else f"{value:.0f}"


def draw(dashboard: Mapping[str, Any], source: Source) -> Figure:
    """Return a dashboard with what Prometheus has in its span."""
    panels = dashboard["panels"]
    rows = max(each["gridPos"]["y"] + each["gridPos"]["h"] for each in panels)
    width, height = WIDTH * _COLUMN, rows * _ROW + _HEAD
    figure = Figure(figsize=(width, height), dpi=_DOTS, facecolor=_PAPER)
    span = " to ".join(
        f"{datetime.fromtimestamp(each, UTC):%H:%M}" for each in (source.start, source.end)
    )
    top = 1 - 0.4 / height
    figure.text(0.01, top, dashboard["title"], size=15, weight="bold", color=_INK)
    figure.text(0.99, top, f"{span} UTC", size=10, color=_QUIET, ha="right")
    for panel in panels:
        at = panel["gridPos"]
        x, y = at["x"] / WIDTH, 1 - (_HEAD + (at["y"] + at["h"]) * _ROW) / height
        w, h = at["w"] / WIDTH, at["h"] * _ROW / height
        _panel(figure, (x, y, w, h), panel, list(source.lines(panel)))
    return figure


def _panel(
    figure: Figure,
    place: tuple[float, float, float, float],
    panel: Mapping[str, Any],
    lines: Sequence[Line],
) -> None:
    x, y, w, h = place
    _, inches = figure.get_size_inches()
    gap = 0.05 / inches
    frame = figure.add_axes((x + 0.003, y + gap, w - 0.006, h - 2 * gap), facecolor=_PANEL)
    frame.set(xticks=[], yticks=[])
    for edge in frame.spines.values():
        edge.set_color("#dfe1e4")
    top = 1 - 0.08 / (h * inches)
    frame.text(0.02, top, panel["title"], size=9.5, weight="bold", color=_INK, va="top")
    frame.set(xlim=(0, 1), ylim=(0, 1))
    unit = panel["fieldConfig"]["defaults"]["unit"]
    if not lines:
        frame.text(0.5, 0.45, "No data", ha="center", va="center", size=11, color=_QUIET)
    elif panel["type"] == "stat":
        text = said(lines[0].values[-1], unit)
        frame.text(0.5, 0.4, text, ha="center", va="center", size=18, color=_LINES[0])
    else:
        inner = figure.add_axes(
            (x + 0.3 * w * 0.55, y + 0.72 / inches, w * 0.80, h - 1.1 / inches), facecolor=_PANEL
        )
        _graph(inner, lines, unit)


def _graph(axes: Axes, lines: Sequence[Line], unit: str) -> None:
    ranked = sorted(lines, key=lambda each: -max(each.values))
    for place, line in enumerate(ranked):
        colour = _LINES[place % len(_LINES)]
        axes.plot(line.times, line.values, color=colour, linewidth=1.2, label=line.name[:34])
    axes.set_ylim(bottom=0, top=None if max(ranked[0].values) > 0 else 1)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: said(value, unit)))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    span = max(each.times[-1] - each.times[0] for each in lines)
    apart = next((each for each in _TICKS_S if span / each <= _MOST_TICKS), _TICKS_S[-1])
    axes.xaxis.set_major_locator(MultipleLocator(apart))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda at, _: f"{datetime.fromtimestamp(at, UTC):%H:%M}")
    )
    axes.tick_params(labelsize=7.5, colors=_QUIET, length=0)
    axes.grid(color="#e8e9eb", linewidth=0.6)
    for edge in axes.spines.values():
        edge.set_visible(False)
    handles, names = axes.get_legend_handles_labels()
    if len(names) > _MOST_NAMES:
        names = [*names[: _MOST_NAMES - 1], f"and {len(names) - _MOST_NAMES + 1} more"]
        handles = [*handles[: _MOST_NAMES - 1], axes.plot([], [], alpha=0)[0]]
    axes.legend(
        handles,
        names,
        loc="upper left",
        bbox_to_anchor=(-0.16, -0.11),
        ncols=2,
        fontsize=6.5,
        frameon=False,
        handlelength=1,
        columnspacing=1,
        labelspacing=0.2,
        labelcolor=_INK,
    )


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG with few colours: a tenth of the bytes."""
    figure.savefig(path, facecolor=_PAPER)
    shrink(path)


def shrink(path: Path, colours: int = _COLOURS) -> None:
    """Give a PNG a palette of so many colours."""
    with Image.open(path) as image:
        few = image.convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.grafana.drawing")
    parser.add_argument("prometheus", help="such as http://localhost:9090")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--into", type=Path, default=TARGET)
    told = parser.parse_args()
    end = time.time()
    source = Source(told.prometheus.rstrip("/"), end - 60 * told.minutes, end)
    for path in sorted(FOLDER.glob("*.json")):
        target = told.into / f"grafana-{path.stem}.png"
        save(draw(json.loads(path.read_text()), source), target)
        print(f"{target}: {target.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
