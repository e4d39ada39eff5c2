"""Ordering ingredients over HTTP: batches, and Jira's webhook about their tickets."""

from datetime import date
from typing import Annotated, NamedTuple

from chalice import Response
from pydantic import Field

from chalicelib.bakery.answers import (
    BatchAnswer,
    BatchSummary,
    NextBatchAnswer,
    WebhookAnswer,
)
from chalicelib.bakery.models import (
    BatchesQuery,
    BatchPath,
    JiraEvent,
    TicketQuery,
    WebhookHeaders,
)
from chalicelib.bakery.records import MOST_TICKETS, batch_id
from chalicelib.bakery.service.shortages import Report, report_time
from chalicelib.bakery.wiring import bakery
from chalicelib.core import canonical, log, strict_json, totals
from chalicelib.core.http import json_list, json_value, ok
from chalicelib.core.paging import Pages, cut
from chalicelib.core.routing import Routes, Upload

bp = Routes(__name__)


class _Place(NamedTuple):
    day: date
    number: Annotated[int, Field(ge=1, le=MOST_TICKETS)] = 1


_BATCHES = Pages("/batches", _Place)
_WEBHOOK = Upload(media_types=("application/json",), limit=1_000_000)


@bp.on(
    "GET", "/batches", access="bakery:read", query=BatchesQuery, response=BatchSummary, as_list=True
)
def list_batches(query: BatchesQuery) -> Response:
    """List batches, newest first."""
    start = _BATCHES.start(query)
    before = batch_id(*start) if start else query.before
    recent = bakery().batching.recent
    page = cut(recent(before=before), query.limit, lambda batch: _Place(batch.day, batch.number))
    headers = _BATCHES.headers(query, page, lambda: totals.count(recent(before=query.before)))
    return json_list(map(BatchSummary.of, page.rows), headers=headers)


@bp.on(
    "POST",
    "/batches",
    access="bakery:write",
    query=TicketQuery,
    response=BatchAnswer,
    also_answers=(201,),
    errors=(409,),
)
def create_batch(query: TicketQuery) -> Response:
    """Create the day's batch from all waiting orders; a repeat returns the same batch.

    ``ticket`` 2 and so on are extra tickets of the day.
    """
    batching = bakery().batching
    run = batching.run_by_hand(query.ticket)
    if run.batch is None:
        return ok(BatchAnswer(date=run.day, number=query.ticket, status="empty"))
    answer = BatchAnswer.of_run(run, batching.show(run.day, query.ticket))
    if not run.new:
        return ok(answer)
    log.count("BatchesSealed")
    extra = f"?ticket={query.ticket}" if query.ticket > 1 else ""
    location = f"/batches/{run.day.isoformat()}{extra}"
    return ok(answer, status=201, headers={"Location": location})


@bp.on("GET", "/batches/next", access="bakery:read", response=NextBatchAnswer)
def get_next_batch() -> Response:
    """Preview the next batch: the ingredients of all waiting orders."""
    return ok(NextBatchAnswer.of(bakery().batching.upcoming()))


@bp.on(
    "GET",
    "/batches/{day}",
    access="bakery:read",
    path_values=BatchPath,
    query=TicketQuery,
    response=BatchAnswer,
    errors=(404,),
)
def get_batch(path: BatchPath, query: TicketQuery) -> Response:
    """Show a day's batch, with the orders of each line of its ticket."""
    return ok(BatchAnswer.of(bakery().batching.show(path.day, query.ticket)))


@bp.on(
    "POST",
    "/webhooks/jira",
    access="public",
    upload=_WEBHOOK,
    headers=WebhookHeaders,
    response=WebhookAnswer,
    also_answers=(202,),
    errors=(401,),
)
def receive_jira_webhook(content: bytes, headers: WebhookHeaders) -> Response:
    """Receive a signed webhook from Jira and read its ticket again."""
    shortages = bakery().shortages
    shortages.verify(content, headers.signature)
    event = json_value(content, JiraEvent)
    if event.issue is None:
        return ok(WebhookAnswer(verdict="not ours"), status=202)
    report = Report(
        key=event.issue.key,
        issue_id=event.issue.id,
        labels=event.issue.fields.labels,
        closed=event.issue.fields.status.category.key == "done",
        at=report_time(event.timestamp),
        occasion=canonical.digest(strict_json.loads(content))[:32],
    )
    verdict = shortages.take(report)
    log.count(f"Webhooks{verdict.title().replace(' ', '')}")
    return ok(WebhookAnswer(verdict=verdict), status=202 if verdict == "not ours" else 200)
