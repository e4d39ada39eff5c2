"""Every change says who made it, in the transaction of the change, and stays as it was sealed.

On the whole app with its stores in memory, on a stage that asks for tokens.
"""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chalice import Chalice, Response
from chalice.test import Client

from chalicelib.audit import seals
from chalicelib.audit.seals import Seal
from chalicelib.audit.service import SETTLED_AFTER, AuditService
from chalicelib.audit.store import AuditStore
from chalicelib.bakery import events as bakery_events
from chalicelib.bakery.store.things import thing
from chalicelib.core import aws, http
from chalicelib.core.access import SCOPES
from chalicelib.core.audit.entries import AuditEntry
from chalicelib.core.audit.recording import READING
from chalicelib.core.routing import Routes
from chalicelib.core.table import Table, key
from chalicelib.deliveries import events as deliveries_events
from chalicelib.warranties.wiring import archiver
from tests.support.api import Api
from tests.support.changes import CAKE, ONE, ORDER, PACKAGE, SALE, everything
from tests.support.dynamodb import items
from tests.support.issuer import Issuer
from tests.support.routes import CONTRACTS
from tests.support.trail import misfits as misfits_of
from tests.support.whole_app import whole_app

# What changes nothing that anybody knows: it follows from what is stored.
NO_CHANGE = {"POST /package-list"}
# It takes no token; `test_a_webhook_has_no_author` has it.
UNSIGNED = {"POST /webhooks/jira"}


@pytest.fixture(name="stage")
def _stage(issuer: Issuer) -> Iterator[Api]:
    with whole_app(issuer) as api:
        yield api


@pytest.fixture
def ada(stage: Api, issuer: Issuer) -> Api:
    """Who may do everything."""
    return stage.as_(issuer.token(*SCOPES, sub="ada"))


def service(later: timedelta = timedelta(hours=1)) -> AuditService:
    """The sealer, some time later."""
    then = datetime.now(UTC) + later
    return AuditService(AuditStore(Table(aws.dynamodb(), "AuditTable")), now=lambda: then)


def trail(api: Api, **query: Any) -> list[dict[str, Any]]:
    answer = api.get("/audit", **query)
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json
    return found


def changed(entries: list[dict[str, Any]]) -> list[str]:
    """What the entries are about, oldest first."""
    return [change["what"] for entry in reversed(entries) for change in entry["changes"]]


def test_every_route_that_changes_something_enters_who_did_it(ada: Api) -> None:
    seen, before = set(), 0
    for route, answer, what in everything(ada):
        assert answer.status < 300, (route, answer.body)
        entries = trail(ada, limit=500)
        new = entries[: len(entries) - before]
        before = len(entries)
        seen.add(route)
        assert new, route
        assert {(each["who"], f"{each['method']} {each['route']}") for each in new} == {
            ("ada", route)
        }
        assert any(each.startswith(what) for each in changed(new)), (route, changed(new))

    changing = {f"{each.method} {each.path}" for each in CONTRACTS if each.method not in READING}
    assert changing - seen == NO_CHANGE | UNSIGNED


def test_the_author_is_the_token_s_subject_not_the_by_field(stage: Api, issuer: Issuer) -> None:
    bela = stage.as_(issuer.token("bakery:write", "bakery:read", sub="bela"))
    bela.post("/cakes", CAKE)
    bela.post("/orders", ORDER)
    bela.post("/orders/1/ready", by="The CEO")

    reader = stage.as_(issuer.token("audit:read"))
    last = trail(reader, what="orders/1")[0]
    assert (last["who"], last["scopes"]) == ("bela", ["bakery:write"])
    assert last["changes"] == [{"what": "orders/1", "change": "changed", "status": "ready"}]
    assert "CEO" not in json.dumps(trail(reader))
    history = bela.get("/orders/1").json["history"]
    assert [(step["by"], step["author"]) for step in history] == [
        ("customer", "bela"),
        ("The CEO", "bela"),
    ]


