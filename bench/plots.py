"""Draw the figures of docs/performance.md: ``python -m bench.plots``.

They are drawn from what was recorded: ``bench.warm --record``, ``bench.scale --record``,
``bench.capacity --record`` and ``bench.ledger --record`` write a JSON file beside themselves.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from bench import ledger_model

_HERE = Path(__file__).parent
IMAGES = _HERE.parent / "docs" / "images"
_WIDTH, _HEIGHT = 760, 300
_LEFT, _TOP, _RIGHT, _BOTTOM = 54, 40, 16, 40
_BY_INTENT = "POST /erasures"
"""Its proof costs 60 ms: docs/adr/0196."""
_COLOURS = ("#1f6feb", "#d29922", "#57606a")
_FRAME = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
    'font-family="ui-sans-serif, system-ui, sans-serif" font-size="12"><title>{title}</title>'
    '<rect width="100%" height="100%" fill="#ffffff"/>'
    '<text x="{left}" y="22" font-size="14" font-weight="600">{title}</text>{body}</svg>\n'
)


class Goal(NamedTuple):
    """A line across a figure: a value and what it means."""

    value: float
    words: str


def dots(title: str, below: str, series: Mapping[str, Sequence[float]], goal: Goal) -> str:
    """Return a figure with a dot for each value of each series, in their order."""
    most = max(goal.value, *(max(values) for values in series.values())) * 1.05
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    count = max(map(len, series.values()))

    def y(value: float) -> float:
        return _TOP + high * (1 - value / most)

    parts = [_rule(y(tick), f"{tick:g}", "#d0d7de") for tick in _ticks(most)]
    parts.append(_rule(y(goal.value), "", "#cf222e"))
    parts.append(_text(_WIDTH - _RIGHT, y(goal.value) - 5, goal.words, "end", "#cf222e"))
    for (name, values), colour, row in zip(series.items(), _COLOURS, range(9), strict=False):
        parts += [
            f'<circle cx="{_LEFT + wide * (n + 0.5) / count:.1f}" cy="{y(v):.1f}" r="3" '
            f'fill="{colour}"/>'
            for n, v in enumerate(values)
        ]
        if len(series) > 1:
            parts.append(_text(_LEFT + 8 + 130 * row, _TOP + 12, name, "start", colour))
    parts.append(_text(_LEFT, _HEIGHT - 14, below, "start", "#57606a"))
    return _FRAME.format(
        width=_WIDTH, height=_HEIGHT, left=_LEFT, title=escape(title), body="".join(parts)
    )


def curves(title: str, below: str, at: Sequence[int], series: Mapping[str, Sequence[float]]) -> str:
    """Return a figure with a line for each series, over the numbers that it is ``at``."""
    most = max(max(values) for values in series.values()) * 1.05
    top, wide = _TOP + 20, _WIDTH - _LEFT - _RIGHT - 40
    high = _HEIGHT - top - _BOTTOM - 14
    xs = [_LEFT + 20 + wide * n / (len(at) - 1) for n in range(len(at))]
    parts = [_rule(top + high * (1 - tick / most), f"{tick:g}", "#d0d7de") for tick in _ticks(most)]
    parts += [
        _text(x, top + high + 16, f"{each}", "middle", "#57606a")
        for x, each in zip(xs, at, strict=True)
    ]
    for row, ((name, values), colour) in enumerate(zip(series.items(), _COLOURS, strict=True)):
        ys = [top + high * (1 - value / most) for value in values]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        parts.append(_text(_LEFT + 8 + 210 * row, _TOP + 4, name, "start", colour))
    parts.append(_text(_LEFT, _HEIGHT - 10, below, "start", "#57606a"))
    return _FRAME.format(
        width=_WIDTH, height=_HEIGHT, left=_LEFT, title=escape(title), body="".join(parts)
    )


def bars(title: str, below: str, values: Mapping[str, float]) -> str:
    """Return a figure with a bar for each value, each with its name and its number."""
    height = _TOP + 46 * len(values) + _BOTTOM - 10
    most = max(values.values())
    parts = []
    for row, (name, value) in enumerate(values.items()):
        top = _TOP + 46 * row
        parts.append(_text(_LEFT, top + 12, name, "start", "#24292f"))
        wide = (_WIDTH - _LEFT - _RIGHT - 70) * value / most
        parts.append(
            f'<rect x="{_LEFT}" y="{top + 17}" width="{wide:.1f}" height="16" '
            f'fill="{_COLOURS[0]}"/>'
        )
        parts.append(_text(_LEFT + wide + 6, top + 30, f"{value:,.0f}", "start", "#24292f"))
    parts.append(_text(_LEFT, height - 12, below, "start", "#57606a"))
    return _FRAME.format(
        width=_WIDTH, height=height, left=_LEFT, title=escape(title), body="".join(parts)
    )


def _ticks(most: float) -> list[float]:
    step = next(each for each in (0.25, 0.5, 1, 2, 5, 10, 50, 100) if most / each <= 8)
    return [step * number for number in range(int(most / step) + 1)]


def _rule(y: float, label: str, colour: str) -> str:
    line = (
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}"/>'
    )
    return line + _text(_LEFT - 8, y + 4, label, "end", "#57606a")


def _text(x: float, y: float, words: str, anchor: str, colour: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"'
    return f"<text {place}>{escape(words)}</text>"


def _recorded(name: str) -> dict[str, float]:
    found: dict[str, float] = json.loads((_HERE / f"{name}.json").read_text())
    return found


def drawn() -> dict[str, str]:
    """Return the figures, by the names of their files."""
    warm = sorted(ratio for route, ratio in _recorded("warm").items() if route != _BY_INTENT)
    scale = sorted(json.loads((_HERE / "scale.json").read_text()).values())
    return {
        "warm-cpu.svg": dots(
            "Warm CPU of a request beside the bare AWS calls that it makes",
            f"{len(warm)} routes, from the least to the most; without {_BY_INTENT}",
            {"": warm},
            Goal(1.15, "goal 1.15"),
        ),
        "scale.svg": dots(
            "CPU of a read on a stage with millions of items beside one with a few pages",
            f"{len(scale)} lists, look-ups and screens, by their p50",
            {"p50": [p50 for p50, _ in scale], "p99": [p99 for _, p99 in scale]},
            Goal(1.5, "goal 1.5"),
        ),
        "capacity.svg": bars(
            "Requests a second that fill the busiest partition",
            "1,000 write units a second each",
            _recorded("capacity"),
        ),
        "hot-account.svg": curves(
            "Posts a second of many writers, embedded AWS",
            "writers at once, each a process; racing alone is how 0.1.0 posted",
            ledger_model.WRITERS,
            json.loads((_HERE / "ledger.json").read_text()),
        ),
    }


def main() -> int:
    """Write the figures."""
    for name, text in drawn().items():
        (IMAGES / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
