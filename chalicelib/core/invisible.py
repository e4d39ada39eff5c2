"""Invisible characters, which do not distinguish names.

These are the characters that Unicode calls default-ignorable (DerivedCoreProperties.txt, Unicode
16.0): soft hyphen, zero-width space and joiners, word joiner, byte order mark, directional marks,
variation selectors, tags. Names lose them where they come in, and what compares names drops them
again, because older records may still hold them. Ids that hold them are refused.
"""

import re

_RANGES = (
    "\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{_RANGES}]")


def without_invisible(text: str) -> str:
    """Return ``text`` without invisible characters."""
    return _INVISIBLE.sub("", text)


def visible_name(text: str) -> str:
    """Return a name without invisible characters. Raises ValueError when nothing is left."""
    visible = without_invisible(text).strip()
    if not visible:
        raise ValueError("must not be empty or blank")
    return visible


def visible_id(text: str) -> str:
    """Return an id as it is. Raises ValueError when it has an invisible character.

    An id is never changed silently: the caller would not find it again.
    """
    if found := _INVISIBLE.search(text):
        code = f"U+{ord(found[0]):04X}"
        raise ValueError(f"must not hold characters that nobody sees, such as {code} here")
    return text
