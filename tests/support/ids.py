"""Ids that one recognises."""


def uuid(number: int) -> str:
    """Return a UUID that one recognises."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"
