"""Calls a function of the stack, which may do what the public one may not."""

import json
from typing import TYPE_CHECKING

from chalicelib.core.errors import UnavailableError
from chalicelib.core.log import logger

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


def call(client: "LambdaClient", name: str, payload: bytes = b"{}") -> object:
    """Return what the function ``name`` returns for JSON. Raises UnavailableError if it fails."""
    answer = client.invoke(FunctionName=name, Payload=payload)
    content = answer["Payload"].read()
    if "FunctionError" in answer:
        logger.error("a function failed", extra={"function": name, "why": answer["FunctionError"]})
        raise UnavailableError("The vendors could not be asked; try again.")
    found: object = json.loads(content)
    return found
