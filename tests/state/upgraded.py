"""This version's app over what another version has stored."""

import base64
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from chalicelib.core import aws
from tests.support.api import Api
from tests.support.vending.rounds import until_the_fleet_is_quiet
from tests.support.whole_app import whole_app

_FOLDER = Path(__file__).parent
STATES = sorted(path.stem for path in _FOLDER.glob("*.json"))


@cache
def state(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text())
    return found


@contextmanager
def upgraded(name: str) -> Iterator[Api]:
    """Yield this version's API over what another one has stored."""
    with whole_app() as api:
        _forget()
        dynamodb, s3 = aws.dynamodb(), aws.s3()
        for table, items in state(name)["tables"].items():
            for item in items:
                stored = {key: _bytes(value) for key, value in item.items()}
                dynamodb.put_item(TableName=os.environ[f"{table.upper()}_TABLE"], Item=stored)
        for bucket, objects in state(name)["objects"].items():
            for key, content in objects.items():
                where = os.environ[f"{bucket.upper()}_BUCKET"]
                s3.put_object(Bucket=where, Key=key, Body=base64.b64decode(content))
        assert api.post("/fleet/rebuild").status == 202  # the step that docs/operations.md names
        until_the_fleet_is_quiet()
        yield api
    _forget()


def _bytes(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": base64.b64decode(value["B"])} if "B" in value else value


def _forget() -> None:
    """Have everything built anew that a process builds once."""
    for name, module in list(sys.modules.items()):
        if name.startswith("chalicelib."):
            for built in list(vars(module).values()):
                if hasattr(built, "cache_clear"):
                    built.cache_clear()
