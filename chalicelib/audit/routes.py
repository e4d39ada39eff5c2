"""The audit trail over HTTP: who changed what and when, and the seals that prove it."""

from chalice import Response

from chalicelib.audit.models import AuditQuery, SealsQuery
from chalicelib.audit.ports import EntryPosition, SealPosition, Wanted
from chalicelib.audit.seals import Seal
from chalicelib.audit.wiring import audit
from chalicelib.core.audit.entries import AuditEntry, filter_key
from chalicelib.core.errors import InvalidInputError
from chalicelib.core.http import fault, json_list
from chalicelib.core.paging import Pages
from chalicelib.core.routing import Routes

bp = Routes(__name__)

_ENTRIES = Pages("/audit", EntryPosition)
_SEALS = Pages("/audit/seals", SealPosition)


@bp.on("GET", "/audit", access="audit:read", query=AuditQuery, response=AuditEntry, as_list=True)
def list_audit_entries(query: AuditQuery) -> Response:
    """List audit entries, newest first, by author, record or time."""
    if query.from_ and query.to and query.to < query.from_:
        raise InvalidInputError([fault("query", "to", "must not be before from")])
    wanted = Wanted(
        who=query.who,
        what=filter_key(query.what) if query.what else None,
        since=query.from_,
        until=query.to,
    )
    page = audit().page(wanted, before=_ENTRIES.start(query), limit=query.limit)
    headers = _ENTRIES.headers(query, page, lambda: audit().total(wanted))
    return json_list(page.rows, headers=headers)


@bp.on("GET", "/audit/seals", access="audit:read", query=SealsQuery, response=Seal, as_list=True)
def list_audit_seals(query: SealsQuery) -> Response:
    """List the seals of the audit trail, newest first."""
    page = audit().seals(before=_SEALS.start(query), limit=query.limit)
    return json_list(page.rows, headers=_SEALS.headers(query, page, audit().count_seals))
