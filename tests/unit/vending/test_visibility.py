"""A technician sees what is their own; what is another's reads as if it were not there (V2, V3)."""

from collections.abc import Callable

import pytest

from chalicelib.core.access import Caller, MissingScopeError, scopes_of
from chalicelib.core.auth import guard
from tests.support.api import Answer, Api
from tests.support.vending.world import LEAP_DAY, World, log

As = Callable[[Caller], Api]

ANN = Caller("ann", frozenset({"vending:technician"}), "#1")
BOB = Caller("bob", frozenset({"vending:technician"}), "T0002")
BOSS = Caller("boss", frozenset({"vending:dispatch"}))
BOTH = Caller("both", frozenset({"vending:dispatch", "vending:technician"}), "T0002")


@pytest.fixture(name="as_")
def _as(api: Api, monkeypatch: pytest.MonkeyPatch) -> As:
    """The API as somebody uses it whose token was checked."""

    def use(caller: Caller) -> Api:
        def admit(_: object, access: object) -> Caller:
            if not caller.may(*scopes_of(access)):  # type: ignore[arg-type]
                raise MissingScopeError(scopes_of(access))  # type: ignore[arg-type]
            return caller

        monkeypatch.setattr(guard, "admit", admit)
        return api

    return use


def upload(api: Api, technician: str, machine: str) -> Answer:
    told = {"technician": technician, "machine": machine, "downloaded_at": LEAP_DAY}
    return api.post("/files", log(machine, 1, 0, 2), media_type="text/plain", **told)


def same_as_absent(answer: Answer, absent: Answer, *names: tuple[str, str]) -> None:
    """Check that two answers differ in nothing but the names that were asked for."""
    text = answer.body.decode()
    for other, name in names:
        text = text.replace(other, name)
    assert (answer.status, text) == (404, absent.body.decode())


def test_a_technician_s_file_is_seen_by_them_and_by_the_dispatcher(as_: As) -> None:
    file = upload(as_(ANN), "T0001", "GM001").json

    assert as_(ANN).get(f"/files/{file['id']}").status == 200
    assert as_(BOSS).get(f"/files/{file['id']}").status == 200
    assert [each["id"] for each in as_(ANN).get("/files", technician="1").json] == [file["id"]]


def test_another_technician_s_file_is_no_file(as_: As) -> None:
    file = upload(as_(ANN), "T0001", "GM001").json["id"]

    bob = as_(BOB)

    others = (
        *((f"file {file} ", "file 77 "), (f"file {file}.", "file 77.")),
        (f"/files/{file}", "/files/77"),
    )
    same_as_absent(bob.get(f"/files/{file}"), bob.get("/files/77"), *others)
    for whose in ("T0001", "T0002"):
        same_as_absent(
            bob.delete(f"/files/{file}", technician=whose),
            bob.delete("/files/77", technician=whose),
            *others,
        )
    assert as_(ANN).get(f"/files/{file}").json["state"] == "received"
    assert as_(ANN).delete(f"/files/{file}", technician="T0001").status == 200


def test_another_technician_s_list_is_that_of_nobody(as_: As) -> None:
    bob = as_(BOB)

    name = ("T0001", "T0404")
    same_as_absent(
        bob.get("/files", technician="T0001"), bob.get("/files", technician="T0404"), name
    )
    same_as_absent(bob.get("/technicians/T0001"), bob.get("/technicians/T0404"), name)
    same_as_absent(
        bob.get("/worklist", technician="T0001"), bob.get("/worklist", technician="T0404"), name
    )


def test_nobody_uploads_in_another_s_name(as_: As) -> None:
    told = {"technician": "T0001", "machine": "GM001", "downloaded_at": LEAP_DAY}

    assert upload(as_(BOB), "T0001", "GM001").status == 404
    assert as_(BOB).post("/files/presigned", told).status == 404
    assert as_(BOSS).get("/files", technician="T0001").json == []
    assert upload(as_(BOSS), "T0001", "GM001").status == 201


def test_the_dispatcher_s_files_are_not_a_technician_s_to_see(as_: As) -> None:
    file = as_(BOSS).post("/imports", log("GM001", 1), media_type="text/plain").json["id"]

    assert as_(ANN).get(f"/files/{file}").status == 404
    assert as_(BOSS).get(f"/files/{file}").status == 200


def test_a_technician_sees_their_own_machines(as_: As) -> None:
    def serials(caller: Caller) -> set[str]:
        return {each["serial"] for each in as_(caller).get("/machines").json}

    assert serials(ANN) == {"GM001", "GM002"}
    assert serials(BOB) == {"GM003"}
    assert serials(BOSS) == serials(BOTH) == {"GM001", "GM002", "GM003"}
    bob, name = as_(BOB), ("GM001", "GM404")
    assert bob.get("/machines/GM003").status == 200
    same_as_absent(bob.get("/machines/GM001"), bob.get("/machines/GM404"), name)
    same_as_absent(
        bob.get("/machines/GM001/transactions"), bob.get("/machines/GM404/transactions"), name
    )


def test_a_technician_s_worklist_is_their_own_for_any_technician_given(
    as_: As, world: World
) -> None:
    for technician, machine in (("T0001", "GM001"), ("T0002", "GM003")):
        as_(BOSS).post("/dispatches", {"machine": machine})
        assert upload(as_(BOSS), technician, machine).status == 201
    world.settle()

    def machines(caller: Caller) -> set[str]:
        return {each["machine"] for each in as_(caller).get("/worklist").json}

    assert machines(BOSS) == {"GM001", "GM003"}
    assert machines(ANN) == {"GM001"}
    assert machines(BOB) == {"GM003"}


@pytest.mark.parametrize("number", [None, "", "ann", "T", "T0001 T0002", "T" + "1" * 20])
def test_a_technician_without_a_number_sees_nothing(as_: As, number: str | None) -> None:
    nameless = as_(Caller("who", frozenset({"vending:technician"}), number))

    for path in ("/machines", "/worklist", "/files/1", "/machines/GM001", "/technicians/T0001"):
        assert nameless.get(path).status == 403, path


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/fleet"),
        ("GET", "/imports"),
        ("GET", "/technicians"),
        ("GET", "/dispatches"),
        ("POST", "/dispatches"),
        ("POST", "/imports"),
        ("PUT", "/machines/GM001"),
        ("PUT", "/sites/depot"),
        ("PUT", "/technicians/T0001"),
    ],
)
def test_what_is_the_dispatcher_s_is_no_technician_s(as_: As, method: str, path: str) -> None:
    assert as_(ANN).send(method, path).status == 403
