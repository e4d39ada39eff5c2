"""Requests to the API: what its document allows, what it does not, what it does not describe."""

import json
import string
from functools import partial
from typing import Any
from urllib.parse import quote

import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chalicelib.core.routing import VERBS
from infra import openapi
from tests.support.routes import CONTRACTS
from tests.support.size import size

TIMES = size(1, fuzz=10)
PATIENT = (HealthCheck.too_slow, HealthCheck.filter_too_much)
looking = partial(settings, deadline=None, suppress_health_check=PATIENT)

DOCUMENT = schemathesis.openapi.from_dict(json.loads(openapi.text()))
OPERATIONS = {
    found.ok().label: found.ok() for found in DOCUMENT.get_all_operations() if isinstance(found, Ok)
}
CONFORMANCE = [status_code_conformance, content_type_conformance, response_schema_conformance]

NAMES = sorted({name for c in CONTRACTS if c.query for name in c.query.model_fields} | {"from"})
FIELDS = sorted({name for c in CONTRACTS if c.body for name in c.body.model_fields})
GOOD = ["T0001", "#1", "GM001", "1", "2020-02-20T11:29:44Z", "9/21/2018 9:34:48 AM", "open", "json"]
MEDIA_TYPES = ["application/json", "application/json; charset=utf-8", "text/plain"]
LOG_TYPES = ["application/zip", "application/gzip", "application/octet-stream", "image/png", "x"]

values = st.one_of(st.sampled_from(GOOD), st.text(max_size=40), st.integers().map(str))
in_path = st.one_of(
    st.sampled_from(GOOD),
    # A client takes "." and ".." for steps in the path; an empty part is another path.
    st.text(string.ascii_letters + string.digits + "._-~#$é☃", min_size=1, max_size=30).filter(
        lambda part: part not in {".", ".."}
    ),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(values, inner, max_size=3),
    max_leaves=6,
)
bodies = st.one_of(
    st.binary(max_size=200),
    json_values.map(json.dumps).map(str.encode),
    st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=6)
    .map(json.dumps)
    .map(str.encode),
    st.sampled_from([b"PK\x03\x04", b"\x1f\x8b\x08", b"GM001|2020-02-20T11:29:44Z|1\n"]).flatmap(
        lambda start: st.binary(max_size=100).map(lambda rest: start + rest)
    ),
)


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a request to a path that exists, everything else about it is up to chance."""
    path = draw(st.sampled_from(sorted({contract.path for contract in CONTRACTS})))
    while "{" in path:
        head, _, tail = path.partition("{")
        path = f"{head}{quote(draw(in_path), safe='')}{tail.partition('}')[2]}"
    return {
        "method": draw(st.sampled_from(VERBS)),
        "url": path,
        "params": draw(st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=5)),
        "headers": {"Content-Type": draw(st.sampled_from(MEDIA_TYPES + LOG_TYPES))},
        "content": draw(bodies),
    }
