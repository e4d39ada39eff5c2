"""What the doctor says of an integration, and what to do."""

from collections.abc import Sequence

import pytest

from chalicelib.core.outbox.effects import (
    CredentialsError,
    EffectError,
    NotExecutedError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.operators.checks import CheckResult, VendorCheck, run_checks


def check(
    look: str | EffectError = "All is well.", missing: Sequence[str] | EffectError = ()
) -> VendorCheck:
    def looked() -> str:
        if isinstance(look, EffectError):
            raise look
        return look

    def lacking() -> Sequence[str]:
        if isinstance(missing, EffectError):
            raise missing
        return missing

    return VendorCheck("jira", lacking, looked, "write:jira-work")


def examined(one: VendorCheck) -> CheckResult:
    [found] = run_checks([one])
    return found


def test_b19_what_works_needs_nothing() -> None:
    found = examined(check())

    assert (found.state, found.configured, found.reachable, found.allowed) == (
        "ok",
        True,
        True,
        True,
    )
    assert (found.detail, found.next_step) == ("All is well.", "")


def test_b19_what_is_off_is_not_tried_and_says_what_to_set() -> None:
    found = examined(check(look=RejectedError("tried"), missing=["JIRA_URL", "JIRA_TOKEN"]))

    assert (found.state, found.configured, found.reachable, found.allowed) == (
        "off",
        False,
        None,
        None,
    )
    assert found.missing == ("JIRA_URL", "JIRA_TOKEN")
    assert "set JIRA_URL, JIRA_TOKEN" in found.next_step


@pytest.mark.parametrize("error", [CredentialsError("401 no"), RejectedError("404 no")])
def test_b19_what_is_refused_says_which_rights_it_takes(error: EffectError) -> None:
    found = examined(check(look=error))

    assert (found.state, found.reachable, found.allowed) == ("denied", True, False)
    assert found.detail == str(error)
    assert "write:jira-work" in found.next_step


@pytest.mark.parametrize("error", [NotExecutedError("refused"), OutcomeUnknownError("slow")])
def test_b19_who_does_not_answer_is_unreachable(error: EffectError) -> None:
    found = examined(check(look=error))

    assert (found.state, found.reachable, found.allowed) == ("unreachable", False, None)


def test_b19_a_secret_that_is_closed_is_reported() -> None:
    found = examined(check(missing=CredentialsError("The vendors' secret cannot be read")))

    assert (found.state, found.configured) == ("denied", False)
    assert "role" in found.next_step


def test_b19_one_sick_patient_does_not_hide_another() -> None:
    found = run_checks([check(look=CredentialsError("no")), check()])

    assert [each.state for each in found] == ["denied", "ok"]
