"""The page's files in the bucket of deployments, and who may read them there."""

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.web import files
from infra import page_files
from infra.stack import Stack, StackError

ARN = "arn:aws:cloudfront::123456789012:distribution/E1"
BUCKET = "backroom-deploy-123456789012-us-east-1"
STATIC = Path(files.__file__).parent / "static"


class Account(SimpleNamespace):
    """A session of an account with one stack, which remembers what it is asked for in its order."""

    def __init__(self, *, cdn: str = "true", policy: Any = None, fails: bool = False) -> None:
        super().__init__(region_name="us-east-1", objects={}, policy=policy, done=[])
        self.cdn, self.fails = cdn, fails
        self.meta = SimpleNamespace(endpoint_url="https://s3.us-east-1.amazonaws.com")

    def client(self, _: str) -> Any:
        return self

    def describe_stacks(self, **_: object) -> dict[str, Any]:
        standing = [{"ParameterKey": "Cdn", "ParameterValue": self.cdn}]
        outputs = [{"OutputKey": page_files.OUTPUT, "OutputValue": ARN}]
        return {
            "Stacks": [
                {"StackStatus": "UPDATE_COMPLETE", "Parameters": standing, "Outputs": outputs}
            ]
        }

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "123456789012"}

    def head_bucket(self, **_: object) -> None:
        """Say that the bucket is there."""

    def put_object(self, **told: Any) -> None:
        self.objects[told["Key"]] = told
        self.done.append(told["Key"])

    def get_bucket_policy(self, **_: object) -> dict[str, str]:
        if self.policy is None:
            error: Any = {"Error": {"Code": "NoSuchBucketPolicy", "Message": "none"}}
            raise ClientError(error, "GetBucketPolicy")
        return {"Policy": json.dumps(self.policy)}

    def put_bucket_policy(self, *, Bucket: str, Policy: str) -> None:  # noqa: N803
        self.policy = json.loads(Policy)
        self.done.append(f"policy of {Bucket}")

    def update_stack(self, **_: object) -> None:
        self.done.append("update")
        if self.fails:
            error: Any = {"Error": {"Code": "ValidationError", "Message": "refused"}}
            raise ClientError(error, "UpdateStack")

    def get_waiter(self, _: str) -> Any:
        return SimpleNamespace(wait=lambda **_: None)


def package(folder: Path, **changed: str) -> Path:
    """Have a package whose page has the files of this repository, some of them with other texts."""
    texts = {path.name: path.read_text() for path in STATIC.iterdir()}
    texts["runbook.md"] = files.read("runbook.md").text
    with zipfile.ZipFile(folder / "deployment.zip", "w") as code:
        for name, text in {**texts, **changed}.items():
            code.writestr(f"chalicelib/web/static/{name}", text)
        code.writestr("app.py", "")
    template = {
        "Parameters": {"Cdn": {"Type": "String"}},
        "Resources": {},
        "Outputs": {page_files.OUTPUT: {"Condition": "HasCdn", "Value": ""}},
    }
    (folder / "sam.json").write_text(json.dumps(template))
    return folder


def deploy(account: Account, folder: Path) -> None:
    session: Any = account
    Stack(session, "backroom-prod").deploy(folder, {}, "fingerprint")


def test_the_bucket_gets_the_files_that_the_functions_answer_under_the_same_paths(
    tmp_path: Path,
) -> None:
    account = Account()

    deploy(account, package(tmp_path))

    bundles = files.bundles()
    web = {key: told for key, told in account.objects.items() if key.startswith("web/")}
    assert web.keys() == {f"web/{bundles.version}/{name}" for name in bundles.names}
    for key, told in web.items():
        answered = files.bundled(key.rpartition("/")[2])
        assert told["Body"].decode() == answered.text
        assert told["ContentType"] == answered.media_type
        assert told["CacheControl"] == "public, max-age=31536000, immutable"


def test_files_are_there_before_the_stack_changes_and_may_be_read_once_it_has(
    tmp_path: Path,
) -> None:
    account = Account()

    deploy(account, package(tmp_path))

    last_file = max(place for place, each in enumerate(account.done) if each.startswith("web/"))
    assert last_file < account.done.index("update") < account.done.index(f"policy of {BUCKET}")


def test_earlier_versions_stay_also_after_a_deployment_that_failed(tmp_path: Path) -> None:
    account = Account()
    deploy(account, package(tmp_path))
    first = set(account.objects)

    account.fails = True
    with pytest.raises((StackError, ClientError)):
        deploy(account, package(tmp_path, **{"icon.svg": "<svg/>"}))
    assert first < set(account.objects)
    both = set(account.objects)

    account.fails = False
    deploy(account, package(tmp_path))
    assert set(account.objects) == both


def test_a_stage_without_cloudfront_uploads_nothing(tmp_path: Path) -> None:
    account = Account(cdn="false")

    deploy(account, package(tmp_path))

    assert not [key for key in account.objects if key.startswith("web/")]
    assert account.policy is None


def test_the_distribution_may_read_the_page_s_files_and_nothing_else(tmp_path: Path) -> None:
    account = Account()

    deploy(account, package(tmp_path))

    [statement] = account.policy["Statement"]
    assert statement == {
        "Sid": "PageBackroomProd",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/web/*",
        "Condition": {"StringEquals": {"AWS:SourceArn": ARN}},
    }


def test_other_statements_of_the_bucket_stay_and_a_second_deployment_writes_none(
    tmp_path: Path,
) -> None:
    others = [{"Sid": "PageBackroomTry"}, {"Effect": "Deny"}]
    account = Account(policy={"Version": "2012-10-17", "Statement": others})

    deploy(account, package(tmp_path))
    assert account.policy["Statement"][:2] == others
    assert len(account.policy["Statement"]) == 3
    account.done.clear()

    deploy(account, tmp_path)
    assert f"policy of {BUCKET}" not in account.done
