"""A stack follows its parameters to restored tables in all that it refers to, and holds still."""

import copy
import json
from typing import Any

from infra import restorable, templates

MERGED = templates.merged()
TABLES = MERGED.declared.tables
SCHEDULE = {"Type": "Schedule", "Properties": {"Schedule": "rate(5 minutes)"}}


def packaged() -> dict[str, Any]:
    """Return the template with policies and a schedule, which packaging adds."""
    template = copy.deepcopy(MERGED.overlay)
    for name, policy in MERGED.policies().items():
        template["Resources"][name] = {"Type": "AWS::IAM::Role", "Properties": policy}
    template["Resources"]["Scheduled"] = {"Properties": {"Events": {"X": SCHEDULE}}}
    template["Resources"] = {
        name: resource | {"Properties": _typed(resource.get("Properties", {}))}
        for name, resource in template["Resources"].items()
    }
    restorable.follow_parameters(template, MERGED.declared)
    return template


def _typed(properties: dict[str, Any]) -> dict[str, Any]:
    """Return properties whose events have types, as Chalice gives them."""
    events = {
        name: {"Type": "SQS" if "Queue" in event["Properties"] else "DynamoDB", **event}
        for name, event in properties.get("Events", {}).items()
    }
    return properties | ({"Events": events} if events else {})


def bare(part: Any, table: str) -> list[Any]:
    """Return what refers to a table whatever its parameters say."""
    if isinstance(part, list):
        return [found for each in part for found in bare(each, table)]
    if not isinstance(part, dict):
        return []
    if part.get("Fn::If", [None])[0] == f"Restored{table}":
        return bare(part["Fn::If"][1], table)
    refers = part.get("Ref") == table
    refers |= part.get("Fn::GetAtt", [None])[0] == table
    refers |= any(f"${{{table}{end}" in json.dumps(part.get("Fn::Sub", "")) for end in "}.")
    return [part] if refers else [f for each in part.values() for f in bare(each, table)]


def test_whatever_refers_to_a_table_follows_the_parameter_of_its_name() -> None:
    template = packaged()
    parts = [part for name, part in template["Resources"].items() if name not in TABLES]

    left = {table: bare([*parts, template["Outputs"]], table) for table in TABLES}

    assert left == {table: [] for table in TABLES}
    assert {restorable.name_of(table) for table in TABLES} <= template["Parameters"].keys()


def test_a_right_and_an_event_source_name_the_restored_table_alone() -> None:
    template = packaged()

    relay = template["Resources"]["OutboxRelay"]["Properties"]["Events"]
    [source] = [event["Properties"]["Stream"] for event in relay.values()]
    index = {
        json.dumps(statement["Resource"]["Fn::If"][1])
        for statement in template["Resources"]["policy-outbox-sweeper.json"]["Properties"][
            "Statement"
        ]
        if "Restored" in json.dumps(statement)
    }

    here = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/"
    table = f"{here}${{OutboxTableName}}"
    assert source["Fn::If"][1] == {"Fn::Sub": f"{table}/stream/${{OutboxTableStream}}"}
    assert index == {json.dumps({"Fn::Sub": text}) for text in (table, f"{table}/index/*")}


def test_every_event_source_and_every_schedule_is_paused_on_demand() -> None:
    events = [
        event
        for resource in packaged()["Resources"].values()
        for event in resource["Properties"].get("Events", {}).values()
    ]

    held = [e["Properties"].get("State", e["Properties"].get("Enabled")) for e in events]

    assert len(held) > 10
    assert {json.dumps(each) for each in held} == {
        json.dumps({"Fn::If": ["IsHeld", False, True]}),
        json.dumps({"Fn::If": ["IsHeld", "DISABLED", "ENABLED"]}),
    }


def test_a_table_of_a_later_version_stays_the_stack_s_own_beside_restored_ones() -> None:
    told = {"OutboxTableName": "restored", "BakeryTableName": ""}

    assert restorable.pointed(told, TABLES) == {"OutboxTable": "restored"}
