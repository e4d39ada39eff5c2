"""What the bakery takes in. The brief's own fields, never renamed; staff are spelled its way."""

from typing import Annotated, Literal
from urllib.parse import unquote

from pydantic import AfterValidator, BeforeValidator, Field

from chalicelib.bakery.fields import (
    Address,
    Factor,
    Ingredients,
    LatinName,
    Login,
    Name,
    Note,
    NumberInText,
    Phone,
)
from chalicelib.bakery.names import fold, has_latin_letter
from chalicelib.bakery.records import MOST_TICKETS
from chalicelib.core.models import Model, OwnBody, PageQuery
from chalicelib.core.numbers import FROM_JSON, FROM_TEXT
from chalicelib.core.times import At, Day

MOST_ROWS = 500
"""Rows of one answer; where they are large, it holds fewer."""

_LONGEST_ID = 1_000


def _cake_id(given: str) -> str:
    # Some platforms decode a path before it gets here and some do not; no id has a percent sign.
    text = unquote(given)
    if len(text.encode()) > _LONGEST_ID:  # of a name that folds to many more letters than it has
        raise ValueError(f"must have at most {_LONGEST_ID} bytes")
    if not has_latin_letter(fold(text)):
        raise ValueError("must be a cake's id, such as carrot_cake")
    if fold(text) != text:
        raise ValueError(f"must be a cake's id; that of this name is {fold(text)}")
    return text


Limit = Annotated[int, Field(ge=1, le=MOST_ROWS), FROM_TEXT]


class CakeBody(Model):
    """A recipe for one eater (B2)."""

    name: LatinName
    """The name of the cake; its id is the name in snake_case."""
    ingredients: Annotated[Ingredients, Field(min_length=1)]
    """What one eater needs, by the ingredient's name."""


class CakePath(Model):
    """Which cake."""

    cake_id: Annotated[
        str, Field(min_length=1, max_length=3 * _LONGEST_ID), AfterValidator(_cake_id)
    ]
    """The id of the cake, such as carrot_cake."""


class OrderBody(Model):
    """An order (B6); extras are for the whole order."""

    customer: Name
    """Who orders."""
    recipe: LatinName
    """The cake: its id, or its name."""
    persons: Factor
    """How many eaters each cake is for."""
    quantity: Factor
    """How many cakes."""
    extra_ingredients: Ingredients = Field(default_factory=dict)
    """What the whole order needs on top, by the ingredient's name."""
    urgent: bool = False
    """Whether its ingredients are ordered now and not with the day's batch."""
    email: Address | None = None
    """Where the customer is notified that the order is ready."""
    due_at: At | None = None
    """When it is to be ready, an instant with its offset."""
    phone: Phone | None = None
    """The customer's phone number."""
    note: Note | None = None
    """Some lines for the bakery."""


class OrderPath(Model):
    """Which order."""

    order_id: NumberInText
    """The number of the order."""


class OrdersQuery(PageQuery):
    """Which orders; cancelled ones only where ``status`` selects them.

    ``customer`` is a name, compared as ids are (``Mr. Cakelover`` is ``Mr Cakelover``); ``due`` is
    the day of ``due_at`` in UTC.
    """

    status: Literal["open", "ticketed", "ready", "cancelled", "all"] | None = None
    """Only orders of this status; all but cancelled ones when omitted."""
    customer: Name | None = None
    """Only orders of this customer."""
    due: Day | None = None
    """Only orders that are due on this day (UTC)."""
    before: NumberInText | None = None
    """Only orders with a lower number."""
    limit: Limit = 100


class ActionQuery(Model):
    """Who does something to an order, and why; for its history."""

    by: Name = "staff"
    """Who does it, for the order's history."""
    reason: Name | None = None
    """Why, for the order's history."""


class ErasureBody(OwnBody):
    """Who is erased; ``before`` is that of the answer before."""

    customer: Name
    """The customer's name, as any of their orders spells it."""
    dry_run: bool = False
    """Whether only to report what would be erased."""
    before: Annotated[int | None, Field(ge=1), FROM_JSON] = None
    """Only orders with a lower number: where the answer before has stopped."""


class BatchPath(Model):
    """Which day's batch."""

    day: Day
    """The day of the batch, such as 2026-11-21."""


class TicketQuery(Model):
    """Which ticket of the day: its batch's, or an extra one that was requested by hand."""

    ticket: Annotated[int, Field(ge=1, le=MOST_TICKETS), FROM_TEXT] = 1
    """Which ticket of the day: 1 is the batch's own, more are extra ones."""


class BatchesQuery(PageQuery):
    """Which batches: those of days before ``before``, newest first."""

    before: Day | None = None
    """Only batches of days before this one."""
    limit: Limit = 100


class Permissions(OwnBody):
    """What an employee may do."""

    developer: bool
    """Whether they get access to the repository."""


class EmployeeBody(OwnBody):
    """A new employee (B14), and their user name at GitHub if it is known (5c 17)."""

    first_name: Annotated[Name, Field(alias="firstName")]
    """The first name."""
    last_name: Annotated[Name, Field(alias="lastName")]
    """The last name."""
    permissions: Permissions
    """What they may do."""
    github_username: Annotated[Login | None, Field(alias="githubUsername")] = None
    """The user name at GitHub."""


class EmployeeChange(OwnBody):
    """Changes of an employee; omitted fields keep their value. Null removes a user name."""

    first_name: Annotated[Name | None, Field(alias="firstName")] = None
    last_name: Annotated[Name | None, Field(alias="lastName")] = None
    permissions: Permissions | None = None
    github_username: Annotated[Login | None, Field(alias="githubUsername")] = None
    """The user name at GitHub; null takes it away."""


class EmployeePath(Model):
    """Which employee."""

    employee_id: NumberInText
    """The number of the employee."""


class WebhookHeaders(Model):
    """Jira's headers about the body of a webhook."""

    signature: Annotated[
        str, Field(alias="X-Hub-Signature", json_schema_extra={"maxLength": 200})
    ] = ""
    """The signature of the body: sha256= and an HMAC in hexadecimal."""


class StatusCategory(Model):
    """What a status comes to, whatever it is called."""

    key: str


class Status(Model):
    """The status of an issue."""

    category: Annotated[StatusCategory, Field(alias="statusCategory")]


class IssueFields(Model):
    """The fields of an issue that we read."""

    labels: list[str] = Field(default_factory=list)
    status: Status


def _issue_id(given: object) -> str | None:
    """Return an issue's id, which is a number in digits; None for anything else."""
    return str(given) if isinstance(given, str | int) and not isinstance(given, bool) else None


class JiraIssue(Model):
    """An issue as it was when the webhook was written."""

    id: Annotated[str | None, BeforeValidator(_issue_id)] = None
    key: str
    fields: IssueFields


class JiraEvent(Model):
    """A webhook of Jira's; of events that are about no issue only the time is read."""

    # Milliseconds since 1970, in the years that a datetime has.
    timestamp: Annotated[int, Field(ge=0, le=253_402_300_799_999), FROM_JSON]
    issue: JiraIssue | None = None
