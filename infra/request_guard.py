"""Refuses what web pages of others send to a server on the developer's machine.

Any page that is open in a browser can send requests to ports of this machine: forms and simple
requests to any of them (cross-site request forgery), and by a DNS name that it points to 127.0.0.1
it reads the answers, too (DNS rebinding). Such requests name a foreign ``Host`` or ``Origin``, or
say so in ``Sec-Fetch-Site`` (https://www.w3.org/TR/fetch-metadata/), which no script can set.
Programs such as curl and boto3 send neither ``Origin`` nor ``Sec-Fetch-Site``. Standard library
only: the embedded AWS and the vendors' stand-ins use it, each in its own environment.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]", "backroom.localhost")

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class RequestGuard:
    """Decides about the requests to one ``port`` of this machine.

    Scripts of pages that ``page_ports`` serve may call it. ``navigable`` lets the user follow a
    link from a page on another local port to it. ``names`` are further host names of the server,
    ``origins`` returns those of foreign pages that were let in by a setting.
    """

    port: int
    page_ports: frozenset[int]
    navigable: bool = True
    names: frozenset[str] = frozenset()
    origins: Callable[[], frozenset[str]] = frozenset

    def refusal(self, method: str, headers: Headers) -> str | None:
        """Return why a request is refused, None if it is not; header names are in lower case."""
        host = _values(headers, "host")
        if len(host) != 1 or host[0].lower() not in self._hosts():
            return f"The Host {_shown(host)} is not a name of this server."
        origins = _values(headers, "origin")
        if foreign := [origin for origin in origins if not self.trusts(origin)]:
            return f"Pages of {_shown(foreign)} may not call this server."
        harmless = {"none", "same-origin"} if self.port in self.page_ports else {"none"}
        if self._follows_a_link(method, headers):
            harmless.add("same-site")
        sites = [site for site in _values(headers, "sec-fetch-site") if site not in harmless]
        if sites and not origins:
            return f"Sec-Fetch-Site is {_shown(sites)}: another page sent this."
        return None

    def trusts(self, origin: str) -> bool:
        """Return whether scripts of pages with this origin may call the server."""
        ours = {f"http://{name}:{port}" for name in LOCAL_NAMES for port in self.page_ports}
        return origin in ours or origin in self.origins()

    def _hosts(self) -> set[str]:
        return {f"{name}:{self.port}" for name in (*LOCAL_NAMES, *self.names)}

    def _follows_a_link(self, method: str, headers: Headers) -> bool:
        navigates = _values(headers, "sec-fetch-mode") == ["navigate"]
        return self.navigable and navigates and method in ("GET", "HEAD")


def problem(detail: str) -> bytes:
    """Return the body of a refusal: a problem document (RFC 9457)."""
    return json.dumps(
        {
            "type": "/problems/foreign-request",
            "title": "Refused: sent by a foreign web page",
            "status": 403,
            "detail": f"{detail} To open the page, type its address.",
        }
    ).encode()


def _values(headers: Headers, name: str) -> list[str]:
    return [value for key, value in headers if key == name]


def _shown(values: Sequence[str]) -> str:
    return ", ".join(values)[:200] or "(none)"
