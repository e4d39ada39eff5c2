"""What follows from the templates' declarations: resources, variables and rights, no more."""

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from app import app
from chalicelib.core.outbox import queues
from chalicelib.integrations.settings import VendorSettings
from infra import policies, resources, templates
from infra.declarations import (
    API,
    DeclarationError,
    Declarations,
    Effect,
    Function,
    effect_queue,
    logical_id,
    short_name,
    together,
)
from infra.reference import FILES

ROOT = Path(__file__).parents[3]
RIGHTS = Path(__file__).with_name("rights.txt")
HERE = Path("00-here.yaml")
MERGED = templates.merged()
FUNCTIONS = MERGED.declared.functions


def declared(**sections: Any) -> Declarations:
    return Declarations.taken_from(sections, HERE)


def rights(file: str) -> set[str]:
    """Return a function's rights, one a line."""
    found = set()
    for statement in MERGED.policies()[file]["Statement"]:
        on = _named(statement["Resource"])
        found |= {f"{action} {on}" for action in statement["Action"]}
    return found


def _named(resource: Any) -> str:
    """Return what a right is on, in a line; of a choice the parameter that it depends on."""
    match resource:
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::If": [_, {"Ref": name}, _]} | {"Fn::Sub": str(name)} | str(name):
            return str(name)
    raise AssertionError(resource)


# --- rights -------------------------------------------------------------------------------------


def test_no_function_may_do_more_than_was_checked() -> None:
    """A right more, or less, of a function in rights.txt is changed there, too.

    A function that is not there, and a table, bucket or queue that is not, has what its template
    says.
    """
    looked_at: dict[str, set[str]] = {}
    for line in RIGHTS.read_text().splitlines():
        if not line.startswith("#"):
            function, right = line.split(" ", 1)
            looked_at.setdefault(function, set()).add(right)
    new = MERGED.resources.keys() - set(re.findall(r"\w+", RIGHTS.read_text()))

    found = {
        name: {r for r in rights(f"policy-{name}.json") if not new & set(re.findall(r"\w+", r))}
        for name in looked_at
    }
    assert found == looked_at


def test_no_right_is_for_everything() -> None:
    wide = [
        f"{name}: {right}"
        for name, function in FUNCTIONS.items()
        for on, actions in function.rights.items()
        for right in (on, *actions)
        if (right == "*" and set(actions) != {"ses:GetAccount"})
        or on.endswith(":*")
        or (right in actions and "*" in right)
    ]

    assert wide == []


def test_rights_on_what_does_not_exist_are_refused() -> None:
    wrong = declared(Functions={"x_done": {"rights": {"NoTable": ["GetItem"]}}})

    with pytest.raises(DeclarationError, match="NoTable"):
        policies.policies(wrong, {})


@pytest.mark.parametrize(
    ("on", "resource", "action"),
    [
        ("A", {"Fn::GetAtt": ["A", "Arn"]}, "dynamodb:Get"),
        ("A.StreamArn", {"Fn::GetAtt": ["A", "StreamArn"]}, "dynamodb:Get"),
        ("B/x/*", {"Fn::Sub": "${B.Arn}/x/*"}, "s3:Get"),
        ("S", {"Fn::GetAtt": ["S", "Id"]}, "secretsmanager:Get"),
        (
            "arn:${AWS::Partition}:ses:*:1:x",
            {"Fn::Sub": "arn:${AWS::Partition}:ses:*:1:x"},
            "ses:Get",
        ),
    ],
)
def test_a_right_names_a_resource_a_part_of_it_or_an_arn(
    on: str, resource: dict[str, Any], action: str
) -> None:
    kinds = {"A": "DynamoDB::Table", "B": "S3::Bucket", "S": "SecretsManager::Secret"}
    known = {name: {"Type": f"AWS::{kind}"} for name, kind in kinds.items()}
    made = policies.policies(declared(Functions={"x_done": {"rights": {on: ["Get"]}}}), known)

    [_, statement, _key] = made["policy-x-done.json"]["Statement"]
    assert statement == {"Effect": "Allow", "Action": [action], "Resource": resource}


