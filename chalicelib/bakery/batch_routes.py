"""Ordering ingredients over HTTP: batches, and what Jira says of their tickets."""

from datetime import date
from typing import NamedTuple

from chalice import Response

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
    WebhookHeaders,
)
from chalicelib.bakery.service.batches import already_sealed
from chalicelib.bakery.service.shortages import Report, report_time
from chalicelib.bakery.wiring import bakery
from chalicelib.core import canonical, log, strict_json
from chalicelib.core.http import json_list, json_value, ok
from chalicelib.core.paging import Pages, cut
from chalicelib.core.routing import Routes, Upload

bp = Routes(__name__)


class _Day(NamedTuple):
    day: date


_BATCHES = Pages("/batches", _Day)
_WEBHOOK = Upload(media_types=("application/json",), limit=1_000_000)


@bp.on(
    "GET", "/batches", access="bakery:read", query=BatchesQuery, response=BatchSummary, as_list=True
)
def list_batches(query: BatchesQuery) -> Response:
    """List the batches, newest first."""
    start = _BATCHES.start(query)
    found = bakery().batching.recent(before=start.day if start else query.before)
    page = cut(found, query.limit, lambda batch: _Day(batch.day))
    following = _BATCHES.following(query, page.next)
    return json_list(map(BatchSummary.of, page.rows), next_page=following)


@bp.on(
    "POST",
    "/batches",
    access="bakery:write",
    response=BatchAnswer,
    also_answers=(201,),
)
def run_batch() -> Response:
    """Order what all waiting orders need, now; the same day again answers the same batch."""
    batching = bakery().batching
    run = batching.run_by_hand()
    if run.batch is None:
        return ok(BatchAnswer(date=run.day, status="empty"))
    message = None if run.new else already_sealed(run.batch, run.waiting)
    shown = batching.show(run.day)
    answer = BatchAnswer.of(shown, waiting=run.waiting or None, message=message)
    if not run.new:
        return ok(answer)
    log.count("BatchesSealed")
    return ok(answer, status=201, headers={"Location": f"/batches/{run.day.isoformat()}"})


@bp.on("GET", "/batches/next", access="bakery:read", response=NextBatchAnswer)
def show_next_batch() -> Response:
    """Show what the waiting orders need before their ticket goes."""
    return ok(NextBatchAnswer.of(bakery().batching.upcoming()))


@bp.on(
    "GET",
    "/batches/{day}",
    access="bakery:read",
    path_values=BatchPath,
    response=BatchAnswer,
    errors=(404,),
)
def get_batch(path: BatchPath) -> Response:
    """Show a day's batch, every line of its ticket expanded to its orders."""
    return ok(BatchAnswer.of(bakery().batching.show(path.day)))


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
def hear_from_jira(content: bytes, headers: WebhookHeaders) -> Response:
    """Take what Jira says of a ticket: signed, and only an occasion to look at it."""
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
