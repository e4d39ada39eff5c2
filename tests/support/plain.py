"""For clients of what answers on this machine without TLS."""

import ssl

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: each client of httpx reads all root certificates otherwise, 0.04 s of CPU."""