# --- functions ----------------------------------------------------------------------------------


def test_every_function_of_the_app_is_declared_and_no_other() -> None:
    known = {each.name for each in app.event_sources}
    known |= {each.name for each in app.pure_lambda_functions}

    assert FUNCTIONS.keys() == {API, *known}


def test_a_function_is_started_by_the_queue_that_its_code_names() -> None:
    """Chalice takes the queue of the decorator, and the template that of the declaration."""
    told = {
        source.name: str(source.queue) for source in app.event_sources if hasattr(source, "queue")
    }
    meant = {
        name: MERGED.resources[function.source.queue]["Properties"]["QueueName"]["Fn::Sub"]
        for name, function in FUNCTIONS.items()
        if function.source
    }

    assert meant == {name: f"${{AWS::StackName}}-{queue}" for name, queue in told.items()}


def test_every_function_has_its_name_and_keeps_its_log_as_long_as_the_stage_says() -> None:
    for name in FUNCTIONS:
        full_name = f"${{AWS::StackName}}-{short_name(name)}"
        log_group = "ApiLogGroup" if name == API else f"{logical_id(name)}LogGroup"

        assert MERGED.resources[logical_id(name)]["Properties"]["FunctionName"] == {
            "Fn::Sub": full_name
        }
        assert MERGED.resources[log_group]["Properties"] == {
            "LogGroupName": {"Fn::Sub": f"/aws/lambda/{full_name}"},
            "RetentionInDays": {"Ref": "LogRetentionDays"},
        }


def test_every_setting_without_a_default_reaches_the_api() -> None:
    api = MERGED.resources["APIHandler"]["Properties"]["Environment"]["Variables"]
    needed = {
        name.upper()
        for wiring in (ROOT / "chalicelib").glob("*/wiring.py")
        for value in vars(
            importlib.import_module(f"chalicelib.{wiring.parent.name}.wiring")
        ).values()
        if isinstance(value, type) and issubclass(value, BaseModel)
        if value.__name__.endswith("Settings") and not issubclass(value, VendorSettings)
        for name, field in value.model_fields.items()
        if field.is_required()
    }

    assert needed - api.keys() == set()


def test_what_several_templates_say_of_a_function_adds_up() -> None:
    one = declared(
        Environment={"A": "1"},
        Functions={API: {"memory_mb": 512, "rights": {"T": ["GetItem"]}}},
    )
    other = declared(
        Environment={"B": "2"},
        Functions={API: {"vendors": True, "rights": {"T": ["GetItem", "Query"]}}},
    )

    api = together([one, other]).functions[API]

    assert (api.memory_mb, api.vendors) == (512, True)
    assert api.environment == {"A": "1", "B": "2"}
    assert api.rights == {"T": ("GetItem", "Query")}


def test_the_environment_of_a_template_is_its_functions_and_the_api_s_alone() -> None:
    one = declared(Environment={"A": "1"}, Functions={"a_done": {}})
    other = declared(Environment={"B": "2"}, Functions={"b_done": {"environment": {"C": "3"}}})

    found = {name: f.environment for name, f in together([one, other]).functions.items()}

    assert found == {
        API: {"A": "1", "B": "2"},
        "a_done": {"A": "1"},
        "b_done": {"B": "2", "C": "3"},
    }


@pytest.mark.parametrize(
    ("sections", "named"),
    [
        ({"Functions": {"x_done": {"right": {}}}}, "Functions.x_done.right"),
        ({"Functions": {"x_done": {"timeout_s": "long"}}}, "Functions.x_done.timeout_s"),
        ({"Queues": {"X": {"alarms": ""}}}, "Queues.X.alarm"),
    ],
)
def test_a_mistake_in_a_declaration_is_named_with_its_file_and_place(
    sections: dict[str, Any], named: str
) -> None:
    with pytest.raises(DeclarationError, match=rf"00-here.yaml: .*{named}"):
        declared(**sections)


