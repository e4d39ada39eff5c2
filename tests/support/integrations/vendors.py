"""The clients against the stand-ins: what a call is, and how to make it fail."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

import urllib3

from chalicelib.integrations import adf, wiring
from chalicelib.integrations.gdocs import Line
from chalicelib.integrations.mail import Letter, SmtpMail
from infra.standins.faults import Fault
from infra.standins.office import Office

_POOL = urllib3.PoolManager(num_pools=16, maxsize=16)
_NO_PATIENCE = urllib3.Timeout(connect=5, read=0.1)
DOCUMENT = adf.document(adf.paragraph("Hello dear provider"))


class Desk:
    """Our clients, and the office of stand-ins that they talk to."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.jira = wiring.jira()
        self.slack = wiring.slack()
        self.github = wiring.github()
        self.drive = wiring.drive()
        self.docs = wiring.docs()
        self.impatient: list[tuple[str | None, str]] = []

    def pool(self) -> "Pool":
        """Return the connections, without patience for what is to be stalled."""
        return Pool(self)

    def mail(self, **options: Any) -> SmtpMail:
        """Return the mail; ``options`` replace parts of its settings."""
        sent = wiring.mail()
        assert isinstance(sent, SmtpMail)
        return SmtpMail(**{**vars(sent), **options})

    def fail(self, vendor: str, kind: str, **options: Any) -> None:
        """Let something go wrong at a vendor's; an answer that never comes is not waited for."""
        self.office.faults.add(Fault(vendor, kind, **options))  # type: ignore[arg-type]
        if kind.startswith("stall"):
            self.impatient.append((options.get("method"), options.get("path", "")))

    def ticket(self, label: str = "order-batch-2026-11-21") -> str:
        """Create a ticket and return its key."""
        return self.jira.create("Ingredients", DOCUMENT, labels=["backroom", label]).key

    def document(self, customer: str = "mr_cakelover") -> str:
        """Create a document in the folder, which is made if need be, and return its id."""
        folder = self.drive.find_folder("Orders") or self.drive.create_folder("Orders")
        return self.drive.create_document(customer, customer=customer, folder=folder)

    def doubled(self) -> list[str]:
        """Return what any vendor has twice."""
        return [mark for marks in self.office.doubles().values() for mark in marks]

    def held(self, vendor: str, what: str) -> list[Any]:
        """Return what a vendor holds."""
        found: list[Any] = self.office.shown()[vendor][what]
        return found


@dataclass(frozen=True)
class Pool:
    """The pool of the clients; no other request than a stalled one has to hurry."""

    desk: Desk

    def request(self, method: str, url: str, **options: Any) -> Any:
        """Send a request."""
        path = urlsplit(url).path
        if any(
            wanted in {None, method} and re.search(pattern, path)
            for wanted, pattern in self.desk.impatient
        ):
            options["timeout"] = _NO_PATIENCE
        return _POOL.request(method, url, **options)


@dataclass(frozen=True)
class Call:
    """One call of ours: what it needs first, the call, and the request that it is about."""

    vendor: str
    method: str
    path: str
    prepare: Callable[[Desk], Any]
    make: Callable[[Desk, Any], Any]


def nothing(_: Desk) -> None:
    """Need nothing."""


WRITES: dict[str, Call] = {
    "ticket": Call("jira", "POST", "/issue$", nothing, lambda d, _: d.ticket()),
    "comment": Call(
        "jira",
        "POST",
        "/comment$",
        Desk.ticket,
        lambda d, key: d.jira.comment(key, DOCUMENT, effect_id="cancelled#21"),
    ),
    "transition": Call(
        "jira", "POST", "/transitions$", Desk.ticket, lambda d, key: d.jira.close(key)
    ),
    "message": Call(
        "slack",
        "POST",
        "/chat.postMessage",
        lambda d: d.slack.open_dm("U01"),
        lambda d, channel: d.slack.post(channel, "Order 21 is ready", effect_id="ready#21"),
    ),
    "folder": Call("google", "POST", "/files$", nothing, lambda d, _: d.drive.create_folder("O")),
    "document": Call(
        "google",
        "POST",
        "/files$",
        lambda d: d.drive.create_folder("Orders"),
        lambda d, folder: d.drive.create_document("x", customer="x", folder=folder),
    ),
    "line": Call(
        "google",
        "POST",
        ":batchUpdate$",
        Desk.document,
        lambda d, found: d.docs.append(found, [Line("order-21", "- Order 21 [Chocolate Cake]")]),
    ),
    "grant": Call("github", "PUT", "/collaborators/", nothing, lambda d, _: d.github.grant("ada")),
    "removal": Call(
        "github",
        "DELETE",
        "/collaborators/",
        lambda d: d.github.grant("ada"),
        lambda d, _: d.github.remove("ada"),
    ),
}

