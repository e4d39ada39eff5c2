"""Every list that has pages says how many rows they have together (16.7)."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from chalicelib.audit.service import SETTLED_AFTER
from chalicelib.audit.wiring import audit
from chalicelib.core.access import SCOPES
from chalicelib.core.instants import now
from chalicelib.vending.wiring import vending
from chalicelib.webhooks.store import log as event_log
from chalicelib.webhooks.wiring import recording
from tests.support.api import Answer, Api
from tests.support.changes import CAKE, ONE, ORDER, OTHER, PACKAGE, SALE
from tests.support.examples import _waiting
from tests.support.issuer import Issuer
from tests.support.routes import CONTRACTS
from tests.support.webhooks.house import fact
from tests.support.whole_app import whole_app

_STORE = str(SALE["store_uuid"])
_EACH = range(3)
LISTS: list[tuple[str, dict[str, str]]] = [
    ("/audit", {}),
    ("/audit", {"what": "orders"}),
    ("/audit", {"who": "ada", "to": "2142-01-01T00:00:00Z"}),
    ("/audit/seals", {}),
    ("/orders", {}),
    ("/orders", {"status": "open"}),
    ("/orders", {"status": "all", "before": "4"}),
    ("/orders", {"customer": "Mr Cakelover"}),
    ("/batches", {}),
    ("/packages", {}),
    ("/packages", {"outcome": "delivered"}),
    ("/packages", {"type": "personal", "format": "csv"}),
    ("/packages", {"recipient": "mars"}),
    ("/packages", {"recipient": "mars", "sender": "earth"}),
    ("/packages", {"from": "2020-01-01T00:00:00Z"}),
    ("/transactions", {}),
    ("/transactions", {"account_id": ONE}),
    ("/accounts", {}),
    (f"/accounts/{ONE}/statement", {}),
    (f"/accounts/{ONE}/statement", {"from": "2020-01-01T00:00:00Z"}),
    (f"/accounts/{ONE}/entries", {}),
    ("/outbox", {}),
    ("/outbox", {"kind": "archive"}),
    ("/outbox", {"state": "pending"}),
    ("/events", {}),
    ("/events", {"kind": "package.decided"}),
    ("/events", {"subject": "orders/1"}),
    ("/subscriptions", {}),
    ("/files", {"technician": "T7001"}),
    ("/imports", {}),
    ("/sites", {}),
    ("/technicians", {}),
    ("/machines", {}),
    ("/machines", {"site": "mall"}),
    ("/machines", {"state": "needs_attention"}),
    ("/machines/GM701/transactions", {}),
    (
        "/machines/GM701/transactions",
        {"from": "2020-02-20T11:30:00Z", "to": "2020-02-21T11:30:00Z"},
    ),
    ("/machines/GM701/visits", {}),
    ("/fleet", {}),
    ("/worklist", {}),
    ("/dispatches", {}),
    ("/dispatches", {"state": "open"}),
    ("/dispatches", {"machine": "GM701"}),
    ("/warranties", {}),
    ("/warranties", {"store_uuid": _STORE, "match": "any-given"}),
    (f"/stores/{_STORE}/warranties.csv", {}),
    ("/plans/refusals", {}),
]


@pytest.fixture(name="api", scope="module")
def _api(issuer: Issuer) -> Iterator[Api]:
    """A stage with some rows in every list."""
    with pytest.MonkeyPatch.context() as environment, whole_app(issuer) as stage:
        environment.setattr(event_log, "_SETTLED", timedelta(0))  # nobody else writes
        api = stage.as_(issuer.token(*SCOPES, sub="ada"))
        for chapter in (_vending, _deliveries, _ledger, _bakery, _warranties, _events, _seals):
            chapter(api)
        yield api


def _vending(api: Api) -> None:
    for number in _EACH:
        done(api.put(f"/sites/mall{number or ''}", {"name": "Mall", "time_zone": "UTC"}))
        done(api.put(f"/technicians/T700{number + 1}", {"name": "Grace"}))
        machine = {"site": "mall", "technician": "T7001"}
        done(api.put(f"/machines/GM70{number + 1}", machine))
        done(
            api.send(
                "POST",
                "/imports",
                log(f"GM70{number + 1}"),
                media_type="text/plain",
                filename=f"{number}.txt",
            )
        )
        done(
            api.send(
                "POST",
                "/files",
                log("GM701", day=20 + number),
                media_type="text/plain",
                machine="GM701",
                filename=f"{number}.txt",
                technician="T7001",
                downloaded_at=f"2/{21 + number}/2020 9:34:48 AM",
            )
        )
        visit = {"at": f"2020-02-2{number + 1}T10:00:00Z", "filled": 120}
        done(api.post("/machines/GM701/visits", visit))
    for key in _waiting():
        vending().arrivals.look_at(key)
    vending().verdicts.look_at_notes()
    for machine_number in (1, 1, 2, 3):
        opened = done(api.post("/dispatches", {"machine": f"GM70{machine_number}", "note": ""}))
        if machine_number == 1 and opened.json["id"] == 1:
            done(api.post("/dispatches/1/close", {"note": "done"}))
    vending().verdicts.look_at_notes()


def log(machine: str, day: int = 20) -> bytes:
    return "".join(
        f"{machine}|2020-02-{day}T11:{minute}:44Z|1\n" for minute in (29, 31, 33)
    ).encode()


def _deliveries(api: Api) -> None:
    wants = {"timestamp": 100, "recipient_id": "mars", "marketing": False, "personal": True}
    done(api.put("/preferences", wants))
    for number in _EACH:
        for kind in ("personal", "marketing"):
            package = {**PACKAGE, "package_id": f"{kind}-{number}", "package_type": kind}
            done(api.post("/packages", package))


def _ledger(api: Api) -> None:
    for number in _EACH:
        for account in (ONE, OTHER, str(uuid.UUID(int=90 + number))):
            done(api.post("/transactions", {"account_id": account, "amount": 4}))
    both = [{"account_id": ONE, "amount": 1}, {"account_id": OTHER, "amount": 2}]
    done(api.post("/transactions/batch", {"transactions": both}))


def _bakery(api: Api) -> None:
    done(api.post("/cakes", CAKE))
    for ticket in _EACH:
        done(api.post("/orders", ORDER))
        done(api.post("/batches", ticket=ticket + 1))
    for _ in _EACH:
        done(api.post("/orders", ORDER))
    done(api.delete("/orders/2"))


def _warranties(api: Api) -> None:
    for number in _EACH:
        done(api.post("/warranties", {**SALE, "item_sku": f"sofa-{number}"}))
        done(api.post("/warranties", {**SALE, "item_type": f"submarine-{number}"}))


def _events(api: Api) -> None:
    for number in _EACH:
        recording().record([fact("orders/1", version=str(number)), fact(f"orders/{number + 2}")])
        done(api.post("/subscriptions", {"url": f"https://shop{number}.example/hooks"}))


def _seals(api: Api) -> None:
    for number in _EACH:
        done(api.put("/sites/old-mall", {"name": f"Mall {number}", "time_zone": "UTC"}))
        replace(audit(), now=lambda: now() + SETTLED_AFTER).seal()


def done(answer: Answer) -> Answer:
    assert answer.status < 300, answer.body
    return answer


def rows(answer: Answer) -> int:
    if answer.headers["Content-Type"].startswith("text/csv"):
        return len([line for line in answer.body.decode().split("\r\n") if line]) - 1
    found = answer.json
    return len(found if isinstance(found, list) else found.get("machines", found.get("entries")))


def following(answer: Answer) -> str:
    return answer.headers.get("Link", "").partition(">")[0].removeprefix("<")


def pages(api: Api, path: str, query: dict[str, str]) -> list[Answer]:
    found = [done(api.follow(f"{path}?{urlencode({**query, 'limit': 1})}"))]
    while next_page := following(found[-1]):
        found.append(done(api.follow(next_page)))
    return found


def total(answer: Answer) -> str | None:
    return done(answer).headers.get("Total-Count")


def test_every_list_that_has_pages_is_here() -> None:
    lists = {path for path, _ in LISTS}
    patterns = {
        "/accounts/{account_id}/statement": f"/accounts/{ONE}/statement",
        "/accounts/{account_id}/entries": f"/accounts/{ONE}/entries",
        "/machines/{serial}/transactions": "/machines/GM701/transactions",
        "/machines/{serial}/visits": "/machines/GM701/visits",
        "/stores/{store_uuid}/warranties.csv": f"/stores/{_STORE}/warranties.csv",
    }

    assert {patterns.get(each.path, each.path) for each in CONTRACTS if each.paged} == lists


@pytest.mark.parametrize(("path", "query"), LISTS, ids=str)
def test_16_7_a_list_says_how_many_rows_all_its_pages_have(
    api: Api, path: str, query: dict[str, str]
) -> None:
    found = pages(api, path, query)
    assert len(found) > 1, "a list of one page is not counted"
    expected = str(sum(map(rows, found)))
    counted = f"{path}?{urlencode({**query, 'limit': 1, 'count': 'true'})}"

    first, last = api.follow(counted), api.follow(f"{following(found[-2])}&count=true")

    assert (total(first), total(last)) == (expected, expected)
    assert (
        total(api.follow(f"{path}?{urlencode({**query, 'limit': 50, 'count': 'true'})}"))
        == expected
    )
    assert [total(each) for each in found] == [None] * len(found)
    assert following(first) == following(found[0])
    assert first.headers["ETag"] == found[0].headers["ETag"]


@pytest.mark.parametrize(
    "path", ["/orders", "/transactions", "/packages?from=2020-01-01T00:00:00Z"]
)
def test_16_7_a_list_beyond_the_bound_says_at_least(
    api: Api, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    for module in ("core.totals", "ledger.store"):
        monkeypatch.setattr(f"chalicelib.{module}.MOST_COUNTED", 2)

    answer = done(api.follow(f"{path}{'&' if '?' in path else '?'}limit=1&count=true"))

    assert "Total-Count" not in answer.headers
    assert int(answer.headers["Total-Count-At-Least"]) >= 2


@pytest.mark.parametrize("path", ["/orders", "/fleet", "/outbox"])
def test_16_7_a_count_is_true_or_false(api: Api, path: str) -> None:
    assert api.follow(f"{path}?count=yes").faults == {"query.count": "must be true or false"}