# --- kinds of effects ---------------------------------------------------------------------------


def test_every_kind_of_effects_has_its_worker_and_no_worker_is_idle() -> None:
    performed = [f.performs for f in FUNCTIONS.values() if f.performs]

    assert sorted(performed) == sorted(MERGED.declared.effects)


def test_every_kind_that_code_asks_for_or_works_on_is_declared() -> None:
    """Effects of a kind without a queue wait for an hour and are dead then."""
    asked, worked_on = set(), set()
    for path in (ROOT / "chalicelib").rglob("*.py"):
        module = ast.parse(path.read_text())
        constants = {
            each.targets[0].id: each.value.value
            for each in module.body
            if isinstance(each, ast.Assign)
            and isinstance(each.targets[0], ast.Name)
            and isinstance(each.value, ast.Constant)
        }
        for call in ast.walk(module):
            if isinstance(call, ast.Call):
                name = getattr(call.func, "attr", getattr(call.func, "id", ""))
                texts = [
                    a.value if isinstance(a, ast.Constant) else constants.get(getattr(a, "id", ""))
                    for a in call.args
                ]
                if name == "Effect" and len(texts) == 3 and isinstance(texts[1], str):
                    asked.add(texts[1])
                if name == "worker" and texts and isinstance(texts[0], str):
                    worked_on.add(texts[0])

    assert asked == MERGED.declared.effects.keys()
    assert worked_on == MERGED.declared.effects.keys()


def test_a_function_that_names_effects_finds_the_queue_of_every_kind() -> None:
    """By the one that its environment names."""
    names = {
        kind: MERGED.resources[effect_queue(kind)]["Properties"]["QueueName"]["Fn::Sub"]
        for kind in MERGED.declared.effects
    }
    for function in ("APIHandler", "OutboxRelay", "OutboxSweeper"):
        told = MERGED.resources[function]["Properties"]["Environment"]["Variables"]
        [first] = {kind for kind in names if f"OUTBOX_{kind.upper()}_QUEUE" in told}
        environment = {
            "OUTBOX_KINDS": told["OUTBOX_KINDS"],
            f"OUTBOX_{first.upper()}_QUEUE": names[first],
        }

        assert queues.urls(environment) == names


def test_a_worker_of_an_undeclared_kind_is_refused() -> None:
    with pytest.raises(DeclarationError, match="x_asked: there is no queue OutboxFax"):
        together([declared(Functions={"x_asked": {"performs": "fax"}})])


def test_all_that_a_kind_needs_follows_from_its_declaration() -> None:
    kind = "wire_transfer"
    everything = together(
        [
            Declarations(
                Effects={kind: Effect(alarm="Transfers could not be looked at")},
                Functions={
                    "x_transfer_asked": Function(performs=kind),
                    "outbox_relay": Function(names_effects=True),
                    API: Function(names_effects=True, redrives=True),
                },
            )
        ]
    )
    made = resources.generated(everything)["Resources"]
    others = {"OutboxTable": "DynamoDB::Table", "VendorsSecret": "SecretsManager::Secret"}
    known = {**made, **{name: {"Type": f"AWS::{kind}"} for name, kind in others.items()}}
    queue = {"Ref": "OutboxWireTransfer"}

    assert made["OutboxWireTransfer"]["Properties"]["QueueName"] == {
        "Fn::Sub": "${AWS::StackName}-outbox-wire-transfer"
    }
    assert made["OutboxWireTransfer"]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"] == {
        "Fn::GetAtt": ["OutboxWireTransferDlq", "Arn"]
    }
    assert (
        "Transfers could not"
        in made["OutboxWireTransferDlqAlarm"]["Properties"]["AlarmDescription"]
    )
    variables = {
        name: made[name]["Properties"]["Environment"]["Variables"]
        for name in ("XTransferAsked", "OutboxRelay", "APIHandler")
    }
    assert variables == {
        "XTransferAsked": {
            "OUTBOX_TABLE": {"Ref": "OutboxTable"},
            "OUTBOX_WIRE_TRANSFER_QUEUE": queue,
            "VENDORS_SECRET": {"Fn::GetAtt": ["VendorsSecret", "Id"]},
        },
        "OutboxRelay": {"OUTBOX_WIRE_TRANSFER_QUEUE": queue},
        "APIHandler": {"OUTBOX_WIRE_TRANSFER_QUEUE": queue},
    }
    [event] = made["XTransferAsked"]["Properties"]["Events"].values()
    assert event["Properties"]["Queue"] == {"Fn::Sub": "${OutboxWireTransfer.Arn}"}
    assert (
        len(policies.policies(everything, known)["policy-x-transfer-asked.json"]["Statement"]) == 6
    )


