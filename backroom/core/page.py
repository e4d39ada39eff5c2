"""The addresses of the page's screens: ``/#/area/tab``, and behind it what is shown there.

A test holds them against the page's own.
"""

from backroom.core.requests import part

SCREENS = {
    "overview": "start/now",
    "fleet": "fleet/machines",
    "machines": "fleet/machines",
    "worklist": "fleet/worklist",
    "dispatch": "fleet/visits",
    "visits": "fleet/visits",
    "technicians": "fleet/people",
    "sites": "fleet/people",
    "files": "files/mine",
    "imports": "files/imports",
    "send": "deliveries/send",
    "packages": "deliveries/packages",
    "preferences": "deliveries/preferences",
    "stats": "deliveries/statistics",
    "ledger": "ledger/post",
    "transfers": "ledger/transfer",
    "accounts": "ledger/accounts",
    "sell": "warranties/sell",
    "warranties": "warranties/list",
    "plans": "warranties/plans",
    "orders": "bakery/orders",
    "cakes": "bakery/cakes",
    "batches": "bakery/batches",
    "employees": "bakery/team",
    "operations": "operations/status",
    "doctor": "operations/status",
    "outbox": "operations/effects",
    "trail": "operations/audit",
    "runbook": "operations/runbook",
}
"""The screens by name; what has a command is called as it is."""

THINGS = {
    "machines": "fleet/machine",
    "technicians": "fleet/worklist",
    "files": "files/file",
    "packages": "deliveries/package",
    "preferences": "deliveries/preferences",
    "accounts": "ledger/account",
    "transactions": "ledger/transaction",
    "transfers": "ledger/transfer",
    "warranties": "warranties/warranty",
    "orders": "bakery/order",
    "batches": "bakery/batches",
    "effects": "operations/effect",
    "runbook": "operations/runbook",
}
"""Where one thing of a kind is shown; the kinds are those of the audit trail and of events."""


def screen(url: str, name: str) -> str:
    """Return the address of a screen at the API's ``url``."""
    return f"{url}/#/{SCREENS[name]}"


def thing(url: str, kind: str, name: object) -> str:
    """Return the address of the screen of one thing."""
    return f"{url}/#/{THINGS[kind]}/{part(str(name))}"
