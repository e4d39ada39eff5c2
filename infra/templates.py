"""Merging the templates that stand over Chalice's.

``chalice package --merge-template`` takes one file, so the files are merged first, by the same
rule as Chalice's: mappings deeply, everything else replaced by the later one.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

FOLDER = Path(__file__).parent / "templates"
LOCAL_OVERLAY = "90-local.yaml"


def merged(paths: Iterable[Path]) -> dict[str, Any]:
    """Return the templates at ``paths`` merged in order, intrinsics in their long form."""
    result: dict[str, Any] = {}
    for path in paths:
        result = _merge(result, yaml_parse(path.read_text()))
    return result


def write_overlay(target: Path, *, local: bool) -> None:
    """Write what is merged over Chalice's template; ``local`` adds the overlay of local targets."""
    paths = [path for path in sorted(FOLDER.glob("*.yaml")) if local or path.name != LOCAL_OVERLAY]
    target.write_text(json.dumps(merged(paths), indent=1))


def _merge(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {
            **below,
            **{name: _merge(below.get(name), value) for name, value in above.items()},
        }
    return above
