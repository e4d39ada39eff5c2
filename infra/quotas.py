"""What AWS allows, against what a packaged template takes: quotas of a new account.

The figures are from the services' own pages of quotas: AWS CloudFormation, AWS Lambda, Amazon API
Gateway (REST), IAM, Amazon SQS, Amazon S3.
"""

import copy
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

NEW_ACCOUNT_CONCURRENCY = 10
"""How many functions a new account runs at once; reserving any for one function is refused."""
SHARED_CONCURRENCY = 2
"""How many a busy queue starts at once in an account with few: the least that Lambda takes."""
_PLENTY = 100
_LONGEST_STAGE = 20
_LONGEST_QUEUE_URL = 110  # in a region with a long name
_OTHER_REFERENCE = 64
_CODE = "s3://bucket/code.zip"


@dataclass(frozen=True)
class Use:
    """How much of a quota is taken: ``what`` of ``whom``."""

    what: str
    whom: str
    used: int
    quota: int

    @property
    def exceeded(self) -> bool:
        """Return whether AWS would refuse it."""
        return self.used > self.quota

    def __str__(self) -> str:
        """Return it as an operator reads it."""
        return f"{self.what} of {self.whom}: {self.used:,} of {self.quota:,}"


def uses(packaged: Mapping[str, Any], parameters: Mapping[str, str] | None = None) -> list[Use]:
    """Return what a packaged template takes of each quota.

    Values of parameters that are not named in ``parameters`` count as 64 characters.
    """
    template = expanded(packaged)
    return [
        *_of_the_template(packaged, template),
        *(
            Use("value in bytes", name, len(value.encode()), 4_096)
            for name, value in (parameters or {}).items()
        ),
        *_of_functions(template, parameters or {}),
        *_of_roles(template),
        *_of_queues(template),
        *_of_apis(template),
        *_of_names(template),
    ]


def queue_concurrency(account: int) -> int:
    """Return how many functions a busy queue may start in an account that runs ``account``."""
    return 10 if account >= _PLENTY else SHARED_CONCURRENCY


def expanded(packaged: Mapping[str, Any]) -> dict[str, Any]:
    """Return a packaged template as CloudFormation sees it after SAM's transform."""
    # Half of the start of every command that may deploy, and what most of them never need.
    from samtranslator.translator.transform import transform  # noqa: PLC0415

    template = copy.deepcopy(dict(packaged))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = _CODE
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the transform asks botocore for one
    found: dict[str, Any] = transform(template, {}, _NoManagedPolicies())
    return found


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


def _of_the_template(packaged: Mapping[str, Any], template: Mapping[str, Any]) -> Iterator[Use]:
    size = max(len(json.dumps(each).encode()) for each in (packaged, template))
    yield Use("size in bytes", "the template", size, 1_000_000)
    for section, quota in {"Resources": 500, "Outputs": 200, "Parameters": 200}.items():
        yield Use(section.lower(), "the template", len(template.get(section, {})), quota)


def _of_functions(template: Mapping[str, Any], parameters: Mapping[str, str]) -> Iterator[Use]:
    for name, properties in _of_type(template, "AWS::Lambda::Function"):
        variables = properties.get("Environment", {}).get("Variables", {})
        size = sum(
            len(variable.encode()) + _longest(value, template, parameters)
            for variable, value in variables.items()
        )
        yield Use("environment in bytes", name, size, 4_096)
        yield Use("timeout in seconds", name, properties["Timeout"], 900)
        yield Use("memory in MB", name, properties["MemorySize"], 10_240)
        # Lambda leaves 100 unreserved, and a new account has no more than 10.
        yield Use(
            "reserved concurrency",
            name,
            _reserved(properties.get("ReservedConcurrentExecutions", 0), template),
            0,
        )


def _of_roles(template: Mapping[str, Any]) -> Iterator[Use]:
    for name, properties in _of_type(template, "AWS::IAM::Role"):
        policies = [_without_spaces(each["PolicyDocument"]) for each in properties["Policies"]]
        yield Use("inline policies in characters", name, sum(map(len, policies)), 10_240)
        trust = _without_spaces(properties["AssumeRolePolicyDocument"])
        yield Use("trust policy in characters", name, len(trust), 2_048)


