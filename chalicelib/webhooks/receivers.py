"""Calls to receivers: third parties' servers, at addresses that callers gave us.

A receiver's name is resolved once, every address that it has must be one of the public internet,
and the connection is made to such an address and to no other: a name that leads elsewhere the next
time leads nowhere here. Redirects are not followed, nothing is read but the head of the answer, and
all of it ends at a deadline. Where the stage is a laptop's (``local``), receivers may be on it, and
plain HTTP goes to it alone.
"""

import re
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from http.client import HTTPException
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from chalicelib.core.addresses import public, safe
from chalicelib.core.fetch import SOCKET_TIMEOUT_S, Line, bounded
from chalicelib.core.outbox.effects import NotExecutedError, OutcomeUnknownError
from chalicelib.core.values import dataclass

_PRINTABLE = re.compile("[!-~]+")
# Names that are never public (RFC 6761, RFC 6762, RFC 9476), and what clouds call their inside.
_INSIDE = re.compile(r"(^|\.)(localhost|local|internal|intranet|lan|home\.arpa|test|invalid)\.?$")

Resolve = Callable[[str, int], Iterable[str]]
"""Returns the IP addresses of a name. Raises OSError."""


def resolved(name: str, port: int) -> Sequence[str]:
    """Return the IP addresses of a name. Raises OSError."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Reply(NamedTuple):
    """What is read of a receiver's answer."""

    status: int
    retry_after: str = ""


@dataclass(frozen=True)
class Post:
    """Sends webhooks: at most ``within_s`` for each."""

    local: bool
    within_s: float = 5.0
    resolve: Resolve = resolved

    def url_fault(self, url: str) -> str | None:
        """Return what is wrong with a receiver's URL as it is written, if anything is."""
        try:
            parts = urlsplit(url)
            host, _port = parts.hostname, parts.port
        except ValueError:
            return "must be a URL, such as https://example.com/hooks"
        if not (_PRINTABLE.fullmatch(url) and host) or parts.scheme not in ("http", "https"):
            return "must be a URL, such as https://example.com/hooks"
        if parts.username is not None or parts.password is not None or parts.fragment:
            return "must have no user, password or fragment"
        if not (parts.scheme == "https" or (self.local and safe(url))):
            return "must begin with https://"
        return None if self.local else _outside(host)

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a body; return the answer.

        Raises NotExecutedError where nothing was sent, OutcomeUnknownError where that is not known.
        """
        parts = urlsplit(url)
        sent = False

        def talk(line: Line) -> Reply:
            nonlocal sent
            connection = self._connected(parts, line)
            try:
                connection.timeout = self.within_s
                sent = True
                connection.request(
                    "POST",
                    parts._replace(scheme="", netloc="").geturl() or "/",
                    body=body,
                    headers={**headers, "Host": parts.netloc, "Connection": "close"},
                    preload_content=False,
                )
                with connection.getresponse() as answer:
                    return Reply(answer.status, answer.headers.get("Retry-After", ""))
            finally:
                connection.close()

        try:
            return bounded(talk, within_s=self.within_s)
        except TimeoutError as late:
            why = f"no answer within {self.within_s:g} s"
            raise (OutcomeUnknownError(why) if sent else NotExecutedError(why)) from late
        except (HTTPError, HTTPException, OSError, ValueError) as broken:
            why = f"{type(broken).__name__}: {broken}"
            raise (OutcomeUnknownError(why) if sent else NotExecutedError(why)) from broken

    def _connected(self, parts: SplitResult, line: Line) -> HTTPConnection:
        """Return a connection to the first address of a receiver that takes one."""
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        addresses = list(self.resolve(host, port))
        if not self.local and not (addresses and all(map(public, addresses))):
            raise NotExecutedError(f"{host} leads inside a network, where webhooks are not sent")
        failed: Exception = OSError(f"{host} has no address")
        for address in addresses:
            connection = _connection(parts.scheme, host, address, port)
            try:
                connection.connect()
                line.hold(connection.sock)
            except (HTTPError, OSError) as broken:
                connection.close()
                failed = broken
            else:
                return connection
        raise failed


def _connection(scheme: str, host: str, address: str, port: int) -> HTTPConnection:
    """Return a connection to an address whose certificate has to be the host's."""
    if scheme == "https":
        return HTTPSConnection(
            address, port, timeout=SOCKET_TIMEOUT_S, server_hostname=host, assert_hostname=host
        )
    return HTTPConnection(address, port, timeout=SOCKET_TIMEOUT_S)


def _outside(host: str) -> str | None:
    """Return what is wrong with a host that is not on the public internet, as far as one sees."""
    try:
        inside = not public(host)
    except ValueError:
        inside = "." not in host or bool(_INSIDE.search(host))
    return "must be a host of the public internet" if inside else None
