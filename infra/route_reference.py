"""The text of ``docs/routes.md``; `infra.openapi` writes and checks it with the document."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from chalicelib.core.access import SCOPES, scopes_of
from chalicelib.core.routing import Route

TARGET = Path(__file__).parent.parent / "docs" / "routes.md"
_HEAD = """# Routes

Made by `python -m infra.openapi` from the declarations of the routes; a test checks that it is
fresh. [openapi.json](openapi.json), and `/docs` of every stage, have bodies, answers and examples.
With several scopes any one is enough; lists also take `limit`, `cursor` and `count`.
"""


def text(routes: Iterable[Route]) -> str:
    """Return the document: all routes, in a chapter for each tag, and all scopes."""
    chapters: dict[str, list[str]] = {}
    for route in routes:
        chapters.setdefault(route.tag, []).append(_row(route))
    return "\n".join(_lines(chapters))


def _lines(chapters: dict[str, list[str]]) -> Iterator[str]:
    yield _HEAD
    for tag in sorted(chapters):
        yield from _table(
            tag.capitalize(), "| route | what it does | query | scope |", chapters[tag]
        )
    scopes = [f"| `{scope}` | {permits} |" for scope, permits in sorted(SCOPES.items())]
    yield from _table("Scopes", "| scope | lets its holder |", scopes)


def _table(title: str, head: str, rows: list[str]) -> Iterator[str]:
    yield from (f"## {title}", "", head, "|---" * (head.count("|") - 1) + "|", *rows, "")


def _row(route: Route) -> str:
    scopes = ", ".join(f"`{scope}`" for scope in scopes_of(route.access)) or "public"
    summary = route.summary.replace("|", "\\|")
    return f"| `{route.method} {route.path}` | {summary} | {', '.join(_query(route))} | {scopes} |"


def _query(route: Route) -> Iterator[str]:
    """Yield the names of the query parameters, without those of every list."""
    if route.query:
        for name, field in route.query.model_fields.items():
            if not (route.paged and name in {"limit", "cursor", "count"}):
                yield f"`{field.alias or name}`"
