"""Who can be picked at the stand-in for an identity provider, and what each may do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """A person; ``technician`` is their number, if they have one."""

    subject: str
    name: str
    role: str
    scopes: tuple[str, ...]
    technician: str | None = None


_TECHNICIAN = ("vending:technician",)
_EVERYONE = (
    Person("dora", "Dora", "dispatcher", ("vending:dispatch",)),
    Person("tess", "Tess", "technician T0001", _TECHNICIAN, "T0001"),
    Person("timo", "Timo", "technician T0002", _TECHNICIAN, "T0002"),
    Person("bela", "Bela", "baker", ("bakery:read", "bakery:write", "bakery:staff")),
    Person("cleo", "Cleo", "bookkeeper", ("ledger:read", "ledger:write")),
    Person(
        "sami",
        "Sami",
        "seller and sender",
        ("deliveries:read", "deliveries:write", "warranties:read", "warranties:write"),
    ),
    Person(
        "otto",
        "Otto",
        "operator",
        (
            *("operate", "audit:read", "events:read", "events:write"),
            *("deliveries:read", "bakery:read", "bakery:erase"),
        ),
    ),
)
_ALL = tuple(sorted({scope for person in _EVERYONE for scope in person.scopes} - {*_TECHNICIAN}))

PEOPLE = {
    person.subject: person
    for person in (*_EVERYONE, Person("ada", "Ada", "owner, who may do everything", _ALL))
}
KNOWN_SCOPES = frozenset(scope for person in PEOPLE.values() for scope in person.scopes)