# --- streams --------------------------------------------------------------------------------------


def test_all_that_a_table_s_changes_need_to_start_a_function_follows_from_its_declaration() -> None:
    """And what several templates say adds up."""
    dlq = {"alarm": "Changes were not seen", "dead_letters_only": True}
    one = declared(
        Tables=["One"],
        Queues={"XSeenDlq": dlq},
        Functions={"x_seen": {"streams": {"One": ["{}"]}}},
    )
    other = declared(Tables=["Other"], Functions={"x_seen": {"streams": {"Other": ["{}"]}}})

    everything = together([one, other])
    made = resources.generated(everything)["Resources"]

    for table in ("One", "Other"):
        event = made["XSeen"]["Properties"]["Events"][f"{table}Stream"]
        assert event["Properties"]["Stream"] == {"Fn::GetAtt": [table, "StreamArn"]}
        assert event["Properties"]["FilterCriteria"] == {"Filters": [{"Pattern": "{}"}]}
        assert made[table]["Properties"]["StreamSpecification"] == {
            "StreamViewType": "NEW_AND_OLD_IMAGES"
        }
    [policy] = [
        each for file, each in policies.policies(everything, made).items() if "x-seen" in file
    ]
    assert {_named(each["Resource"]) for each in policy["Statement"]} >= {
        "One.StreamArn",
        "Other.StreamArn",
        "XSeenDlq.Arn",
    }


def test_a_function_of_streams_needs_a_queue_of_what_it_gives_up() -> None:
    with pytest.raises(DeclarationError, match="x_seen: there is no queue XSeenDlq"):
        together([declared(Tables=["T"], Functions={"x_seen": {"streams": {"T": ["{}"]}}})])


# --- local targets --------------------------------------------------------------------------------


def test_data_is_kept_when_a_stack_goes_but_on_a_laptop() -> None:
    data = ("AWS::DynamoDB::Table", "AWS::S3::Bucket")
    kept = {
        local: {
            resource["DeletionPolicy"]
            for resource in templates.merged(local=local).resources.values()
            if resource.get("Type") in data
        }
        for local in (True, False)
    }

    assert kept == {True: {"Delete"}, False: {"RetainExceptOnCreate"}}


def test_plain_http_reaches_a_bucket_from_this_machine_alone() -> None:
    """And only where AWS is played on it."""
    for local, allowed in ((False, None), (True, {"aws:SourceIp": ["127.0.0.0/8"]})):
        found = templates.merged(local=local).resources["VendingBucketPolicy"]["Properties"]
        [statement] = found["PolicyDocument"]["Statement"]

        assert statement["Condition"]["Bool"] == {"aws:SecureTransport": "false"}
        assert statement["Condition"].get("NotIpAddress") == allowed


