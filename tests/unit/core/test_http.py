"""The HTTP edge: reading requests, writing answers, problems in one form (S1 to S5, RFC 9457)."""

import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from chalice import Chalice, Response
from chalice.test import Client
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.core import errors, http, routing
from chalicelib.core.errors import BackroomError
from chalicelib.core.numbers import FROM_JSON, FROM_TEXT
from tests.support.api import Api, client

PROBLEM = "application/problem+json"
routes = routing.Routes(__name__)


class Shelf(BaseModel):
    shelf_id: Annotated[int, Field(ge=1), FROM_TEXT]


class Wanted(BaseModel):
    limit: Annotated[int, Field(ge=1), FROM_TEXT] = 10
    from_: Annotated[str | None, Field(alias="from")] = None


class Box(BaseModel):
    name: Annotated[str, Field(min_length=1)]
    weight_g: Annotated[int, FROM_JSON]
    fragile: bool = False

    def json_text(self) -> str:
        return self.model_dump_json()


@routes.on(
    "PUT", "/shelves/{shelf_id}", access="public", path_values=Shelf, body=Box, body_limit=200
)
def put_box(path: Shelf, body: Box) -> Response:
    """Put a box on a shelf."""
    return http.created(body, location=f"/shelves/{path.shelf_id}")


@routes.on("GET", "/shelves", access="public", query=Wanted)
def list_boxes(query: Wanted) -> Response:
    """List boxes."""
    boxes = [Box(name=query.from_ or "a", weight_g=query.limit)]
    return http.json_list(boxes, headers={"Link": '</shelves?limit=1>; rel="next"'})


@routes.on("POST", "/notes", access="public", body=Box, body_optional=True)
def take_note(body: Box | None = None) -> Response:
    """Never reached without a body: a box has no defaults."""
    raise AssertionError(body)


@routes.on(
    "POST", "/logs", access="public", upload=routing.Upload(("text/plain",), 10, " Send less.")
)
def take_log(content: bytes) -> Response:
    """Say how long a log is."""
    return http.respond(json.dumps(len(content)))


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    colour: str = ""


class Labelled(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tag: str = Field(default="", alias="label")
    inner: Inner | None = None


class Odd(BaseModel):
    at: datetime
    code: Annotated[str, Field(pattern="^a$")]


class Trouble:
    error: Exception = RuntimeError("a secret: hunter2")


class Person(BaseModel):
    person: Annotated[str, Field(repr=False)]


@routes.on("GET", "/people/{person}", access="public", path_values=Person)
def greet(path: Person) -> Response:
    """Greet somebody."""
    assert path.person
    return http.no_content()


@routes.on("GET", "/trouble", access="public")
def trouble() -> Response:
    """Fail."""
    raise Trouble.error


@pytest.fixture(name="api", scope="module")
def _api() -> Iterator[Api]:
    """An app of its own; a blueprint of Chalice's can be registered only once."""
    app = Chalice(app_name="shelves", configure_logs=False)
    app.log.handlers.clear()
    app.register_middleware(http.edge, "http")
    app.register_blueprint(routes)
    routing.refuse_other_verbs(app, routes.contracts)
    routing.refuse_unknown_paths(app)
    with Client(app) as gateway:
        yield Api(gateway.http)


BOX = {"name": "cake", "weight_g": 33}


# --- reading ------------------------------------------------------------------------------------


def test_what_a_contract_names_is_read_and_checked(api: Api) -> None:
    answer = api.put("/shelves/7", BOX)

    assert (answer.status, answer.headers["Location"]) == (201, "/shelves/7")
    assert answer.json == {"name": "cake", "weight_g": 33, "fragile": False}


def test_s1_all_faults_of_a_body_are_named_at_once(api: Api) -> None:
    answer = api.put("/shelves/7", {"name": "", "weight_g": "33", "fragile": 1})

    assert answer.faults.keys() == {"body.name", "body.weight_g", "body.fragile"}
    assert answer.json["type"] == "/problems/invalid-input"
    assert answer.json["instance"] == "/shelves/7"
    assert api.put("/shelves/7", {}).faults == {
        "body.name": "is required",
        "body.weight_g": "is required",
    }


@pytest.mark.parametrize("weight", ["true", "33.5", "1e-2", '"33"', "null", "[]"])
def test_s4_a_number_is_a_number_and_nothing_like_one(api: Api, weight: str) -> None:
    body = f'{{"name": "cake", "weight_g": {weight}}}'.encode()

    answer = api.send("PUT", "/shelves/7", body, media_type="application/json")

    assert answer.faults == {"body.weight_g": "must be a whole number"}


@pytest.mark.parametrize("weight", ["33.0", "3.3e1", "33.000", "330e-1"])
def test_s4_a_whole_number_may_be_written_with_a_point(api: Api, weight: str) -> None:
    body = f'{{"name": "cake", "weight_g": {weight}}}'.encode()

    answer = api.send("PUT", "/shelves/7", body, media_type="application/json")

    assert answer.json["weight_g"] == 33


def test_s4_a_byte_order_mark_before_the_body_is_skipped(api: Api) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(BOX).encode()

    assert api.send("PUT", "/shelves/7", body, media_type="application/json").status == 201


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "is not valid JSON"),
        (gzip.compress(b"{}"), "is compressed: send the JSON itself"),
        (b"{", "is not valid JSON"),
        (b'{"name": "a", "name": "b", "weight_g": 1}', 'names "name" twice'),
        (b'{"name": "a", "weight_g": NaN}', "holds NaN"),
        (b'{"name": "\xff", "weight_g": 1}', "is not UTF-8"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
    ],
)
def test_s4_a_body_that_is_no_json_object_is_400(api: Api, body: bytes, why: str) -> None:
    answer = api.send("PUT", "/shelves/7", body, media_type="application/json")

    assert answer.faults["body.(body)"].startswith(why)


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_s3_a_body_of_another_kind_is_415(api: Api, media_type: str | None) -> None:
    answer = api.send("PUT", "/shelves/7", json.dumps(BOX).encode(), media_type=media_type)

    assert (answer.status, answer.headers["Content-Type"]) == (415, PROBLEM)
    assert answer.json["detail"].startswith("Content-Type must be application/json; ")


