"""What of the bakery's table the audit trail names."""

from chalicelib.core.audit import entries

_KINDS = {
    "BATCHES": "batches",
    "CAKES": "cakes",
    "EMPLOYEES": "employees",
    "GATHERING": "batches",
    "ORDERS": "orders",
}


def thing(pk: str, sk: str) -> str | None:
    """Return the thing at a key; a batch is one from the first order that joins it."""
    if kind := _KINDS.get(pk.partition("#")[0]):
        return entries.thing(kind, str(int(sk)) if sk.isdigit() else sk)
    return None