def test_what_nobody_called_for_is_entered_under_the_function_s_name(ada: Api) -> None:
    """A schedule, a queue and a worker, whose entry leads to the effect, and so to its cause."""
    ada.post("/cakes", CAKE)
    ada.post("/orders", ORDER)
    ada.post("/warranties", SALE)
    before = len(trail(ada, limit=500))
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    scheduled = {"id": "1", "detail": {}, "detail-type": "", "resources": [], "account": ""}
    when = {"source": "", "region": "", "time": f"{tomorrow}T06:00:00Z", "version": "0"}
    bakery_events.daily_batch({**scheduled, **when}, None)
    message: dict[str, Any] = {
        "messageId": "m-1",
        "receiptHandle": "r",
        "body": json.dumps(PACKAGE),
    }
    message["attributes"] = {"ApproximateReceiveCount": "1"}
    deliveries_events.package_sent({"Records": [message]}, None)
    [effect] = ada.get("/outbox", kind="archive").json
    assert archiver().work(effect["id"]) == "done"

    entries = trail(ada, limit=500)
    new = [
        (each["who"], each["method"], each["route"], [one["what"] for one in each["changes"]])
        for each in reversed(entries[: len(entries) - before])
    ]
    sale = effect["id"].partition("#")[2]
    assert new == [
        *[("schedule:daily-batch", "EVENT", "daily_batch", what) for what in _batch_of(tomorrow)],
        ("queue:packages", "EVENT", "package_sent", ["packages/box-7"]),
        ("worker:archive", "EFFECT", "archive", [f"sales/{sale}"]),
    ]
    assert entries[0]["request_id"] == effect["id"]
    assert len({each["id"] for each in entries}) == len(entries)


def _batch_of(day: str) -> list[list[str]]:
    """What a batch of one order changes: it is begun, then sealed."""
    return [[f"batches/{day}", "orders/1"], [f"batches/{day}"]]


