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


class DeadLetter(Model):
    """A message that could not be processed; ``body`` is its beginning."""

    message_id: str
    sent_at: Instant
    body: str


class DeadLetters(Model):
    """The dead letters of a queue: how many, and the first few as they come.

    ``redrivable`` tells whether there is a queue to send them back to.
    """

    queue: str
    depth: int
    redrivable: bool
    letters: tuple[DeadLetter, ...] = ()


class Redriven(Model):
    """How many dead letters were sent back, and about how many are left."""

    queue: str
    moved: int
    left: int
