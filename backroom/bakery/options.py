"""What several commands of the bakery take: a cake, and amounts as `flour=17g`."""

import re
from decimal import Decimal
from typing import Annotated, Any

import typer

CakeId = Annotated[str, typer.Argument(metavar="CAKE", help="The cake's id, or its name.")]

_AMOUNT = re.compile(r"(?P<name>[^=]+)=(?P<number>\d{1,9}(\.\d{1,9})?)\s*(?P<grams>g)?")
_FORM = "must be NAME=AMOUNT: flour=17g, sugar=30.5g, eggs=2"


def amounts(given: list[str]) -> dict[str, Any]:
    """Return amounts by name: grams end with g or have a point, units are whole."""
    found: dict[str, Any] = {}
    for text in given:
        match = _AMOUNT.fullmatch(text)
        if match is None:
            raise typer.BadParameter(f"{text!r} {_FORM}")
        grams = bool(match["grams"]) or "." in match["number"]
        unit = "g" if grams else "unit"
        if match["name"] in found:
            raise typer.BadParameter(f"{match['name']} is named twice")
        found[match["name"]] = {"amount": Decimal(match["number"]), "unit": unit}
    return found
