"""Characters that nobody sees, so they tell no two names apart.

These are the characters that Unicode calls default-ignorable (DerivedCoreProperties.txt, Unicode
16.0): soft hyphen, zero-width space and joiners, word joiner, byte order mark, directional marks,
variation selectors, tags. Names lose them where they come in; what compares names drops them again,
because older records may still hold them.
"""

import re

_RANGES = (
    "\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{_RANGES}]")


def without_invisible(text: str) -> str:
    """Return ``text`` without the characters that nobody sees."""
    return _INVISIBLE.sub("", text)


def has_invisible(text: str) -> bool:
    """Return whether ``text`` holds a character that nobody sees."""
    return _INVISIBLE.search(text) is not None
