"""The shapes of dead letters for operators."""

from typing import Annotated

from chalicelib.core.forms import Form
from chalicelib.core.instants import Instant
from chalicelib.core.models import Model


class QueuePath(Model):
    """Whose dead letters: the name of a queue, without that of the stack."""

    queue: Annotated[
        str, Form("[a-z0-9-]{1,80}", "must be the name of a queue, as the list gives it")
    ]
    """The name of a queue, without that of the stack."""


class DeadLetter(Model):
    """A message that could not be processed; ``body`` is its beginning."""

    message_id: str
    """The id that the queue gave the message."""
    sent_at: Instant
    """When it was sent."""
    body: str
    """The first 300 characters of its body."""


class DeadLetters(Model):
    """The dead letters of a queue: how many, and the first few as they come.

    ``redrivable`` is whether there is a queue to send them back to; what is in that is ``waiting``
    and ``in_process``.
    """

    queue: str
    """The name of the queue."""
    depth: int
    """About how many dead letters it has."""
    redrivable: bool
    """Whether there is a queue to send them back to."""
    waiting: int | None = None
    """About how many messages of the queue itself wait; null for dead letters alone."""
    in_process: int | None = None
    """About how many messages of the queue itself a function has, or is to get again."""
    letters: tuple[DeadLetter, ...] = ()
    """The first few dead letters."""


class Redriven(Model):
    """How many dead letters were sent back, and about how many are left."""

    queue: str
    """The name of the queue."""
    moved: int
    """How many dead letters were sent back."""
    left: int
    """About how many are left."""
