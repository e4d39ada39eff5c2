"""Cancelled orders in Drive (B13, 5c 16), and developers' access (B14, B15, 5c 17)."""

from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.bakery.records import Employee
from chalicelib.bakery.service.staff import LoginTakenError, Person
from chalicelib.core.errors import NotFoundError
from chalicelib.core.outbox.effects import NotExecutedError, OutcomeUnknownError, RejectedError
from tests.support.bakery.house import Bakehouse

UNSURE = OutcomeUnknownError("reset")


def cancelled(house: Bakehouse, customer: str = "Mr Cakelover") -> int:
    return house.cancel(house.order(customer)).id


# --- Drive ----------------------------------------------------------------------------------------


def test_b13_both_spellings_of_a_customer_share_one_document(house: Bakehouse) -> None:
    for customer in ("Mr Cakelover", "Mr. Cakelover", "mr cakelover"):
        cancelled(house, customer)
    house.perform_all()

    assert house.drive.files == [("folder", "Orders"), ("document", "mr_cakelover")]
    [text] = house.drive.texts.values()
    assert list(text) == ["title", "order-1", "order-2", "order-3"]
    assert text["title"] == "Mr Cakelover cancelled orders"
    assert text["order-1"] == "- Order 1 [Chocolate Cake] : Date 20/11/2026 12:00"
    assert all(order.filed for order in house.orders.rows.values())


def test_5c11_an_order_that_is_cancelled_again_has_one_line(house: Bakehouse) -> None:
    order = house.order()
    house.cancel(order), house.cancel(order)
    house.perform_all()
    house.handlers["google"].handle(house.effects.requested["cancelled#1"])

    [text] = house.drive.texts.values()
    assert list(text) == ["title", "order-1"]


@pytest.mark.parametrize("failures", range(1, 4))
def test_a_folder_or_document_whose_answer_was_lost_is_found_again(
    house: Bakehouse, failures: int
) -> None:
    house.drive.after = [UNSURE] * failures
    cancelled(house)

    house.perform_all()

    assert house.drive.files == [("folder", "Orders"), ("document", "mr_cakelover")]


def test_two_at_once_make_one_document(house: Bakehouse) -> None:
    first, second = cancelled(house), cancelled(house)
    house.drive.after = [UNSURE]
    house.handle(f"cancelled#{first}")  # it has made the folder and does not know it

    assert isinstance(house.handle(f"cancelled#{second}"), NotExecutedError)
    house.perform_all()

    assert house.drive.files == [("folder", "Orders"), ("document", "mr_cakelover")]


@pytest.mark.parametrize("when", ["before", "after"])
def test_b13_a_line_whose_answer_is_lost_waits_for_no_list(house: Bakehouse, when: str) -> None:
    cancelled(house)
    house.perform_all()
    cancelled(house)
    setattr(house.drive, when, [UNSURE])

    failed = house.handle("cancelled#2")

    assert isinstance(failed, NotExecutedError)
    assert failed.retry_after_s is None
    assert house.handle("cancelled#2") is None
    assert house.drive.texts["document-1"].keys() == {"title", "order-1", "order-2"}


@pytest.mark.parametrize("refused", [RejectedError("403: full"), NotExecutedError("429")])
def test_who_is_refused_for_certain_keeps_nobody_waiting(
    house: Bakehouse, refused: Exception
) -> None:
    first, second = cancelled(house), cancelled(house)
    house.drive.before = [refused]

    assert house.handle(f"cancelled#{first}") is refused
    assert house.handle(f"cancelled#{second}") is None


def test_a_doubt_outlives_a_refusal_that_came_after_it(house: Bakehouse) -> None:
    """The first try may have made the folder; Drive's list may not show it yet."""
    first, second = cancelled(house), cancelled(house)
    house.drive.before = [UNSURE, NotExecutedError("429")]
    house.handle(f"cancelled#{first}")
    house.handle(f"cancelled#{first}")

    assert isinstance(house.handle(f"cancelled#{second}"), NotExecutedError)


def test_what_somebody_set_out_to_make_and_never_did_is_made_by_another(house: Bakehouse) -> None:
    first, second = cancelled(house), cancelled(house)
    house.drive.before = [UNSURE]
    house.handle(f"cancelled#{first}")
    house.clock.forward(minutes=31)

    assert house.handle(f"cancelled#{second}") is None
    assert house.drive.files == [("folder", "Orders"), ("document", "mr_cakelover")]


