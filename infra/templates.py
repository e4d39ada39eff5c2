"""The template that extends Chalice's, and what Chalice gets of the functions.

``chalice package --merge-template`` takes one file, so the files below ``templates/`` are merged
first, by the same rule as Chalice's: mappings deeply, everything else replaced by the later one.
What follows from their declarations comes below all of them, so that a template may say more.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from infra import policies, reference, resources, restorable
from infra.declarations import Declarations, together

FOLDER = Path(__file__).parent / "templates"
LOCAL_OVERLAY = "90-local.yaml"
ON_AWS = ("13-brakes.yaml", "14-reference.yaml", "17-signing.yaml", "18-cdn.yaml")
"""Not for local targets: the embedded AWS would pass the limits on as text, the gateways of local
targets answer the reference, latency does not matter on a laptop, and nothing signs there."""
CONFIG = "config.json"


@dataclass(frozen=True)
class Merged:
    """All templates merged: what is laid over Chalice's, and what they declare."""

    overlay: dict[str, Any]
    declared: Declarations

    @property
    def resources(self) -> dict[str, Any]:
        """Return CloudFormation's resources by their logical ids, as far as we say them."""
        found: dict[str, Any] = self.overlay["Resources"]
        return found

    def policies(self) -> dict[str, dict[str, Any]]:
        """Return each function's policy by the name of its file. Raises DeclarationError."""
        return policies.policies(self.declared, self.resources)


@cache
def merged(*, local: bool = False) -> Merged:
    """Return all templates merged, intrinsics in their long form; ``local`` for local targets.

    The answer is shared: change nothing in it. Raises DeclarationError.
    """
    declared: list[Declarations] = []
    written: dict[str, Any] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        if path.name not in (ON_AWS if local else (LOCAL_OVERLAY,)):
            template = read(path)
            declared.append(Declarations.taken_from(template, path))
            written = _merge(written, template)
    everything = together(declared)
    overlay = _merge(resources.generated(everything), written)
    resources.tell_somebody(overlay)
    restorable.add_parameters(overlay, everything)
    if local:
        resources.keep_nothing(overlay)
        resources.write_out_concurrency(overlay)
    else:
        resources.reserve_workers(overlay, everything)
        resources.take_signed_code(overlay, everything)
        api = overlay["Resources"]["RestAPI"]["Properties"]
        api["DefinitionBody"] = {"paths": reference.operations()}
        api["MethodSettings"] = [*api["MethodSettings"], *reference.limits()]
    return Merged(overlay, everything)


def read(path: Path) -> dict[str, Any]:
    """Return a template as it is written, intrinsics in their long form."""
    found: dict[str, Any] = yaml_parse(path.read_text())
    return found


def write(overlay: Path, chalice: Path, *, local: bool) -> None:
    """Write what is merged over Chalice's template, and complete Chalice's folder ``chalice``.

    Its ``config.json`` gets the functions, each with its memory, its time and its policy.
    """
    found = merged(local=local)
    overlay.write_text(json.dumps(found.overlay, indent=1))
    for name, policy in found.policies().items():
        (chalice / name).write_text(json.dumps(policy, indent=1))
    config = json.loads((chalice / CONFIG).read_text())
    [stage] = config["stages"].values()
    stage["lambda_functions"] = policies.configuration(found.declared)
    (chalice / CONFIG).write_text(json.dumps(config, indent=1))


def _merge(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {
            **below,
            **{name: _merge(below.get(name), value) for name, value in above.items()},
        }
    return above
