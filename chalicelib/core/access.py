"""Who may call a route: the scopes there are, the caller, and how a refusal reads (RFC 6750).

A route's contract says "public" or which scope it takes. Where it names several, any one of them
lets a caller in, and what the caller then sees is the view's business.
"""

from collections.abc import Mapping
from typing import Literal

from chalicelib.core.errors import ForbiddenError, UnauthorizedError
from chalicelib.core.values import dataclass

Scope = Literal[
    "audit:read",
    "bakery:erase",
    "bakery:read",
    "bakery:staff",
    "bakery:write",
    "deliveries:read",
    "deliveries:write",
    "events:read",
    "events:write",
    "ledger:read",
    "ledger:write",
    "operate",
    "vending:dispatch",
    "vending:technician",
    "warranties:read",
    "warranties:write",
]
Access = Literal["public"] | Scope | tuple[Scope, ...]

SCOPES: Mapping[Scope, str] = {
    "audit:read": "see who changed what and when",
    "bakery:erase": "erase customers: their orders stay, without any link to the customer",
    "bakery:read": "see cakes, orders and batches",
    "bakery:staff": "see, hire and fire employees, and so decide who has the repository",
    "bakery:write": "change cakes and orders, create tickets",
    "deliveries:read": "see packages, preferences, messages and counts",
    "deliveries:write": "send packages, change preferences",
    "events:read": "see the events of all contexts, and their receivers",
    "events:write": "send the events of all contexts to receivers",
    "ledger:read": "see accounts, transactions and transfers",
    "ledger:write": "post, transfer and reverse, name accounts",
    "operate": "see and retry effects and dead letters, rebuild verdicts and lists, see vendors",
    "vending:dispatch": "see and change all of vending",
    "vending:technician": "see one's own machines, work and files; handle files, report visits",
    "warranties:read": "see warranties and prices",
    "warranties:write": "sell and cancel",
}
"""Every scope, and what it lets its holder do."""

_REALM = 'Bearer realm="backroom"'


@dataclass(frozen=True)
class Caller:
    """Who calls, as far as the stage cares: ``technician`` is an id as the token spells it."""

    subject: str
    scopes: frozenset[str]
    technician: str | None = None

    @property
    def author(self) -> str | None:
        """Return the actor of a change for the audit trail; None where the caller is unknown."""
        return self.subject or None

    def may(self, *scopes: Scope) -> bool:
        """Return whether the caller has any one of ``scopes``."""
        return not self.scopes.isdisjoint(scopes)


ANYBODY = Caller("", frozenset(SCOPES))
"""Any caller of an open stage: needs no token and has every scope."""

NOBODY = Caller("", frozenset())
"""Any caller of a public route: no token is read, so there are no scopes."""


def scopes_of(access: Access) -> tuple[Scope, ...]:
    """Return the scopes of which any one lets a caller in; none for what is public."""
    if isinstance(access, tuple):
        return access
    return () if access == "public" else (access,)


class NoTokenError(UnauthorizedError):
    """The request came without a bearer token."""

    challenge = _REALM


class BadTokenError(UnauthorizedError):
    """The request's token proves nothing; the detail says why and never repeats it."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.challenge = f'{_REALM}, error="invalid_token", error_description="{detail}"'


class MissingScopeError(ForbiddenError):
    """The caller is known, and has none of the scopes that the route takes."""

    def __init__(self, scopes: tuple[Scope, ...]) -> None:
        which = f"the scope {scopes[0]}"
        if len(scopes) > 1:
            which = f"one of the scopes {', '.join(scopes)}"
        detail = f"This takes a token with {which}."
        super().__init__(detail, scopes=list(scopes))
        self.challenge = (
            f'{_REALM}, error="insufficient_scope", error_description="{detail}", '
            f'scope="{" ".join(scopes)}"'
        )
