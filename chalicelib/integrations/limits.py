"""What each vendor takes at most, and how longer things are made to fit.

Every limit that our requests could meet is named here, with its unit and source. Text that people
read is `shortened`; text that something is found by keeps its identity (`identified`); a list that
must arrive whole is split by its writer (`chalicelib.bakery.tickets`).
"""

import json
from collections.abc import Callable

from chalicelib.core import canonical

Measure = Callable[[str], int]

# --- mail -----------------------------------------------------------------------------------------

MAIL_LOCAL_PART = 64
"""Octets before the @ (RFC 5321 section 4.5.3.1.1)."""
MAIL_ADDRESS = 254
"""Octets of an address (RFC 5321 section 4.5.3.1.3, without the angle brackets)."""
MAIL_SUBJECT = 255
"""Characters of a subject, which many clients cut. RFC 5322 section 2.1.1 bounds lines alone."""

# --- Slack ----------------------------------------------------------------------------------------

SLACK_TEXT = 40_000
"""Characters of a message (chat.postMessage); Slack truncates longer ones, or `msg_too_long`."""
SLACK_SECTION = 3_000
"""Characters of a section block. Our messages stay below it, so that they are shown whole."""
SLACK_USERS_PAGE = 200
"""Members that a page of users.list should have at most."""
SLACK_MESSAGES_PAGE = 100
"""Messages of a page of conversations.history."""

# --- Jira -----------------------------------------------------------------------------------------

JIRA_TEXT = 32_767
"""Characters of a description or a comment.

Atlassian does not say whether the text counts or its JSON (the document format), so the JSON does
here. Nodes and table rows have no limit of their own: each has JSON of 30 characters at least.
"""
JIRA_COMMENTS = 5_000
"""Comments of an issue; 413 is answered beyond."""
JIRA_SUMMARY = 255
"""Characters of a summary, which is one line."""
JIRA_LABEL = 255
"""Characters of a label, which has no blanks."""
JIRA_PROPERTY_KEY = 255
"""Characters of a property's key."""
JIRA_PROPERTY = 32_768
"""Bytes of a property's value, as JSON."""
JIRA_PAGE = 100
"""Issues or comments of a page when fields are requested."""
JIRA_RECONCILED = 50
"""Issues whose present state a search can be made to see."""

# --- Google ---------------------------------------------------------------------------------------

DRIVE_PROPERTY = 124
"""Bytes of a property in UTF-8, key and value together."""
DRIVE_NAME = 255
"""Characters of a file's name. Drive takes more; a computer that mirrors the folder does not."""
DOCS_RANGE_NAME = 256
"""UTF-16 code units of a named range's name."""
DOCS_TEXT = 1_020_000
"""Characters of a document, in UTF-16 code units as indexes count."""

# --- GitHub ---------------------------------------------------------------------------------------

GITHUB_LOGIN = 39
"""Characters of a user name."""
GITHUB_PAGE = 100
"""Collaborators or invitations of a page."""


def utf8_length(text: str) -> int:
    """Return the length of ``text`` in bytes of UTF-8."""
    return len(text.encode())


def utf16_length(text: str) -> int:
    """Return the length of ``text`` in UTF-16 code units, as Google counts."""
    return len(text.encode("utf-16-le")) // 2


def json_length(value: object) -> int:
    """Return the length of a value's JSON in characters, in the longest of the usual ways."""
    return len(json.dumps(value))


def shortened(text: str, most: int, *, measure: Measure = len) -> str:
    """Return ``text``, or as much of it as fits with an ellipsis behind it."""
    return text if measure(text) <= most else _cut(text, "…", most, measure)


def identified(text: str, most: int, *, measure: Measure = utf8_length) -> str:
    """Return ``text``, or its beginning with a digest of all of it: no two texts become one.

    ``most`` has to have room for the digest, which is 33 characters of ASCII.
    """
    if measure(text) <= most:
        return text
    return _cut(text, f"~{canonical.sha256(text.encode())[:32]}", most, measure)


def _cut(text: str, tail: str, most: int, measure: Measure) -> str:
    """Return the longest beginning of ``text`` that fits with ``tail`` behind it, and that."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle] + tail) <= most else (low, middle - 1)
    return text[:low] + tail
