"""Reads of a service's description its metadata alone, which names the type of its answers.

MiniStack loads the whole of it, and botocore for that: 0.7 s of CPU at each start. Runs in
MiniStack's own environment.
"""

import gzip
import inspect
import json
import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

_METADATA = re.compile(r'^\{\s*("version"\s*:\s*"[\d.]+"\s*,\s*)?"metadata"\s*:\s*')
_BEGINNING = 8_192
"""How many characters of a description hold its metadata."""


def read_metadata_only(responses: Any) -> None:
    """Have MiniStack's ``responses`` read metadata where that is all that they use.

    Raises ValueError where they use more.
    """
    asks = responses._expected_envelope_content_type
    if set(re.findall(r"\bmodel\.(\w+)", inspect.getsource(asks))) != {"metadata"}:
        raise ValueError("MiniStack names the type of an answer in another way")
    names: dict[str, str] = responses._BOTOCORE_NAME

    @lru_cache
    def model(service: str) -> Any:
        found = metadata(names.get(service, service))
        return found and SimpleNamespace(metadata=found)

    # The module keeps its own for others, which read the whole of a description.
    known = {**vars(responses), "_service_model": model}
    responses._expected_envelope_content_type = FunctionType(asks.__code__, known)


def metadata(service: str) -> dict[str, Any] | None:
    """Return the metadata of a service's latest description, None where botocore has none."""
    package = find_spec("botocore")
    [folder] = (package and package.submodule_search_locations) or [""]
    versions = sorted(Path(folder, "data", service).glob("*/service-2.json.gz"))
    if not versions:
        return None
    with gzip.open(versions[-1], "rt", encoding="utf-8") as file:
        text = file.read(_BEGINNING)
        begins = _METADATA.match(text)
        text += "" if begins else file.read()
    if begins:
        return dict(json.JSONDecoder().raw_decode(text, begins.end())[0])
    return dict(json.loads(text)["metadata"])
