"""A stage that asks for tokens, on the packaged functions (M1)."""

import re
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest

from chalicelib.core.access import SCOPES, scopes_of
from infra.standins import credentials
from tests.e2e.test_errors import problem
from tests.support.bakery.deployed import scheduled
from tests.support.deployed import Deployed
from tests.support.issuer import (
    claims,
    rsa_key,
    signed,
    signed_with_the_public_key,
    unsigned,
)
from tests.support.patience import CLIENT_S, eventually
from tests.support.plain import NO_TLS
from tests.support.routes import CONTRACTS, example, first_part
from tests.support.signed import StandinIssuer, signed_stage
from tests.support.vending.crew import log

GUARDED = [contract for contract in CONTRACTS if contract.access != "public"]
ONE_OF_EACH_PART = list({first_part(contract.path): contract for contract in GUARDED}.values())
PUBLIC = [contract for contract in CONTRACTS if contract.access == "public"]
WHEN = {"downloaded_at": "2020-04-01T12:00:00"}


@pytest.fixture(scope="session")
def closed(request: pytest.FixtureRequest) -> Deployed:
    """A stage that takes the tokens of the issuer."""
    return signed_stage(request)


@pytest.fixture(scope="session")
def issuer(closed: Deployed) -> StandinIssuer:
    return StandinIssuer(closed.standins)


@pytest.fixture(scope="session")
def boss(closed: Deployed, issuer: StandinIssuer) -> Iterator[httpx.Client]:
    """The API as the dispatcher uses it, with two technicians and a machine for each."""
    with holder(closed, issuer.token("vending:dispatch", sub="boss")) as api:
        for number, serial in (("T0001", "GM001"), ("T0002", "GM002")):
            api.put(f"/technicians/{number}", json={"name": number}).raise_for_status()
            api.put(f"/machines/{serial}", json={"technician": number}).raise_for_status()
        yield api


def holder(stack: Deployed, token: str) -> httpx.Client:
    """Return the API as the holder of a token uses it."""
    told = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=stack.aws.api, timeout=CLIENT_S, headers=told, verify=NO_TLS)


def ask(api: httpx.Client, method: str, path: str) -> httpx.Response:
    return api.request(method, example(path))


@pytest.mark.parametrize("contract", ONE_OF_EACH_PART, ids=lambda each: each.path)
def test_a_route_that_is_not_public_asks_for_a_token_with_its_scope(
    closed: Deployed, issuer: StandinIssuer, contract: Any
) -> None:
    """Of each part that a function loads by itself; test_every_scope.py has every route."""
    nobody = ask(closed.api, contract.method, contract.path)
    rest = set(SCOPES) - set(scopes_of(contract.access))
    with holder(closed, issuer.token(*rest)) as api:
        lacking = ask(api, contract.method, contract.path)

    problem(nobody, 401)
    assert nobody.headers["WWW-Authenticate"] == 'Bearer realm="backroom"'
    assert problem(lacking, 403)["scopes"] == list(scopes_of(contract.access))
    assert 'error="insufficient_scope"' in lacking.headers["WWW-Authenticate"]


def test_every_change_says_who_made_it(
    closed: Deployed, issuer: StandinIssuer, boss: httpx.Client
) -> None:
    with holder(closed, issuer.token("audit:read")) as auditor:
        [last, *_] = auditor.get("/audit", params={"what": "machines/GM002"}).json()

    assert (last["who"], last["route"]) == ("boss", "/machines/{serial}")


def test_a_schedule_signs_what_it_changes(closed: Deployed, issuer: StandinIssuer) -> None:
    cake = {"name": "Sealed Cake", "ingredients": {"eggs": 2}}
    wish = {"customer": "Ada", "recipe": "sealed_cake", "persons": 1, "quantity": 1}
    with holder(closed, issuer.token("bakery:write", "audit:read")) as api:
        api.post("/cakes", json=cake).raise_for_status()
        order = api.post("/orders", json=wish).json()["id"]

        closed.invoke("bakery-daily-batch", scheduled("2142-01-01T06:00:00Z"))

        [last, *_] = api.get("/audit", params={"what": f"orders/{order}"}).json()
    assert (last["who"], last["method"]) == ("schedule:daily-batch", "EVENT")
    assert [each["what"] for each in last["changes"]] == ["batches/2142-01-01", f"orders/{order}"]


def test_a_worker_signs_what_it_changes(closed: Deployed, issuer: StandinIssuer) -> None:
    cake = {"name": "Signed Cake", "ingredients": {"eggs": 2}}
    wish = {"customer": "Ada", "recipe": "signed_cake", "persons": 1, "quantity": 1}
    with holder(closed, issuer.token("bakery:write", "audit:read")) as api:
        api.post("/cakes", json=cake).raise_for_status()
        order = api.post("/orders", json={**wish, "urgent": True}).json()["id"]

        def signers() -> set[str]:
            entries = api.get("/audit", params={"what": f"orders/{order}"}).json()
            return {each["who"] for each in entries}

        eventually(lambda: "worker:jira" in signers())


