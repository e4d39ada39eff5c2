"""Jira: a search that lags, pages, quoting, comments that are found again."""

import pytest

from chalicelib.core.outbox.effects import CredentialsError, RejectedError
from chalicelib.integrations import adf
from chalicelib.integrations.http import NotThereError
from chalicelib.integrations.jira import SETTLE_S
from tests.support.integrations.vendors import DOCUMENT, Desk


def test_b9_the_search_trails_a_new_ticket_until_the_settle_time_has_passed(desk: Desk) -> None:
    desk.office.jira.lag_s = SETTLE_S - 1
    key = desk.ticket("order-batch-2026-11-21")

    at_once = desk.jira.labelled("order-batch-2026-11-21")
    desk.office.clock.forward(SETTLE_S)
    later = desk.jira.labelled("order-batch-2026-11-21")

    assert at_once == ()
    assert [issue.key for issue in later] == [key]


def test_b9_a_ticket_whose_id_is_known_is_found_before_the_index_has_it(desk: Desk) -> None:
    desk.office.jira.lag_s = SETTLE_S
    created = desk.jira.create("Ingredients", DOCUMENT, labels=["batch"])

    assert desk.jira.labelled("batch") == ()
    assert [issue.key for issue in desk.jira.labelled("batch", sure_of=[created.id])] == [
        created.key
    ]


def test_b9_the_ticket_carries_the_batch_as_a_property(desk: Desk) -> None:
    batch = {"day": "2026-11-21", "orders": ["21", "22"]}
    desk.jira.create("I", DOCUMENT, labels=["batch"], properties={"backroom.batch": batch})

    [issue] = desk.held("jira", "issues")
    assert issue["properties"] == {"backroom.batch": batch}


def test_a_summary_is_one_line_of_255_characters_at_most(desk: Desk) -> None:
    desk.jira.create("Order\n#21 " + "x" * 300, DOCUMENT, labels=["batch"])

    [issue] = desk.held("jira", "issues")
    assert issue["fields"]["summary"].startswith("Order #21 x")
    assert len(issue["fields"]["summary"]) == 255


def test_all_pages_of_a_search_are_read(desk: Desk) -> None:
    keys = [desk.ticket("many") for _ in range(120)]

    assert [issue.key for issue in desk.jira.labelled("many")] == keys


@pytest.mark.parametrize("label", ['a"b', 'x" OR labels = "y', "back\\slash", 'end\\"', "O'Hara"])
def test_a_label_cannot_change_the_question(desk: Desk, label: str) -> None:
    desk.ticket("y")
    plain = label.replace(" ", "_")
    key = desk.ticket(plain)

    assert [issue.key for issue in desk.jira.labelled(plain)] == [key]
    assert desk.jira.labelled(f"{label} no such") == ()


def test_b10_closed_tickets_with_a_label_are_found_whatever_their_status_is_called(
    desk: Desk,
) -> None:
    open_, closed, other = desk.ticket("a"), desk.ticket("b"), desk.ticket("c")
    for key in (open_, closed):
        desk.office.jira.change(key, add_labels=["missing-ingredients"])
    desk.jira.close(closed)
    desk.jira.close(other)

    found = desk.jira.closed_with("missing-ingredients", within_days=3)

    assert [(issue.key, issue.closed) for issue in found] == [(closed, True)]
    desk.office.clock.forward(4 * 86_400)
    assert desk.jira.closed_with("missing-ingredients", within_days=3) == ()


def test_closing_is_done_once_however_often_it_is_requested(desk: Desk) -> None:
    key = desk.ticket()

    desk.jira.close(key)
    desk.jira.close(key)

    transitions = [
        each
        for each in desk.office.shown()["arrived"]
        if each["method"] == "POST" and each["path"].endswith("/transitions")
    ]
    assert len(transitions) == 1
    issue = desk.jira.issue(key)
    assert issue is not None
    assert issue.closed


def test_closing_a_ticket_that_is_not_there_says_so(desk: Desk) -> None:
    with pytest.raises(NotThereError):
        desk.jira.close("ING-404")


