"""The deliveries context over HTTP: packages, preferences, counts."""

from chalice import Response

from chalicelib.core import log
from chalicelib.core.errors import BackroomError, InvalidInputError
from chalicelib.core.http import created, fault, ok
from chalicelib.core.paging import Pages
from chalicelib.core.routing import Routes
from chalicelib.deliveries.answers import (
    PREFERENCES_ANSWER,
    MessageVerdict,
    PackageAnswer,
    PackageView,
    Recount,
    Statistics,
)
from chalicelib.deliveries.fields import location
from chalicelib.deliveries.models import (
    RECIPIENT_CHOICES,
    SOMEBODYS_CHOICES,
    ChoicesOfSomebody,
    MessagePath,
    Package,
    PackagePath,
    PackageQuery,
    RecipientChoices,
    RecipientPath,
    RecipientQuery,
    RecountQuery,
)
from chalicelib.deliveries.ports import ScanPosition
from chalicelib.deliveries.wiring import deliveries

bp = Routes(__name__)

_RECOUNT = Pages("/statistics/recount", ScanPosition)


def _count_malformed(refused: BackroomError) -> None:
    """Count a request that is no package; its refusal leaves in any case."""
    log.count("PackagesMalformed")
    if not deliveries().counting.malformed():
        log.count("MalformedNotCounted")
        log.logger.error("malformed request not counted", extra={"refusal": refused.detail})


@bp.on(
    "POST",
    "/packages",
    access="deliveries:write",
    body=Package,
    response=PackageAnswer,
    also_answers=(201,),
    errors=(409,),
    on_invalid=_count_malformed,
)
def send_package(body: Package) -> Response:
    """Send a package; sending it again repeats the answer, not the package."""
    sent = deliveries().sending.send(body)
    log.count("PackageDuplicates" if sent.duplicate else f"Packages{sent.record.status.title()}")
    answer = sent.record.answer(duplicate=sent.duplicate)
    if sent.duplicate:
        return ok(answer)
    return created(answer, location=location("packages", "package_id", body.package_id))


@bp.on(
    "GET",
    "/packages",
    access="deliveries:read",
    query=PackageQuery,
    response=PackageView,
    errors=(404,),
)
def find_package(query: PackageQuery) -> Response:
    """Show a package whose id a path cannot carry."""
    return ok(deliveries().sending.show(query.package_id).view())


@bp.on(
    "GET",
    "/packages/{package_id}",
    access="deliveries:read",
    path_values=PackagePath,
    response=PackageView,
    errors=(404,),
)
def get_package(path: PackagePath) -> Response:
    """Show what became of a package, the preference that decided, and the attempts to send it."""
    return ok(deliveries().sending.show(path.package_id).view())


@bp.on(
    "PUT",
    "/preferences",
    access="deliveries:write",
    body=SOMEBODYS_CHOICES,
    response=PREFERENCES_ANSWER,
)
def put_preferences(body: ChoicesOfSomebody) -> Response:
    """Say which types somebody wants; what was said later stays."""
    return ok(deliveries().choosing.choose(body.recipient_id, body))


@bp.on(
    "GET",
    "/preferences",
    access="deliveries:read",
    query=RecipientQuery,
    response=PREFERENCES_ANSWER,
)
def find_preferences(query: RecipientQuery) -> Response:
    """Show the preferences of a recipient whose id a path cannot carry."""
    return ok(deliveries().choosing.show(query.recipient_id))


@bp.on(
    "PUT",
    "/recipients/{recipient_id}/preferences",
    access="deliveries:write",
    path_values=RecipientPath,
    body=RECIPIENT_CHOICES,
    response=PREFERENCES_ANSWER,
)
def put_recipient_preferences(path: RecipientPath, body: RecipientChoices) -> Response:
    """Say which types a recipient wants; what was said later stays."""
    if body.recipient_id not in (None, path.recipient_id):
        raise InvalidInputError([fault("body", "recipient_id", "must be the one in the path")])
    return ok(deliveries().choosing.choose(path.recipient_id, body))


@bp.on(
    "GET",
    "/recipients/{recipient_id}/preferences",
    access="deliveries:read",
    path_values=RecipientPath,
    response=PREFERENCES_ANSWER,
)
def get_recipient_preferences(path: RecipientPath) -> Response:
    """Show which types a recipient wants, and how it came to be; all, if nothing was ever said."""
    return ok(deliveries().choosing.show(path.recipient_id))


@bp.on("GET", "/statistics", access="deliveries:read", response=Statistics)
def get_statistics() -> Response:
    """Show the counts of packages, and of requests that were none."""
    return ok(deliveries().counting.statistics())


@bp.on("GET", "/statistics/recount", access="deliveries:read", query=RecountQuery, response=Recount)
def recount(query: RecountQuery) -> Response:
    """Count one page of the records themselves, to hold the counters against."""
    counted, following = deliveries().counting.recount(_RECOUNT.start(query))
    cursor = _RECOUNT.cursor(query, following)
    return ok(counted.model_copy(update={"cursor": cursor}))


@bp.on(
    "GET",
    "/messages/{message_id}",
    access="deliveries:read",
    path_values=MessagePath,
    response=MessageVerdict,
    errors=(404,),
)
def get_message(path: MessagePath) -> Response:
    """Show what became of a message that was sent to the queue."""
    return ok(deliveries().messages.verdict(path.message_id))
