"""What is stored of conclusions, to be held against what is stored elsewhere.

Versions, epochs, how often a cause began and what is empty are left out: two histories that end in
the same files end in the same conclusions.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.support.dynamodb import items
from tests.support.dynamodb_in_memory import Item, MemoryDynamoDB
from tests.support.vending.wiring import Ports

_KINDS = ("COUNTS", "REGION", "GAPS", "SILENT", "CASES", "ALL", "SITE", "TECHNICIAN", "TOTALS")
_OF_HISTORY = {"pk", "sk", "version", "epoch", "nonce"}


def stored(ports: Ports) -> dict[str, dict[str, Item]]:
    """Return the items of the table that these ports stand on, by ``pk`` and ``sk``."""
    rollups: Any = ports.rollups
    client, table = rollups._table._client, rollups._table.name
    client = getattr(client, "_port", client)
    if isinstance(client, MemoryDynamoDB):
        return client.partitions
    found: dict[str, dict[str, Item]] = defaultdict(dict)
    for item in items(client, table):
        found[item["pk"]["S"]][item["sk"]["S"]] = item
    return found


def conclusions(ports: Ports) -> dict[str, Item]:
    """Return every conclusion of the present epoch, by its key without the epoch."""
    epoch = ports.rollups.epoch()
    return {name: rest for name, item in _of_epoch(ports, epoch) if (rest := _told(item))}


def _of_epoch(ports: Ports, epoch: int) -> Iterator[tuple[str, Item]]:
    for pk, held in stored(ports).items():
        kind, _, rest = pk.partition("#")
        for sk, item in held.items():
            if kind in _KINDS and rest.partition("#")[0] == str(epoch):
                yield f"{kind}#{rest.partition('#')[2]}/{sk}", item

            elif sk.startswith("MONTH#") and item["epoch"]["N"] == str(epoch):
                yield f"{pk}/{sk}", item
            elif sk == "STATE":
                yield f"{pk}/STATE", item


def of_older_epochs(ports: Ports) -> list[str]:
    """Return the keys of what is stored of epochs before the present one."""
    epoch = ports.rollups.epoch()
    return [
        f"{pk}/{sk}"
        for pk, held in stored(ports).items()
        for sk in held
        if pk.partition("#")[0] in {*_KINDS, "REBUILD"} and int(pk.split("#")[1]) < epoch
    ]


def _told(item: Item) -> Item:
    """Return what an item says, nothing for one that says nothing."""
    content = {
        name: value
        for name, value in item.items()
        if name not in _OF_HISTORY and value not in ({"N": "0"}, {"M": {}}, {"S": "[]"})
    }
    if "body" in content and item["sk"]["S"] == "STATE":
        body = re.sub(r',?"((version|epoch)":\d+|episodes":\{[^}]*\})', "", content["body"]["S"])
        return {} if '"place":""' in body else {"body": body}
    return {} if set(content) <= {"zone"} else content
