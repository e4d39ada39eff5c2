"""All stand-ins together: faults, contracts, what arrived, what came of it."""

from collections import Counter, deque
from threading import Lock
from typing import Any

from infra.standins.contracts import Contracts
from infra.standins.faults import Fault, Faults
from infra.standins.github import GitHubStandin
from infra.standins.google import GoogleStandin
from infra.standins.identity import IdentityStandin
from infra.standins.jira import JiraStandin
from infra.standins.mail import MailStandin
from infra.standins.slack import SlackStandin
from infra.standins.vendor import Clock, Reply, Request, Vendor
from infra.standins.webhooks import Webhooks

_KEPT = 2_000
_APIS: dict[str, tuple[tuple[str, str], ...]] = {
    "jira": (("jira", ""),),
    "slack": (("slack", ""),),
    "github": (("github", ""),),
    "identity": (),
}
_GOOGLE = (("drive", "/drive/v3"), ("docs", "/docs"))


class Office:
    """Takes the requests to all vendors; ``mail`` has a server of its own."""

    def __init__(self, contracts: Contracts | None = None) -> None:
        self.clock = Clock()
        self.faults = Faults()
        self.contracts = contracts
        self.webhooks = Webhooks()
        self.jira = JiraStandin(self.clock, contracts)
        self.slack = SlackStandin(self.clock)
        self.google = GoogleStandin(self.clock)
        self.github = GitHubStandin(self.clock)
        self.identity = IdentityStandin(self.clock)
        self.mail = MailStandin()
        self._lock = Lock()
        self._forget()

    @property
    def vendors(self) -> dict[str, Vendor]:
        """Return the stand-ins over HTTP by their names."""
        found = (self.jira, self.slack, self.google, self.github, self.identity)
        return {vendor.name: vendor for vendor in found}

    def reset(self) -> None:
        """Forget everything but where webhooks go."""
        self.clock.reset()
        for vendor in self.vendors.values():
            vendor.reset()
        self.jira.lag_s = self.google.lag_s = 0
        self.mail.reset()
        self.faults.clear()
        self._forget()

    def _forget(self) -> None:
        with self._lock:
            self._arrived: deque[dict[str, Any]] = deque(maxlen=_KEPT)
            self._violations: deque[str] = deque(maxlen=_KEPT)
            self._counts: Counter[str] = Counter()

    def take(self, vendor: Vendor, request: Request) -> tuple[Reply | None, Fault | None]:
        """Return the reply to a request, None for a broken connection, and what went wrong."""
        fault = self.faults.strike(vendor.name, request.method, request.path)
        reply = None if fault and not fault.comes_after else self._handled(vendor, request)
        if fault:
            reply = _spoilt(fault, vendor)
        self._note(vendor, request, reply, fault)
        return reply, fault

    def _handled(self, vendor: Vendor, request: Request) -> Reply:
        wrong = self._broken_rules(vendor, request)
        if wrong:
            with self._lock:
                lines = [f"{vendor.name} {request.method} {request.path}: {each}" for each in wrong]
                self._violations.extend(lines)
            return vendor.refusal(400, f"Against the contract: {'; '.join(wrong)}")
        return vendor.handle(request)

    def _broken_rules(self, vendor: Vendor, request: Request) -> list[str]:
        """Return how a request is against the vendor's contract, where that is at hand."""
        api, path = self.contract_of(vendor, request.path)
        if self.contracts is None or api is None:
            return []
        return self.contracts.faults(
            api, request.method, path, request.query, request.body, request.media_type
        )

    def contract_of(self, vendor: Vendor, path: str) -> tuple[str | None, str]:
        """Return which contract a path of a vendor is in, and the path as it is there."""
        for api, prefix in _GOOGLE if vendor is self.google else _APIS[vendor.name]:
            if path.startswith(f"{prefix}/"):
                return api, path.removeprefix(prefix)
        return None, path

    def _note(
        self, vendor: Vendor, request: Request, reply: Reply | None, fault: Fault | None
    ) -> None:
        entry = {
            "at": self.clock(),
            "vendor": vendor.name,
            "method": request.method,
            "path": request.path,
            "status": reply.status if reply else None,
            "fault": fault.kind if fault else None,
        }
        with self._lock:
            self._arrived.append(entry)
            self._counts[f"{vendor.name} {request.method}"] += 1

    def shown(self) -> dict[str, Any]:
        """Return everything as JSON."""
        with self._lock:
            state = {
                "arrived": list(self._arrived),
                "counts": dict(self._counts),
                "violations": list(self._violations),
            }
        return {
            **{name: vendor.shown() for name, vendor in self.vendors.items()},
            "mail": self.mail.shown(),
            "webhooks": {"url": self.webhooks.url, "sent": self.webhooks.sent[-_KEPT:]},
            "faults": self.faults.shown(),
            "doubles": self.doubles(),
            "contracts": self.contracts is not None,
            **state,
        }

    def doubles(self) -> dict[str, list[str]]:
        """Return, by vendor, what is there twice though it was meant once."""
        found = {name: vendor.doubles() for name, vendor in self.vendors.items()}
        return {**found, "mail": self.mail.doubles()}


def _spoilt(fault: Fault, vendor: Vendor) -> Reply | None:
    """Return what is answered instead; None breaks the connection."""
    if fault.kind == "limit":
        return vendor.limited(fault.retry_after_s)
    if fault.kind.startswith("status"):
        plain = vendor.refusal(fault.status, "It was asked to fail.")
        body = plain.body if fault.body is None else fault.body
        elsewhere = {"Location": "/elsewhere"} if fault.status // 100 == 3 else {}
        return Reply(fault.status, body, elsewhere)
    return None
