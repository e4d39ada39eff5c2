"""What a caller would rather read (RFC 9110 section 12.5.1)."""

from contextlib import suppress


def quality(accept: str, media_type: str) -> float:
    """Return how much ``media_type`` is wanted, 0 to 1; 0 if it is not named.

    Ranges such as ``*/*`` do not count: they say what is taken, not what is wanted.
    """
    for entry in accept.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        if name == media_type:
            return _quality(parameters)
    return 0


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            with suppress(ValueError):
                return min(max(float(value), 0), 1)
            return 0
    return 1