def test_s3_a_body_in_an_encoding_that_is_not_read_is_415(api: Api) -> None:
    body = json.dumps(BOX).encode()

    answer = api.send("PUT", "/shelves/7", body, media_type="application/json", encoding="br")

    assert answer.status == 415
    assert answer.json["detail"] == "Content-Encoding is not read here: send the body as it is."


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;"]
)
def test_s3_parameters_and_case_of_a_media_type_do_not_matter(api: Api, media_type: str) -> None:
    body = json.dumps(BOX).encode()

    assert api.send("PUT", "/shelves/7", body, media_type=media_type).status == 201


def test_s1_a_body_that_is_too_large_is_413_before_it_is_read(api: Api) -> None:
    answer = api.send("PUT", "/shelves/7", b"{" * 201, media_type="application/json")

    assert (answer.status, answer.json["type"]) == (413, "/problems/too-large")
    assert answer.json["detail"] == "The body has 201 bytes; at most 200 go here."


def test_s1_an_upload_that_is_too_large_is_413_with_a_hint(api: Api) -> None:
    assert api.post("/logs", b"x" * 10, media_type="text/plain").json == 10

    answer = api.post("/logs", b"x" * 11, media_type="text/plain")

    assert answer.status == 413
    assert answer.json["detail"].endswith("at most 10 go here. Send less.")


def test_s5_a_query_value_that_is_repeated_is_400_also_under_its_alias(api: Api) -> None:
    assert api.get("/shelves", limit=[1, 2]).faults == {"query.limit": "must be given once"}
    assert api.get("/shelves", **{"from": ["a", "b"]}).faults == {
        "query.from": "must be given once"
    }
    assert api.get("/shelves", limit=["x", 0], **{"from": ["a", "b"]}).faults.keys() == {
        "query.limit",
        "query.from",
    }
    assert api.get("/shelves", unknown=[1, 2]).status == 200


def test_s5_a_query_is_decoded_once(api: Api) -> None:
    assert api.get("/shelves", **{"from": "21 x+%2F"}).json[0]["name"] == "21 x+%2F"


def test_s1_a_path_value_is_checked(api: Api) -> None:
    for shelf_id in ("0", "x", "1.5", "1_0", "+1", "007", " 1", "\uff11", "9" * 40):
        assert api.put(f"/shelves/{shelf_id}", BOX).faults.keys() == {"path.shelf_id"}


