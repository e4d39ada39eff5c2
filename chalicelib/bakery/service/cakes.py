"""The recipe book (B1-B5)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from chalicelib.bakery.amounts import Given, Unit
from chalicelib.bakery.names import fold
from chalicelib.bakery.ports import Cakes
from chalicelib.bakery.records import Cake, Ingredient
from chalicelib.core.errors import (
    ConflictError,
    Fault,
    InvalidInputError,
    NotFoundError,
    UnprocessableError,
)
from chalicelib.core.values import dataclass


class CakeExistsError(ConflictError):
    """Another cake has this id."""

    type = "/problems/cake-exists"
    title = "Cake exists"


class AmbiguousAmountError(UnprocessableError):
    """A number without a unit, of an ingredient that recipes have in grams."""

    type = "/problems/ambiguous-amount"
    title = "Grams or units?"


@dataclass(frozen=True)
class Recipes:
    """The recipes; an ordered cake can be deleted, as orders have a copy of its recipe."""

    cakes: Cakes
    now: Callable[[], datetime]

    def add(self, name: str, ingredients: Mapping[str, Given]) -> Cake:
        """Add a cake. Raises InvalidInputError, AmbiguousAmountError or CakeExistsError."""
        cake = Cake(name=name, ingredients=as_written(ingredients), created_at=self.now())
        if self.cakes.cake(cake.id) is None:
            check_readings(ingredients, self.cakes.cakes, field="ingredients")
        if not self.cakes.add(cake):
            raise CakeExistsError(f"There is a cake {cake.id} already; {name!r} has the same id.")
        return cake

    def all(self) -> Sequence[Cake]:
        """Return all cakes in the order of their ids."""
        return self.cakes.cakes()

    def cake(self, cake_id: str) -> Cake:
        """Return a cake by its id, or by a name that folds to it. Raises NotFoundError."""
        cake = self.cakes.cake(fold(cake_id))
        if cake is None:
            raise _unknown(cake_id)
        return cake

    def remove(self, cake_id: str) -> None:
        """Delete a cake. Raises NotFoundError."""
        if not self.cakes.remove(fold(cake_id)):
            raise _unknown(cake_id)


def as_written(ingredients: Mapping[str, Given]) -> tuple[Ingredient, ...]:
    """Return amounts in the units that their numbers are written in. Raises InvalidInputError."""
    found: list[Ingredient] = []
    faults: list[Fault] = []
    for name, given in ingredients.items():
        try:
            found.append(Ingredient(name=name, amount=given.amount()))
        except ValueError as wrong:
            faults.append(Fault(place="body", field=f"ingredients.{name}", detail=str(wrong)))
    if faults:
        raise InvalidInputError(faults)
    return tuple(found)


def check_readings(
    amounts: Mapping[str, Given], cakes: Callable[[], Sequence[Cake]], *, field: str
) -> None:
    """Raise AmbiguousAmountError for bare whole numbers of ingredients used in grams only.

    ``17`` would be 17 pieces of flour; many clients cannot write ``17.0``. Amounts with a unit are
    not ambiguous, nor are ingredients that no recipe has, or that one has in units.
    """
    bare = {name: given for name, given in amounts.items() if given.bare}
    if not bare:
        return
    units: dict[str, set[Unit]] = {}
    for each in (each for cake in cakes() for each in cake.ingredients):
        units.setdefault(each.id, set()).add(each.amount.unit)
    doubtful = {name: given for name, given in bare.items() if units.get(fold(name)) == {"g"}}
    if doubtful:
        both = "; ".join(
            f"{name}: {given.number} can mean {given.number} g or {given.number} units"
            for name, given in doubtful.items()
        )
        raise AmbiguousAmountError(
            f"Recipes have these in grams, and a number without a point is units. {both}. Name the "
            f'unit, as in {{"amount": {next(iter(doubtful.values())).number}, "unit": "g"}}.',
            readings={f"{field}.{n}": given.readings for n, given in doubtful.items()},
        )


def _unknown(cake_id: str) -> NotFoundError:
    return NotFoundError(f"There is no cake {cake_id}.")