def test_public_routes_ask_for_nothing(closed: Deployed) -> None:
    for contract in PUBLIC:
        answer = ask(closed.api, contract.method, contract.path)
        assert answer.status_code != 403
        # The webhook's 401 is about its own signature.
        assert "WWW-Authenticate" not in answer.headers
    told = closed.api.get("/auth").json()
    assert (told["auth"], told["client_id"]) == ("jwt", credentials.IDENTITY_CLIENT_ID)
    assert told["scopes"].keys() == SCOPES.keys()


def test_the_scope_of_a_route_lets_in(closed: Deployed, issuer: StandinIssuer) -> None:
    for path, scope in (("/accounts", "ledger:read"), ("/cakes", "bakery:read")):
        with holder(closed, issuer.token(scope)) as api:
            assert api.get(path).status_code == 200
    with holder(closed, issuer.token("operate")) as api:
        assert api.get("/dlq").status_code == 200
        assert api.get("/outbox").status_code == 200


def test_an_unknown_path_is_404_and_another_verb_405_without_a_token(closed: Deployed) -> None:
    problem(closed.api.get("/nothing"), 404)
    problem(closed.api.delete("/fleet"), 405)


def test_forged_and_foreign_tokens_are_refused(closed: Deployed, issuer: StandinIssuer) -> None:
    told = claims(issuer.url, "vending:dispatch")
    forged = {
        "unsigned": unsigned(told, kid=issuer.kid),
        "public key": signed_with_the_public_key(told, issuer.key, issuer.kid),
        "stranger": signed(told, rsa_key("stranger"), issuer.kid),
        "expired": issuer.token("vending:dispatch", exp=1),
        "not yet": issuer.token("vending:dispatch", nbf=4_000_000_000),
        "audience": issuer.token("vending:dispatch", aud="somebody-else"),
        "issuer": issuer.token("vending:dispatch", iss="https://evil.example"),
        "garbage": "a.b.c",
    }

    for name, token in forged.items():
        with holder(closed, token) as api:
            answer = api.get("/fleet")
            problem(answer, 401)
            assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"], name


def test_two_authorization_headers_never_let_in(closed: Deployed, issuer: StandinIssuer) -> None:
    good = f"Bearer {issuer.token('vending:dispatch')}"
    for several in ((good, "Bearer x"), ("Bearer x", good)):
        connection = HTTPConnection("127.0.0.1", closed.aws.api_port)
        connection.putrequest("GET", "/fleet")
        for value in several:
            connection.putheader("Authorization", value)
        connection.endheaders()
        assert connection.getresponse().status == 401
        connection.close()


def test_a_technician_has_their_own_files_and_machines_and_no_others(
    closed: Deployed, issuer: StandinIssuer, boss: httpx.Client
) -> None:
    def technician(number: str) -> httpx.Client:
        return holder(closed, issuer.token("vending:technician", sub=number, technician=number))

    def upload(api: httpx.Client, number: str, serial: str) -> httpx.Response:
        told = {"technician": number, "machine": serial, **WHEN}
        kind = {"Content-Type": "text/plain"}
        return api.post("/files", params=told, content=log(serial), headers=kind)

    with technician("T0001") as ann, technician("T0002") as bob:
        file = upload(ann, "T0001", "GM001").json()["id"]
        problem(upload(bob, "T0001", "GM001"), 404)
        eventually(lambda: ann.get(f"/files/{file}").json()["state"] == "processed")

        problem(bob.get(f"/files/{file}"), 404)
        problem(bob.delete(f"/files/{file}", params={"technician": "T0001"}), 404)
        problem(bob.get("/machines/GM001/transactions"), 404)
        problem(bob.get("/fleet"), 403)
        assert [each["serial"] for each in bob.get("/machines").json()] == ["GM002"]
        assert boss.get(f"/files/{file}").json()["rows_kept"] == 10
        taken = ann.delete(f"/files/{file}", params={"technician": "T0001"})
        assert taken.status_code == 200


def test_the_log_says_who_called_and_holds_no_token(
    closed: Deployed, issuer: StandinIssuer, boss: httpx.Client
) -> None:
    token = issuer.token("vending:dispatch", sub="somebody-to-find")
    with holder(closed, token) as api:
        api.get("/sites").raise_for_status()

    def found() -> bool:
        return any("somebody-to-find" in line for line in closed.logs("api"))

    eventually(found)
    text = "\n".join(closed.logs("api"))
    assert not re.search(r"eyJ[\w-]+\.eyJ", text)
    assert token.rpartition(".")[2] not in text
