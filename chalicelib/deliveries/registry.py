"""The package types. One entry makes a type (requirement D8).

Validation, the field of the preferences, the statistics by type and the OpenAPI document follow
from it; no rule names a type.
"""

from chalicelib.core.values import dataclass


@dataclass(frozen=True)
class PackageType:
    """A kind of package that a recipient can decline.

    ``name`` is a lower-case word. ``required``: preferences must name it; a type that comes later
    is better left optional, so that the existing clients keep working.
    """

    name: str
    about: str
    required: bool = False


TYPES: dict[str, PackageType] = {
    entry.name: entry
    for entry in (
        PackageType("marketing", "Advertising", required=True),
        PackageType("personal", "Sent by a person the recipient knows", required=True),
    )
}
