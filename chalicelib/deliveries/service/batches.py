"""Batches over HTTP: a verdict on each package, by the rules of a single one."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from chalicelib.core.errors import ConflictError, InvalidInputError
from chalicelib.core.values import dataclass
from chalicelib.deliveries.answers import (
    BatchVerdict,
    PackageBatchAnswer,
    PackageVerdict,
    VerdictError,
)
from chalicelib.deliveries.models import Package
from chalicelib.deliveries.service.counting import Counting
from chalicelib.deliveries.service.sending import Outcome, Sending, Sent

# API Gateway waits 29 seconds for an answer.
_PATIENCE = timedelta(seconds=20)


@dataclass(frozen=True)
class Batches:
    """Sends several packages, each for itself."""

    sending: Sending
    counting: Counting
    now: Callable[[], datetime]

    def send(self, read: Sequence[Package | InvalidInputError]) -> PackageBatchAnswer:
        """Send those that are packages, and count the others as malformed."""
        packages = [each for each in read if isinstance(each, Package)]
        outcomes = self.sending.send_all(packages, until=self.now() + _PATIENCE)
        verdicts = tuple(
            _malformed(each)
            if isinstance(each, InvalidInputError)
            else _verdict(each, next(outcomes))
            for each in read
        )
        counts = Counter(each.verdict for each in verdicts)
        if counts["malformed"]:
            self.counting.malformed(counts["malformed"])
        return PackageBatchAnswer(
            delivered=counts["delivered"],
            dropped=counts["dropped"],
            conflict=counts["conflict"],
            malformed=counts["malformed"],
            undecided=counts["undecided"],
            duplicates=sum(bool(each.duplicate) for each in verdicts),
            packages=verdicts,
        )


def _verdict(package: Package, outcome: Outcome) -> PackageVerdict:
    if isinstance(outcome, Sent):
        return PackageVerdict(
            package_id=package.package_id,
            verdict=outcome.record.status,
            duplicate=outcome.duplicate,
            reason=outcome.record.reason,
        )
    verdict: BatchVerdict = "conflict" if isinstance(outcome, ConflictError) else "undecided"
    return PackageVerdict(package_id=package.package_id, verdict=verdict, reason=outcome.detail)


def _malformed(invalid: InvalidInputError) -> PackageVerdict:
    return PackageVerdict(
        verdict="malformed",
        reason=invalid.detail,
        errors=tuple(
            VerdictError(field=fault["field"], detail=fault["detail"]) for fault in invalid.faults
        ),
    )
