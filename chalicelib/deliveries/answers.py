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
    timestamp: Instant


class PackageAnswer(Model):
    """What became of a package, and why."""

    package_id: str
    status: Status
    reason: str
    duplicate: Annotated[
        bool | None, Field(description="Whether an earlier attempt had decided it")
    ] = None
    sender_id: str
    recipient_id: str
    package_type: str
    timestamp: Instant
    decided_at: Instant
    preference: Annotated[
        Decider | None, Field(description="What decided; absent when nothing was said of the type")
    ] = None


class AttemptView(Model):
    """One attempt to send a package; ``differs`` is what it said otherwise than the first."""

    timestamp: Instant
    received_at: Instant
    outcome: Literal["decided", "duplicate", "refused"]
    differs: dict[str, str] | None = None


class PackageView(PackageAnswer):
    """A package with the attempts to send it that told something new, the first one first."""

    message_id: str | None = None
    attempts: tuple[AttemptView, ...]


class ListedPackage(Model):
    """A package in the list."""

    package_id: str
    status: Status
    reason: str
    sender_id: str
    recipient_id: str
    package_type: str
    timestamp: Instant
    decided_at: Instant
    preference: Decider | None = None


class PackagesAnswer(RootModel[PackageView | tuple[ListedPackage, ...]]):
    """The packages that were asked for, newest first; with a ``package_id`` that package alone."""


class Indexed(Model):
    """How many records of one page are in the list now; ``cursor`` leads to the next page."""

    packages: int
    cursor: str | None = None


class Said(Model):
    """When something was said of the types, and when it arrived."""

    timestamp: Instant
    received_at: Instant
    preferences: dict[str, bool]


class PreferencesAnswer(Model):
    """What a recipient wants, the times that it was said at, and how it came to be."""

    recipient_id: str
    applied: Annotated[
        bool | None, Field(description="Whether all that this update says stands")
    ] = None
    overruled: Annotated[
        tuple[str, ...] | None,
        Field(description="The types about which a later word, or an equal refusal, stands"),
    ] = None
    timestamps: Annotated[
        dict[str, Instant], Field(description="By type: when what stands was said")
    ]
    history: tuple[Said, ...] | None = None


_WANTED: dict[str, Any] = dict.fromkeys(TYPES, (bool, ...))
PREFERENCES_ANSWER: type[PreferencesAnswer] = create_model(
    "PreferencesAnswer",
    __base__=PreferencesAnswer,
    __doc__=PreferencesAnswer.__doc__,
    **_WANTED,
)


class TypeCount(Model):
    """Packages of one type."""

    delivered: int = 0
    dropped: int = 0


class Statistics(Model):
    """Exact counts (D3): each package once, however often it was sent."""

    packages_delivered: int
    packages_dropped: int
    requests_malformed: int
    by_type: dict[str, TypeCount]


class Recount(Model):
    """The packages on one page of the records, counted; ``cursor`` leads to the next page."""

    packages: int
    by_type: dict[str, TypeCount]
    cursor: str | None = None


Verdict = Literal["delivered", "dropped", "conflict", "malformed"]
BatchVerdict = Literal[Verdict, "undecided"]


class VerdictError(Model):
    """One fault of a message."""

    field: str
    detail: str


class PackageVerdict(Model):
    """What became of a package of a batch; ``undecided`` ones are safe to send again."""

    package_id: str | None = None
    verdict: BatchVerdict
    duplicate: bool | None = None
    reason: str
    errors: tuple[VerdictError, ...] | None = None


class BatchAnswer(Model):
    """What became of the packages of a batch, in its order; each has one of the verdicts."""

    delivered: int
    dropped: int
    conflict: int
    malformed: int
    undecided: int
    duplicates: Annotated[
        int, Field(description="Delivered and dropped ones that an earlier attempt had decided")
    ]
    packages: tuple[PackageVerdict, ...]


class MessageVerdict(Model):
    """What became of a message of the queue."""

    message_id: str
    verdict: Verdict
    duplicate: bool | None = None
    package_id: str | None = None
    reason: str
    errors: tuple[VerdictError, ...] | None = None
    judged_at: Instant
