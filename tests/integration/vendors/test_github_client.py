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
def test_b15_firing_an_employee_who_is_only_invited_takes_the_invitation_back(
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


def test_b15_firing_an_employee_who_never_had_access_is_done_at_once(desk: Desk) -> None:
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


def test_b15_a_collaborator_who_took_another_name_is_removed_by_id(desk: Desk) -> None:
    github = desk.office.github
    ada = desk.github.user_id("ada")
    desk.github.grant("ada", ada)
    github.accept("ada")
    assert github.rename("ada", "ada-king")
    github.logins.append("ada")
    desk.github.grant("ada")

    assert desk.github.access("ada", ada) == "member"
    desk.github.remove("ada", ada)

    assert desk.github.access("ada", ada) == "none"
    assert desk.held("github", "collaborators") == {}
    assert [each["invitee"]["login"] for each in desk.held("github", "invitations")] == ["ada"]


def test_b15_an_invitation_of_who_took_another_name_is_taken_back_by_id(desk: Desk) -> None:
    ada = desk.github.user_id("ada")
    desk.github.grant("ada", ada)
    desk.office.github.rename("ada", "ada-king")

    assert desk.github.access("ada", ada) == "invited"
    assert desk.github.grant("ada", ada) == "invited", "they have the invitation all the same"
    desk.github.remove("ada", ada)

    assert desk.held("github", "invitations") == []


def test_b15_nobody_else_is_invited_under_a_name_that_changed_hands(desk: Desk) -> None:
    ada = desk.github.user_id("ada")
    desk.office.github.rename("ada", "ada-king")
    desk.office.github.logins.append("ada")

    with pytest.raises(NotThereError, match="not called ada any more"):
        desk.github.grant("ada", ada)
    assert desk.held("github", "invitations") == []


def test_b15_a_collaborator_behind_the_first_page_is_found_by_id(desk: Desk) -> None:
    desk.office.github.logins = [f"person-{n}" for n in range(130)]
    for login in desk.office.github.logins:
        desk.github.grant(login)
        desk.office.github.accept(login)
    last = desk.github.user_id("person-129")
    desk.office.github.rename("person-129", "somebody")

    desk.github.remove("person-129", last)

    assert len(desk.held("github", "collaborators")) == 129


@pytest.mark.parametrize("login", ["octocat_acme", "trailing-", "a--b"])
def test_b15_names_that_old_and_managed_accounts_have_are_names(desk: Desk, login: str) -> None:
    desk.office.github.logins = [login]

    assert desk.github.grant(login, desk.github.user_id(login)) == "invited"
    desk.github.remove(login, desk.github.user_id(login))
    assert desk.held("github", "invitations") == []


def test_b14_a_name_that_nobody_has_is_no_case_for_another_try(desk: Desk) -> None:
    with pytest.raises(NotThereError, match="there is no user no-such-person"):
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
        ("Resource not accessible by integration", CredentialsError),
        ("Resource protected by organization SAML enforcement.", CredentialsError),
        ("Repository was archived so is read-only.", CredentialsError),
        ("Sorry. Your account was suspended.", CredentialsError),
        ("`acme` forbids access via a personal access token (classic).", CredentialsError),
        ("`acme` organization has an IP allow list enabled", CredentialsError),
        ("You have exceeded a secondary rate limit.", NotExecutedError),
        ("You have triggered an abuse detection mechanism.", NotExecutedError),
        ("API rate limit exceeded for user ID 1.", NotExecutedError),
        ("You have exceeded the repository invitation limit.", NotExecutedError),
        ("Outside collaborators may not be invited.", RejectedError),
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