def _of_queues(template: Mapping[str, Any]) -> Iterator[Use]:
    functions = dict(_of_type(template, "AWS::Lambda::Function"))
    queues = dict(_of_type(template, "AWS::SQS::Queue"))
    for name, properties in queues.items():
        yield Use("retention in seconds", name, properties["MessageRetentionPeriod"], 1_209_600)
    for name, mapping in _of_type(template, "AWS::Lambda::EventSourceMapping"):
        queue = queues.get(_named(mapping["EventSourceArn"]), {})
        hidden_s = _number(queue.get("VisibilityTimeout"), template)
        if hidden_s is not None:
            timeout_s = functions[_named(mapping["FunctionName"])]["Timeout"]
            # Lambda refuses the mapping where a message comes again before the function ends.
            yield Use("function's timeout in seconds, of the queue's", name, timeout_s, hidden_s)


def _of_apis(template: Mapping[str, Any]) -> Iterator[Use]:
    for name, properties in _of_type(template, "AWS::ApiGateway::RestApi"):
        paths = properties["Body"]["paths"] if "Body" in properties else {}
        yield Use("resources", name, len(_resources(paths)), 300)
    api = dict(_of_type(template, "AWS::Lambda::Function")).get("APIHandler", {})
    yield Use("time to answer in seconds", "APIHandler", api.get("Timeout", 0), 29)


def _of_names(template: Mapping[str, Any]) -> Iterator[Use]:
    longest = {
        "AWS::Lambda::Function": ("FunctionName", 64),
        "AWS::S3::Bucket": ("BucketName", 63),
        "AWS::SQS::Queue": ("QueueName", 80),
    }
    for kind, (property_, quota) in longest.items():
        for name, properties in _of_type(template, kind):
            text = str(properties[property_].get("Fn::Sub"))
            text = text.replace("${AWS::StackName}", "backroom-" + "s" * _LONGEST_STAGE)
            text = text.replace("${AWS::AccountId}", "1" * 12)
            yield Use("name in characters", name, len(text), quota)


def _of_type(template: Mapping[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource.get("Properties", {})


def _resources(paths: Iterable[str]) -> set[str]:
    """Return API Gateway's resources: every path, and every one on the way to it."""
    parts = [path.strip("/").split("/") for path in paths]
    return {whole for path in parts for whole in accumulate(path, "{}/{}".format)} | {""}


def _named(reference: Any) -> str:
    """Return the logical id that a reference to a resource names."""
    text = str(next(iter(reference.values()))[0] if "Fn::GetAtt" in reference else reference)
    found = re.search(r"\$?\{?'?(?:Ref': ')?(\w+)", text.removeprefix("{'Fn::Sub': '"))
    return found[1] if found else ""


def _number(value: Any, template: Mapping[str, Any]) -> int | None:
    if isinstance(value, dict):
        value = template["Parameters"][value["Ref"]]["Default"]
    return None if value is None else int(value)


def _reserved(value: Any, template: Mapping[str, Any]) -> int:
    """Return how many copies are reserved unless an operator asks for more."""
    if isinstance(value, dict):
        return _number(value["Fn::If"][1], template) or 0
    return int(value)


def _longest(value: Any, template: Mapping[str, Any], parameters: Mapping[str, str]) -> int:
    """Return how many bytes a variable's value may become."""
    text = value if isinstance(value, str) else next(iter(value.values()))
    if isinstance(value, dict) and "Fn::Sub" not in value:
        text = f"${{{text if isinstance(text, str) else text[0]}}}"
    named = re.findall(r"\$\{([^}.]+)[^}]*\}", text)
    return len(re.sub(r"\$\{[^}]*\}", "", text).encode()) + sum(
        _longest_reference(name, template, parameters) for name in named
    )


def _longest_reference(
    name: str, template: Mapping[str, Any], parameters: Mapping[str, str]
) -> int:
    if name in parameters:
        return len(parameters[name].encode())
    kind = template["Resources"].get(name, {}).get("Type")
    return _LONGEST_QUEUE_URL if kind == "AWS::SQS::Queue" else _OTHER_REFERENCE


def _without_spaces(document: Any) -> str:
    return re.sub(r"\s", "", json.dumps(document))
