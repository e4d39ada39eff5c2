"""Functions that take signed code alone, and the deployer that has it signed."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from infra import signing, templates
from infra.declarations import logical_id
from infra.stack import Stack, StackError

PROFILE = "arn:aws:signer:us-east-1:123456789012:/signing-profiles/backroom/Ab12Cd34Ef"
BUCKET = "backroom-deploy-123456789012-us-east-1"


def test_every_function_takes_signed_code_alone_where_a_profile_is_named() -> None:
    found = templates.merged()
    config = found.resources["CodeSigning"]["Properties"]

    assert config["AllowedPublishers"]["SigningProfileVersionArns"] == [{"Ref": signing.PARAMETER}]
    assert config["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Enforce"}
    for name in found.declared.functions:
        choice = found.resources[logical_id(name)]["Properties"]["CodeSigningConfigArn"]["Fn::If"]
        condition, signed, otherwise = choice
        assert condition == "IsSigned"
        assert signed == {"Fn::GetAtt": ["CodeSigning", "CodeSigningConfigArn"]}
        assert otherwise == {"Ref": "AWS::NoValue"}
    assert found.overlay["Parameters"][signing.PARAMETER]["Default"] == ""
    assert "CodeSigning" not in templates.merged(local=True).resources


class Account(SimpleNamespace):
    """A session of an account where a stack was deployed with signed code."""

    def __init__(self, *, versions: bool = True) -> None:
        super().__init__(region_name="us-east-1", created={}, versioned=[])
        self._versions = versions
        self.signer: Any = boto3.client("signer", region_name="us-east-1")
        self.meta = SimpleNamespace(endpoint_url="https://s3.us-east-1.amazonaws.com")

    def client(self, service: str) -> Any:
        return self.signer if service == "signer" else self

    def describe_stacks(self, **_: object) -> dict[str, Any]:
        standing = [{"ParameterKey": signing.PARAMETER, "ParameterValue": PROFILE}]
        return {"Stacks": [{"StackStatus": "UPDATE_COMPLETE", "Parameters": standing}]}

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "123456789012"}

    def head_bucket(self, **_: object) -> None:
        """Say that the bucket is there."""

    def put_bucket_versioning(self, **told: Any) -> None:
        self.versioned.append(told["VersioningConfiguration"]["Status"])

    def put_object(self, *, Key: str, Body: bytes, **_: object) -> dict[str, str]:  # noqa: N803
        self.created[Key] = Body
        return {"VersionId": "v1"} if self._versions else {}

    def update_stack(self, **_: object) -> None:
        """Take the update."""

    def get_waiter(self, _: str) -> Any:
        return SimpleNamespace(wait=lambda **_: None)


def package(folder: Path) -> Path:
    (folder / "events.zip").write_bytes(b"zip")
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {"CodeUri": "./events.zip", "Handler": "app.app"},
    }
    parameters = {signing.PARAMETER: {"Type": "String"}}
    template = {"Resources": {"One": function, "Two": function}, "Parameters": parameters}
    (folder / "sam.json").write_text(json.dumps(template))
    return folder


def test_a_deployment_runs_the_signed_copy_of_its_zip_also_when_only_the_stack_knows_who_signs(
    tmp_path: Path,
) -> None:
    account: Any = Account()
    signed = {"bucketName": BUCKET, "key": "signed/job-1.zip"}
    with Stubber(account.signer) as signer:
        signer.add_response("start_signing_job", {"jobId": "job-1"})
        for status in ("Succeeded", "Succeeded"):
            signer.add_response(
                "describe_signing_job", {"status": status, "signedObject": {"s3": signed}}
            )

        Stack(account, "backroom-prod").deploy(package(tmp_path), {}, "fingerprint")

        signer.assert_no_pending_responses()
    [template] = [json.loads(body) for key, body in account.created.items() if "templates" in key]
    addresses = {each["Properties"]["CodeUri"] for each in template["Resources"].values()}
    assert addresses == {f"s3://{BUCKET}/signed/job-1.zip"}
    assert account.versioned == ["Enabled"]


def test_nothing_is_deployed_unsigned_while_the_bucket_keeps_no_versions(tmp_path: Path) -> None:
    account: Any = Account(versions=False)

    with pytest.raises(StackError, match="deploy again"):
        Stack(account, "backroom-prod").deploy(package(tmp_path), {}, "fingerprint")

    assert not [key for key in account.created if "templates" in key]
