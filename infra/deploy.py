"""The deployer: merge templates, package, check, upload, create or update, wait, print outputs.

    python -m infra.deploy --target local|localstack|aws [--stage NAME] [--allow-open]
        [--vendors FILE] [--parameter NAME=VALUE ...]

``local`` is the embedded AWS that ``make up`` starts, ``localstack`` whatever answers at
LocalStack's port, ``aws`` the account of the caller's credentials. Nothing is packaged or
uploaded when what is deployed was made of the same inputs.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import boto3
import localstack_client.session
from botocore.exceptions import BotoCoreError, ClientError

from infra import package, quotas
from infra.change_set import Confirm, DeclinedError
from infra.kept_data import KeptData
from infra.stack import Stack, StackError
from infra.trail import OperatorTrail

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

Target = Literal["local", "localstack", "aws"]
LOCAL_ENDPOINT = "http://127.0.0.1:4566"
_OF_WEBHOOKS = ("JIRA_WEBHOOK_SECRET",)
_SECRETS = {"VendorSettings": "VendorsSecret", "WebhookSettings": "WebhookSecret"}
"""The parameter that a secret is first filled from, and the output that names the secret."""
_DEPLOY = "--parameter AuthIssuer=https://... --parameter AuthAudience=..."
_ADVICE: Mapping[Target, str] = {
    "aws": "  make deploy STAGE=... AUTH_ISSUER=https://... AUTH_AUDIENCE=... AUTH_CLIENT_ID=...",
    "local": f"  python -m infra.deploy {_DEPLOY}",
    "localstack": f"  python -m infra.deploy --target localstack {_DEPLOY}",
}


class RefusedError(Exception):
    """The request is refused; the message says why, and what to do."""


def session(target: Target) -> boto3.session.Session:
    """Return a session against the target; a local one needs no credentials."""
    if target == "aws":
        return boto3.session.Session()
    os.environ.setdefault("AWS_ENDPOINT_URL", LOCAL_ENDPOINT)  # localstack-client reads it
    found: boto3.session.Session = localstack_client.session.Session(
        aws_access_key_id="test", aws_secret_access_key="test", aws_session_token=None
    )
    return found


@dataclass(frozen=True)
class LocalStackOptions:
    """How to deploy to LocalStack.

    ``here`` packages for this machine, where functions are processes, and not for Lambda's
    containers. A stack that has to be created again keeps its data unless ``discard_data``.
    """

    here: bool = False
    discard_data: bool = False


def deploy(
    target: Target,
    stage: str,
    parameters: dict[str, str],
    *,
    force: bool = False,
    confirm: Confirm | None = None,
    localstack: LocalStackOptions = LocalStackOptions(),
    build: Path = package.BUILD,
) -> dict[str, str]:
    """Deploy the stage to the target; return the stack's outputs. Says what it does.

    Packages below the folder ``build``. ``confirm`` is shown what will change before it does.
    """
    stack = Stack(session(target), f"backroom-{stage}")
    saved = _kept_data(target, stack, build)
    where = ("here",) if localstack.here else ()
    fingerprint = package.fingerprint(target, stage, repr(sorted(parameters.items())), *where)
    unchanged = stack.fingerprint() == fingerprint and not saved.waiting
    if not force and unchanged and (target == "aws" or stack.answers(stack.outputs())):
        _say("Nothing has changed since the last deployment")
        return _with_vendors(stack, parameters, target)
    started = time.monotonic()
    folder = package.build(
        local=target != "aws",
        platform=None if localstack.here or target == "local" else package.LAMBDA_PLATFORM,
        folder=build,
    )
    api, events = ((folder / name).stat().st_size / 1e6 for name in package.MAX_ZIP_BYTES)
    _say(f"Packaged the API ({api:.1f} MB) and the event functions ({events:.1f} MB)", started)
    started = time.monotonic()
    package.lint(folder / "sam.json")
    if target == "aws":
        _check_quotas(folder / "sam.json", parameters)
    _say("Checked the template (cfn-lint, quotas)", started)
    started = time.monotonic()
    parameters = {"Stage": stage, **parameters}
    outputs = roll_out(
        target, stack, folder, parameters, fingerprint, confirm=confirm, localstack=localstack
    )
    _say(f"Deployed the stack backroom-{stage}", started)
    return outputs


def roll_out(
    target: Target,
    stack: Stack,
    folder: Path,
    parameters: dict[str, str],
    fingerprint: str,
    *,
    confirm: Confirm | None = None,
    localstack: LocalStackOptions = LocalStackOptions(),
) -> dict[str, str]:
    """Have the stack be what was packaged in ``folder``; return its outputs. Raises StackError."""
    saved = _kept_data(target, stack, folder.parent)
    if target != "aws":
        parameters = {**parameters, **settings_digest(parameters)}
    if target == "localstack":
        parameters = make_way(stack, folder, parameters, saved, localstack)
    outputs = stack.deploy(folder, parameters, fingerprint, confirm)
    if saved.waiting:
        with OperatorTrail(session(target), stack).recording("deploy"):
            saved.restore()
        _say("Restored the saved data")
    stack.check_answers(outputs)
    return _with_vendors(stack, parameters, target)


def _kept_data(target: Target, stack: Stack, build: Path) -> KeptData:
    return KeptData(session(target), stack.name, build / f"kept-{stack.name}")


def _with_vendors(stack: Stack, parameters: Mapping[str, str], target: Target) -> dict[str, str]:
    """Have a local stack's secrets hold the settings of ``parameters``; return the outputs.

    CloudFormation writes a secret only when its parameter changes, and LocalStack's not even then.
    On AWS the secret is its operator's.
    """
    for parameter, output in _SECRETS.items():
        wanted = parameters.get(parameter)
        if target != "aws" and wanted and stack.secret(output) != wanted:
            stack.put_secret(output, wanted)
            _say(f"Put {parameter} into its secret")
    return stack.outputs()


def make_way(
    stack: Stack,
    folder: Path,
    parameters: dict[str, str],
    saved: KeptData,
    options: LocalStackOptions,
) -> dict[str, str]:
    """Delete a stack whose API has changed; return the parameters that the next one needs.

    LocalStack cannot update a REST API in place: it rolls back and loses the stage.
    """
    template = json.loads((folder / "sam.json").read_text())
    if not stack.exists() or not stack.has_another_api(template):
        return parameters
    print("  The API's definition has changed, which LocalStack cannot update in place: the stack")
    print("  is deleted and created again. Queued messages and log lines are lost.")
    if options.discard_data:
        _say("Saved no data (--discard-data)")
    elif not saved.waiting:
        _say(f"Saved {saved.keep()}; to start empty: --discard-data")
    held = stack.outputs()
    secrets = {name: stack.secret(of) for name, of in _SECRETS.items() if of in held}
    parameters = {**stack.parameters(), **secrets, **parameters}
    stack.delete()
    return parameters


def _check_quotas(template: Path, parameters: Mapping[str, str]) -> None:
    """Raise RefusedError where AWS would refuse the template for its size."""
    uses = quotas.uses(json.loads(template.read_text()), parameters)
    if exceeded := [str(use) for use in uses if use.exceeded]:
        raise RefusedError("AWS allows less than this stage takes:\n  " + "\n  ".join(exceeded))


def _say(text: str, since: float | None = None) -> None:
    took = f" ({time.monotonic() - since:.1f} s)" if since else ""
    print(f"  \u2713 {text}{took}", flush=True)


def with_auth(
    target: Target, given: Mapping[str, str], *, current: Mapping[str, str], allow_open: bool
) -> dict[str, str]:
    """Return the parameters with who may call, as given, else as the ``current`` stack has it.

    A new stack asks for tokens on AWS and is open elsewhere. Raises RefusedError where AWS would
    get an open API by mistake, or one that no caller can use.
    """
    holds = {"Auth": "jwt" if target == "aws" else "open", **current, **given}
    if holds["Auth"] == "jwt":
        missing = [name for name in ("AuthIssuer", "AuthAudience") if not holds.get(name)]
        if missing:
            raise RefusedError(
                f"This stage asks callers for tokens, and {' and '.join(missing)} are missing: "
                "whose tokens, and meant for whom. docs/auth.md says where they come from. Then:\n"
                f"{_ADVICE[target]}"
            )
    elif target == "aws" and not allow_open:
        raise RefusedError(
            "On AWS an open API is open to everyone on the internet. "
            "If that is what you want, say so: make deploy STAGE=... AUTH=open ALLOW_OPEN=1"
        )
    return {"Auth": holds["Auth"], **given}


def vendor_parameters(settings: str) -> dict[str, str]:
    """Return the parameters of vendors' settings, a JSON object: the webhook's go apart.

    Raises RefusedError for anything else.
    """
    try:
        found = json.loads(settings)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RefusedError("The vendors' settings are no JSON object.")
    webhook = {name: found.pop(name) for name in _OF_WEBHOOKS if name in found}
    return {"VendorSettings": json.dumps(found), "WebhookSettings": json.dumps(webhook)}


def settings_digest(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameter that changes with vendors' settings; none where they are not given.

    A function keeps what it has read of a secret for five minutes, a changed parameter ends it.
    """
    given = [parameters[name] for name in _SECRETS if name in parameters]
    digest = hashlib.sha256(json.dumps(given).encode()).hexdigest()
    return {"SettingsDigest": digest} if given else {}


