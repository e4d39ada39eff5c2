"""The recipe book (B1-B5)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.bakery.amounts import Given
from chalicelib.bakery.names import fold
from chalicelib.bakery.ports import Cakes
from chalicelib.bakery.records import Cake, Ingredient
from chalicelib.core.errors import ConflictError, Fault, InvalidInputError, NotFoundError


class CakeExistsError(ConflictError):
    """Another cake has this id."""

    type = "/problems/cake-exists"
    title = "Cake exists"


@dataclass(frozen=True)
class Recipes:
    """Keeps the recipes; a cake that was ordered can go, as orders froze its recipe."""

    cakes: Cakes
    now: Callable[[], datetime]

    def add(self, name: str, ingredients: Mapping[str, Given]) -> Cake:
        """Add a cake. Raises InvalidInputError or CakeExistsError."""
        cake = Cake(name=name, ingredients=as_written(ingredients), created_at=self.now())
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


def _unknown(cake_id: str) -> NotFoundError:
    return NotFoundError(f"There is no cake {cake_id}.")
