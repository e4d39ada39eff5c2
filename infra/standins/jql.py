"""The part of Jira's query language that the stand-in understands; it refuses the rest."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

DAY_S = 86_400
_STRING = r'"(?:[^"\\]|\\.)*"'
_CLAUSE = re.compile(
    rf"\s*(?P<field>[A-Za-z]+)\s*(?P<operator>=|>=)\s*(?P<value>{_STRING}|[\w-]+)\s*(?P<then>AND|$)",
    re.IGNORECASE,
)
_ORDER = re.compile(r"\s+ORDER\s+BY\s+created\s+(ASC|DESC)\s*$", re.IGNORECASE)


class JqlError(ValueError):
    """The query is none; the message is what Jira might say."""


@dataclass(frozen=True)
class Query:
    """A query: the clauses that an issue has to meet, and the order of what is found."""

    clauses: tuple[tuple[str, str], ...]
    newest_first: bool

    def meets(self, issue: dict[str, Any], now: float) -> bool:
        """Return whether an issue meets all clauses."""
        return all(_MEETS[field](issue, value, now) for field, value in self.clauses)

    def value(self, field: str) -> str | None:
        """Return what the query asks of a field."""
        return next((value for name, value in self.clauses if name == field), None)


def parsed(text: str) -> Query:
    """Return a query. Raises JqlError."""
    order = _ORDER.search(text)
    rest = text[: order.start()] if order else text
    clauses = []
    more = True
    while more:
        match = _CLAUSE.match(rest)
        if not match:
            raise JqlError(f"Error in the JQL Query near '{rest.strip()[:40]}'.")
        clauses.append(_clause(match["field"], match["operator"], _plain(match["value"])))
        rest, more = rest[match.end() :], bool(match["then"])
    return Query(tuple(clauses), bool(order and order[1].upper() == "DESC"))


def _clause(field: str, operator: str, value: str) -> tuple[str, str]:
    known = {name.lower(): name for name in _MEETS}
    if field.lower() not in known:
        raise JqlError(f"Field '{field}' does not exist or you do not have permission to view it.")
    name = known[field.lower()]
    if (operator == ">=") != (name == "updated"):
        raise JqlError(f"The operator '{operator}' is not supported by the '{field}' field.")
    if name == "updated" and not re.fullmatch("-[0-9]+d", value):
        raise JqlError(f"Date value '{value}' for field 'updated' is invalid.")
    return name, value


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _updated(issue: dict[str, Any], value: str, now: float) -> bool:
    since = now - int(value[1:-1]) * DAY_S
    return datetime.fromisoformat(issue["fields"]["updated"]).timestamp() >= since


_MEETS: dict[str, Callable[[dict[str, Any], str, float], bool]] = {
    "project": lambda issue, value, _: issue["key"].rpartition("-")[0] == value,
    "labels": lambda issue, value, _: value in issue["fields"]["labels"],
    "statusCategory": lambda issue, value, _: (
        value.lower()
        in {
            issue["fields"]["status"]["statusCategory"]["key"],
            issue["fields"]["status"]["statusCategory"]["name"].lower(),
        }
    ),
    "updated": _updated,
}
