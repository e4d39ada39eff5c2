"""Errors between a person and the API; each has a next step.

ClientError                 exit code 1
├── ApiError                1  the API refused, with a reason
├── UnreachableError        3  no response, or not from the API
├── UnreadableFileError     1  a local file that is no log
├── UnfinishedError         1  a file was taken, but its rows do not count (yet)
├── DeclinedError           1  the person said no
└── UnansweredError         2  a question, and no terminal to answer it
"""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

from backroom.core.advice import next_step_after


class ClientError(Exception):
    """Base of what a person can act on: ``detail`` in plain words, ``next_step`` a command."""

    exit_code = 1

    def __init__(self, detail: str, *, next_step: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.next_step = next_step


class Fault(BaseModel):
    """One thing wrong with a request, as the API names it."""

    place: str = Field(default="", alias="in")
    field: str = ""
    detail: str


class ApiError(ClientError):
    """The API's problem document (RFC 9457): what it refused, and every fault that it found.

    ``facts`` are the document's other members, such as ``assigned`` or ``file``; ``retry_after_s``
    is how long the API asks to wait, if it does.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        errors: Sequence[Fault] = (),
        facts: Mapping[str, object] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail, next_step=next_step_after(status, detail))
        self.status = status
        self.title = title
        self.errors = tuple(errors)
        self.facts = dict(facts or {})
        self.retry_after_s = retry_after_s


class UnreachableError(ClientError):
    """The address does not answer, or not as Backroom."""

    exit_code = 3


class UnreadableFileError(ClientError):
    """A local file cannot be read as a log."""


class UnfinishedError(ClientError):
    """The API took a file, but its rows do not count, or not yet."""


class DeclinedError(ClientError):
    """The person declined a confirmation."""


class UnansweredError(ClientError):
    """A question needs an answer, but there is no terminal."""

    exit_code = 2
