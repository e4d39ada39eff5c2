"""Compile the rate cards (``python -m infra.rate_cards``), or ``--check`` that this was done.

People write them as YAML, of which a function knows nothing: it reads them as JSON, in half a
millisecond instead of 16.
"""

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from samtranslator.yaml_helper import yaml_parse

from chalicelib.warranties import money
from chalicelib.warranties.rate_card import Band, Plan, RateCard

FOLDER = Path(__file__).parent
TARGET = FOLDER.parents[1] / "chalicelib" / "warranties" / "rate_cards.json"

_Amount = Annotated[Decimal, Field(ge=0, decimal_places=2, strict=False)]


class RateCardError(Exception):
    """A card does not make sense; the message says which and why."""


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Plan(_Written):
    months: Annotated[int, Field(ge=1, le=120)]
    base: _Amount
    percent: Annotated[Decimal, Field(ge=0, le=100, decimal_places=2)]


class _Band(_Written):
    start: Annotated[_Amount, Field(alias="from")]
    plans: Annotated[tuple[_Plan, ...], Field(min_length=1)]


class _Type(_Written):
    up_to: _Amount
    bands: Annotated[tuple[_Band, ...], Field(min_length=1)]


def text(folder: Path = FOLDER) -> str:
    """Return the cards of ``folder`` as they are compiled. Raises RateCardError."""
    cards = [_compiled(path) for path in sorted(folder.glob("*.yaml"))]
    return json.dumps([card.model_dump(mode="json") for card in cards], indent=1) + "\n"


def _compiled(path: Path) -> RateCard:
    written = yaml_parse(path.read_text())
    try:
        if date.fromisoformat(path.stem).isoformat() != path.stem:
            raise ValueError("its name has another form than 2026-11-21")
        bands = {name: _bands(_Type.model_validate(given)) for name, given in written.items()}
    except ValueError as wrong:
        raise RateCardError(f"{path.name}: {wrong}") from wrong
    return RateCard(version=path.stem, bands=bands)


def _bands(written: _Type) -> tuple[Band, ...]:
    """Return the bands of one type, each up to a cent before the next."""
    starts = [money.cents(band.start) for band in written.bands]
    ends = [*(start - 1 for start in starts[1:]), money.cents(written.up_to)]
    if any(end < start for start, end in zip(starts, ends, strict=True)):
        raise ValueError("the bands have to be in the order of their costs, below up_to")
    return tuple(
        Band(from_cents=start, to_cents=end, plans=_plans(band.plans))
        for start, end, band in zip(starts, ends, written.bands, strict=True)
    )


def _plans(written: Sequence[_Plan]) -> tuple[Plan, ...]:
    """Return the plans of a band; a duration comes once, as a warranty is named by it."""
    if any(longer.months <= shorter.months for shorter, longer in pairwise(written)):
        raise ValueError("the plans of a band have to be in the order of their months")
    return tuple(
        Plan(months=plan.months, base_cents=money.cents(plan.base), percent=plan.percent)
        for plan in written
    )
