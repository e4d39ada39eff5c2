"""What the doctor says of an integration, and what to do."""

from collections.abc import Sequence

import pytest

from chalicelib.core.outbox.effects import (
    DeniedError,
    EffectError,
    NotDoneError,
    PoisonError,
    UnsureError,
)
from chalicelib.integrations.checkup import Checkup, Patient, examine


def patient(
    look: str | EffectError = "All is well.", missing: Sequence[str] | EffectError = ()
) -> Patient:
    def looked() -> str:
        if isinstance(look, EffectError):
            raise look
        return look

    def lacking() -> Sequence[str]:
        if isinstance(missing, EffectError):
            raise missing
        return missing

    return Patient("jira", lacking, looked, "write:jira-work")


def examined(one: Patient) -> Checkup:
    [found] = examine([one])
    return found


def test_b19_what_works_needs_nothing() -> None:
    found = examined(patient())

    assert (found.state, found.configured, found.reachable, found.allowed) == (
        "ok",
        True,
        True,
        True,
    )
    assert (found.detail, found.next_step) == ("All is well.", "")


def test_b19_what_is_off_is_not_tried_and_says_what_to_set() -> None:
    found = examined(patient(look=PoisonError("tried"), missing=["JIRA_URL", "JIRA_TOKEN"]))

    assert (found.state, found.configured, found.reachable, found.allowed) == (
        "off",
        False,
        None,
        None,
    )
    assert found.missing == ("JIRA_URL", "JIRA_TOKEN")
    assert "set JIRA_URL, JIRA_TOKEN" in found.next_step


@pytest.mark.parametrize("error", [DeniedError("401 no"), PoisonError("404 no")])
def test_b19_what_is_refused_says_which_rights_it_takes(error: EffectError) -> None:
    found = examined(patient(look=error))

    assert (found.state, found.reachable, found.allowed) == ("denied", True, False)
    assert found.detail == str(error)
    assert "write:jira-work" in found.next_step


@pytest.mark.parametrize("error", [NotDoneError("refused"), UnsureError("slow")])
def test_b19_who_does_not_answer_is_unreachable(error: EffectError) -> None:
    found = examined(patient(look=error))

    assert (found.state, found.reachable, found.allowed) == ("unreachable", False, None)


def test_b19_a_secret_that_is_closed_is_told_of() -> None:
    found = examined(patient(missing=DeniedError("The vendors' secret cannot be read")))

    assert (found.state, found.configured) == ("denied", False)
    assert "role" in found.next_step


def test_b19_one_sick_patient_does_not_hide_another() -> None:
    found = examine([patient(look=DeniedError("no")), patient()])

    assert [each.state for each in found] == ["denied", "ok"]
