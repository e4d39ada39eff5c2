"""The deliveries context over HTTP: packages, preferences, counts."""

from chalice import Response

from chalicelib.core import log
from chalicelib.core.errors import BackroomError, InvalidInputError
from chalicelib.core.http import checked, created, fault, json_list, ok, respond
from chalicelib.core.paging import Pages
from chalicelib.core.routing import Routes
from chalicelib.core.spreadsheets import MEDIA_TYPE
from chalicelib.deliveries.answers import (
    PREFERENCES_ANSWER,
    Indexed,
    MessageVerdict,
    PackageAnswer,
    PackageBatchAnswer,
    PackagesAnswer,
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
    PackageBatchBody,
    PackagePath,
    PackagesQuery,
    RecipientChoices,
    RecipientPath,
    RecipientQuery,
    RecountQuery,
)
from chalicelib.deliveries.ports import ListPosition, ScanPosition, Wanted
from chalicelib.deliveries.screens import packages_csv
from chalicelib.deliveries.wiring import deliveries

bp = Routes(__name__)

_RECOUNT = Pages("/statistics/recount", ScanPosition)
_PACKAGES = Pages("/packages", ListPosition)
_FILL = Pages("/package-list", ScanPosition)
_BATCH_LIMIT = 1_048_576


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
    """Send a package; a repeat returns the first response."""
    sent = deliveries().sending.send(body)
    log.count("PackageDuplicates" if sent.duplicate else f"Packages{sent.record.status.title()}")
    answer = sent.record.answer(duplicate=sent.duplicate)
    if sent.duplicate:
        return ok(answer)
    return created(answer, location=location("packages", "package_id", body.package_id))


@bp.on(
    "POST",
    "/packages/batch",
    access="deliveries:write",
    body=PackageBatchBody,
    body_limit=_BATCH_LIMIT,
    response=PackageBatchAnswer,
    on_invalid=_count_malformed,
)
def send_packages(body: PackageBatchBody) -> Response:
    """Send up to 500 packages; each has an outcome of its own."""
    answer = deliveries().batches.send([_read(value) for value in body.packages])
    for name in ("delivered", "dropped", "malformed"):
        log.count(f"Packages{name.title()}", getattr(answer, name))
    log.count("PackageDuplicates", answer.duplicates)
    return ok(answer)


@bp.on(
    "GET",
    "/packages/batch",
    access="deliveries:read",
    response=PackageView,
    errors=(404,),
)
def get_package_called_batch() -> Response:
    """Show the package with the id batch."""
    return ok(deliveries().sending.show("batch").view())


@bp.on(
    "GET",
    "/packages",
    access="deliveries:read",
    query=PackagesQuery,
    response=PackagesAnswer,
    errors=(404,),
    also_produces=("text/csv",),
)
def list_packages(query: PackagesQuery) -> Response:
    """List packages, newest decision first, or the one with a package_id."""
    if query.package_id is not None:
        _check_alone(query)
        return ok(deliveries().sending.show(query.package_id).view())
    if query.from_ and query.to and query.to < query.from_:
        raise InvalidInputError([fault("query", "to", "must not be before from")])
    wanted = Wanted(
        recipient=query.recipient,
        sender=query.sender,
        outcome=query.outcome,
        type=query.type,
        since=query.from_,
        until=query.to,
    )
    listing = deliveries().listing
    page = listing.page(wanted, before=_PACKAGES.start(query), limit=query.limit)
    headers = _PACKAGES.headers(query, page, lambda: listing.total(wanted))
    rows = [record.listed() for record in page.rows]
    if query.format == "json":
        return json_list(rows, headers=headers)
    return respond(packages_csv(rows), media_type=MEDIA_TYPE, headers=headers)


@bp.on(
    "POST",
    "/package-list",
    access="operate",
    query=RecountQuery,
    response=Indexed,
)
def index_packages(query: RecountQuery) -> Response:
    """Add a page of packages from before 0.2.0 to the list; repeatable."""
    filled, following = deliveries().listing.fill(_FILL.start(query))
    return ok(Indexed(packages=filled, cursor=_FILL.cursor(query, following)))


@bp.on(
    "GET",
    "/packages/{package_id}",
    access="deliveries:read",
    path_values=PackagePath,
    response=PackageView,
    errors=(404,),
)
def get_package(path: PackagePath) -> Response:
    """Show a package's outcome, the preference that decided it, and the attempts to send it."""
    return ok(deliveries().sending.show(path.package_id).view())


@bp.on(
    "PUT",
    "/preferences",
    access="deliveries:write",
    body=SOMEBODYS_CHOICES,
    response=PREFERENCES_ANSWER,
)
def put_preferences(body: ChoicesOfSomebody) -> Response:
    """Set a recipient's preferences; those with a later timestamp take precedence."""
    return ok(deliveries().choosing.choose(body.recipient_id, body))


@bp.on(
    "GET",
    "/preferences",
    access="deliveries:read",
    query=RecipientQuery,
    response=PREFERENCES_ANSWER,
)
def get_preferences(query: RecipientQuery) -> Response:
    """Show a recipient's preferences, for ids that do not fit in a path."""
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
    """Set a recipient's preferences; those with a later timestamp take precedence."""
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
    """Show a recipient's preferences with their history; the default is all types."""
    return ok(deliveries().choosing.show(path.recipient_id))


def _read(value: object) -> Package | InvalidInputError:
    """Return a member of a batch as a package, or what is wrong with it."""
    if not isinstance(value, dict):
        return InvalidInputError([fault("body", "(package)", "must be an object")])
    try:
        return checked(Package, value, place="body", strict=True)
    except InvalidInputError as invalid:
        return invalid


def _check_alone(query: PackagesQuery) -> None:
    others = query.model_dump(by_alias=True, exclude={"package_id"}, exclude_defaults=True)
    if others:
        faults = [fault("query", name, "must not be given with package_id") for name in others]
        raise InvalidInputError(faults)


@bp.on("GET", "/statistics", access="deliveries:read", response=Statistics)
def get_statistics() -> Response:
    """Show the counts of packages and of invalid requests."""
    return ok(deliveries().counting.statistics())


@bp.on("GET", "/statistics/recount", access="deliveries:read", query=RecountQuery, response=Recount)
def recount_packages(query: RecountQuery) -> Response:
    """Count a page of stored records, to verify the counters."""
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
    """Show the outcome of a queued message."""
    return ok(deliveries().messages.verdict(path.message_id))
