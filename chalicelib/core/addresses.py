"""Where secrets and keys may travel: encrypted, or not off this machine."""

import re

_SAFE = re.compile(r"https://|http://(127\.0\.0\.1|localhost)(:\d+)?(/|$)")


def safe(url: str) -> bool:
    """Return whether an address is an https:// one, or plain http:// to this machine."""
    return _SAFE.match(url) is not None
