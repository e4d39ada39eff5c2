"""Frozen dataclasses that are made quickly.

The standard decorator writes six methods for a frozen class and compiles each of them while the
module is imported, about half a millisecond of CPU; a cold start imports fifty such classes. Here a
class gets an ``__init__`` of its own and shares the rest. Type checkers see the standard decorator,
and reject assignments to attributes; nothing checks that at run time. Packaging gives pydantic's
own dataclasses this form, too (`infra.lighter`), so that this module imports nothing of ours.
"""

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - re-exported
else:

    def dataclass(*, frozen: bool) -> Any:  # noqa: ANN401 - any class
        """Return the decorator of a class whose instances are equal when their fields are."""
        return light if frozen else dataclasses.dataclass


def light(made: Any) -> Any:  # noqa: ANN401 - any class
    """Make ``made`` a dataclass whose instances are equal when their fields are; return it."""
    for name, method in (("__eq__", _equal), ("__hash__", _hash), ("__repr__", _text)):
        if name not in made.__dict__ or made.__dict__[name] is None:  # an own __eq__ takes the hash
            setattr(made, name, method)
    dataclasses.dataclass(eq=False, repr=False)(made)
    fields = dataclasses.fields(made)
    made._compared = tuple(each.name for each in fields if each.compare)
    made._shown = tuple(each.name for each in fields if each.repr)
    return made


def _compared(value: Any) -> tuple[object, ...]:  # noqa: ANN401 - any dataclass
    return tuple([getattr(value, name) for name in value._compared])


def _equal(self: object, other: object) -> Any:  # noqa: ANN401 - a bool, or NotImplemented
    same = other.__class__ is self.__class__
    return _compared(self) == _compared(other) if same else NotImplemented


def _hash(self: object) -> int:
    return hash(_compared(self))


def _text(self: Any) -> str:  # noqa: ANN401 - any dataclass
    named = (f"{name}={getattr(self, name)!r}" for name in self._shown)
    return f"{type(self).__qualname__}({', '.join(named)})"
