"""The error tree. The service picks the class; `core.http` alone turns it into a response.

BackroomError
├── InvalidInputError      400  form or type of a body, path or query value; names every fault
├── UnauthorizedError      401  the caller has not proved who they are
├── ForbiddenError         403  known caller, not theirs to do
├── NotFoundError          404  the URL's resource is absent
├── MethodNotAllowedError  405  known path, wrong verb
├── ConflictError          409  state or identity conflict
├── TooLargeError          413  more bytes than the route takes
├── MediaTypeError         415  a body of a kind the route does not read
├── UnprocessableError     422  well formed but impossible
└── UnavailableError       503  a dependency is down or too busy; safe to try again
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Literal, TypedDict

from chalice import ChaliceUnhandledError

ParameterLocation = Literal["body", "query", "path", "header"]


class Fault(TypedDict):
    """One thing wrong with a request: where it is, its name, and what would be right."""

    # "in" is a keyword, so the wire name is set where the fault is written.
    place: ParameterLocation
    field: str
    detail: str


def unknown_field(name: str, known: Sequence[str]) -> str:
    """Return what is wrong with a field that is not one of ``known``, and which may be meant."""
    meant = get_close_matches(name, known, n=1)
    return f"unknown field; did you mean {meant[0]}?" if meant else "unknown field"


class BackroomError(ChaliceUnhandledError):
    """Base of all errors a caller can act on.

    Derives from ChaliceUnhandledError because Chalice turns anything else raised in a view into
    a 500 before any middleware sees it. ``detail`` says what to do; ``facts`` are extra members
    of the problem document.
    """

    status = 500
    type = "about:blank"
    title = "Internal Server Error"

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts


class InvalidInputError(BackroomError):
    """The request has faults; all of them are listed."""

    status = 400
    type = "/problems/invalid-input"
    title = "Invalid input"

    def __init__(self, faults: Sequence[Fault]) -> None:
        names = ", ".join(dict.fromkeys(fault["field"] for fault in faults))
        super().__init__(f"{len(faults)} fault(s) in this request: {names}")
        self.faults = list(faults)


class UnauthorizedError(BackroomError):
    """The caller has not proved who they are; ``challenge`` says how to, if by a token."""

    status = 401
    type = "/problems/unauthorized"
    title = "Not authenticated"
    challenge = ""


class ForbiddenError(BackroomError):
    """The caller is known and may not do this; ``challenge`` says what it takes, if a token."""

    status = 403
    type = "/problems/forbidden"
    title = "Not allowed"
    challenge = ""


class NotFoundError(BackroomError):
    """Nothing is stored under this URL."""

    status = 404
    type = "/problems/not-found"
    title = "Not found"


class MethodNotAllowedError(BackroomError):
    """The path is known, the verb is not; ``allow`` lists the verbs that are."""

    status = 405
    type = "/problems/method-not-allowed"
    title = "Method not allowed"

    def __init__(self, method: str, allow: Sequence[str]) -> None:
        super().__init__(f"{method} is not possible here; this path takes {', '.join(allow)}")
        self.allow = ", ".join(allow)


class ConflictError(BackroomError):
    """The request clashes with what is stored."""

    status = 409
    type = "/problems/conflict"
    title = "Conflict"


class TooLargeError(BackroomError):
    """The body is larger than the route takes."""

    status = 413
    type = "/problems/too-large"
    title = "Too large"


class MediaTypeError(BackroomError):
    """The route does not read bodies of this kind."""

    status = 415
    type = "/problems/unsupported-media-type"
    title = "Unsupported media type"


class UnprocessableError(BackroomError):
    """The request is well formed and cannot be done."""

    status = 422
    type = "/problems/unprocessable"
    title = "Cannot be processed"


class UnavailableError(BackroomError):
    """A dependency is down or too busy; nothing was stored that a retry would double."""

    status = 503
    type = "/problems/unavailable"
    title = "Temporarily unavailable"

    def __init__(self, detail: str, *, retry_after_s: int = 2) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
