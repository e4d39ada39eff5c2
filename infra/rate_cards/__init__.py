"""Compile the rate cards (``python -m infra.rate_cards``), or ``--check`` that this was done.

People write them as YAML, of which a function knows nothing: it reads them as JSON, in half a
millisecond instead of 16.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from samtranslator.yaml_helper import yaml_parse

from chalicelib.core import times
from chalicelib.warranties import money
from chalicelib.warranties.rate_card import Band, Plan, RateCard
from chalicelib.warranties.refunds import RefundRule

FOLDER = Path(__file__).parent
TARGET = FOLDER.parents[1] / "chalicelib" / "warranties" / "rate_cards.json"

# ISO 4217: currencies whose minor unit is not a hundredth.
_OTHER_DECIMALS = {
    "BHD",
    "BIF",
    "CLF",
    "CLP",
    "DJF",
    "GNF",
    "IQD",
    "ISK",
    "JOD",
    "JPY",
    "KMF",
    "KRW",
    "KWD",
    "LYD",
    "OMR",
    "PYG",
    "RWF",
    "TND",
    "UGX",
    "UYI",
    "UYW",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
}
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


class _Refund(_Written):
    full_within_days: Annotated[int, Field(ge=0, le=365)]
    fee: _Amount


class _Card(_Written):
    """A card that says what holds for all its types; those before 2026-11-29 are types alone."""

    effective_from: Annotated[datetime, BeforeValidator(times.instant)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    refund: _Refund | None = None
    item_types: dict[str, _Type]


def text(folder: Path = FOLDER) -> str:
    """Return the cards of ``folder`` as they are compiled. Raises RateCardError."""
    cards = [_compiled(path) for path in sorted(folder.glob("*.yaml"))]
    begins = [card.begins_at for card in cards]
    if len(set(begins)) != len(begins):
        raise RateCardError("two cards come into force at the same time")
    written = [card.model_dump(mode="json", exclude_none=True) for card in cards]
    return json.dumps(written, indent=1) + "\n"


def _compiled(path: Path) -> RateCard:
    written = yaml_parse(path.read_text())
    try:
        if date.fromisoformat(path.stem).isoformat() != path.stem:
            raise ValueError("its name has another form than 2026-11-21")
        return _card(path.stem, written)
    except ValueError as wrong:
        raise RateCardError(f"{path.name}: {wrong}") from wrong


def _card(version: str, written: dict[str, Any]) -> RateCard:
    if "item_types" not in written:
        return RateCard(version=version, bands=_all_bands(written))
    card = _Card.model_validate(written)
    if not str(written["effective_from"]).startswith(version):
        raise ValueError("effective_from has to be on the day that the file is named by")
    if card.currency in _OTHER_DECIMALS:
        raise ValueError(f"currency {card.currency} has other decimals than the two of all amounts")
    refund = card.refund and RefundRule(
        full_within_days=card.refund.full_within_days, fee_cents=money.cents(card.refund.fee)
    )
    return RateCard(
        version=version,
        effective_from=card.effective_from,
        currency=card.currency,
        refund=refund,
        bands=_all_bands(card.item_types),
    )


def _all_bands(types: Mapping[str, object]) -> dict[str, tuple[Band, ...]]:
    return {name: _bands(_Type.model_validate(given)) for name, given in types.items()}


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
