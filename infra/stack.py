"""Creating and updating the stack, on whatever plays AWS."""

import hashlib
import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError, WaiterError

from infra import page_files, reference, signing
from infra.change_set import ChangeSet, ChangeSetError, Confirm
from infra.package import API_ZIP

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
# CloudFormation can only delete such a stack; its parameters count for nothing.
_NEVER_STOOD = {"ROLLBACK_COMPLETE", "CREATE_FAILED", "REVIEW_IN_PROGRESS"}
_STACK = "AWS::CloudFormation::Stack"
_BEGUN = {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"}
_PROTECTION = "DeletionProtection"
FINGERPRINT_TAG = "backroom:fingerprint"


class StackError(Exception):
    """The stack can't be deployed; the message is CloudFormation's."""


class Stack:
    """One CloudFormation stack and the bucket that its code comes from."""

    def __init__(self, session: boto3.session.Session, name: str) -> None:
        self.name = name
        self._session = session
        self._cloudformation: CloudFormationClient = session.client("cloudformation")
        self._s3 = session.client("s3")

    def fingerprint(self) -> str | None:
        """Return the fingerprint of what is deployed, if it was deployed whole."""
        stack = self._describe()
        if stack is None or not stack["StackStatus"].endswith("_COMPLETE"):
            return None
        if "ROLLBACK" in stack["StackStatus"]:
            return None
        return next(
            (t["Value"] for t in stack.get("Tags", []) if t["Key"] == FINGERPRINT_TAG), None
        )

    def outputs(self) -> dict[str, str]:
        """Return the outputs of the stack."""
        stack = self._describe() or {}
        return {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}

    def parameters(self) -> dict[str, str]:
        """Return the parameters of the stack, none when there is no stack that ever stood."""
        stack = self._describe() or {}
        if stack.get("StackStatus") in _NEVER_STOOD:
            return {}
        return {p["ParameterKey"]: p["ParameterValue"] for p in stack.get("Parameters", [])}

    def changed_at(self) -> datetime:
        """Return when the stack was changed last."""
        stack = self._describe() or {}
        at: datetime = stack.get("LastUpdatedTime") or stack["CreationTime"]
        return at

    def deploy(
        self,
        package: Path,
        parameters: Mapping[str, str],
        fingerprint: str,
        confirm: Confirm | None = None,
    ) -> dict[str, str]:
        """Upload ``package``, create or update the stack, and return its outputs.

        A parameter that is not given keeps the value that the stack has. ``confirm`` is shown what
        will change before it does. Raises StackError with the reasons, DeclinedError.
        """
        template = json.loads((package / "sam.json").read_text())
        holds = {**self.parameters(), **parameters}
        signed_by = holds.get(signing.PARAMETER)
        page = page_files.wanted(template, holds)
        if page:
            self._upload_page(package / API_ZIP)
        arguments: dict[str, Any] = {
            "StackName": self.name,
            "TemplateURL": self._upload(package, template, signed_by),
            "Capabilities": _CAPABILITIES,
            "Tags": [{"Key": FINGERPRINT_TAG, "Value": fingerprint}],
        }
        current = self._describe()
        if current and current["StackStatus"] in _NEVER_STOOD:
            self.delete()
            current = None
        arguments["Parameters"] = list(_parameters(parameters, current or {}, template))
        protects = current is None and _protects(parameters, template)
        if protects:  # what a first deployment that fails has made has to go
            unprotected = {"ParameterKey": _PROTECTION, "ParameterValue": "false"}
            arguments["Parameters"].append(unprotected)
        if confirm:
            self._review(arguments, confirm, new=current is None)
        elif current is None:
            _asked(self._cloudformation.create_stack, arguments)
            self._wait("stack_create_complete")
        else:
            self._update(arguments)
        if protects:
            self._protect(arguments)
        self.check_outputs(template)
        outputs = self.outputs()
        if page:
            self._open_page(outputs[page_files.OUTPUT])
        return outputs

    def set_parameters(self, changed: Mapping[str, str]) -> None:
        """Change parameters and nothing else of an existing stack. Raises StackError."""
        current = self._describe() or {}
        parameters = list(_parameters(changed, current, {"Parameters": self.parameters()}))
        self._update(
            {
                "StackName": self.name,
                "UsePreviousTemplate": True,
                "Capabilities": _CAPABILITIES,
                "Parameters": parameters,
            }
        )

    def _protect(self, arguments: Mapping[str, Any]) -> None:
        """Protect the tables of a stack that now exists."""
        known = [
            {"ParameterKey": each["ParameterKey"], "UsePreviousValue": True}
            for each in arguments["Parameters"]
            if each["ParameterKey"] != _PROTECTION
        ]
        protected = {"ParameterKey": _PROTECTION, "ParameterValue": "true"}
        self._update({**arguments, "Parameters": [*known, protected]})

    def _update(self, change: Mapping[str, Any]) -> None:
        if _asked(self._cloudformation.update_stack, change):
            self._wait("stack_update_complete")

    def delete(self) -> None:
        """Delete the stack and wait until it is gone. Raises StackError."""
        self._cloudformation.delete_stack(StackName=self.name)
        self._wait("stack_delete_complete")

    def _review(self, arguments: Mapping[str, Any], confirm: Confirm, *, new: bool) -> None:
        """Have the change made by a change set, after ``confirm`` has seen it."""
        try:
            changes = ChangeSet(self._cloudformation, self.name, new=new)
            begun = changes.apply(arguments, confirm)
        except ChangeSetError as refused:
            raise StackError(str(refused)) from refused
        if begun:
            self._wait("stack_create_complete" if new else "stack_update_complete")

    def exists(self) -> bool:
        """Return whether there is such a stack, in whatever state."""
        return self._describe() is not None

    def has_another_api(self, template: Mapping[str, Any]) -> bool:
        """Return whether the stack has another REST API than ``template``, or lost its stage."""
        if not self.answers(self.outputs()):
            return True
        current = self.template()
        return bool(current["Resources"].get("RestAPI") != template["Resources"].get("RestAPI"))

    def template(self) -> dict[str, Any]:
        """Return the template that the stack was deployed with."""
        found: Any = self._cloudformation.get_template(StackName=self.name)["TemplateBody"]
        current: dict[str, Any] = json.loads(found) if isinstance(found, str) else found
        return current

    def secret(self, output: str) -> str:
        """Return what a secret holds, by its output; CloudFormation hides its parameter."""
        secrets = self._session.client("secretsmanager")
        held: str = secrets.get_secret_value(SecretId=self.outputs()[output])["SecretString"]
        return held

    def put_secret(self, output: str, settings: str) -> None:
        """Have a secret, by its output, hold ``settings``."""
        secrets = self._session.client("secretsmanager")
        secrets.put_secret_value(SecretId=self.outputs()[output], SecretString=settings)

    def endpoint(self, outputs: Mapping[str, str]) -> str | None:
        """Return where the stage answers, without a slash at its end; None without a REST API.

        On AWS that is its own domain, if it has one: nothing else leads to it then.
        """
        if "RestAPIId" not in outputs:
            return None
        own = self._cloudformation.meta.endpoint_url
        if own.endswith(".amazonaws.com"):
            return outputs.get("Home", outputs["EndpointURL"]).rstrip("/")
        return f"{own}/_aws/execute-api/{outputs['RestAPIId']}/api"

    def check_answers(self, outputs: Mapping[str, str], *, patience_s: float = 180) -> None:
        """Wait until the stage answers ``GET /ping``. Raises StackError.

        It may need a new environment, whose start LocalStack gives 120 s. A target may say
        UPDATE_COMPLETE and have lost the stage (LocalStack 4.14). A domain of one's own may not
        lead here yet, which is no fault of the stage.
        """
        own_domain = not _of_the_gateway(self.endpoint(outputs) or "")
        deadline = time.monotonic() + patience_s
        while not self.answers(outputs):
            if time.monotonic() > deadline:
                if own_domain:
                    return
                raise StackError(
                    f"The stack {self.name} was deployed and its stage does not answer at "
                    f"{self.endpoint(outputs)}/ping. {self._reasons()}"
                )
            time.sleep(1)

    def answers(self, outputs: Mapping[str, str]) -> bool:
        """Return whether the stage answers now; a stack without a REST API has none to ask."""
        address = self.endpoint(outputs)
        return address is None or _answers(f"{address}/ping")

    def check_outputs(self, template: Mapping[str, Any]) -> None:
        """Raise StackError unless the stack has every output that it has without a condition."""
        expected = {
            name
            for name, output in template.get("Outputs", {}).items()
            if "Condition" not in output
        }
        if missing := sorted(expected - self.outputs().keys()):
            raise StackError(
                f"The stack {self.name} lacks outputs: {', '.join(missing)}. {self._reasons()}"
            )

    def _wait(self, state: Any) -> None:
        waiter = self._cloudformation.get_waiter(state)
        delay = 1 if "127.0.0.1" in self._cloudformation.meta.endpoint_url else 5
        try:
            waiter.wait(StackName=self.name, WaiterConfig={"Delay": delay, "MaxAttempts": 720})
        except WaiterError as failed:
            raise StackError(self._reasons()) from failed

    def _reasons(self) -> str:
        """Return what CloudFormation says of the stack and of each resource that failed last."""
        stack = self._describe() or {"StackStatus": "gone"}
        lines = [
            f"The stack is {stack['StackStatus']}: {stack.get('StackStatusReason', 'no reason')}"
        ]
        events = self._cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        for event in events:  # newest first
            if event.get("ResourceType") == _STACK and event["ResourceStatus"] in _BEGUN:
                break
            if event.get("ResourceStatusReason") and event["ResourceStatus"].endswith("FAILED"):
                lines.insert(1, f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}")
        return "\n".join(lines)

    def _describe(self) -> Any:
        try:
            return self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as missing:
            if "does not exist" in missing.response["Error"]["Message"]:
                return None
            raise

    def _upload(self, package: Path, template: dict[str, Any], signed_by: str | None) -> str:
        """Put the zips, and the template that names them then, into the bucket; return its URL.

        The files of the reference, too, where the template answers them from there. ``signed_by``
        is the signing profile of the zips, if they have one.
        """
        bucket = self._bucket()
        if signed_by:  # AWS Signer takes versions alone
            self._s3.put_bucket_versioning(
                Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
            )
        uploaded: dict[str, str] = {}
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                name = resource["Properties"]["CodeUri"]
                if name not in uploaded:
                    uploaded[name] = self._upload_code(bucket, package / name, signed_by)
                resource["Properties"]["CodeUri"] = uploaded[name]
        if reference.OUTPUT in template.get("Outputs", {}):
            for file in reference.FILES.values():
                self._upload_file(bucket, file)
        text = json.dumps(template).encode()
        template_key = f"templates/{hashlib.sha256(text).hexdigest()}.json"
        self._s3.put_object(Bucket=bucket, Key=template_key, Body=text)
        return f"{self._s3.meta.endpoint_url}/{bucket}/{template_key}"

    def _upload_code(self, bucket: str, path: Path, signed_by: str | None) -> str:
        """Put a zip into the bucket under a name by its content; return its, signed, address."""
        code = path.read_bytes()
        key = f"code/{hashlib.sha256(code).hexdigest()}.zip"
        put = self._s3.put_object(Bucket=bucket, Key=key, Body=code)
        if signed_by:
            if "VersionId" not in put:
                raise StackError(
                    f"The bucket {bucket} does not keep versions yet, which AWS Signer needs. "
                    "That was switched on just now and takes some minutes: deploy again."
                )
            signer = self._session.client("signer")
            key = signing.sign(signer, bucket, key, put["VersionId"], signed_by)
        return f"s3://{bucket}/{key}"

    def _upload_file(self, bucket: str, file: reference.File) -> None:
        """Put a file of the reference into the bucket as it is answered."""
        self._s3.put_object(
            Bucket=bucket,
            Key=file.key,
            Body=file.path.read_bytes(),
            ContentType=file.content_type,
            CacheControl=file.cache_control,
        )

    def _upload_page(self, code: Path) -> None:
        """Put the files of the page that the functions of ``code`` link to into the bucket."""
        bucket = self._bucket()
        for file in page_files.packaged(code):
            self._s3.put_object(
                Bucket=bucket,
                Key=file.key,
                Body=file.body,
                ContentType=file.content_type,
                CacheControl=page_files.CACHE_CONTROL,
            )

    def _open_page(self, distribution: str) -> None:
        """Let the stack's distribution read the files of the page."""
        bucket = self._bucket()
        try:
            policy = json.loads(self._s3.get_bucket_policy(Bucket=bucket)["Policy"])
        except ClientError as missing:
            if missing.response["Error"]["Code"] != "NoSuchBucketPolicy":
                raise
            policy = {}
        readable = page_files.readable(policy, bucket=bucket, stack=self.name, arn=distribution)
        if readable != policy:
            self._s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(readable))

    def _bucket(self) -> str:
        """Return the deployment bucket of this account and region, made and closed if need be."""
        account = self._session.client("sts").get_caller_identity()["Account"]
        region = self._session.region_name
        bucket = f"backroom-deploy-{account}-{region}"
        try:
            self._s3.head_bucket(Bucket=bucket)
        except ClientError:
            where: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": region}}
            self._s3.create_bucket(Bucket=bucket, **({} if region == "us-east-1" else where))
            self._s3.put_public_access_block(
                Bucket=bucket,
                PublicAccessBlockConfiguration={
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
            )
        return bucket


def _parameters(
    given: Mapping[str, str], current: Mapping[str, Any], template: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield the parameters of a change.

    CloudFormation would put what is not given back to the template's default.
    """
    for name, value in given.items():
        yield {"ParameterKey": name, "ParameterValue": value}
    for parameter in current.get("Parameters", []):
        name = parameter["ParameterKey"]
        if name not in given and name in template["Parameters"]:
            yield {"ParameterKey": name, "UsePreviousValue": True}


def _protects(given: Mapping[str, str], template: Mapping[str, Any]) -> bool:
    """Return whether a new stack is to refuse to delete its tables, and has some that can."""
    tables = (each.get("Properties", {}) for each in template["Resources"].values())
    knows = any("DeletionProtectionEnabled" in table for table in tables)
    return knows and given.get(_PROTECTION, "true") == "true"


def _asked(ask: Callable[..., object], arguments: Mapping[str, Any]) -> bool:
    """Ask for a change; return whether there is one to wait for. Raises StackError."""
    try:
        ask(**arguments)
    except ClientError as refused:
        if "No updates" in refused.response["Error"]["Message"]:
            return False
        raise StackError(refused.response["Error"]["Message"]) from refused
    return True


def _of_the_gateway(address: str) -> bool:
    """Return whether an address is one that API Gateway gives."""
    return "execute-api" in address


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:  # refused, too
        return False
