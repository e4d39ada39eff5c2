"""Requests to every route through the real app, over AWS's doubles in memory.

The first of each operation are those of schemathesis, as the OpenAPI document allows and
otherwise, and the examples of the document. The others are these with something wrong in them.
"""

import hashlib
import hmac
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from typing import Any
from urllib.parse import quote, unquote_plus, urlencode

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from requests import Request
from schemathesis import GenerationMode

from bench.fuzz.hostile import HEADERS, MEDIA_TYPES, Mutator
from bench.fuzz.watching import HangError, Stored, within_limit
from chalicelib.core import aws
from infra.openapi import EXAMPLES
from tests.support.api import Answer, Api
from tests.support.api_cases import NAMES, OPERATIONS
from tests.support.examples import ROUTES, SECRET, Teller, stage, tell

# Routes that read many shards cost the doubles a hundred times what others do.
_OFTEN = {
    **dict.fromkeys(("GET /statistics/recount", "POST /package-list"), 0.02),
    **dict.fromkeys(("GET /outbox", "GET /statistics", "GET /accounts", "GET /dlq"), 0.1),
    **dict.fromkeys(("GET /packages", "GET /events", "GET /plans/refusals"), 0.3),
    **dict.fromkeys(("GET /worklist", "GET /fleet", "GET /warranties", "GET /audit"), 0.3),
}
_SIGNED = "POST /webhooks/jira"
DOCUMENTED = (
    # docs/deliveries.md: malformed requests are counted, a second decision is an attempt.
    (
        r"POST /packages(/batch)?|POST /package-list",
        {400, 413, 415},
        "DeliveriesTable:(COUNTERS|STATISTICS)/",
    ),
    (r"POST /packages(/batch)?", {409}, "DeliveriesTable:PACKAGE#"),
    # docs/ledger.md: a key belongs to its batch from the first attempt.
    ("POST /transactions/batch", {422}, "PutItem LedgerTable:KEY#"),
    # A number that was drawn before something else was refused stays unused.
    ("POST /employees", {409}, "UpdateItem BakeryTable:COUNTERS/EMPLOYEES"),
    ("POST /dispatches", {409}, "UpdateItem VendingTable:COUNTERS/DISPATCHES"),
)
"""Of which routes which refusals are recorded where, as regular expressions."""
OF_EACH = 6
"""Cases of schemathesis for each operation and mode, in each slice."""


@dataclass(frozen=True)
class Asked:
    """A request to an operation."""

    label: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    content: bytes

    @property
    def url(self) -> str:
        """Return the path with its query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


def inputs(mutator: Mutator, count: int, of_each: int) -> Iterator[Asked]:
    """Yield requests: those of the document first, then these with something wrong."""
    known = {label: _of_the_document(label, mutator, of_each) for label in sorted(OPERATIONS)}
    first = [each for cases in known.values() for each in cases]
    yield from first[:count]
    labels = cycle(known)
    for _ in range(count - len(first)):
        label = next(each for each in labels if mutator.chance.random() < _OFTEN.get(each, 1.0))
        yield _mutated(mutator.chance.choice(known[label]), mutator)


def _of_the_document(label: str, mutator: Mutator, of_each: int) -> list[Asked]:
    """Return the cases of an operation by its schema, and its example."""
    found = [_example(label)]
    for mode in GenerationMode if of_each else ():

        @hypothesis.seed(mutator.chance.getrandbits(32))
        @settings(
            max_examples=of_each,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(OPERATIONS[label].as_strategy(generation_mode=mode))
        def collect(case: Any) -> None:
            found.append(_asked(label, case))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                collect()
            except Unsatisfiable:  # where nothing is asked for, nothing can be wrong
                continue
    return found


def _example(label: str) -> Asked:
    """Return the document's example of an operation."""
    method, _, template = label.partition(" ")
    name = next(
        name for name, route in ROUTES.items() if (route.method, route.path) == (method, template)
    )
    told = json.loads(EXAMPLES.read_text()).get(name, {"parameters": {}, "body": {}})
    parameters, path = told["parameters"], template
    for part, value in parameters.get("path", {}).items():
        path = path.replace(f"{{{part}}}", quote(str(value), safe=""))
    headers, content = {k: str(v) for k, v in parameters.get("header", {}).items()}, b""
    for media_type, body in told["body"].items():
        headers["Content-Type"] = media_type
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    query = tuple((name, str(value)) for name, value in parameters.get("query", {}).items())
    return Asked(label, method, path, query, tuple(headers.items()), content)


def _asked(label: str, case: Any) -> Asked:
    """Return a case of schemathesis as a request."""
    told = case.as_transport_kwargs(base_url="http://backroom")
    known = ("method", "url", "headers", "files", "data", "params", "cookies", "json")
    request = Request(**{name: told[name] for name in known if name in told}).prepare()
    body: Any = request.body or b""
    content = body.encode() if isinstance(body, str) else bytes(body)
    headers = tuple((name, str(value)) for name, value in request.headers.items())
    path, _, query = request.path_url.partition("?")
    pairs = tuple((n, v) for n, _, v in (p.partition("=") for p in query.split("&")) if n)
    return Asked(label, request.method or "GET", path, _unquoted(pairs), headers, content)


