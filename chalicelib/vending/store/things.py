"""What of vending's table the audit trail names."""

from chalicelib.core.audit import entries

_KINDS = {"MACHINES": "machines", "SITES": "sites", "TECHNICIANS": "technicians"}


def thing(pk: str, sk: str) -> str | None:
    """Return the thing at a key; a visit changes its machine."""
    kind, _, name = pk.partition("#")
    if pk in _KINDS:
        return entries.thing(_KINDS[pk], sk)
    if pk == "DISPATCHES" and sk.isdigit():
        return entries.thing("dispatches", str(int(sk)))
    if kind == "OWNER" and sk.startswith("FILE#"):
        return entries.thing("files", str(int(sk.removeprefix("FILE#"))))
    if kind == "VISITS":
        return entries.thing("machines", name)
    return None
