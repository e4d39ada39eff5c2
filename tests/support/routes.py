"""The routes of the app as tests enumerate them, and requests that they must refuse."""

import re

from app import app
from chalicelib.core.routing import VERBS

CONTRACTS = app.contracts()
PATHS = sorted({contract.path for contract in CONTRACTS})
REGISTERED = {
    path: {verb for c in CONTRACTS if c.path == path for verb in c.methods} for path in PATHS
}
WRONG_VERBS = [
    (verb, path)
    for path in PATHS
    for verb in VERBS
    if verb not in REGISTERED[path] and verb != "OPTIONS"
]


def example(path: str) -> str:
    """Return a path that a route's pattern matches."""
    return re.sub(r"\{\w+\}", "1", path)


def first_part(path: str) -> str:
    """Return the part of a path by which a Lambda function chooses the modules that it loads."""
    return path.split("/")[1]


def one_of_each_part(paths: list[str]) -> list[str]:
    """Return one path for each first part."""
    return list({first_part(path): path for path in paths}.values())