def test_s5_a_number_in_a_query_is_its_digits(api: Api) -> None:
    for limit in ("1_0", " 1", "1.0", "01", "\u0661"):
        assert api.get("/shelves", limit=limit).faults == {"query.limit": "must be a whole number"}


def test_a_field_that_is_unknown_is_named_with_the_one_that_is_meant() -> None:
    body = {"labl": "x", "inner": {"colr": 1, "zzz": 2}}

    with pytest.raises(errors.InvalidInputError) as invalid:
        http.checked(Labelled, body, place="body", strict=True)

    assert {each["field"]: each["detail"] for each in invalid.value.faults} == {
        "labl": "unknown field; did you mean label?",
        "inner.colr": "unknown field; did you mean colour?",
        "inner.zzz": "unknown field",
    }


def test_no_answer_has_words_that_are_pydantics_own() -> None:
    with pytest.raises(errors.InvalidInputError) as invalid:
        http.checked(Odd, {"at": "x", "code": "b"}, place="query")

    assert {each["field"]: each["detail"] for each in invalid.value.faults} == {
        "at": "is not valid here",
        "code": "is not valid here",
    }


# --- answering ----------------------------------------------------------------------------------


def test_s7_a_list_is_a_bare_array_with_a_link_to_the_rest(api: Api) -> None:
    answer = api.get("/shelves")

    assert answer.json == [{"name": "a", "weight_g": 10, "fragile": False}]
    assert answer.headers["Link"] == '</shelves?limit=1>; rel="next"'
    assert http.json_list([]).body == "[]"
    assert "Link" not in http.json_list([]).headers


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidInputError([http.fault("body", "name", "is required")]), 400),
        (errors.ForbiddenError("Not yours."), 403),
        (errors.NotFoundError("Nothing there."), 404),
        (errors.MethodNotAllowedError("PUT", ["GET"]), 405),
        (errors.ConflictError("Taken.", file=7), 409),
        (errors.TooLargeError("Too much."), 413),
        (errors.MediaTypeError("Not this."), 415),
        (errors.UnprocessableError("No."), 422),
        (errors.UnavailableError("Later.", retry_after_s=9), 503),
    ],
)
def test_s1_every_error_is_a_problem_document(
    api: Api, error: BackroomError, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trouble, "error", error)

    answer = api.get("/trouble")

    assert (answer.status, answer.headers["Content-Type"]) == (status, PROBLEM)
    assert (
        answer.json.items()
        >= {
            "type": error.type,
            "title": error.title,
            "status": status,
            "detail": error.detail,
            "instance": "/trouble",
        }.items()
    )
    assert answer.json.items() >= error.facts.items()


def test_s1_an_error_tells_the_caller_what_to_do_in_its_headers() -> None:
    later = http.problem(errors.UnavailableError("Later.", retry_after_s=9), instance="/")
    other = http.problem(errors.MethodNotAllowedError("PUT", ["GET", "HEAD"]), instance="/")

    assert later.headers["Retry-After"] == "9"
    assert other.headers["Allow"] == "GET, HEAD"


def test_every_kind_of_error_is_drawn_in_the_tree() -> None:
    drawn = errors.__doc__ or ""

    for kind in BackroomError.__subclasses__():
        if kind.__module__ == errors.__name__:
            assert f" {kind.__name__} " in drawn
            assert f" {kind.status} " in drawn


def test_an_unexpected_error_says_nothing_to_the_caller(api: Api) -> None:
    answer = api.get("/trouble")

    assert (answer.status, answer.headers["Content-Type"]) == (500, PROBLEM)
    assert answer.json == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "An internal error occurred; it was logged.",
        "instance": "/trouble",
    }


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "..."}}, "PutItem")


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://dynamodb"),
        ReadTimeoutError(endpoint_url="https://dynamodb"),
        refused("ThrottlingException"),
        refused("ProvisionedThroughputExceededException"),
        refused("TransactionConflictException"),
        refused("SlowDown"),
    ],
)
def test_s1_an_outage_of_aws_is_503_with_retry_after(
    api: Api, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trouble, "error", error)

    answer = api.get("/trouble")

    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json["type"] == "/problems/unavailable"


@pytest.mark.parametrize("error", [refused("AccessDeniedException"), NoCredentialsError()])
def test_a_mistake_of_ours_is_500(
    api: Api, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trouble, "error", error)

    assert api.get("/trouble").status == 500


