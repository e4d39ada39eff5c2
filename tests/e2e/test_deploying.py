"""Deploying to a stack that stands: what CloudFormation is told, and what it makes of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from infra import package, page_files, reference
from infra.local.aws import REGION
from infra.stack import Stack, StackError
from tests.support.deployed import Deployed, packaged

TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "First": {"Type": "String", "Default": "a"},
        "Second": {"Type": "String", "Default": "b"},
    },
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
    "Outputs": {"Told": {"Value": {"Fn::Sub": "${First} ${Second}"}}},
}
Deploy = Callable[..., dict[str, str]]


@pytest.fixture
def deploy(stack: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deploy:
    """Deploy a small stack of the test's own."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.aws.endpoint)
    session = boto3.session.Session("test", "test", region_name=REGION)
    small = Stack(session, f"small-{uuid4().hex[:8]}")

    def deployed(template: dict[str, Any] = TEMPLATE, **parameters: str) -> dict[str, str]:
        (tmp_path / "sam.json").write_text(json.dumps(template))
        return small.deploy(tmp_path, parameters, uuid4().hex)

    return deployed


def test_a_parameter_stays_until_it_is_changed(deploy: Deploy) -> None:
    assert deploy()["Told"] == "a b"
    assert deploy(First="x")["Told"] == "x b"
    assert deploy(Second="y")["Told"] == "x y"
    assert deploy()["Told"] == "x y"
    assert deploy(First="a")["Told"] == "a y"


def test_a_parameter_that_the_template_has_no_longer_is_let_go(deploy: Deploy) -> None:
    deploy(First="x", Second="y")
    fewer = {
        **TEMPLATE,
        "Parameters": {"Second": TEMPLATE["Parameters"]["Second"]},
        "Outputs": {"Told": {"Value": {"Ref": "Second"}}},
    }

    assert deploy(fewer)["Told"] == "y"


def test_a_stack_that_is_refused_says_why(deploy: Deploy) -> None:
    with pytest.raises(StackError, match="First"):
        deploy({**TEMPLATE, "Parameters": {"First": {"Type": "String"}}, "Outputs": {}})


def test_the_files_of_the_reference_are_where_the_gateway_is_told_to_read_them(
    deploy: Deploy, stack: Deployed
) -> None:
    """On AWS; here S3 itself is asked for what API Gateway would ask it for."""
    deploy({**TEMPLATE, "Outputs": {reference.OUTPUT: {"Value": "https://api.example/docs"}}})

    account = stack.client("sts").get_caller_identity()["Account"]
    names = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": account}
    for path, verbs in reference.operations().items():
        uri = verbs["get"]["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
        for name, value in names.items():
            uri = uri.replace(f"${{{name}}}", value)
        bucket, _, key = uri.removeprefix(f"arn:aws:apigateway:{REGION}:s3:path/").partition("/")
        found = stack.client("s3").get_object(Bucket=bucket, Key=key)

        file = reference.FILES[path]
        assert found["Body"].read() == file.path.read_bytes()
        assert (found["ContentType"], found["CacheControl"]) == (
            file.content_type,
            file.cache_control,
        )


def test_the_bucket_answers_the_page_s_files_as_the_functions_do(
    deploy: Deploy, stack: Deployed, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """On AWS to CloudFront; here S3 itself is asked for what CloudFront would ask it for."""
    (tmp_path / package.API_ZIP).symlink_to(packaged(request) / package.API_ZIP)
    arn = "arn:aws:cloudfront::000000000000:distribution/E1"
    template = {
        **TEMPLATE,
        "Parameters": {**TEMPLATE["Parameters"], "Cdn": {"Type": "String"}},
        "Outputs": {page_files.OUTPUT: {"Value": arn}},
    }

    deploy(template, Cdn="true")
    deploy(template, Cdn="true")

    s3 = stack.client("s3")
    bucket = f"backroom-deploy-{stack.client('sts').get_caller_identity()['Account']}-{REGION}"
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="web/")["Contents"]]
    assert keys
    for key in keys:
        found = s3.get_object(Bucket=bucket, Key=key)
        answered = stack.api.get(f"/{key}").raise_for_status()
        assert found["Body"].read() == answered.content
        assert found["ContentType"] == answered.headers["Content-Type"]
        assert found["CacheControl"] == answered.headers["Cache-Control"]
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    allowed = {each["Condition"]["StringEquals"]["AWS:SourceArn"] for each in policy["Statement"]}
    assert allowed == {arn}
