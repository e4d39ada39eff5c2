"""What of the deliveries' table the audit trail names."""

from chalicelib.core.audit import entries
from chalicelib.deliveries.store.preferences import key_of
from chalicelib.deliveries.store.statistics import RECORDS

_RECIPIENTS = key_of("")[0]


def thing(pk: str, _: str) -> str | None:
    """Return the thing at a key: a package, or what a recipient wants."""
    for prefix, kind in ((RECORDS, "packages"), (_RECIPIENTS, "recipients")):
        if pk.startswith(prefix):
            return entries.thing(kind, pk.removeprefix(prefix))
    return None
