"""The page on which one picks who to be."""

from collections.abc import Mapping
from html import escape

from infra.standins.people import PEOPLE, Person

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #667085; --line: #e4e7ec; --card: #fff;
  --ground: #f6f4f0; --accent: #b4551d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaee; --soft: #98a2b3; --line: #333a46;
  --card: #1b212b; --ground: #12161d; --accent: #f0975a; } }
* { box-sizing: border-box; } body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 460px; margin: 8vh auto; padding: 0 20px; } h1 { font-size: 24px; margin: 0; }
p { color: var(--soft); margin: 6px 0 20px; }
button { display: block; width: 100%; text-align: left; font: inherit; color: inherit;
  cursor: pointer; background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 10px 16px; margin: 0 0 8px; }
button:hover, button:focus-visible { border-color: var(--accent); }
button b { display: block; } button span { color: var(--soft); font-size: 14px; }
button.no { background: none; border: 0; text-align: center; color: var(--accent); }
"""


def page(request: Mapping[str, str]) -> str:
    """Return the page for a client's request; it is sent back with the chosen person."""
    hidden_fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in request.items()
    )
    people = "".join(_button(person) for person in PEOPLE.values())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Who are you? (stand-in)</title><style>{_STYLE}</style><main>"
        "<h1>Who are you today?</h1><p>This is a stand-in for an identity provider, on this "
        "machine only. Nobody here is real, and there is no password.</p>"
        f'<form method="post" action="authorize">{hidden_fields}{people}'
        '<button class="no" name="person" value="">Nobody: do not sign in</button>'
        "</form></main></html>"
    )


def _button(person: Person) -> str:
    return (
        f'<button name="person" value="{escape(person.subject)}"><b>{escape(person.name)}</b>'
        f"<span>{escape(person.role)}</span></button>"
    )