def test_every_route_has_a_limit_and_what_reads_for_strangers_a_lower_one() -> None:
    overlay = templates.merged().overlay
    limits = {
        (each["HttpMethod"], each["ResourcePath"].replace("~1", "/").replace("//", "/")): (
            overlay["Parameters"][each["ThrottlingRateLimit"]["Ref"]]["Default"]
        )
        for each in overlay["Resources"]["RestAPI"]["Properties"]["MethodSettings"]
    }
    packaged = ("/", "/auth", "/ping", "/web/{file}", "/web/{version}/{file}")
    public = {
        (verb, each.path)
        for each in app.contracts()
        for verb in each.methods
        if each.access == "public" and each.path not in packaged
    }

    assert limits.pop(("*", "/*")) == 100
    files = {(verb, path) for path in FILES for verb in ("GET", "HEAD")}
    assert limits == dict.fromkeys(public | files, 10)
    local = templates.merged(local=True).overlay["Resources"]["RestAPI"]["Properties"]
    assert "MethodSettings" not in local


def test_brakes_that_cost_or_need_an_account_of_size_are_off_until_they_are_requested() -> None:
    overlay = templates.merged().overlay
    defaults = {name: each.get("Default") for name, each in overlay["Parameters"].items()}
    workers = [
        logical_id(name)
        for name, each in templates.merged().declared.functions.items()
        if each.performs
    ]

    assert overlay["Conditions"]["ReservesWorkers"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "WorkerConcurrency"}, 0]}]
    }
    for parameter, condition, functions in (
        ("ApiConcurrency", "ReservesApi", ["APIHandler"]),
        ("WorkerConcurrency", "ReservesWorkers", workers),
    ):
        assert defaults[parameter] == 0
        for name in functions:
            reserved = overlay["Resources"][name]["Properties"]["ReservedConcurrentExecutions"]
            assert reserved["Fn::If"][:2] == [condition, {"Ref": parameter}]
    assert (defaults["AccessLogs"], defaults["RequestsPerAddress"]) == ("false", 0)
    assert defaults["WebAclArn"] == "none"
    assert overlay["Resources"]["WebAcl"]["Condition"] == "LimitsAddresses"
    assert overlay["Resources"]["GatewayLogGroup"]["Condition"] == "LogsAccess"
    local = templates.merged(local=True).overlay
    assert not {"WebAcl", "WebAclAssociation", "GatewayLogGroup"} & local["Resources"].keys()
    assert "ReservedConcurrentExecutions" not in local["Resources"]["APIHandler"]["Properties"]


def test_on_aws_what_holds_data_is_protected_and_encrypted() -> None:
    found = templates.merged().resources.values()
    for each in (
        each["Properties"] for each in found if each.get("Type") == "AWS::DynamoDB::Table"
    ):
        assert each["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
        assert each["SSESpecification"]["KMSMasterKeyId"]["Fn::If"][0] == "HasKey"
    for each in (each["Properties"] for each in found if each.get("Type") == "AWS::S3::Bucket"):
        assert each["VersioningConfiguration"] == {"Status": "Enabled"}
        rules = each["LifecycleConfiguration"]["Rules"]
        assert [rule for rule in rules if "NoncurrentVersionExpiration" in rule]
        assert each["ObjectLockConfiguration"]["Fn::If"][0] == "LocksObjects"
    topics = [each["Properties"] for each in found if each.get("Type") == "AWS::SNS::Topic"]
    assert [each for each in topics if "KmsMasterKeyId" not in each] == []


def test_a_local_target_gets_numbers_where_its_poller_cannot_take_a_parameter() -> None:
    local, aws = (templates.merged(local=local).overlay for local in (True, False))

    assert all(isinstance(found, int) for found in concurrency(local))
    assert any(isinstance(found, dict) for found in concurrency(aws))
    assert len(concurrency(local)) == len(concurrency(aws))


def concurrency(template: Any) -> list[Any]:
    """Return how many copies each event source may start."""
    events = [
        event["Properties"]
        for resource in template["Resources"].values()
        for event in resource.get("Properties", {}).get("Events", {}).values()
    ]
    return [
        each["ScalingConfig"]["MaximumConcurrency"] for each in events if "ScalingConfig" in each
    ]
