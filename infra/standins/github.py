"""GitHub: one repository's collaborators and invitations."""

from itertools import count
from typing import Any

from infra.standins import credentials, github_shapes
from infra.standins.vendor import Clock, Reply, Request, Vendor

LOGINS = ("ada", "Grace-Hopper", "linus", "margaret", "mr-cakelover", "octocat")
_PERMISSIONS = {"pull", "triage", "push", "maintain", "admin"}


class GitHubStandin(Vendor):
    """One repository. Names are matched whatever their capitals."""

    name = "github"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        repo = f"/repos/{credentials.GITHUB_REPOSITORY}"
        self.on("GET", f"{repo}/collaborators", self._collaborators)
        self.on("GET", f"{repo}/collaborators/([^/]+)", self._is_member)
        self.on("PUT", f"{repo}/collaborators/([^/]+)", self._invite)
        self.on("DELETE", f"{repo}/collaborators/([^/]+)", self._remove)
        self.on("GET", f"{repo}/invitations", self._list)
        self.on("DELETE", f"{repo}/invitations/([0-9]+)", self._cancel)
        self.on("GET", "/users/([^/]+)", self._user)

    def reset(self) -> None:
        """Forget all collaborators and invitations."""
        self.tokens = {credentials.GITHUB_TOKEN}
        self.logins = list(LOGINS)
        self._members: dict[str, tuple[dict[str, Any], str]] = {}
        self._invitations: dict[int, dict[str, Any]] = {}
        self._numbers, self._accounts = count(1), count(2)
        self._ids: dict[str, int] = {}

    def admit(self, request: Request) -> None:
        """Demand the token, and a user agent."""
        if not request.headers.get("user-agent"):
            raise self.refuse(403, "Request forbidden by administrative rules.")
        if request.bearer() not in self.tokens:
            raise self.refuse(401, "Bad credentials")

    def refusal(self, status: int, words: str) -> Reply:
        """Return a refusal as GitHub writes it."""
        words = "Not Found" if status == 404 else words
        return Reply(
            status, {"message": words, "documentation_url": "https://docs.github.com/rest"}
        )

    def limited(self, retry_after_s: float) -> Reply:
        """Return GitHub's 403 for too many requests."""
        refused = self.refusal(403, "API rate limit exceeded for user ID 1.")
        reset = str(int(self.clock() + retry_after_s))
        return Reply(403, refused.body, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset})

    def shown(self) -> dict[str, Any]:
        """Return collaborators and invitations."""
        with self.lock:
            return {
                "collaborators": {name: role for name, (_, role) in self._members.items()},
                "invitations": [
                    {name: each[name] for name in ("id", "invitee", "permissions", "expired")}
                    for each in self._invitations.values()
                ],
            }

    def accept(self, login: str) -> bool:
        """Accept a user's invitation."""
        with self.lock:
            found = self._invited(login)
            if found is None:
                return False
            del self._invitations[found["id"]]
            self._members[found["invitee"]["login"]] = (found["invitee"], found["permissions"])
            return True

    def expire(self, login: str) -> bool:
        """Let a week go by without an answer to an invitation."""
        with self.lock:
            found = self._invited(login)
            if found is not None:
                found["expired"] = True
            return found is not None

    def rename(self, login: str, to: str) -> bool:
        """Rename a user: id, access and invitations stay, the old name is free."""
        with self.lock:
            if login not in self.logins or to in self.logins:
                return False
            number = self._number(login)
            self.logins[self.logins.index(login)] = to
            self._ids[to] = self._ids.pop(login)
            user = github_shapes.user(to, number)
            if login in self._members:
                self._members[to] = (user, self._members.pop(login)[1])
            for invitation in self._invitations.values():
                if invitation["invitee"]["id"] == number:
                    invitation["invitee"] = user
            return True

    def _number(self, login: str) -> int:
        """Return the id of an account; no account ever gets another's."""
        return self._ids.setdefault(login, next(self._accounts))

    def _user(self, request: Request, login: str) -> Reply:
        known = self._known(login)
        return Reply(200, github_shapes.public_user(known, self._number(known)))

    def _collaborators(self, request: Request) -> Reply:
        members = list(self._members.values())
        start, end = _page(request)
        return Reply(200, [github_shapes.collaborator(*each) for each in members[start:end]])

    def _is_member(self, request: Request, login: str) -> Reply:
        if self._member(login) is None:
            raise self.refuse(404, "")
        return Reply(204)

    def _invite(self, request: Request, login: str) -> Reply:
        body = self._body(request)
        permission = body.get("permission", "push")
        known = self._known(login)
        if permission not in _PERMISSIONS:
            raise self.refuse(422, "Validation Failed")
        if known == credentials.GITHUB_REPOSITORY.partition("/")[0]:
            raise self.refuse(422, "Repository owner cannot be a collaborator")
        if self._member(known) is not None:
            return Reply(204)
        return Reply(201, self._invited(known) or self._new_invitation(known, permission))

    def _new_invitation(self, login: str, permission: str) -> dict[str, Any]:
        number = next(self._numbers)
        invitee = github_shapes.user(login, self._number(login))
        made = github_shapes.invitation(number, invitee, permission, self.clock())
        self._invitations[number] = made
        return made

    def _remove(self, request: Request, login: str) -> Reply:
        member = self._member(login)
        if member is not None:
            del self._members[member]
        return Reply(204)

    def _list(self, request: Request) -> Reply:
        start, end = _page(request)
        return Reply(200, list(self._invitations.values())[start:end])

    def _cancel(self, request: Request, number: str) -> Reply:
        if self._invitations.pop(int(number), None) is None:
            raise self.refuse(404, "")
        return Reply(204)

    def _body(self, request: Request) -> dict[str, Any]:
        try:
            body = request.json()
        except ValueError as broken:
            raise self.refuse(400, "Problems parsing JSON") from broken
        if body is not None and not isinstance(body, dict):
            raise self.refuse(400, "Body should be a JSON object")
        return body or {}

    def _known(self, login: str) -> str:
        """Return a login as its owner writes it, or refuse."""
        found = next((each for each in self.logins if each.lower() == login.lower()), None)
        if found is None:
            raise self.refuse(404, "")
        return found

    def _member(self, login: str) -> str | None:
        return next((each for each in self._members if each.lower() == login.lower()), None)

    def _invited(self, login: str) -> dict[str, Any] | None:
        mine = (
            each
            for each in self._invitations.values()
            if each["invitee"]["login"].lower() == login.lower()
        )
        return next(mine, None)


def _page(request: Request) -> tuple[int, int]:
    """Return where a page begins and ends."""
    size = min(int(request.query.get("per_page", "30")), 100)
    start = (int(request.query.get("page", "1")) - 1) * size
    return start, start + size
