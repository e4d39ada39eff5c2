"""What every call of ours makes of what can go wrong; and nothing is ever doubled by a client."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.integrations.http import NotThereError
from tests.support.integrations.vendors import READS, WRITES, Call, Desk
from tests.support.patience import eventually

CALLS = {**WRITES, **READS}
UNKNOWN: list[tuple[str, dict[str, Any]]] = [
    ("drop", {}),
    ("drop_after", {}),
    ("stall", {}),
    ("stall_after", {}),
    ("status", {"status": 500}),
    ("status_after", {"status": 502}),
    ("status", {"status": 503}),
    ("status", {"status": 408}),
]
KNOWN: list[tuple[dict[str, Any], type[EffectError]]] = [
    ({"kind": "limit", "retry_after_s": 7}, NotExecutedError),
    ({"kind": "status", "status": 409}, NotExecutedError),
    ({"kind": "status", "status": 401}, CredentialsError),
    ({"kind": "status", "status": 302}, CredentialsError),
    ({"kind": "status", "status": 404}, NotThereError),
    ({"kind": "status", "status": 400}, RejectedError),
    ({"kind": "status", "status": 422}, RejectedError),
]


def failed(desk: Desk, call: Call, **fault: Any) -> EffectError:
    """Make a call whose own request fails, and return what the client says of it."""
    ready = call.prepare(desk)
    desk.fail(call.vendor, method=call.method, path=call.path, **fault)
    with pytest.raises(EffectError) as said:
        call.make(desk, ready)
    return said.value


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize(("kind", "told"), UNKNOWN)
def test_a_write_whose_answer_is_lost_is_unsure_and_sent_once(
    desk: Desk, name: str, kind: str, told: dict[str, Any]
) -> None:
    call = WRITES[name]

    said = failed(desk, call, kind=kind, **told)

    assert type(said) is OutcomeUnknownError
    # A client that no longer waits may be ahead of a busy vendor.
    eventually(lambda: [fault["happened"] for fault in desk.office.faults.shown()] == [1])
    assert desk.doubled() == []


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize(("kind", "told"), UNKNOWN)
def test_a_read_whose_answer_is_lost_has_changed_nothing(
    desk: Desk, name: str, kind: str, told: dict[str, Any]
) -> None:
    assert type(failed(desk, READS[name], kind=kind, **told)) is NotExecutedError


@pytest.mark.parametrize(
    ("name", "told", "kind"),
    [
        (name, told, kind)
        for name, call in CALLS.items()
        for told, kind in KNOWN
        # 404 is an answer to these, and has its own tests
        if told.get("status") != 404 or (call.vendor != "github" and name != "issue")
    ],
)
def test_a_refusal_is_known_to_have_done_nothing(
    desk: Desk, name: str, told: dict[str, Any], kind: type[EffectError]
) -> None:
    call = CALLS[name]
    times = 2 if told.get("status") in {400, 401} and call.vendor == "google" else 1

    said = failed(desk, call, times=times, **told)

    assert isinstance(said, kind)
    assert type(said) not in {OutcomeUnknownError, EffectError}
    assert desk.doubled() == []


@pytest.mark.parametrize("name", WRITES)
def test_the_time_that_a_vendor_asks_for_is_told(desk: Desk, name: str) -> None:
    said = failed(desk, WRITES[name], kind="limit", retry_after_s=7)

    assert isinstance(said, NotExecutedError)
    assert said.retry_after_s == pytest.approx(7, abs=2)  # GitHub tells the second it ends


@pytest.mark.parametrize("name", ["ticket", "comment", "message", "folder", "document"])
def test_an_answer_that_is_none_leaves_a_write_unsure(desk: Desk, name: str) -> None:
    call = WRITES[name]

    said = failed(desk, call, kind="status_after", status=200, body=["unexpected"])

    assert type(said) is OutcomeUnknownError


@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_broke_off_can_be_looked_up_and_done_again(desk: Desk, name: str) -> None:
    """What is repeat-safe by itself is simply done again; the rest is found first."""
    call = WRITES[name]
    ready = call.prepare(desk)
    desk.fail(call.vendor, "drop_after", method=call.method, path=call.path)
    with pytest.raises(OutcomeUnknownError):
        call.make(desk, ready)

    looks: dict[str, Callable[[], object]] = {
        "ticket": lambda: desk.jira.labelled("order-batch-2026-11-21"),
        "comment": lambda: desk.jira.find_comment(ready, "cancelled#21"),
        "message": lambda: desk.slack.find(ready, effect_id="ready#21"),
        "folder": lambda: desk.drive.find_folder("O"),
        "document": lambda: desk.drive.find_document("x"),
    }

    if name in looks:
        assert looks[name]()
    else:
        call.make(desk, ready)
    assert desk.doubled() == []


@pytest.mark.parametrize("name", CALLS)
def test_no_error_tells_a_credential_even_when_the_vendor_does(desk: Desk, name: str) -> None:
    call = CALLS[name]
    secrets = [
        "standin-jira-token",
        "xoxb-standin",
        "standin-client-secret",
        "standin-refresh-token",
        "github_pat_standin",
    ]
    body = {"ok": False, "error": "x", "message": f"no: {' '.join(secrets)} of you"}

    said = str(failed(desk, call, kind="status", status=422, body=body, times=2))

    own = {"jira": 0, "slack": 1, "google": 3, "github": 4}[call.vendor]
    if call.vendor != "google" or name == "token":
        assert secrets[own] not in said
    assert len(said) < 500
