"""What was concluded: one summary per machine, and the gaps of the whole fleet.

``FLEET/MACHINE#<serial>``  the machine's summary, with a ``version`` that guards against writers
                            who read older rows
``FLEET/SETTLED#<serial>``  until when the machine's faults are settled by a visit
``FLEET/FINDINGS``          fleet gaps and lost logs (compressed), and the change they are of
``FLEET/CHANGES``           how many changes the summaries have seen
"""

import zlib
from collections.abc import Iterable
from datetime import datetime

from chalicelib.core.table import Condition, ConditionError, Item, Table, at_version, key
from chalicelib.vending.models import MachineSummary
from chalicelib.vending.ports import FleetState, StaleSummaryError
from chalicelib.vending.reports import Findings

_PK = "FLEET"


class FleetStore:
    """Conclusions in DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def state(self) -> FleetState:
        """Return everything that was concluded."""
        return _state(self._table.query(_PK))

    def machine_state(self, serial: str) -> FleetState:
        """Return what concerns one machine."""
        names = (f"MACHINE#{serial}", f"SETTLED#{serial}", "FINDINGS", "CHANGES")
        return _state(self._table.get_many((_PK, name) for name in names))

    def version(self, serial: str) -> int:
        """Return the version of a machine's summary, 0 before the first."""
        item = self._table.get(_PK, f"MACHINE#{serial}")
        return int(item["version"]["N"]) if item else 0

    def put_summary(self, summary: MachineSummary, *, over: int) -> None:
        """Store ``summary`` if the stored one is still at version ``over``.

        The version was read before the rows were, so a summary of older rows never replaces one
        of newer rows. Raises StaleSummaryError.
        """
        item = {
            **key(_PK, f"MACHINE#{summary.serial}"),
            "version": {"N": str(over + 1)},
            "body": {"S": summary.json_text()},
        }
        try:
            self._table.put(item, at_version(over))
        except ConditionError as newer:
            raise StaleSummaryError(summary.serial) from newer

    def settled_until(self, serial: str) -> datetime | None:
        """Return until when the machine's faults are settled."""
        item = self._table.get(_PK, f"SETTLED#{serial}")
        return datetime.fromisoformat(item["until"]["S"]) if item else None

    def settle(self, serial: str, until: datetime) -> None:
        """Settle the machine's faults until ``until``, unless they are settled further already."""
        later = Condition(
            "attribute_not_exists(pk) OR #u < :u", {":u": {"S": until.isoformat()}}, {"#u": "until"}
        )
        item = {**key(_PK, f"SETTLED#{serial}"), "until": {"S": until.isoformat()}}
        try:
            self._table.put(item, later)
        except ConditionError:
            return

    def note_change(self) -> int:
        """Note that a summary has changed; return the number of the change."""
        return self._table.add(_PK, "CHANGES", "changes")

    def changes(self) -> tuple[int, int]:
        """Return the number of changes noted, and the one the findings are of."""
        state = _state(self._table.get_many((_PK, name) for name in ("CHANGES", "FINDINGS")))
        return state.changes, state.judged

    def put_findings(self, findings: Findings, *, of: int) -> None:
        """Store what was found over the rows of change ``of``, unless newer findings stand."""
        newer = Condition("attribute_not_exists(pk) OR judged < :of", {":of": {"N": str(of)}})
        item = {
            **key(_PK, "FINDINGS"),
            "judged": {"N": str(of)},
            "body": {"B": zlib.compress(findings.json_text().encode())},
        }
        try:
            self._table.put(item, newer)
        except ConditionError:
            return


def _state(items: Iterable[Item]) -> FleetState:
    found = {item["sk"]["S"]: item for item in items}
    findings = found.pop("FINDINGS", None)
    changes = found.pop("CHANGES", None)
    return FleetState(
        summaries={
            sk.removeprefix("MACHINE#"): MachineSummary.model_validate_json(item["body"]["S"])
            for sk, item in found.items()
            if sk.startswith("MACHINE#")
        },
        settled={
            sk.removeprefix("SETTLED#"): datetime.fromisoformat(item["until"]["S"])
            for sk, item in found.items()
            if sk.startswith("SETTLED#")
        },
        findings=_findings(findings),
        changes=int(changes["changes"]["N"]) if changes else 0,
        judged=int(findings["judged"]["N"]) if findings else 0,
    )


def _findings(item: Item | None) -> Findings | None:
    if item is None:
        return None
    return Findings.model_validate_json(zlib.decompress(item["body"]["B"]))