def test_a_document_that_is_gone_is_made_anew_at_once(house: Bakehouse) -> None:
    """Deleted or in the bin: Drive's answer is the same to us."""
    cancelled(house)
    house.perform_all()
    house.drive.gone.add("document-1")
    cancelled(house)

    assert house.handle("cancelled#2") is None

    assert house.drive.texts["document-2"].keys() == {"title", "order-2"}


def test_a_folder_that_is_gone_is_made_anew_for_new_customers(house: Bakehouse) -> None:
    cancelled(house)
    house.perform_all()
    house.drive.gone |= {"folder-0", "document-1"}
    other = house.cancel(house.order("Somebody New"))

    assert house.handle(f"cancelled#{other.id}") is None

    assert house.drive.files[2:] == [("folder", "Orders"), ("document", "somebody_new")]
    assert house.now(other).filed


def test_a_folder_that_goes_while_a_document_is_made_is_made_by_the_next_try(
    house: Bakehouse,
) -> None:
    cancelled(house)
    house.drive.folder_goes = True

    assert isinstance(house.handle("cancelled#1"), NotExecutedError)
    assert house.handle("cancelled#1") is None

    assert [kind for kind, _ in house.drive.files] == ["folder", "folder", "document"]


def test_a_line_in_a_binned_document_does_not_count(house: Bakehouse) -> None:
    cancelled(house)
    house.perform_all()
    house.drive.gone.add("document-1")

    assert house.handlers["google"].find(house.effects.requested["cancelled#1"]) is None


def test_a_document_that_is_full_is_followed_by_a_second(house: Bakehouse) -> None:
    for _ in range(2):
        cancelled(house)
        house.perform_all()
        house.drive.full.add("document-1")
    cancelled(house)
    house.perform_all()

    assert house.drive.files[1:] == [("document", "mr_cakelover"), ("document", "mr_cakelover 2")]
    assert house.drive.texts["document-2"].keys() == {"title", "order-2", "order-3"}
    google = house.handlers["google"]
    assert google.find(house.effects.requested["cancelled#3"]) == "document-2"


@pytest.mark.parametrize("customer", ["\ufdfa" * 100, "李" * 100, "x" * 100])
def test_every_customer_has_a_place_that_a_key_can_name(house: Bakehouse, customer: str) -> None:
    """DynamoDB takes 1,024 bytes of a key; one ligature of this name folds to 18 letters."""
    for name in (customer, customer[:-1] + "2"):
        house.cancel(house.order(name))
    house.perform_all()

    places = [place for place in house.documents.spots if place.startswith("document/")]
    assert len(places) == 2
    assert all(len(place.encode()) <= 1_024 for place in places)


def test_customers_whose_names_share_only_latin_letters_have_documents_of_their_own(
    house: Bakehouse,
) -> None:
    for name in ("李 (VIP)", "王 (VIP)", "VIP"):
        house.cancel(house.order(name))
    house.perform_all()

    assert [name for kind, name in house.drive.files if kind == "document"] == [
        "李_(vip)",
        "王_(vip)",
        "vip",
    ]


def test_5c16_another_writer_s_claim_is_respected_for_a_while(house: Bakehouse) -> None:
    house.documents.claim(
        "folder/Orders", maker="cancelled#99", at=house.clock.at, before=house.documents.spot("x")
    )
    cancelled(house)
    house.clock.at += timedelta(minutes=29)

    assert isinstance(house.handle("cancelled#1"), NotExecutedError)
    assert house.drive.files == []


# --- employees ------------------------------------------------------------------------------------


def hire(house: Bakehouse, login: str | None = "octocat", developer: bool = True) -> Employee:
    return house.employees.hire(Person("Ada", "Lovelace", developer, login))


def change(house: Bakehouse, employee: Employee, **said: object) -> Employee:
    def after(now: Employee) -> Person:
        told = {
            "first_name": now.first_name,
            "last_name": now.last_name,
            "developer": now.developer,
            "login": now.login,
        }
        return Person(**{**told, **said})  # type: ignore[arg-type]

    return house.employees.change(employee.id, after)


def access(house: Bakehouse, employee: Employee) -> tuple[str, str | None]:
    found = house.employees.employee(employee.id)
    return found.access, found.reason


