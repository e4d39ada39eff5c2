"""Amounts of ingredients: exact, and each in grams or in units.

The brief distinguishes the two by how a number is written (B5): ``33.0`` is 33 grams, ``33`` is 33
units. Clients that drop the ``.0`` (JavaScript, DynamoDB) send the unit: ``{"amount": 33, "unit":
"g"}``. From there on an amount carries its unit, and no unit is ever turned into another.
"""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

from chalicelib.core.values import dataclass

Unit = Literal["g", "unit"]

MOST: dict[Unit, int] = {"g": 100_000, "unit": 10_000}
"""The largest amount of one ingredient in a recipe: 100 kg, or 10,000 units."""
MOST_DECIMALS = 6
_FORM = 'must be a number, as 33.0 for grams or 33 for units, or {"amount": 33, "unit": "g"}'
_MOST_TOLD = {
    "g": "must be at most 100000 g (100 kg)",
    "unit": "must be at most 10000 units",
}


class AmountError(ValueError):
    """Not an amount; the message says what would be one."""


class UnitClashError(ValueError):
    """An amount in one unit where the other one rules."""


class Amount(BaseModel):
    """How much of something, in grams or in whole units."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    value: Decimal
    unit: Unit

    @property
    def number(self) -> Decimal | int:
        """Return the number as it is answered: grams have a point, units have none."""
        if self.unit == "unit":
            return int(self.value)
        shortest = self.value.normalize()
        return shortest if _decimals(shortest) else shortest.quantize(Decimal("0.0"))

    def __mul__(self, factor: int) -> "Amount":
        """Return this amount ``factor`` times."""
        return Amount(value=self.value * factor, unit=self.unit)

    def __add__(self, other: "Amount") -> "Amount":
        """Return the sum of two amounts in the same unit."""
        if other.unit != self.unit:
            raise UnitClashError(f"{self.unit} and {other.unit} do not add up")
        return Amount(value=self.value + other.value, unit=self.unit)

    def __str__(self) -> str:
        """Return the amount as people read it: ``268 g``, ``1 unit``, ``8 units``."""
        number = format(self.value.normalize(), "f")
        if self.unit == "g":
            return f"{number} g"
        return f"{number} unit{'' if self.value == 1 else 's'}"


@dataclass(frozen=True)
class Given:
    """An amount as it was written; ``unit`` is None when only the number was given."""

    number: Decimal
    pointed: bool
    unit: Unit | None = None

    @property
    def bare(self) -> bool:
        """Return whether it is a whole number without a stated unit."""
        return self.unit is None and not self.pointed

    @property
    def readings(self) -> list[dict[str, object]]:
        """Return how it can be read, each in the form that leaves no doubt."""
        return [{"amount": int(self.number), "unit": unit} for unit in MOST]

    def amount(self) -> Amount:
        """Return the amount by its own unit, or by how it is written. Raises AmountError."""
        return _amount(self.number, self.unit or ("g" if self.pointed else "unit"))

    def amount_in(self, unit: Unit) -> Amount:
        """Return the amount where a recipe's ``unit`` rules.

        Raises UnitClashError for another unit and for a fraction of a unit, AmountError for too
        much.
        """
        if self.unit not in (None, unit):
            raise UnitClashError(f"is counted in {_PLURAL[unit]}, not in {_PLURAL[self.unit]}")
        if unit == "unit" and _decimals(self.number.normalize()):
            raise UnitClashError(f"is counted in units, and {self.number} is not a whole number")
        return _amount(self.number, unit)


_PLURAL: dict[Unit | None, str] = {"g": "grams", "unit": "units"}


def read(value: object) -> Given:
    """Return an amount from strictly read JSON. Raises AmountError.

    A bare integer may still be too many units: a recipe may say that it is grams.
    """
    if isinstance(value, dict):
        return _explicit(value)
    return Given(_number(value), pointed=isinstance(value, Decimal))


def _explicit(value: dict[str, object]) -> Given:
    unit = value.get("unit")
    if value.keys() != {"amount", "unit"} or unit not in ("g", "unit"):
        raise AmountError('must have an amount and a unit, which is "g" or "unit"')
    number = value["amount"]
    given = Given(
        _number(number),
        pointed=isinstance(number, Decimal),
        unit="g" if unit == "g" else "unit",
    )
    given.amount()
    return given


def _number(value: object) -> Decimal:
    """Return a number as the arithmetic of Decimal takes it without rounding."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise AmountError(_FORM)
    if value <= 0:
        raise AmountError("must be more than 0")
    if value > MOST["g"]:
        raise AmountError(_MOST_TOLD["g" if isinstance(value, Decimal) else "unit"])
    number = Decimal(value)
    if _decimals(number) > MOST_DECIMALS:
        raise AmountError(f"must have at most {MOST_DECIMALS} decimals")
    return number


def _amount(number: Decimal, unit: Unit) -> Amount:
    if unit == "unit" and _decimals(number.normalize()):
        raise AmountError("must be a whole number of units")
    if number > MOST[unit]:
        raise AmountError(_MOST_TOLD[unit])
    return Amount(value=number, unit=unit)


def _decimals(number: Decimal) -> int:
    """Return how many digits stand behind the point of a finite number."""
    return max(0, -int(number.as_tuple().exponent))