def test_closing_where_no_transition_leads_to_done_waits_for_an_operator(desk: Desk) -> None:
    key = desk.ticket()
    body: dict[str, list[object]] = {"transitions": []}
    desk.fail("jira", "status", method="GET", path="/transitions", status=200, body=body)

    with pytest.raises(CredentialsError, match="no transition"):
        desk.jira.close(key)


def test_an_issue_that_is_not_there_is_none(desk: Desk) -> None:
    assert desk.jira.issue("ING-404") is None
    assert desk.jira.issue("../myself") is None


def test_a_comment_is_found_by_its_effect_among_many(desk: Desk) -> None:
    key = desk.ticket()
    ids = [desk.jira.comment(key, DOCUMENT, effect_id=f"cancelled#{n}") for n in range(1, 121)]

    for number in (1, 12, 60, 120):
        assert desk.jira.find_comment(key, f"cancelled#{number}") == ids[number - 1]
    assert desk.jira.find_comment(key, "cancelled#121") is None


def test_an_issue_that_was_moved_is_found_by_its_id_and_by_the_key_that_it_had(
    desk: Desk,
) -> None:
    made = desk.jira.create("Ingredients", DOCUMENT, labels=["backroom", "missing-ingredients"])
    desk.office.jira.change(made.key, status="done")
    desk.office.jira.move(made.key, "OPS-7")

    for known_as in (made.id, made.key, "OPS-7"):
        issue = desk.jira.issue(known_as)
        assert issue is not None
        assert (issue.id, issue.key) == (made.id, "OPS-7")
    desk.jira.comment(made.id, DOCUMENT, effect_id="comment#1")
    assert desk.jira.find_comment(made.id, "comment#1")
    [found] = desk.jira.closed_with("missing-ingredients", within_days=3)
    assert found.key == "OPS-7"


@pytest.mark.parametrize(
    ("path", "method", "status", "errors", "kind"),
    [
        ("/issue$", "POST", 403, {}, CredentialsError),
        ("/issue$", "POST", 400, {"project": "valid project is required"}, CredentialsError),
        ("/issue$", "POST", 400, {"issuetype": "Specify a valid issue type"}, CredentialsError),
        ("/issue$", "POST", 400, {"customfield_1": "Team is required."}, CredentialsError),
        (
            "/issue$",
            "POST",
            400,
            {"labels": "Field 'labels' cannot be set. It is not on the appropriate screen"},
            CredentialsError,
        ),
        ("/issue$", "POST", 400, {"description": "CONTENT_LIMIT_EXCEEDED"}, RejectedError),
        ("/issue$", "POST", 400, {"summary": "You must specify a summary"}, RejectedError),
        ("/comment$", "POST", 403, {}, RejectedError),
        ("/comment$", "POST", 413, {}, RejectedError),
    ],
)
def test_a_refusal_is_about_one_issue_or_about_all(
    desk: Desk, path: str, method: str, status: int, errors: dict[str, str], kind: type[Exception]
) -> None:
    key = desk.ticket()
    body = {"errorMessages": ["no"], "errors": errors}
    desk.fail("jira", "status", method=method, path=path, status=status, body=body)

    def comment() -> str:
        return desk.jira.comment(key, DOCUMENT, effect_id="comment#1")

    with pytest.raises(kind) as said:
        desk.ticket() if path == "/issue$" else comment()
    assert type(said.value) is kind


def test_a_description_that_jira_does_not_take_is_refused_by_the_stand_in(desk: Desk) -> None:
    long = adf.document(adf.paragraph("x" * 32_767))

    with pytest.raises(RejectedError, match="CONTENT_LIMIT_EXCEEDED"):
        desk.jira.create("Ingredients", long, labels=["backroom"])


def test_a_comment_of_a_customer_s_words_is_not_taken_for_ours(desk: Desk) -> None:
    key = desk.ticket()
    desk.jira.comment(key, adf.document(adf.paragraph("cancelled#2")), effect_id="cancelled#1")

    assert desk.jira.find_comment(key, "cancelled#2") is None
