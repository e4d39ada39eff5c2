"""GitHub's answers on people, repositories and invitations, with all that its contract demands."""

from datetime import UTC, datetime
from typing import Any

from infra.standins import credentials

_API = "https://api.github.com"
_OF_A_USER = (
    *("events", "followers", "following", "gists", "organizations", "received_events"),
    *("repos", "starred", "subscriptions"),
)
_OF_A_REPOSITORY = (
    *("archive", "assignees", "blobs", "branches", "collaborators", "comments", "commits"),
    *("compare", "contents", "contributors", "deployments", "downloads", "events", "forks"),
    *("git_commits", "git_refs", "git_tags", "hooks", "issue_comment", "issue_events", "issues"),
    *("keys", "labels", "languages", "merges", "milestones", "notifications", "pulls"),
    *("releases", "stargazers", "statuses", "subscribers", "subscription", "tags", "teams"),
    *("trees",),
)


def user(login: str, number: int) -> dict[str, Any]:
    """Return a person."""
    base = f"{_API}/users/{login}"
    return {
        "login": login,
        "id": number,
        "node_id": f"U_{number}",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{number}",
        "gravatar_id": "",
        "html_url": f"https://github.com/{login}",
        "url": base,
        **{f"{name}_url": f"{base}/{name}" for name in _OF_A_USER},
        "type": "User",
        "site_admin": False,
    }


def public_user(login: str, number: int) -> dict[str, Any]:
    """Return a person as their public profile has them."""
    unknown = ("bio", "blog", "company", "email", "hireable", "location", "name")
    made = datetime.fromtimestamp(0, UTC).isoformat()
    return {
        **user(login, number),
        **dict.fromkeys(unknown),
        **dict.fromkeys(("followers", "following", "public_gists", "public_repos"), 0),
        "user_view_type": "public",
        "created_at": made,
        "updated_at": made,
    }


def collaborator(person: dict[str, Any], role: str) -> dict[str, Any]:
    """Return a person with what they may do."""
    ranks = ("pull", "triage", "push", "maintain", "admin")
    rank = ranks.index({"write": "push", "read": "pull"}.get(role, role))
    granted = {each: number <= rank for number, each in enumerate(ranks)}
    return {**person, "permissions": granted, "role_name": role}


def repository() -> dict[str, Any]:
    """Return the one repository."""
    owner, _, name = credentials.GITHUB_REPOSITORY.partition("/")
    base = f"{_API}/repos/{owner}/{name}"
    return {
        "id": 1,
        "node_id": "R_1",
        "name": name,
        "full_name": credentials.GITHUB_REPOSITORY,
        "owner": user(owner, 1),
        "private": True,
        "fork": False,
        "description": None,
        "html_url": f"https://github.com/{owner}/{name}",
        "url": base,
        **{f"{each}_url": f"{base}/{each}" for each in _OF_A_REPOSITORY},
    }


def invitation(number: int, invitee: dict[str, Any], permission: str, at: float) -> dict[str, Any]:
    """Return an invitation that was sent ``at`` seconds of the epoch."""
    place = repository()
    return {
        "id": number,
        "node_id": f"RI_{number}",
        "repository": place,
        "invitee": invitee,
        "inviter": place["owner"],
        "permissions": {"push": "write", "pull": "read"}.get(permission, permission),
        "created_at": datetime.fromtimestamp(at, UTC).isoformat(),
        "expired": False,
        "url": f"{place['url']}/invitations/{number}",
        "html_url": f"{place['html_url']}/invitations",
    }