def test_b15_a_developer_is_invited_and_a_fired_one_removed(house: Bakehouse) -> None:
    ada = hire(house)
    assert access(house, ada) == ("pending", None)
    house.perform_all()
    assert access(house, ada) == ("invited", None)
    assert house.github.invited == {"octocat"}

    house.employees.fire(ada.id)
    house.perform_all()

    assert house.effects.ids == ["access#1#grant#v1", "access#1#remove#v3"]
    assert house.github.access("octocat") == "none"
    with pytest.raises(NotFoundError):
        house.employees.fire(ada.id)


def test_5c17_the_brief_s_own_employee_needs_a_user_name(house: Bakehouse) -> None:
    ada = hire(house, login=None)
    assert access(house, ada) == ("needs_username", None)
    assert house.effects.ids == []

    change(house, ada, login="octocat")
    house.perform_all()

    assert access(house, ada) == ("invited", None)


def test_b15_who_is_no_developer_gets_no_access(house: Bakehouse) -> None:
    ada = hire(house, developer=False)
    house.employees.fire(ada.id)

    assert house.effects.ids == []


def test_5c17_who_is_in_already_is_granted(house: Bakehouse) -> None:
    house.github.members.add("octocat")
    ada = hire(house)
    house.perform_all()

    assert access(house, ada) == ("granted", None)


def test_5c17_an_invitation_shows_until_it_is_accepted_or_declined(house: Bakehouse) -> None:
    ada, bob, cat = (hire(house, login=name) for name in ("ada", "bob", "cat"))
    house.perform_all()
    house.github.invited = {"ada"}
    house.github.members = {"bob"}

    assert house.employees.follow_invitations(house.github) == [bob.id, cat.id]
    assert house.employees.follow_invitations(house.github) == []
    assert access(house, ada) == ("invited", None)
    assert access(house, bob) == ("granted", None)
    assert access(house, cat) == ("failed", "the invitation was declined or taken back")


def test_5d_a_user_that_github_does_not_know_fails_with_the_reason(house: Bakehouse) -> None:
    ada = hire(house, login="nobody")
    house.perform_all()

    assert access(house, ada) == ("failed", "GitHub: nobody is called nobody")

    change(house, ada, login="octocat")
    house.perform_all()
    assert access(house, ada) == ("invited", None)


def test_5c17_while_github_is_down_access_is_pending(house: Bakehouse) -> None:
    house.github.before = [NotExecutedError("GitHub: 503")]
    ada = hire(house)
    house.handle("access#1#grant#v1")

    assert access(house, ada) == ("pending", None)
    house.perform_all()
    assert access(house, ada) == ("invited", None)


def test_a_developer_who_becomes_none_loses_access(house: Bakehouse) -> None:
    ada = hire(house)
    house.perform_all()
    change(house, ada, developer=False)
    assert access(house, ada) == ("removing", None)
    house.perform_all()

    assert access(house, ada) == ("none", None)
    assert house.github.access("octocat") == "none"


def test_another_user_name_takes_the_place_of_the_first(house: Bakehouse) -> None:
    ada = hire(house)
    house.perform_all()
    change(house, ada, login="adalove")
    house.perform_all()

    assert house.github.invited == {"adalove"}
    assert access(house, ada) == ("invited", None)


def test_a_name_that_changes_leaves_access_alone(house: Bakehouse) -> None:
    ada = hire(house)
    house.perform_all()

    assert change(house, ada, last_name="King").access == "invited"
    assert change(house, ada, login="OctoCat").access == "invited"
    assert len(house.effects.ids) == 1


def test_two_employees_cannot_be_one_github_user(house: Bakehouse) -> None:
    ada = hire(house)
    with pytest.raises(LoginTakenError):
        hire(house, login="OCTOCAT")
    bob = hire(house, login="bob")
    with pytest.raises(LoginTakenError):
        change(house, bob, login="octocat")

    house.employees.fire(ada.id)
    change(house, bob, login="octocat")
    house.perform_all()

    assert house.github.invited == {"octocat"}


def test_5c17_fired_while_invited_in_any_order_of_performing_is_out(house: Bakehouse) -> None:
    for order in permutations(["access#1#grant#v1", "access#1#remove#v2"]):
        other = Bakehouse()
        other.employees.fire(hire(other).id)
        for effect_id in order:
            other.handle(effect_id)

        assert other.github.access("octocat") == "none"


