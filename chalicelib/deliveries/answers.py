"""What the deliveries context answers."""

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel, create_model

from chalicelib.core.instants import Instant
from chalicelib.core.models import Model
from chalicelib.deliveries.fields import Status
from chalicelib.deliveries.registry import TYPES


class Decider(Model):
    """The preference that decided a package."""

    wanted: bool
    """Whether the recipient wants the type."""
    timestamp: Instant
    """When the recipient chose this."""


class PackageAnswer(Model):
    """The outcome of a package, and why."""

    package_id: str
    """The id of the package."""
    status: Status
    """Whether it was delivered or dropped."""
    reason: str
    """Why, in a sentence."""
    duplicate: Annotated[
        bool | None, Field(description="Whether an earlier attempt had decided it")
    ] = None
    sender_id: str
    """Who sent it."""
    recipient_id: str
    """Who it is for."""
    package_type: str
    timestamp: Instant
    """When it was handed over, as given by the sender."""
    decided_at: Instant
    """When it was decided."""
    preference: Annotated[
        Decider | None,
        Field(description="The deciding preference; absent without one for the type"),
    ] = None


class AttemptView(Model):
    """One attempt to send a package; ``differs`` has its values that differ from the first."""

    timestamp: Instant
    """When the package was handed over, as given by this attempt."""
    received_at: Instant
    """When the attempt arrived."""
    outcome: Literal["decided", "duplicate", "refused"]
    """Whether it decided the package, repeated what was sent, or was refused for saying
    something else.
    """
    differs: dict[str, str] | None = None
    """Its values that differ from the first attempt, by field."""


class PackageView(PackageAnswer):
    """A package with the attempts to send it that differ, the first one first."""

    message_id: str | None = None
    """The message of the queue that brought it, if one did."""
    attempts: tuple[AttemptView, ...]
    """The attempts to send it that differ, the first one first."""


class ListedPackage(Model):
    """A package in the list."""

    package_id: str
    """The id of the package."""
    status: Status
    reason: str
    sender_id: str
    """Who sent it."""
    recipient_id: str
    """Who it is for."""
    package_type: str
    timestamp: Instant
    """When it was handed over, as given by the sender."""
    decided_at: Instant
    preference: Decider | None = None
    """The deciding preference; absent when none was set for the type."""


class PackagesAnswer(RootModel[PackageView | tuple[ListedPackage, ...]]):
    """The requested packages, newest first; with a ``package_id`` that package alone."""


class Indexed(Model):
    """How many records of one page are in the list now; ``cursor`` leads to the next page."""

    packages: int
    """How many packages of the page are in the list now."""
    cursor: str | None = None
    """Where the next page begins, if there is one."""


class Said(Model):
    """When preferences were set, and when they arrived."""

    timestamp: Instant
    """When they were set."""
    received_at: Instant
    """When it arrived."""
    preferences: dict[str, bool]
    """By type: wanted or not."""


class PreferencesAnswer(Model):
    """What a recipient wants, the times of each preference, and the history."""

    recipient_id: str
    """The recipient."""
    applied: Annotated[bool | None, Field(description="Whether the whole update took effect")] = (
        None
    )
    overruled: Annotated[
        tuple[str, ...] | None,
        Field(description="The types with a later preference, or an equally late refusal"),
    ] = None
    timestamps: Annotated[
        dict[str, Instant], Field(description="By type: when the current preference was set")
    ]
    history: tuple[Said, ...] | None = None
    """The latest words, the newest first."""


_WANTED: dict[str, Any] = {
    name: (Annotated[bool, Field(description=f"{kind.about}: wanted or not")], ...)
    for name, kind in TYPES.items()
}
PREFERENCES_ANSWER: type[PreferencesAnswer] = create_model(
    "PreferencesAnswer",
    __base__=PreferencesAnswer,
    __doc__=PreferencesAnswer.__doc__,
    **_WANTED,
)


class TypeCount(Model):
    """Packages of one type."""

    delivered: int = 0
    """How many were delivered."""
    dropped: int = 0
    """How many were dropped."""


class Statistics(Model):
    """Exact counts (D3): each package once, however often it was sent."""

    packages_delivered: int
    """How many packages were delivered."""
    packages_dropped: int
    """How many packages were dropped."""
    requests_malformed: int
    """How many requests could not be read as a package."""
    by_type: dict[str, TypeCount]
    """The counts of each type."""


class Recount(Model):
    """The packages on one page of the records, counted; ``cursor`` leads to the next page."""

    packages: int
    """How many packages are on this page of the records."""
    by_type: dict[str, TypeCount]
    cursor: str | None = None


Verdict = Literal["delivered", "dropped", "conflict", "malformed"]
BatchVerdict = Literal[Verdict, "undecided"]


class VerdictError(Model):
    """One fault of a message."""

    field: str
    """The field."""
    detail: str
    """What it has to be."""


class PackageVerdict(Model):
    """The outcome of a package of a batch; ``undecided`` ones are safe to send again."""

    package_id: str | None = None
    """The id of the package, if one could be read."""
    verdict: BatchVerdict
    """The outcome of it."""
    duplicate: bool | None = None
    """Whether an earlier attempt had decided it."""
    reason: str
    errors: tuple[VerdictError, ...] | None = None
    """Every fault, if it is malformed."""


class PackageBatchAnswer(Model):
    """The outcome of the packages of a batch, in its order; each has one of the verdicts."""

    delivered: int
    dropped: int
    conflict: int
    """How many were sent before with other content."""
    malformed: int
    """How many could not be read as a package."""
    undecided: int
    """How many were not decided; send these again."""
    duplicates: Annotated[
        int, Field(description="Delivered and dropped ones that an earlier attempt had decided")
    ]
    packages: tuple[PackageVerdict, ...]
    """The verdicts, in the order of the batch."""


class MessageVerdict(Model):
    """The outcome of a message of the queue."""

    message_id: str
    """The id of the message."""
    verdict: Verdict
    duplicate: bool | None = None
    """Whether an earlier attempt had decided the package."""
    package_id: str | None = None
    """The id of the package, if one could be read."""
    reason: str
    errors: tuple[VerdictError, ...] | None = None
    judged_at: Instant
    """When it was judged."""
