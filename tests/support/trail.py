"""The audit trail, checked as whoever reads it can."""

from collections.abc import Sequence
from typing import Any

from chalicelib.audit import seals
from chalicelib.audit.seals import Seal
from chalicelib.core.audit.entries import AuditEntry


def misfits(newest_seals: Sequence[Any], newest_entries: Sequence[Any]) -> list[str | None]:
    """Return of each seal, the oldest first, why it does not fit; None where it does.

    Both lists are as the API answers them, newest first.
    """
    chain = [Seal.model_validate(each) for each in reversed(newest_seals)]
    entries = [AuditEntry.model_validate(each) for each in reversed(newest_entries)]
    return [
        seals.misfit(last, seal, [each for each in entries if seal.from_ <= each.at < seal.to])
        for last, seal in zip([None, *chain], chain, strict=False)
    ]