def test_5c17_fired_while_the_invitation_is_on_its_way_is_out(house: Bakehouse) -> None:
    ada = hire(house)
    house.github.meanwhile = [
        lambda: (house.employees.fire(ada.id), house.handle("access#1#remove#v2"))
    ]
    house.handle("access#1#grant#v1")

    assert house.github.access("octocat") == "none"


def test_b15_who_took_another_name_loses_access_all_the_same(house: Bakehouse) -> None:
    ada = hire(house)
    house.perform_all()
    house.github.rename("octocat", "octodog")

    house.employees.fire(ada.id)
    house.perform_all()

    assert (house.github.invited, house.github.members) == (set(), set())


def test_b15_who_has_the_name_by_now_is_let_alone(house: Bakehouse) -> None:
    """Nobody is removed, and nobody invited, for a name that was somebody else's."""
    ada = hire(house)
    house.github.after = [OutcomeUnknownError("GitHub: reset")]
    house.handle("access#1#grant#v1")
    house.github.rename("octocat", "octodog")
    house.github.members.add("octocat")
    house.perform_all()
    assert house.github.invited == {"octodog"}

    house.employees.fire(ada.id)
    house.perform_all()

    assert (house.github.invited, house.github.members) == (set(), {"octocat"})


def test_b15_a_new_word_on_a_name_is_about_who_has_it_now(house: Bakehouse) -> None:
    ada = hire(house)
    house.perform_all()
    house.github.rename("octocat", "octodog")

    change(house, ada, developer=False)
    change(house, ada, developer=True)
    house.perform_all()

    assert house.github.invited == {"octocat"}, "the first one's access went"


def test_b15_one_user_under_two_names_keeps_access_while_one_of_them_is_hired(
    house: Bakehouse,
) -> None:
    for order in permutations(["access#1#remove#v3", "access#2#grant#v1"]):
        other = Bakehouse()
        ada = hire(other)
        other.handle("access#1#grant#v1")
        other.github.rename("octocat", "octodog")
        hire(other, login="octodog")
        other.employees.fire(ada.id)
        for effect_id in order:
            assert other.handle(effect_id) is None

        assert other.github.invited == {"octodog"}


def test_b15_an_id_that_an_older_version_did_not_keep_is_kept_by_the_next_look(
    house: Bakehouse,
) -> None:
    ada = hire(house)
    house.perform_all()
    house.staff.users.clear()

    house.employees.follow_invitations(house.github)
    house.github.rename("octocat", "octodog")
    house.employees.fire(ada.id)
    house.perform_all()

    assert house.github.invited == set()


def test_b15_without_an_id_the_name_is_all_that_is_known(house: Bakehouse) -> None:
    ada = hire(house)
    house.perform_all()
    house.staff.users.clear()

    house.employees.fire(ada.id)
    house.perform_all()

    assert house.github.invited == set()


ACTIONS = st.sampled_from(["hire", "fire", "develop", "rest", "rename", "perform"])


@given(st.lists(ACTIONS, max_size=25), st.randoms(use_true_random=False))
def test_whatever_is_said_in_any_order_github_ends_as_the_books_say(
    actions: list[str], random: object
) -> None:
    house = Bakehouse()
    names = ("ann", "bob", "cat")
    for number, action in enumerate(actions):
        staff = list(house.staff.rows.values())
        someone = staff[number % len(staff)] if staff else None
        try:
            if action == "hire":
                hire(house, login=names[number % 3])
            elif action == "perform" and house.effects.ids:
                house.handle(random.choice(house.effects.ids))  # type: ignore[attr-defined]
            elif someone and action == "fire":
                house.employees.fire(someone.id)
            elif someone and action in {"develop", "rest"}:
                change(house, someone, developer=action == "develop")
            elif someone and action == "rename":
                change(house, someone, login=names[(number + 1) % 3])
        except LoginTakenError:
            continue
    todo = [each for each in house.effects.ids if each not in house.done]
    random.shuffle(todo)  # type: ignore[attr-defined]
    for effect_id in todo:
        house.handle(effect_id)

    wanted = {e.login for e in house.staff.rows.values() if e.developer and e.login}
    assert house.github.invited == wanted
    for employee in house.staff.rows.values():
        assert employee.access == ("invited" if employee.developer else "none")
