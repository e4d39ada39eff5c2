"""GitHub: invitations over all pages, firing while invited, limits told from refusals."""

import pytest

from chalicelib.core.outbox.effects import CredentialsError, NotExecutedError, RejectedError
from chalicelib.integrations.http import NotThereError
from tests.support.integrations.vendors import Desk


def test_b15_access_is_an_invitation_until_it_is_accepted(desk: Desk) -> None:
    assert desk.github.access("ada") == "none"
    assert desk.github.grant("ada") == "invited"
    assert desk.github.access("ADA") == "invited"

    desk.office.github.accept("ada")

    assert desk.github.access("Ada") == "member"
    assert desk.github.grant("ada") == "member"


def test_b15_granting_twice_sends_one_invitation(desk: Desk) -> None:
    desk.github.grant("ada")
    desk.github.grant("ADA")

    assert len(desk.held("github", "invitations")) == 1


@pytest.mark.parametrize("name", ["ada", "ADA"])
def test_b15_firing_somebody_who_is_only_invited_takes_the_invitation_back(
    desk: Desk, name: str
) -> None:
    desk.github.grant("ada")

    desk.github.remove(name)

    assert desk.github.access("ada") == "none"
    assert desk.held("github", "invitations") == []


def test_b15_firing_a_collaborator_removes_them(desk: Desk) -> None:
    desk.github.grant("Grace-Hopper")
    desk.office.github.accept("grace-hopper")

    desk.github.remove("grace-hopper")

    assert desk.office.github.shown() == {"collaborators": {}, "invitations": []}


def test_b15_firing_somebody_who_never_had_access_is_done_at_once(desk: Desk) -> None:
    desk.github.remove("ada")
    desk.github.remove("nobody-at-all")


def test_b15_an_invitation_behind_the_first_page_is_found(desk: Desk) -> None:
    desk.office.github.logins = [f"person-{n}" for n in range(230)]
    for login in desk.office.github.logins:
        desk.github.grant(login)

    assert desk.github.access("person-229") == "invited"
    desk.github.remove("person-229")

    assert len(desk.held("github", "invitations")) == 229
    assert desk.github.access("person-229") == "none"


def test_b15_an_expired_invitation_goes_too(desk: Desk) -> None:
    desk.github.grant("ada")
    desk.office.github.expire("ada")

    desk.github.remove("ada")

    assert desk.held("github", "invitations") == []


def test_b15_who_keeps_coming_back_is_not_called_removed(desk: Desk) -> None:
    """Somebody accepts an invitation while it is deleted, and GitHub does not remove them."""
    desk.github.grant("ada")
    desk.office.github.accept("ada")
    desk.fail("github", "status", method="DELETE", status=204, body={}, times=None)

    with pytest.raises(NotExecutedError, match="still has access"):
        desk.github.remove("ada")


def test_b14_a_name_that_nobody_has_is_no_case_for_another_try(desk: Desk) -> None:
    with pytest.raises(NotThereError, match="nobody is called no-such-person"):
        desk.github.grant("no-such-person")


def test_b15_a_repository_that_the_token_may_not_see_is_not_called_empty(desk: Desk) -> None:
    """GitHub says 404 of what it hides: an access must not be taken for removed then."""
    desk.github.grant("ada")
    desk.fail("github", "status", path="^/repos/", status=404, times=None)

    for call in (desk.github.remove, desk.github.access, desk.github.grant):
        with pytest.raises(CredentialsError, match="hidden"):
            call("ada")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Resource not accessible by personal access token", CredentialsError),
        ("Must have admin rights to Repository.", CredentialsError),
        ("You have exceeded a secondary rate limit.", NotExecutedError),
        ("This user was blocked by the owner.", RejectedError),
    ],
)
def test_b15_a_403_is_a_limit_a_refusal_or_too_few_rights(
    desk: Desk, words: str, kind: type[Exception]
) -> None:
    body = {"message": words}
    desk.fail("github", "status", method="PUT", status=403, body=body)

    with pytest.raises(kind):
        desk.github.grant("ada")


def test_b15_a_name_cannot_lead_elsewhere(desk: Desk) -> None:
    with pytest.raises((NotThereError, CredentialsError, RejectedError)):
        desk.github.grant("../../../user")
    assert desk.held("github", "invitations") == []
