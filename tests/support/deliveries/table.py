"""The deliveries table as the template defines it, made anywhere; and what a store costs on it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.core.table import Table
from chalicelib.deliveries.store.messages import VerdictStore
from chalicelib.deliveries.store.packages import PackageStore
from chalicelib.deliveries.store.preferences import PreferenceStore
from chalicelib.deliveries.store.statistics import CounterStore
from infra import templates

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TEMPLATE = templates.FOLDER / "30-deliveries.yaml"


def make_table(client: "DynamoDBClient", name: str) -> None:
    """Make the table that the template defines, under a name of its own."""
    defined = templates.merged([_TEMPLATE])["Resources"]["DeliveriesTable"]["Properties"]
    client.create_table(
        TableName=name,
        BillingMode=defined["BillingMode"],
        KeySchema=defined["KeySchema"],
        AttributeDefinitions=defined["AttributeDefinitions"],
    )


@dataclass
class Spent:
    """The calls that a client sent, by operation, and the capacity units that they took."""

    calls: Counter[str] = field(default_factory=Counter)
    write_units: float = 0
    read_units: float = 0


@contextmanager
def spending(client: "DynamoDBClient") -> Iterator[Spent]:
    """Yield what ``client`` spends meanwhile, as DynamoDB itself reports it."""
    spent = Spent()

    def asked(params: dict[str, Any], model: Any, **_: object) -> None:
        spent.calls[model.name] += 1
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "TOTAL"

    def answered(parsed: dict[str, Any], model: Any, **_: object) -> None:
        reports = parsed.get("ConsumedCapacity", [])
        units = sum(
            each["CapacityUnits"] for each in (reports if isinstance(reports, list) else [reports])
        )
        if model.name in {"GetItem", "BatchGetItem", "Query", "Scan"}:
            spent.read_units += units
        else:
            spent.write_units += units

    events = client.meta.events
    events.register("provide-client-params.dynamodb", asked_for := _asking(asked))
    events.register("after-call.dynamodb", answered)
    try:
        yield spent
    finally:
        events.unregister("provide-client-params.dynamodb", asked_for)
        events.unregister("after-call.dynamodb", answered)


def _asking(asked: Any) -> Any:
    def provide(params: dict[str, Any], model: Any, **_: object) -> dict[str, Any]:
        params = dict(params)
        asked(params, model)
        return params

    return provide


class RealStore(PackageStore, PreferenceStore, CounterStore, VerdictStore):
    """All the stores in one, as the fakes are."""

    def __init__(self, client: "DynamoDBClient", name: str, *, shards: int = 256) -> None:
        table = Table(client, name)
        PackageStore.__init__(self, table, shards=shards)
        CounterStore.__init__(self, table, hasty=lambda: table)
