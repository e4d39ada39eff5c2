"""What operators are told of dead letters."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict

from chalicelib.core.forms import Form


class Model(BaseModel):
    """A frozen value; fields that do not apply are None and left out of the JSON."""

    model_config = ConfigDict(frozen=True)

    def json_text(self) -> str:
        """Return the wire form."""
        return self.model_dump_json(exclude_none=True)


class QueuePath(Model):
    """Whose dead letters: the name of a queue, without that of the stack."""

    queue: Annotated[
        str, Form("[a-z0-9-]{1,80}", "must be the name of a queue, as the list gives it")
    ]


class DeadLetter(Model):
    """A message that nobody could deal with; ``body`` is its beginning."""

    message_id: str
    sent_at: AwareDatetime
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
