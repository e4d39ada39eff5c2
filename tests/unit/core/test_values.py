"""Light frozen dataclasses are what the standard ones are."""

import dataclasses
from dataclasses import field, replace
from typing import Any, ClassVar

import pytest

from chalicelib.core import values

STANDARD = dataclasses.dataclass(frozen=True)
LIGHT = values.dataclass(frozen=True)


def made(decorator: Any) -> Any:
    class Place:
        """A place."""

        TOP: ClassVar[int] = 7
        name: str
        rows: list[int] = field(default_factory=list)
        seat: int | None = None
        key: str = field(default="secret", repr=False)
        seen: int = field(default=0, compare=False)

    return decorator(Place)


@pytest.mark.parametrize("decorator", [STANDARD, LIGHT])
def test_values_are_equal_when_their_fields_are(decorator: Any) -> None:
    place, other = made(decorator), made(decorator)

    assert place("a") == place("a", [], None)
    assert place("a", seen=1) == place("a", seen=2)
    assert hash(place("a", (), seen=1)) == hash(place("a", (), seen=2))
    assert place("a") != place("b")
    assert place("a") != other("a"), "another class"
    assert place("a") != ("a", [], None)
    assert len({place("a", ()), place("a", ()), place("b", ())}) == 2
    with pytest.raises(TypeError):
        hash(place("a", []))


def test_a_light_class_shows_and_replaces_its_fields_as_a_standard_one_does() -> None:
    standard, light = made(STANDARD), made(LIGHT)

    assert repr(light("a", seat=1)) == repr(standard("a", seat=1))
    assert replace(light("a"), seat=2) == light("a", seat=2)
    assert [each.name for each in dataclasses.fields(light)] == [
        *("name", "rows", "seat", "key", "seen")
    ]
    assert "secret" not in repr(light("a"))
    assert light("a").rows is not light("a").rows


def test_a_class_keeps_the_methods_that_it_writes_itself() -> None:
    @values.dataclass(frozen=True)
    class Folded:
        name: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Folded) and other.name.lower() == self.name.lower()

        def __hash__(self) -> int:
            return hash(self.name.lower())

    assert Folded("A") == Folded("a")
    assert len({Folded("A"), Folded("a")}) == 1


def test_a_light_class_writes_no_methods_but_its_own() -> None:
    first, second = made(LIGHT), made(LIGHT)

    shared = ("__eq__", "__hash__", "__repr__")
    assert all(getattr(first, name) is getattr(second, name) for name in shared)
    assert first.__init__ is not second.__init__
