"""What Jira refuses in an issue, a comment or a property, in the words that it uses."""

import json
import re
from datetime import date

from infra.standins import credentials

_SETTABLE = {"project", "issuetype", "summary", "labels", "description", "duedate"}
_MOST_IN_A_TEXT = 32_767
_MOST_IN_A_PROPERTY = 32_768
_TYPES = ("Task", "Story", "Bug")


def field_faults(fields: object) -> dict[str, str]:
    """Return what is wrong with the fields of a new issue, by field."""
    if not isinstance(fields, dict):
        return {"fields": "is required"}
    faults = {
        name: f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
        for name in fields.keys() - _SETTABLE
    }
    if fields.get("project") != {"key": credentials.JIRA_PROJECT}:
        faults["project"] = "valid project is required"
    if (fields.get("issuetype") or {}).get("name") not in _TYPES:
        faults["issuetype"] = "Specify a valid issue type"
    summary = fields.get("summary")
    if not isinstance(summary, str) or not summary.strip():
        faults["summary"] = "You must specify a summary of the issue."
    elif len(summary) > 255 or "\n" in summary or "\r" in summary:
        faults["summary"] = "The summary is invalid: one line of at most 255 characters."
    labels = fields.get("labels", [])
    if not isinstance(labels, list) or not all(_is_label(label) for label in labels):
        faults["labels"] = "The label can't contain spaces, and has at most 255 characters."
    if "duedate" in fields and not _is_date(fields["duedate"]):
        faults["duedate"] = "Operation value must be a string in the format yyyy-MM-dd"
    return faults


def text_fault(document: object) -> str | None:
    """Return what is wrong with the length of a document, if anything is."""
    if len(json.dumps(document, ensure_ascii=False)) <= _MOST_IN_A_TEXT:
        return None
    return "CONTENT_LIMIT_EXCEEDED: The entered text is too long. It exceeds the allowed limit."


def _is_label(label: object) -> bool:
    return isinstance(label, str) and bool(re.fullmatch(r"\S{1,255}", label))


def _is_date(value: object) -> bool:
    try:
        return bool(date.fromisoformat(str(value))) and len(str(value)) == 10
    except ValueError:
        return False


def is_document(node: object) -> bool:
    """Return whether this looks like a document; the schema, where it is at hand, knows better."""
    if not isinstance(node, dict) or (node.get("type"), node.get("version")) != ("doc", 1):
        return False
    return isinstance(node.get("content"), list) and _has_no_empty_text(node)


def _has_no_empty_text(node: object) -> bool:
    if not isinstance(node, dict):
        return False
    if node.get("type") == "text" and not (isinstance(node.get("text"), str) and node["text"]):
        return False
    return all(_has_no_empty_text(part) for part in node.get("content", []))


def are_properties(properties: object) -> bool:
    """Return whether these are properties: unique keys of at most 255 characters, and values."""
    if not isinstance(properties, list):
        return False
    keys = [each.get("key") for each in properties if isinstance(each, dict) and "value" in each]
    fine = all(isinstance(key, str) and 0 < len(key) <= 255 for key in keys)
    small = all(len(json.dumps(each).encode()) <= _MOST_IN_A_PROPERTY for each in properties)
    return fine and small and len(keys) == len(properties) == len(set(keys))
