"""Who was erased is nowhere: in no table, bucket, queue, log, event, or vendor.

On the whole app with a caller who signed in, the workers and the stand-ins.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import _lru_cache_wrapper
from typing import Any

import pytest

from chalicelib.audit import seals, service
from chalicelib.audit import wiring as audit
from chalicelib.audit.seals import Seal
from chalicelib.bakery import wiring as bakery
from chalicelib.bakery import workers
from chalicelib.bakery.names import record_id, title
from chalicelib.core import aws, settings
from chalicelib.core.access import SCOPES
from chalicelib.core.audit.entries import AuditEntry
from chalicelib.core.outbox import wiring as outbox
from chalicelib.ledger.chain import Chain
from chalicelib.ledger.models import Entry
from chalicelib.webhooks import events
from chalicelib.webhooks import wiring as webhooks
from infra.standins.slack import person
from tests.support.api import Answer, Api
from tests.support.dynamodb import items
from tests.support.ids import uuid
from tests.support.integrations.vendors import Desk
from tests.support.issuer import Issuer
from tests.support.streams import changes
from tests.support.whole_app import whole_app

ON_SLACK, BY_MAIL = "Zoë Übermaß-Quill", "Xavier Quixotic"
SPELLINGS = ("Zoe Ubermass-Quill", "zoë übermaß quill", ON_SLACK)
OTHER = "Ada O'Hara"
PERSONAL = {"email": "zoe.q@quill.example", "phone": "+49 151 2223334", "note": "Ring at Quill's"}
ACCOUNT = uuid(1)
recorded: Any = events.recorded


def forms(name: str) -> set[str]:
    """Return how a name may be written anywhere, in small letters."""
    folded = record_id(name)
    return {
        each.casefold()
        for each in (name, folded, title(folded), folded.replace("_", "-"), *name.split())
    }


WORDS = {
    *(form for name in (*SPELLINGS, BY_MAIL) for form in forms(name)),
    *("zoe.q@quill.example", "2223334", "quill", "quixotic", "u77"),
}


@pytest.fixture
def api(issuer: Issuer, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    desk.office.slack.people.append(person("U77", ON_SLACK))
    monkeypatch.setattr("chalicelib.webhooks.store.log._SETTLED", timedelta(0))
    with whole_app(issuer) as api:
        monkeypatch.setenv("BAKERY_UNDO_S", "0")
        _forget()
        yield api.as_(issuer.token(*SCOPES, sub="ada"))
    _forget()


def _forget() -> None:
    """Forget what was built of other settings."""
    settings.from_env.cache_clear()
    for module in (audit, bakery, outbox, webhooks, workers):
        for value in vars(module).values():
            if isinstance(value, _lru_cache_wrapper):
                value.cache_clear()


def perform() -> None:
    """Have the workers do all that is to be done at vendors, and what follows from that."""
    by_kind = {"jira": workers.tickets, "notify": workers.notices, "google": workers.files}
    for _ in range(5):
        for row in items(aws.dynamodb(), "OutboxTable", "EFFECT#"):
            if row["state"]["S"] not in {"done", "dead"} and row["kind"]["S"] in by_kind:
                by_kind[row["kind"]["S"]]().work(row["pk"]["S"].removeprefix("EFFECT#"))
    left = [row for row in items(aws.dynamodb(), "OutboxTable") if row["state"]["S"] != "done"]
    assert left == []


def told(api: Api, path: str, body: object = None, method: str = "POST", **query: Any) -> Any:
    answer = api.send(method, path, body, **query)
    assert answer.status < 300, answer.body
    return answer.json if answer.body else None


def order(api: Api, customer: str, **said: Any) -> int:
    wish = {"customer": customer, "recipe": "carrot_cake", "persons": 4, "quantity": 1, **said}
    number: int = told(api, "/orders", wish)["id"]
    return number


def live(api: Api) -> None:
    """Have the customer do everything that a customer can, and others, too."""
    told(api, "/cakes", {"name": "Carrot Cake", "ingredients": {"carrots": 60.0, "eggs": 2}})
    named = [order(api, name, **PERSONAL) for name in SPELLINGS]
    letter = order(api, BY_MAIL, email="x@quixotic.example")
    urgent = order(api, ON_SLACK, urgent=True, **PERSONAL)
    short, others = order(api, ON_SLACK), order(api, OTHER)
    told(api, "/batches")
    perform()
    told(api, f"/orders/{named[0]}/ready", by=ON_SLACK)
    told(api, f"/orders/{letter}/ready")
    reason = {"by": "Ann", "reason": "Mrs Quill has moved"}
    told(api, f"/orders/{named[1]}", method="DELETE", **reason)
    told(api, f"/orders/{urgent}", method="DELETE", **reason)
    bakery.bakery().ordering.cancel_short(
        short, by="provider, ING-1", reason="missing eggs", missing=frozenset({"eggs"})
    )
    told(api, f"/orders/{others}", method="DELETE")
    perform()
    told(api, f"/orders/{named[2]}", method="DELETE", **reason)  # Drive has not got this yet
    told(api, "/transactions", {"account_id": ACCOUNT, "amount": 5, "transaction_id": uuid(2)})
    told(api, f"/transactions/{uuid(2)}/reversal")


def record() -> None:
    """Have all that happened since the beginning recorded, as streams tell it."""
    recorded({"Records": [*changes("BakeryTable"), *changes("LedgerTable")]}, None)


def sealed() -> None:
    settled = datetime.now(UTC) + service.SETTLED_AFTER
    service.AuditService(audit.audit().trail, now=lambda: settled).seal()


def everywhere(desk: Desk) -> dict[str, str]:
    """Return all that is kept, by the name of what keeps it."""
    kept = {}
    for name in aws.dynamodb().list_tables()["TableNames"]:
        kept[name] = _text(items(aws.dynamodb(), name))
    for bucket in aws.s3().list_buckets()["Buckets"]:
        listed = aws.s3().list_objects_v2(Bucket=bucket["Name"]).get("Contents", [])
        kept[bucket["Name"]] = _text([each["Key"] for each in listed])
    for url in aws.sqs().list_queues()["QueueUrls"]:
        waiting = aws.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        kept[url] = _text(waiting.get("Messages", []))
    shown = desk.office.shown()
    # Whom the workspace knows is its own business, and letters lie in the customer's mailbox.
    kept |= {name: _text(shown[name]) for name in ("jira", "google", "github")}
    kept["slack"] = _text(shown["slack"]["messages"])
    return kept


def _text(kept: object) -> str:
    return json.dumps(kept, ensure_ascii=False, default=str).casefold()


def traces(kept: dict[str, str]) -> dict[str, list[str]]:
    found = {name: sorted(word for word in WORDS if word in text) for name, text in kept.items()}
    return {name: words for name, words in found.items() if words}


def chains(api: Api) -> dict[str, Any]:
    """Return the ledger and the seals, after proving both."""
    entries = told(api, f"/accounts/{ACCOUNT}/entries", method="GET")
    chain = Chain(ACCOUNT)
    ordered = sorted(map(Entry.model_validate, entries), key=lambda entry: entry.sequence)
    assert [chain.misfit(entry) for entry in ordered] == [None, None]
    stored = [Seal.model_validate(each) for each in told(api, "/audit/seals", method="GET")]
    found = [AuditEntry.model_validate(each) for each in _every_entry(api)]
    last = None
    for seal in reversed(stored):
        within = [each for each in reversed(found) if seal.from_ <= each.at < seal.to]
        assert seals.misfit(last, seal, within) is None
        last = seal
    return {"entries": entries, "seals": [each.hash for each in reversed(stored)]}


def _every_entry(api: Api) -> list[Any]:
    found: list[Any] = told(api, "/audit", method="GET", limit=500)
    return found


def sums(api: Api) -> list[Any]:
    """Return what must not change: needs, batches, statements."""
    orders = told(api, "/orders", method="GET", status="all", limit=500)
    day = told(api, "/batches", method="GET")[0]["date"]
    fixed = ("id", "recipe", "persons", "ingredients", "status", "created_at", "ticket", "batch")
    return [
        [{name: each.get(name) for name in fixed} for each in orders],
        told(api, f"/batches/{day}", method="GET"),
        told(api, f"/accounts/{ACCOUNT}/statement", method="GET"),
    ]


def test_who_was_erased_is_nowhere_and_all_sums_and_chains_stay(
    api: Api, desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    live(api)
    record()
    sealed()
    proved = chains(api)
    told(api, f"/orders/{order(api, BY_MAIL)}", method="DELETE")  # of which no event tells yet
    before = sums(api)
    assert {"BakeryTable", "WebhooksTable", "google", "slack"} <= traces(everywhere(desk)).keys()

    erased = [told(api, "/erasures", {"customer": name}) for name in (SPELLINGS[0], BY_MAIL)]
    perform()
    record()
    sealed()

    assert [each["waiting"] for each in erased] == [[], []]
    assert [len(each["orders"]) for each in erased] == [5, 2]
    counts = [(each["documents"], each["messages"], each["letters"]) for each in erased]
    assert counts == [(1, 1, 1), (0, 0, 1)]
    assert traces(everywhere(desk)) == {}
    assert sums(api) == before
    after = chains(api)
    assert after["entries"] == proved["entries"]
    assert after["seals"][: len(proved["seals"])] == proved["seals"]
    out, err = capfd.readouterr()
    assert traces({"log": out.casefold(), "errors": err.casefold()}) == {}
    _others_stay(api, desk)


def _others_stay(api: Api, desk: Desk) -> None:
    [theirs] = told(api, "/orders", method="GET", customer=OTHER, status="all")
    assert theirs["customer"] == OTHER
    texts = [each["text"] for each in desk.office.shown()["google"]["files"] if each["text"]]
    assert [re.findall(r"Order \d+", text) for text in texts] == [[f"Order {theirs['id']}"]]


def test_events_of_who_was_erased_stay_without_their_data(api: Api) -> None:
    """Also those that are recorded only then: a stream may be hours behind."""
    told(api, "/cakes", {"name": "Carrot Cake", "ingredients": {"carrots": 60.0, "eggs": 2}})
    number = order(api, ON_SLACK, **PERSONAL)
    told(api, f"/orders/{number}", method="DELETE")
    late = changes("BakeryTable")
    recorded({"Records": late[:1]}, None)
    told(api, "/erasures", {"customer": ON_SLACK})

    for _ in range(2):
        record()

    first, second, last = told(api, "/events", method="GET", subject=f"orders/{number}")
    assert (first["data"], second["data"]) == (None, None)
    assert last["data"]["customer"] == f"Erased {number}"
    assert last["data"]["erased_at"]
    assert first["id"] < second["id"] < last["id"]


def test_a_dry_run_over_http_changes_nothing(api: Api, desk: Desk) -> None:
    live(api)
    kept = everywhere(desk)

    said = told(api, "/erasures", {"customer": ON_SLACK, "dry_run": True})

    assert (said["dry_run"], len(said["orders"])) == (True, 5)
    assert everywhere(desk) == kept


def test_a_repeated_request_finds_the_erased_order(api: Api, issuer: Issuer) -> None:
    told(api, "/cakes", {"name": "Carrot Cake", "ingredients": {"carrots": 60.0, "eggs": 2}})
    body = {"customer": ON_SLACK, "recipe": "carrot_cake", "persons": 4, "quantity": 1, **PERSONAL}
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": "k-1",
        "Authorization": f"Bearer {issuer.token(*SCOPES)}",
    }

    def place(told: object) -> Answer:
        return api.raw("POST", "/orders", headers, json.dumps(told).encode())

    first = place(body)
    told(api, f"/orders/{first.json['id']}", method="DELETE")
    told(api, "/erasures", {"customer": ON_SLACK})

    again = place(body)
    other = place({**body, "customer": OTHER})

    assert (again.status, again.json["id"]) == (201, first.json["id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json["customer"] == f"Erased {first.json['id']}"
    assert other.status == 422
    assert len(told(api, "/orders", method="GET", status="all")) == 1
