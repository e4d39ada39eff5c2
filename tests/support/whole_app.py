"""The whole app on moto: every table, queue and bucket of the templates, and the API's settings."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from infra import templates
from tests.support.api import Api
from tests.support.api import client as api_client
from tests.support.aws import client
from tests.support.dynamodb import make_table
from tests.support.issuer import AUDIENCE, Issuer
from tests.support.moto_aws import mock_aws

_PSEUDO = {"AWS::StackName": "backroom"}


@contextmanager
def whole_app(issuer: Issuer | None = None) -> Iterator[Api]:
    """Yield the API, all of whose contexts store what they store in memory; one thread.

    It takes the tokens of ``issuer``, and lets everybody in where there is none.
    """
    template = templates.merged().overlay
    with mock_aws(), pytest.MonkeyPatch.context() as environment:
        references = _defaults(template) | _made(template["Resources"])
        function: Mapping[str, Any] = template["Resources"]["APIHandler"]["Properties"]
        for name, value in function["Environment"]["Variables"].items():
            environment.setenv(name, _resolved(value, references))
        environment.setenv("AUTH", "jwt" if issuer else "open")
        if issuer:
            environment.setenv("AUTH_ISSUER", issuer.url)
            environment.setenv("AUTH_AUDIENCE", AUDIENCE)
        for name in ("VENDOR_CHECKS", "BAKERY_PREVIEWS", "WEBHOOK_SECRET"):
            environment.delenv(name)  # no vendor is configured
        with api_client() as api:
            yield api


def _made(resources: Mapping[str, Any]) -> dict[str, str]:
    """Make what the templates define; return what a reference to each is."""
    made = {}
    for name, resource in resources.items():
        match resource.get("Type"):
            case "AWS::DynamoDB::Table":
                make_table(client("dynamodb"), name, name)
                made[name] = name
            case "AWS::SQS::Queue":
                queue = _resolved(resource["Properties"]["QueueName"], _PSEUDO)
                made[name] = client("sqs").create_queue(QueueName=queue)["QueueUrl"]
            case "AWS::S3::Bucket":
                client("s3").create_bucket(Bucket=name.lower())
                made[name] = name.lower()
    return made


def _defaults(template: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(each.get("Default", "")) for name, each in template["Parameters"].items()}


def _resolved(value: Any, references: Mapping[str, str]) -> str:
    if not isinstance(value, dict):
        return str(value)
    text = value.get("Fn::Sub") or f"${{{value.get('Ref', '')}}}"
    for name, found in references.items():
        text = text.replace(f"${{{name}}}", found)
    return str(text)
