"""The reference on AWS: what API Gateway is told to answer, and by which right."""

import json
from typing import Any

import pytest

from infra import reference, templates
from infra.reference import FILES

MERGED = templates.merged()
API = MERGED.resources["RestAPI"]["Properties"]
PLACE = "backroom-deploy-${AWS::AccountId}-${AWS::Region}"


def integration(path: str, verb: str) -> Any:
    return API["DefinitionBody"]["paths"][path][verb]["x-amazon-apigateway-integration"]


@pytest.mark.parametrize("path", FILES)
def test_each_file_is_answered_from_the_bucket_and_not_by_a_function(path: str) -> None:
    assert API["DefinitionBody"]["paths"][path].keys() == {"get", "head"}
    for verb in ("get", "head"):
        found = integration(path, verb)

        assert (found["type"], found["httpMethod"]) == ("aws", verb.upper())
        assert found["uri"]["Fn::Sub"].endswith(f":s3:path/{PLACE}/{FILES[path].key}")
        assert found["credentials"] == {"Fn::GetAtt": ["ReferenceRole", "Arn"]}


@pytest.mark.parametrize("path", FILES)
def test_an_answer_has_the_file_s_headers_and_those_that_guard_it(path: str) -> None:
    declared = API["DefinitionBody"]["paths"][path]["get"]["responses"]
    answers = integration(path, "get")["responses"]
    for answer in answers.values():
        names = [
            each.removeprefix("method.response.header.") for each in answer["responseParameters"]
        ]
        assert set(names) <= set(declared[answer["statusCode"]]["headers"])  # else AWS drops them
        assert {"X-Content-Type-Options", "X-Frame-Options"} < set(names)
    told = answers["200"]["responseParameters"]
    for name in ("Content-Type", "Cache-Control", "ETag"):
        assert told[f"method.response.header.{name}"] == f"integration.response.header.{name}"


def test_a_bucket_that_does_not_answer_is_a_problem_document() -> None:
    answer = integration("/docs", "get")["responses"]["default"]

    [text] = answer["responseTemplates"].values()
    assert json.loads(text)["status"] == int(answer["statusCode"]) == 503


def test_the_gateway_may_read_the_reference_and_nothing_else() -> None:
    role = MERGED.resources["ReferenceRole"]["Properties"]
    [policy] = role["Policies"]
    [statement] = policy["PolicyDocument"]["Statement"]

    assert statement["Action"] == "s3:GetObject"
    assert statement["Resource"]["Fn::Sub"].endswith(f":s3:::{PLACE}/reference/*")
    assert all(file.key.startswith("reference/") for file in FILES.values())


def test_a_changed_file_lies_under_another_name(tmp_path: Any) -> None:
    changed = tmp_path / "docs.html"
    changed.write_text(FILES["/docs"].path.read_text() + "<!-- changed -->")

    assert reference.File(changed).key != FILES["/docs"].key


def test_on_a_laptop_the_gateway_answers_it() -> None:
    local = templates.merged(local=True)

    assert "DefinitionBody" not in local.resources["RestAPI"]["Properties"]
    assert reference.OUTPUT not in local.overlay["Outputs"]
    assert reference.OUTPUT in MERGED.overlay["Outputs"]