def test_where_no_trail_is_named_a_function_enters_nothing(
    ada: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.post("/warranties", SALE)
    before = len(trail(ada))
    [effect] = ada.get("/outbox", kind="archive").json
    monkeypatch.setenv("AUDIT_TABLE", "")
    archiver().work(effect["id"])
    monkeypatch.setenv("AUDIT_TABLE", "AuditTable")

    assert len(trail(ada)) == before


def test_the_trail_takes_a_scope_of_its_own(stage: Api, issuer: Issuer) -> None:
    rest = stage.as_(issuer.token(*set(SCOPES) - {"audit:read"}))

    assert rest.get("/audit").status == rest.get("/audit/seals").status == 403


def test_neither_names_of_customers_nor_tokens_are_in_the_trail(ada: Api) -> None:
    for _ in everything(ada):
        pass

    kept = json.dumps(items(aws.dynamodb(), "AuditTable"))
    words = (
        "Cakelover",
        "mars",
        "venus",
        "Till",
        "Ann",
        "Bela",
        "Baker",
        "broken",
        "Bearer",
        "eyJ",
    )
    assert [word for word in words if word in kept] == []


def test_who_what_and_when_are_found_before_and_after_sealing(ada: Api, issuer: Issuer) -> None:
    other = ada.as_(issuer.token("deliveries:write", sub='otto\n{"who": 1}'))
    begun = datetime.now(UTC)
    for number in range(7):
        (ada, other)[number % 2].post("/packages", {**PACKAGE, "package_id": f"box-{number}"})
    middle = trail(ada)[3]["at"]

    def answers() -> list[list[str]]:
        return [
            changed(trail(ada, **asked))
            for asked in (
                {"who": "ada"},
                {"who": 'otto\n{"who": 1}'},
                {"what": "packages/box-2"},
                {"what": "packages"},
                {"what": "packages", "who": "ada"},
                {"what": "orders"},
                {"from": middle},
                {"what": "packages", "to": middle},
                {"from": begun.isoformat(), "to": begun.isoformat()},
            )
        ]

    names = [f"packages/box-{number}" for number in range(7)]
    wanted = [
        *(names[::2], names[1::2], [names[2]], names, names[::2], []),
        *(names[3:], names[:3], []),
    ]
    assert answers() == wanted
    assert service(later=SETTLED_AFTER).seal() == 7
    assert answers() == wanted
    ada.post("/packages", {**PACKAGE, "package_id": "box-9"})
    assert changed(trail(ada, what="packages")) == [*names, "packages/box-9"]


def test_a_recipient_is_found_by_name_and_stored_as_a_digest(ada: Api) -> None:
    wants = {"timestamp": "2142-05-01T10:00:00Z", "preferences": {"marketing": False}}
    ada.put("/recipients/mars/preferences", wants)

    [entry] = trail(ada, what="recipients/mars")
    assert trail(ada, what=entry["changes"][0]["what"]) == [entry]
    assert trail(ada, what="recipients/venus") == []


@pytest.mark.parametrize("sealed", [False, True])
def test_pages_of_the_trail_are_the_trail(ada: Api, sealed: bool) -> None:
    for number in range(9):
        ada.post("/packages", {**PACKAGE, "package_id": f"box-{number}"})
    if sealed:
        service().seal()

    for asked in ({}, {"who": "ada"}, {"what": "packages"}):
        paged, path = [], "/audit"
        answer = ada.get(path, limit=2, **asked)
        while True:
            paged += answer.json
            link = answer.headers.get("Link")
            if link is None:
                break
            answer = ada.follow(link[1 : link.index(">")])
        assert paged == trail(ada, **asked)


@pytest.mark.parametrize(
    "query",
    [
        {"what": "orders/"},
        {"what": "Orders"},
        {"who": ""},
        {"from": "yesterday"},
        {"from": "2026-11-29T10:00:00Z", "to": "2026-11-29T09:00:00Z"},
        {"limit": "501"},
        {"cursor": "abc"},
    ],
)
def test_what_the_trail_cannot_be_asked_for_is_named(ada: Api, query: dict[str, str]) -> None:
    assert ada.get("/audit", **query).status == 400


def test_a_change_that_is_refused_leaves_no_entry(ada: Api) -> None:
    ada.post("/packages", PACKAGE)
    ada.post("/packages", PACKAGE)
    ada.delete("/orders/77")
    ada.post("/transactions", {"account_id": ONE, "amount": "no"})

    assert Counter(changed(trail(ada))) == {"packages/box-7": 1}


def test_a_full_transaction_is_entered_ahead_of_it(ada: Api) -> None:
    """33 posts to 33 accounts take all the hundred actions that a transaction has."""
    posts = [{"account_id": str(uuid.UUID(int=n)), "amount": 1} for n in range(1, 34)]

    assert ada.post("/transactions/batch", {"transactions": posts}).status == 201
    [entry] = trail(ada)
    assert (entry["ahead"], len(entry["changes"])) == (True, 66)
    assert ada.post("/transactions/batch", {"transactions": posts[1:]}).status == 201
    assert trail(ada)[0]["ahead"] is False


def test_an_open_stage_enters_nothing_and_pays_for_nothing() -> None:
    with whole_app() as api:
        api.post("/packages", PACKAGE)

        assert api.get("/audit").json == []
        assert items(aws.dynamodb(), "AuditTable") == []


def test_a_webhook_has_no_author(stage: Api) -> None:
    """Its route takes no token; what it changes is entered with the route, and nobody's name."""
    routes = Routes("hooks")

    @routes.on("POST", "/hooks", access="public")
    def take() -> Response:
        """Take a call."""
        things = Table(aws.dynamodb(), "BakeryTable", things=thing)
        things.put({**key("ORDERS", "7"), "body": {"S": "{}"}})
        return http.respond("{}")

    hooks = Chalice(app_name="hooks", configure_logs=False)
    hooks.register_blueprint(routes)
    with Client(hooks) as gateway:
        assert gateway.http.post("/hooks").status_code == 200

    [item] = items(aws.dynamodb(), "AuditTable")
    entry = AuditEntry.model_validate_json(item["body"]["S"])
    assert (entry.who, entry.scopes, entry.route) == ("", (), "/hooks")


# --- seals ----------------------------------------------------------------------------------------


def proof(api: Api) -> tuple[list[Seal], list[AuditEntry]]:
    """The seals and the entries, oldest first."""
    found = [Seal.model_validate(each) for each in reversed(api.get("/audit/seals").json)]
    return found, [AuditEntry.model_validate(each) for each in reversed(trail(api, limit=500))]


def misfits(api: Api) -> list[str | None]:
    return misfits_of(api.get("/audit/seals").json, trail(api, limit=500))


@pytest.fixture
def two_seals(ada: Api) -> Api:
    for number in range(4):
        ada.post("/packages", {**PACKAGE, "package_id": f"box-{number}"})
        if number % 2:
            service(later=SETTLED_AFTER).seal()
    return ada


def rewrite(pk: str, change: Any) -> None:
    """Change an item as somebody with rights on the table would."""
    item = next(each for each in items(aws.dynamodb(), "AuditTable", pk))
    changed_ = json.loads(item["body"]["S"])
    change(changed_)
    aws.dynamodb().put_item(
        TableName="AuditTable", Item={**item, "body": {"S": json.dumps(changed_)}}
    )


def test_what_was_sealed_fits_its_seals(two_seals: Api) -> None:
    found, _ = proof(two_seals)

    assert [(seal.sequence, seal.entries) for seal in found] == [(1, 2), (2, 2)]
    assert misfits(two_seals) == [None, None]
    assert service().seal() == 0


def test_an_entry_that_was_changed_does_not_fit(two_seals: Api) -> None:
    rewrite("ENTRIES#", lambda entry: entry.update(who="nobody"))

    assert sorted(map(str, misfits(two_seals))) == ["None", "an entry is not as it was sealed"]


def test_an_entry_that_was_deleted_is_missed(two_seals: Api) -> None:
    item = items(aws.dynamodb(), "AuditTable", "ENTRIES#")[0]
    aws.dynamodb().delete_item(TableName="AuditTable", Key={"pk": item["pk"], "sk": item["sk"]})

    assert sorted(map(str, misfits(two_seals))) == ["None", "it sealed 2 entries, and 1 are there"]


def test_a_seal_that_was_made_anew_breaks_the_chain(two_seals: Api) -> None:
    found, entries = proof(two_seals)
    forged = [
        entry.model_copy(update={"who": "nobody"}) for entry in entries if entry.at < found[0].to
    ]
    seal = seals.following(None, forged, found[0].to)
    rewrite("SEALS", lambda body: body.update(digest=seal.digest, hash=seal.hash))

    assert misfits(two_seals)[1] == "its hash does not chain it to the seal before"


def test_two_sealers_at_once_seal_everything_once(ada: Api) -> None:
    for number in range(4):
        ada.post("/packages", {**PACKAGE, "package_id": f"box-{number}"})
    store = AuditStore(Table(aws.dynamodb(), "AuditTable"))
    late = service()

    class Overtaken(AuditStore):
        """Another sealer is faster at the first seal."""

        def add_seal(self, seal: Seal) -> bool:
            late.seal()
            return super().add_seal(seal)

    overtaken = AuditService(Overtaken(Table(aws.dynamodb(), "AuditTable")), now=late.now)
    assert overtaken.seal() == 0
    assert [seal.entries for seal in store.seals(before=None, limit=9)] == [4]
    assert misfits(ada) == [None]


def test_more_than_a_seal_takes_is_sealed_in_several(
    ada: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.audit.service._AT_ONCE", 3)
    for number in range(8):
        ada.post("/packages", {**PACKAGE, "package_id": f"box-{number}"})

    assert service().seal() == 8
    assert [seal.entries for seal in proof(ada)[0]] == [3, 3, 2]
    assert misfits(ada) == [None, None, None]
