"""The figures of docs/performance.md."""

from bench import plots


def test_the_figures_show_what_was_recorded() -> None:
    """After a measurement with --record: python -m bench.plots."""
    drawn = plots.drawn()

    assert {name: (plots.IMAGES / name).read_text() for name in drawn} == drawn
