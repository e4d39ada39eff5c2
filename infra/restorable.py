"""Makes a packaged template point at restored tables, and hold still, by parameters.

Whatever refers to a table (variables, policies, event sources, alarms, outputs) follows the
table's parameters: empty, they mean the stack's own table. ``Held`` stops every event source and
every schedule; the API takes no changes then (`chalicelib.core.http`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from infra.declarations import Declarations

Template = dict[str, Any]

HELD = "Held"
_ARN = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/"
_SOURCES = ("SQS", "DynamoDB")
_NAME, _STREAM = "Name", "Stream"
_PATTERNS = {_NAME: "([A-Za-z0-9_.-]{3,255})?", _STREAM: "[0-9T:.-]*"}


def name_of(table: str) -> str:
    """Return the parameter with the name of a restored table."""
    return f"{table}{_NAME}"


def stream_of(table: str) -> str:
    """Return the parameter with the label of its stream; tables without a stream have none."""
    return f"{table}{_STREAM}"


def pointed(parameters: Mapping[str, str], tables: Iterable[str]) -> dict[str, str]:
    """Return the restored tables that a stack is pointed at, by their logical ids."""
    return {table: name for table in tables if (name := parameters.get(name_of(table)))}


def add_parameters(template: Template, declared: Declarations) -> None:
    """Add the parameters of every table, and the conditions that read them."""
    for table in declared.tables:
        streams = "StreamSpecification" in template["Resources"][table]["Properties"]
        kinds = {name_of(table): _NAME} | ({stream_of(table): _STREAM} if streams else {})
        for name, kind in kinds.items():
            template["Parameters"][name] = {
                "Type": "String",
                "Default": "",
                "AllowedPattern": _PATTERNS[kind],
                "Description": f"A restored table in the place of {table}; see docs/operations.md",
            }
        template["Conditions"][_condition(table)] = {
            "Fn::Not": [{"Fn::Equals": [{"Ref": name_of(table)}, ""]}]
        }


def follow_parameters(template: Template, declared: Declarations) -> None:
    """Have a packaged template follow the parameters of its tables, and ``Held``."""
    tables = [table for table in declared.tables if name_of(table) in template["Parameters"]]
    for section in ("Resources", "Outputs"):
        for name, part in template[section].items():
            if section == "Outputs" or name not in tables:
                template[section][name] = _following(part, tables)
    for resource in template["Resources"].values():
        for event in resource.get("Properties", {}).get("Events", {}).values():
            if event["Type"] in _SOURCES:
                event["Properties"]["Enabled"] = _held(False, True)
            elif event["Type"] == "Schedule":
                event["Properties"]["State"] = _held("DISABLED", "ENABLED")


def _held(then: object, otherwise: object) -> Template:
    return {"Fn::If": ["IsHeld", then, otherwise]}


def _condition(table: str) -> str:
    return f"Restored{table}"


def _following(part: Any, tables: Iterable[str]) -> Any:
    """Return a part of a template, each reference to a table being a choice."""
    if isinstance(part, list):
        return [_following(each, tables) for each in part]
    if not isinstance(part, dict):
        return part
    for table in tables:
        if restored := _restored(part, table):
            return {"Fn::If": [_condition(table), restored, part]}
    return {name: _following(value, tables) for name, value in part.items()}


def _restored(reference: Mapping[str, Any], table: str) -> Template | None:
    """Return what replaces a reference to a table once it was restored."""
    match reference:
        case {"Ref": name} if name == table:
            return {"Ref": name_of(table)}
        case {"Fn::GetAtt": [name, "StreamArn"]} if name == table:
            stream = f"${{{name_of(table)}}}/stream/${{{stream_of(table)}}}"
            return {"Fn::Sub": f"{_ARN}{stream}"}
        case {"Fn::GetAtt": [name, "Arn"]} if name == table:
            return {"Fn::Sub": f"{_ARN}${{{name_of(table)}}}"}
        case {"Fn::Sub": str(text)} if f"${{{table}.Arn}}" in text:
            arn = f"{_ARN}${{{name_of(table)}}}"
            return {"Fn::Sub": text.replace(f"${{{table}.Arn}}", arn)}
    return None
