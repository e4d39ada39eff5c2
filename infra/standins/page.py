"""What arrived, as a page for people: tickets, messages, letters, documents, access."""

from collections.abc import Iterable
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #667085; --line: #e4e7ec; --card: #fff;
  --ground: #f6f4f0; --accent: #b4551d; --good: #1a7f4b; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaee; --soft: #98a2b3; --line: #333a46;
  --card: #1b212b; --ground: #12161d; --accent: #f0975a; --good: #57c98b; --bad: #f97066; } }
* { box-sizing: border-box; } body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
header, main { max-width: 1180px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 36px; } h1 { font-size: 26px; margin: 0; } h2 { font-size: 16px; margin: 0; }
header p { color: var(--soft); margin: 4px 0 20px; max-width: 70ch; }
.sums { display: flex; flex-wrap: wrap; gap: 10px; margin: 0 0 24px; padding: 0; list-style: none; }
.sums li { border: 1px solid var(--line); border-radius: 999px; padding: 3px 14px;
  background: var(--card); } .sums .bad { border-color: var(--bad); color: var(--bad); }
main { columns: 2 480px; column-gap: 20px; padding-bottom: 40px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  padding: 18px 20px; overflow-x: auto; break-inside: avoid-column; margin-bottom: 20px; }
section > p { color: var(--soft); margin: 8px 0 0; }
section.wide { column-span: all; margin-top: 20px; }
article { border-top: 1px solid var(--line); padding: 12px 0; margin-top: 10px; }
article h3 { font-size: 14px; margin: 0 0 2px; } article p { margin: 4px 0; white-space: pre-wrap;
  overflow-wrap: anywhere; } .soft { color: var(--soft); font-size: 13px; }
.tag { border: 1px solid var(--line); border-radius: 6px; font-size: 12px; padding: 0 6px;
  margin-right: 4px; white-space: nowrap; } .done { color: var(--good); }
table { border-collapse: collapse; width: 100%; font-size: 14px; margin-top: 8px; }
th, td { text-align: left; padding: 4px 10px 4px 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; } a { color: var(--accent); }
code { font: 13px ui-monospace, monospace; }
"""


def html(state: dict[str, Any]) -> str:
    """Return the page of everything that `Office.shown` returns."""
    sections = (
        _section("Jira", map(_issue, state["jira"]["issues"]), "No tickets yet."),
        _section("Slack", map(_message, state["slack"]["messages"]), "No messages yet."),
        _section("Mail", map(_letter, state["mail"]["letters"]), "No letters yet."),
        _section("Google Drive", map(_file, state["google"]["files"]), "No files yet."),
        _section("GitHub", _people(state["github"]), "Nobody was let in yet."),
        _section("Signed in", map(_signed_in, state["identity"]["signed_in"]), "Nobody is."),
        _section("Webhooks from Jira", map(_webhook, state["webhooks"]["sent"]), "None were sent."),
        _log(state["arrived"]),
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="refresh" content="5"><title>What the vendors got</title>'
        f"<style>{_STYLE}</style><header><h1>What the vendors got</h1>"
        "<p>Stand-ins for Jira, Slack, Google, GitHub, an identity provider and the mail server. "
        "Nothing leaves this machine. "
        'The same as JSON: <a href="/control/state">/control/state</a>.</p>'
        f"{_sums(state)}</header><main>{''.join(sections)}</main></html>"
    )


def _sums(state: dict[str, Any]) -> str:
    doubled = sum(len(each) for each in state["doubles"].values())
    pills = [
        ("", f"{sum(state['counts'].values())} requests"),
        ("bad" if doubled else "", f"{doubled} doubled"),
        ("bad" if state["violations"] else "", f"{len(state['violations'])} against a contract"),
        ("", "contracts at hand" if state["contracts"] else "no contracts at hand"),
        ("bad" if state["faults"] else "", f"faults set: {len(state['faults'])}"),
    ]
    items = "".join(f'<li class="{kind}">{escape(words)}</li>' for kind, words in pills)
    return f'<ul class="sums">{items}</ul>'


def _section(title: str, articles: Iterable[str], empty: str) -> str:
    newest_first = list(articles)[::-1][:100]
    inside = "".join(newest_first) or f"<p>{empty}</p>"
    return f"<section><h2>{title}</h2>{inside}</section>"


def _article(title: str, beside: str, *parts: str) -> str:
    heading = f'<h3>{escape(title)}</h3><div class="soft">{escape(beside)}</div>'
    return f"<article>{heading}{''.join(parts)}</article>"


def _signed_in(subject: str) -> str:
    return _article(subject, "at the identity provider")


def _issue(issue: dict[str, Any]) -> str:
    fields = issue["fields"]
    status = fields["status"]["name"]
    due = f", due {fields['duedate']}" if fields.get("duedate") else ""
    tags = "".join(f'<span class="tag">{escape(label)}</span>' for label in fields["labels"])
    comments = "".join(f"<p>{escape(_text(each['body']))}</p>" for each in issue["comments"])
    parts = (tags, _adf(fields.get("description")), comments)
    return _article(f"{issue['key']} {fields['summary']}", f"{status}{due}", *parts)


def _adf(node: Any) -> str:
    """Return a document as HTML: its paragraphs and tables, everything else as text."""
    if not isinstance(node, dict):
        return ""
    inside = "".join(_adf(part) for part in node.get("content") or ())
    frames = {"table": "table", "tableRow": "tr", "tableHeader": "th", "tableCell": "td"}
    kind = node.get("type", "")
    if kind == "text":
        return escape(node["text"])
    if kind == "paragraph":
        return f"<p>{inside}</p>"
    return f"<{frames[kind]}>{inside}</{frames[kind]}>" if kind in frames else inside


def _text(node: Any) -> str:
    if not isinstance(node, dict):
        return ""
    between = "\n" if node.get("type") == "doc" else ""
    return str(node.get("text", "")) + between.join(map(_text, node.get("content") or ()))


def _message(message: dict[str, Any]) -> str:
    text = f"<p>{escape(message['text'])}</p>"
    return _article(f"to {message['name']}", f"{message['channel']} {message['ts']}", text)


def _letter(letter: dict[str, Any]) -> str:
    details = f"to {', '.join(letter['to'])}, {letter['message_id']}"
    return _article(letter["subject"], details, f"<p>{escape(letter['text'])}</p>")


def _file(file: dict[str, Any]) -> str:
    kind = file["mimeType"].rpartition(".")[2]
    return _article(file["name"], f"{kind} {file['id']}", f"<p>{escape(file['text'] or '')}</p>")


def _people(github: dict[str, Any]) -> list[str]:
    members = [
        _article(each, f"collaborator, {may}") for each, may in github["collaborators"].items()
    ]
    invited = [
        _article(each["invitee"]["login"], "expired" if each["expired"] else "invited")
        for each in github["invitations"]
    ]
    return members + invited


def _webhook(sent: dict[str, Any]) -> str:
    return _article(sent["identifier"], f"attempt {sent['attempt']}: {sent['status'] or 'nobody'}")


def _log(arrived: list[dict[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(each['vendor'])}</td><td>{escape(each['method'])}</td>"
        f"<td><code>{escape(each['path'])}</code></td><td>{each['status'] or 'broken off'}</td>"
        f"<td>{escape(each['fault'] or '')}</td></tr>"
        for each in arrived[::-1][:60]
    )
    heading = "<tr><th>Vendor<th>Method<th>Path<th>Answer<th>Fault</tr>"
    return f'<section class="wide"><h2>Requests</h2><table>{heading}{rows}</table></section>'
