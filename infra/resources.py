"""CloudFormation's resources that follow from what the templates declare."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.declarations import (
    Bucket,
    Declarations,
    Function,
    Queue,
    Source,
    dashed,
    effect_queue,
    logical_id,
    short_name,
    stream_dead_letters,
)

Template = dict[str, Any]

# Kept but by a first deployment that fails: what that left would be in the way of the second.
KEPT = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
_AGAINST_DELETION = (
    "DeletionProtectionEnabled",
    "VersioningConfiguration",
    "LifecycleConfiguration",
    "ObjectLockConfiguration",
)
_FOURTEEN_DAYS_S = 14 * 24 * 3_600


def generated(declared: Declarations) -> Template:
    """Return the part of the template that follows from the declarations."""
    resources: Template = {}
    outputs: Template = {}
    for table in declared.tables:
        resources[table] = _table()
        outputs[table] = {"Value": {"Ref": table}}
    for name, bucket in declared.buckets.items():
        resources |= _bucket(name, bucket)
        outputs[name] = {"Value": {"Ref": name}}
    for name, queue in declared.queues.items():
        resources |= _queue(name, queue)
    for name, function in declared.functions.items():
        resources |= _function(name, function, declared)
        for table in function.streams:
            images = {"StreamViewType": "NEW_AND_OLD_IMAGES"}
            resources[table]["Properties"]["StreamSpecification"] = images
    return {"Resources": resources, "Outputs": outputs}


def tell_somebody(template: Template) -> None:
    """Have every alarm notify the topic of alarms."""
    for resource in template["Resources"].values():
        if resource.get("Type") == "AWS::CloudWatch::Alarm":
            resource["Properties"].setdefault("AlarmActions", [{"Ref": "Alarms"}])


def keep_nothing(template: Template) -> None:
    """Have the data go with its stack, and take plain HTTP, as a local target does.

    From other machines plain HTTP stays forbidden. No object lock, no versions.
    """
    for resource in template["Resources"].values():
        if resource.get("DeletionPolicy") == KEPT["DeletionPolicy"]:
            resource.update(dict.fromkeys(KEPT, "Delete"))
            for name in _AGAINST_DELETION:
                resource["Properties"].pop(name, None)
        if resource.get("Type") == "AWS::S3::BucketPolicy":
            [tls_only] = resource["Properties"]["PolicyDocument"]["Statement"]
            tls_only["Condition"]["NotIpAddress"] = {"aws:SourceIp": ["127.0.0.0/8"]}
    template["Conditions"].pop("LocksObjects")
    for name in ("DeletionProtection", "NoncurrentVersionDays", "ObjectLockDays"):
        template["Parameters"].pop(name)  # which nothing refers to now


def reserve_workers(template: Template, declared: Declarations) -> None:
    """Have each worker run beside all others, where a parameter says for how many copies."""
    for name, function in declared.functions.items():
        if function.performs:
            reserved = _if("ReservesWorkers", {"Ref": "WorkerConcurrency"})
            properties = template["Resources"][logical_id(name)]["Properties"]
            properties["ReservedConcurrentExecutions"] = reserved


def take_signed_code(template: Template, declared: Declarations) -> None:
    """Have each function take signed code alone, where a parameter names who signs."""
    signed = _if("IsSigned", {"Fn::GetAtt": ["CodeSigning", "CodeSigningConfigArn"]})
    for name in declared.functions:
        template["Resources"][logical_id(name)]["Properties"]["CodeSigningConfigArn"] = signed


def write_out_concurrency(template: Template) -> None:
    """Put the number itself where an event source refers to a parameter.

    The embedded AWS passes parameters on as text, and its poller of queues stops at one.
    """
    parameters = template["Parameters"]
    for resource in template["Resources"].values():
        for event in resource.get("Properties", {}).get("Events", {}).values():
            scaling = event["Properties"].get("ScalingConfig", {})
            at_once = scaling.get("MaximumConcurrency")
            if isinstance(at_once, dict):
                scaling["MaximumConcurrency"] = parameters[at_once["Ref"]]["Default"]
    parameters.pop("QueueConcurrency", None)  # which nothing refers to now


def _table() -> Template:
    keys = {"pk": "HASH", "sk": "RANGE"}
    return {
        "Type": "AWS::DynamoDB::Table",
        **KEPT,
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": k, "AttributeType": "S"} for k in keys],
            "KeySchema": [{"AttributeName": k, "KeyType": kind} for k, kind in keys.items()],
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "SSESpecification": {
                "SSEEnabled": True,
                "SSEType": "KMS",
                "KMSMasterKeyId": _if("HasKey", {"Ref": "KmsKeyArn"}),
            },
            "DeletionProtectionEnabled": {"Ref": "DeletionProtection"},
        },
    }


def _bucket(name: str, bucket: Bucket) -> Template:
    forbidden = (
        *("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"),
    )
    key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Ref": "KmsKeyArn"}}
    encrypted = {
        "ServerSideEncryptionByDefault": _if("HasKey", key, {"SSEAlgorithm": "AES256"}),
        "BucketKeyEnabled": _if("HasKey", True, False),
    }
    gone = {"NoncurrentDays": {"Ref": "NoncurrentVersionDays"}}
    expiry = {"Status": "Enabled", "NoncurrentVersionExpiration": gone}
    properties = {
        "BucketName": _sub(f"${{AWS::StackName}}-{bucket.name}-${{AWS::AccountId}}"),
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [encrypted]},
        "PublicAccessBlockConfiguration": dict.fromkeys(forbidden, True),
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "VersioningConfiguration": {"Status": "Enabled"},
        "LifecycleConfiguration": {"Rules": [{"Id": "noncurrent-versions", **expiry}]},
        "ObjectLockConfiguration": _if("LocksObjects", _lock()),
    }
    tls_only = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [_arn(name), _sub(f"${{{name}.Arn}}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {
        "Bucket": {"Ref": name},
        "PolicyDocument": {"Version": "2012-10-17", "Statement": [tls_only]},
    }
    return {
        name: {"Type": "AWS::S3::Bucket", **KEPT, "Properties": properties},
        f"{name}Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": policy},
    }


def _lock() -> Template:
    retention = {"Mode": "GOVERNANCE", "Days": {"Ref": "ObjectLockDays"}}
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}


def _queue(name: str, queue: Queue) -> Template:
    dead = name if queue.dead_letters_only else f"{name}Dlq"
    made = {dead: _sqs(dead, _FOURTEEN_DAYS_S), f"{dead}Alarm": _dead_letter_alarm(dead, queue)}
    if not queue.dead_letters_only:
        redrive = {"deadLetterTargetArn": _arn(dead), "maxReceiveCount": queue.receives}
        made[name] = _sqs(
            name,
            queue.days * 24 * 3_600,
            VisibilityTimeout=queue.visibility_s,
            RedrivePolicy=redrive,
        )
    return made


def _sqs(name: str, kept_s: int, **more: Any) -> Template:
    properties = {
        "QueueName": _sub(f"${{AWS::StackName}}-{dashed(name)}"),
        "MessageRetentionPeriod": kept_s,
        "SqsManagedSseEnabled": True,
        **more,
    }
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def _dead_letter_alarm(dead: str, queue: Queue) -> Template:
    properties = {
        "AlarmDescription": f"{queue.alarm}; see docs/operations.md, dead letters",
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [
            {"Name": "QueueName", "Value": {"Fn::GetAtt": [dead, "QueueName"]}},
        ],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}


def _function(name: str, function: Function, declared: Declarations) -> Template:
    identity = logical_id(name)
    full_name = f"${{AWS::StackName}}-{short_name(name)}"
    properties: Template = {"FunctionName": _sub(full_name)}
    if variables := _variables(function, declared):
        properties["Environment"] = {"Variables": variables}
    if source := function.source:
        properties["Events"] = {f"{identity}SqsEventSource": _event(source)}
    if function.streams:
        properties["Events"] = {
            f"{table}Stream": _stream(table, patterns, stream_dead_letters(name))
            for table, patterns in function.streams.items()
        }
    group = {
        "LogGroupName": _sub(f"/aws/lambda/{full_name}"),
        "RetentionInDays": {"Ref": "LogRetentionDays"},
    }
    log_group = "ApiLogGroup" if identity == "APIHandler" else f"{identity}LogGroup"
    return {
        identity: {"Properties": properties},
        log_group: {"Type": "AWS::Logs::LogGroup", "Properties": group},
    }


def _event(source: Source) -> Template:
    # The same intrinsic as Chalice's, or the merge would leave both.
    properties: Template = {
        "Queue": _sub(f"${{{source.queue}.Arn}}"),
        "ScalingConfig": {"MaximumConcurrency": source.at_once},
    }
    if source.reports_failures:
        properties["FunctionResponseTypes"] = ["ReportBatchItemFailures"]
    return {"Properties": properties}


def _stream(table: str, patterns: Sequence[str], dead_letters: str) -> Template:
    """Return what starts a function for the changes of a table.

    In order and until it succeeds, for as long as the stream has them, a day; a second's changes
    together.
    """
    properties: Template = {
        "Stream": {"Fn::GetAtt": [table, "StreamArn"]},
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 1,
        "BisectBatchOnFunctionError": True,
        "FilterCriteria": {"Filters": [{"Pattern": pattern} for pattern in patterns]},
        "DestinationConfig": {"OnFailure": {"Destination": _arn(dead_letters)}},
    }
    return {"Type": "DynamoDB", "Properties": properties}


def _variables(function: Function, declared: Declarations) -> Mapping[str, Any]:
    found: Template = {}
    if function.performs or function.names_effects:
        kinds = sorted(declared.effects) if function.names_effects else [function.performs or ""]
        found[f"OUTBOX_{kinds[0].upper()}_QUEUE"] = {"Ref": effect_queue(kinds[0])}
        if len(kinds) > 1:  # whose queues are called alike
            found["OUTBOX_KINDS"] = ",".join(kinds)
    if function.performs:
        found["OUTBOX_TABLE"] = {"Ref": "OutboxTable"}
    if function.reads_secret:
        found["VENDORS_SECRET"] = {"Fn::GetAtt": ["VendorsSecret", "Id"]}
    if function.webhook:
        found["WEBHOOK_SECRET"] = {"Fn::GetAtt": ["WebhookSecret", "Id"]}
    if function.redrives:
        found |= {_dlq_variable(name): {"Ref": name} for name in declared.own_queues}
    return {**found, **function.environment}


def _dlq_variable(queue: str) -> str:
    """Return the variable of a queue whose dead letters operators see: ``DLQ_VENDING_FLEET``."""
    return f"DLQ_{dashed(queue).removesuffix('-dlq').replace('-', '_').upper()}"


def _arn(name: str) -> Template:
    return {"Fn::GetAtt": [name, "Arn"]}


def _if(condition: str, value: object, otherwise: object = None) -> Template:
    """Return ``value`` where a condition holds, else the other one, or nothing at all."""
    nothing = {"Ref": "AWS::NoValue"}
    return {"Fn::If": [condition, value, nothing if otherwise is None else otherwise]}


def _sub(text: str) -> Template:
    return {"Fn::Sub": text}