READS: dict[str, Call] = {
    "myself": Call("jira", "GET", "/myself", nothing, lambda d, _: d.jira.myself()),
    "search": Call("jira", "POST", "/search/jql", nothing, lambda d, _: d.jira.labelled("x")),
    "issue": Call("jira", "GET", "/issue/", Desk.ticket, lambda d, key: d.jira.issue(key)),
    "comments": Call(
        "jira", "GET", "/comment", Desk.ticket, lambda d, key: d.jira.find_comment(key, "x")
    ),
    "identity": Call("slack", "GET", "/auth.test", nothing, lambda d, _: d.slack.identity()),
    "directory": Call("slack", "GET", "/users.list", nothing, lambda d, _: d.slack.users()),
    "person": Call("slack", "GET", "/users.info", nothing, lambda d, _: d.slack.user("U01")),
    "channel": Call(
        "slack", "POST", "/conversations.open", nothing, lambda d, _: d.slack.open_dm("U01")
    ),
    "history": Call(
        "slack",
        "GET",
        "/conversations.history",
        lambda d: d.slack.open_dm("U01"),
        lambda d, channel: d.slack.find(channel, effect_id="ready#21"),
    ),
    "token": Call("google", "POST", "/token", nothing, lambda d, _: d.drive.owner()),
    "owner": Call("google", "GET", "/about", nothing, lambda d, _: d.drive.owner()),
    "files": Call("google", "GET", "/files", nothing, lambda d, _: d.drive.find_document("x")),
    "names": Call(
        "google", "GET", "/documents/", Desk.document, lambda d, found: d.docs.names(found)
    ),
    "access": Call("github", "GET", "/collab", nothing, lambda d, _: d.github.access("ada")),
    "invitations": Call("github", "GET", "/invitations", nothing, lambda d, _: d.github.check()),
}


def letter(effect_id: str = "ready#21", **options: str) -> Letter:
    """Return a letter to Mr Cakelover."""
    words = {"subject": "Order 21 is ready", "text": "Come and get it.", **options}
    to = words.pop("to", "mr_cakelover@gmail.com")
    return Letter(to=to, effect_id=effect_id, date=datetime(2026, 11, 21, tzinfo=UTC), **words)


def tour(desk: Desk) -> None:
    """Send every request that our clients know, at least once."""
    key = desk.jira.create(
        "Ingredients for 2026-11-21 (12 orders)",
        adf.document(
            adf.paragraph(
                "Hello dear provider, ", adf.link("order 21", "https://x.test/orders/21")
            ),
            adf.table(["Ingredient", "Amount"], [["Chocolate", "268 g"], ["Eggs", ""]]),
            adf.bullets(["Bye"]),
        ),
        labels=["backroom", "order-batch-2026-11-21"],
        due=date(2026, 11, 22),
        properties={"backroom.batch": {"day": "2026-11-21", "orders": ["21", "22"]}},
    )
    desk.jira.labelled("order-batch-2026-11-21", sure_of=[key.id])
    desk.jira.closed_with("missing-ingredients", within_days=3)
    for call in {**READS, **WRITES}.values():
        call.make(desk, call.prepare(desk))
    linus = desk.github.user_id("linus")
    desk.github.grant("linus", linus)
    desk.office.github.accept("linus")
    desk.github.remove("linus", linus)
    assert desk.drive.exists(desk.document())
    desk.slack.find(desk.slack.open_dm("U02"), effect_id="x", since=1_795_219_200.5)