def with_concurrency(given: Mapping[str, str], functions: "LambdaClient") -> dict[str, str]:
    """Return the parameters with how many functions a busy queue starts, by the account's limit."""
    limit = functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    if "QueueConcurrency" in given:
        return dict(given)
    found = quotas.queue_concurrency(limit)
    if found == quotas.SHARED_CONCURRENCY:
        _say(f"This account runs {limit} functions at once, so a busy queue starts {found}.")
        print("    To raise that: docs/deploy-aws.md, how many functions run at once")
    return {**given, "QueueConcurrency": str(found)}


def confirmed(changes: str) -> bool:
    """Show the changes and continue."""
    print(changes, flush=True)
    return True


def ask_to_confirm(changes: str) -> bool:
    """Show the changes and ask whether to make them. Raises RefusedError without a terminal."""
    print(changes, flush=True)
    if not sys.stdin.isatty():
        raise RefusedError(
            "There is no terminal to confirm at; --yes (make deploy YES=1) confirms."
        )
    return input("Make these changes? [y/N] ").strip().lower() in {"y", "yes"}


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.deploy")
    parser.add_argument("--target", choices=["local", "localstack", "aws"], default="local")
    parser.add_argument("--stage", default="local")
    parser.add_argument("--allow-open", action="store_true", help="let an open API be on AWS")
    parser.add_argument("--yes", action="store_true", help="on AWS: show the changes, ask nothing")
    parser.add_argument("--force", action="store_true", help="deploy even if nothing has changed")
    parser.add_argument("--here", action="store_true", help="LocalStack runs without Docker")
    parser.add_argument(
        "--discard-data", action="store_true", help="start empty where LocalStack needs a new stack"
    )
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--vendors", type=Path, metavar="FILE", help="vendors' settings, as JSON")
    options = parser.parse_args()
    parameters = dict(entry.split("=", 1) for entry in options.parameter)
    try:
        if options.vendors:  # by a file: a command line can be read by everybody on the machine
            parameters |= vendor_parameters(options.vendors.read_text())
        current = Stack(session(options.target), f"backroom-{options.stage}").parameters()
        parameters = with_auth(
            options.target, parameters, current=current, allow_open=options.allow_open
        )
        confirm = None
        if options.target == "aws":
            parameters = with_concurrency(parameters, session("aws").client("lambda"))
            confirm = confirmed if options.yes else ask_to_confirm
        outputs = deploy(
            options.target,
            options.stage,
            parameters,
            force=options.force,
            confirm=confirm,
            localstack=LocalStackOptions(here=options.here, discard_data=options.discard_data),
        )
    except (RefusedError, DeclinedError) as refused:
        print(refused, file=sys.stderr)
        return 1
    except (package.PackagingError, StackError, BotoCoreError, ClientError) as failed:
        print(f"  \u2717 {failed}", file=sys.stderr)
        return 1
    if options.target != "local":
        for name, value in sorted(outputs.items()):
            print(f"    {name}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