def test_every_request_leaves_one_metric_record(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()

    api.put("/shelves/7", BOX)

    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [record] = [each for each in records if "_aws" in each]
    assert (record["route"], record["method"], record["status"]) == (
        "/shelves/{shelf_id}",
        "PUT",
        "201",
    )
    assert record["Requests"] == [1.0]
    assert record["path_values"] == {"shelf_id": 7}


def test_a_path_value_that_names_a_person_is_not_in_the_log(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()

    assert api.get("/people/ann@example.com").status == 204

    told = capsys.readouterr().out
    assert "ann" not in told
    assert "/people/{person}" in told


def test_a_path_value_that_was_refused_is_not_in_the_log(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()

    assert api.put("/shelves/my%20password", BOX).status == 400

    assert "password" not in capsys.readouterr().out


# --- paths and verbs ----------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "status"), [("/shelves", 200), ("/nowhere", 404)])
def test_every_answer_is_kept_by_nobody_and_taken_for_what_it_is(
    api: Api, path: str, status: int
) -> None:
    headers = api.get(path).headers

    assert api.get(path).status == status
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "Strict-Transport-Security" not in headers


def test_who_came_by_tls_comes_by_tls_again(api: Api) -> None:
    answer = api._http.get("/shelves", headers={"X-Forwarded-Proto": "https"})

    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_s2_every_other_verb_of_every_known_path_is_405_with_allow() -> None:
    from app import app  # noqa: PLC0415 - the whole app, for this test alone

    verbs: dict[str, set[str]] = {}
    for contract in app.contracts():
        verbs.setdefault(contract.path, set()).update(contract.methods)
    with client() as whole:
        for path, known in verbs.items():
            allow = ", ".join(sorted({*known, "OPTIONS"}))
            url = path.replace("{", "").replace("}", "")
            for verb in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"} - known:
                answer = whole.send(verb, url)
                assert (answer.status, answer.headers.get("Allow")) == (405, allow), (verb, path)
                assert answer.headers["Content-Type"] == PROBLEM
            answer = whole.send("OPTIONS", url)
            assert (answer.status, answer.headers.get("Allow"), answer.body) == (204, allow, b"")


def test_s2_a_problem_has_no_body_where_head_asked(api: Api) -> None:
    answer = api.send("HEAD", "/nowhere")

    assert (answer.status, answer.headers["Content-Type"], answer.body) == (404, PROBLEM, b"")


@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_s2_an_unknown_path_is_404_with_every_verb(api: Api, verb: str) -> None:
    answer = api.send(verb, "/nowhere")

    assert (answer.status, answer.headers["Content-Type"]) == (404, PROBLEM)
    assert answer.json["detail"] == "There is no route /nowhere."
    assert answer.json["instance"] == "/nowhere"


# --- words ----------------------------------------------------------------------------------------


class Parcel(BaseModel):
    label: Annotated[str, Field(min_length=2, max_length=5)] = "box"
    count: Annotated[int, Field(ge=1, le=9)] = 1
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    kind: Literal["marketing", "personal"] = "personal"
    urgent: bool = False
    tags: Annotated[list[str], Field(min_length=1, max_length=2)] = ["x"]
    days: tuple[int, ...] = ()
    wishes: dict[str, str] = {}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"label": 3}, "must be a text"),
        ({"label": "a"}, "must have a length of 2 or more"),
        ({"label": "abcdef"}, "must have a length of 5 or less"),
        ({"count": 0}, "must be 1 or more"),
        ({"count": 10}, "must be 9 or less"),
        ({"count": "1"}, "must be a whole number"),
        ({"count": True}, "must be a whole number"),
        ({"share": 0.0}, "must be more than 0.0"),
        ({"share": 1.0}, "must be less than 1.0"),
        ({"share": "half"}, "must be a number"),
        ({"kind": "freight"}, "must be 'marketing' or 'personal'"),
        ({"urgent": "yes"}, "must be true or false"),
        ({"tags": "x"}, "must be an array"),
        ({"days": "x"}, "must be an array"),
        ({"tags": []}, "must have 1 or more of them"),
        ({"tags": ["x", "y", "z"]}, "must have 2 or fewer of them"),
        ({"wishes": []}, "must be an object"),
    ],
)
def test_s1_what_is_wrong_is_said_in_plain_words(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(errors.InvalidInputError) as refused:
        http.checked(Parcel, wrong, place="body", strict=True)

    [fault] = refused.value.faults
    assert fault["detail"] == words
