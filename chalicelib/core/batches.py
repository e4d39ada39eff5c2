"""Batches of an SQS queue: their order, and which messages are reported as failed."""

from chalice.app import SQSEvent, SQSRecord

Failures = dict[str, list[dict[str, str]]]
"""The messages of a batch to be delivered again, for SQS (ReportBatchItemFailures)."""


def untried_first(event: SQSEvent) -> list[SQSRecord]:
    """Return the messages of a batch, those that have been received before last.

    So one that kills the function takes no untried neighbour with it.
    """
    return sorted(event, key=receives)


def receives(record: SQSRecord) -> int:
    """Return how often a message has been received."""
    return int(record.to_dict()["attributes"].get("ApproximateReceiveCount", 1))