def _unquoted(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((unquote_plus(name), unquote_plus(value)) for name, value in pairs)


def _mutated(asked: Asked, mutator: Mutator) -> Asked:
    chance = mutator.chance
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        draw = chance.random()
        if asked.label == _SIGNED and draw < 0.8:
            asked = _signed(replace(asked, content=mutator.body(asked.content)))
        elif draw < 0.45 and asked.content:
            asked = replace(asked, content=mutator.body(asked.content))
        elif draw < 0.6 and "{" in asked.label:
            asked = replace(asked, path=_other_path(asked, mutator))
        elif draw < 0.85:
            asked = replace(asked, query=_other_query(asked.query, mutator))
        elif draw < 0.95:
            asked = replace(asked, headers=_other_headers(asked.headers, mutator))
        else:
            asked = replace(asked, content=mutator.body(b"{}"), headers=_json(asked.headers))
    return asked


def _signed(asked: Asked) -> Asked:
    """Return a webhook of Jira's with the signature of its body."""
    signature = hmac.new(SECRET.encode(), asked.content, hashlib.sha256).hexdigest()
    headers = {**dict(asked.headers), "X-Hub-Signature": f"sha256={signature}"}
    return replace(asked, headers=tuple(headers.items()))


def _other_path(asked: Asked, mutator: Mutator) -> str:
    template = asked.label.partition(" ")[2].split("/")
    parts = asked.path.split("/")
    if len(parts) != len(template):
        return asked.path
    for at, part in enumerate(template):
        if part.startswith("{"):
            # A client takes "." and ".." for steps in the path; an empty part is another path.
            text = mutator.text()[:800]
            parts[at] = quote(text if text not in {"", ".", ".."} else "x", safe="")
    return "/".join(parts)


def _other_query(
    query: tuple[tuple[str, str], ...], mutator: Mutator
) -> tuple[tuple[str, str], ...]:
    pairs, chance = list(query), mutator.chance
    draw = chance.random()
    if pairs and draw < 0.5:
        at = chance.randrange(len(pairs))
        name, value = pairs[at]
        if chance.random() < 0.3 and value:
            text = mutator.bytes(value.encode(errors="replace")).decode(errors="replace")
        else:
            text = mutator.text()
        pairs[at] = (name, text[:4_000])
    elif pairs and draw < 0.6:
        pairs.append(chance.choice(pairs))
    elif pairs and draw < 0.7:
        pairs.pop(chance.randrange(len(pairs)))
    else:
        name = chance.choice([*NAMES, "cursor", "limit", mutator.text()])
        pairs.append((name, mutator.text()))
    return tuple(pairs)


def _other_headers(
    headers: tuple[tuple[str, str], ...], mutator: Mutator
) -> tuple[tuple[str, str], ...]:
    known, chance = dict(headers), mutator.chance
    if chance.random() < 0.4:
        known["Content-Type"] = chance.choice(MEDIA_TYPES)
    else:
        known[chance.choice(HEADERS)] = mutator.text()
    return tuple(known.items())


def _json(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple({**dict(headers), "Content-Type": "application/json"}.items())


class Routes:
    """The app with a story in its stores, asked one request after the other."""

    def __init__(self, api: Api, stored: Stored) -> None:
        self._api = api
        self._stored = stored

    def fault(self, asked: Asked) -> tuple[str, str | None]:
        """Return how a request was answered, and what is wrong with that if anything is."""
        self._stored.take()
        try:
            answer = within_limit(partial(self._send, asked))
        except HangError:
            return "hang", "hangs"
        except Exception as failed:  # noqa: BLE001 - whatever it is, it is what is looked for
            return "raised", f"raised {type(failed).__name__}: {failed}"
        stored = self._stored.take()
        if answer.status >= 500:
            return str(answer.status), f"{answer.status}: {answer.body[:200]!r}"
        if answer.status >= 400:
            if answer.headers.get("Content-Type") != "application/problem+json":
                return str(answer.status), f"{answer.status} is no problem document"
            if left := [each for each in stored if not _documented(asked, answer, each)]:
                return str(answer.status), f"{answer.status} and stored {left[0]}"
        return str(answer.status), None

    def _send(self, asked: Asked) -> Answer:
        return self._api.raw(asked.method, asked.url, dict(asked.headers), asked.content)


def _documented(asked: Asked, answer: Answer, stored: str) -> bool:
    """Return whether the documents say that this refusal is recorded."""
    return any(
        re.fullmatch(label, asked.label) and answer.status in statuses and re.search(place, stored)
        for label, statuses, place in DOCUMENTED
    )


def run(
    mutator: Mutator, count: int, of_each: int = OF_EACH
) -> Iterator[tuple[str, str, str | None, Asked]]:
    """Send ``count`` requests; yield of each its route, its answer, what is wrong, and itself.

    ``of_each`` are the cases of schemathesis for each operation and mode, which take a while.
    """
    aws._session.cache_clear()
    stored = Stored(aws._session())
    with stage() as api:
        tell(Teller(api.raw))
        routes = Routes(api, stored)
        for asked in inputs(mutator, count, of_each):
            answered, fault = routes.fault(asked)
            yield asked.label, answered, fault, asked
