"""Pydantic in the form that is packaged does what the installed one does."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra import lighter

_USED = """
import json, sys
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
sys.path.insert(0, sys.argv[1])
import annotated_types as limits
import pydantic, pydantic_core
from pydantic import *

class Cat(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")
    kind: Literal["cat"] = "cat"
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, pattern="^[a-z]+$")]
    lives: Annotated[int, Field(ge=0, le=9, alias="Lives"), BeforeValidator(int)] = 9
    weight: Annotated[Decimal, Field(decimal_places=1, allow_inf_nan=False)] = Decimal(4)
    at: Annotated[AwareDatetime, PlainSerializer(lambda at: at.isoformat())] | None = None
    tags: Annotated[tuple[str, ...], limits.Len(1, 3), AfterValidator(lambda tags: tags)] = ("a",)

    @field_validator("name")
    @classmethod
    def not_tom(cls, name: str) -> str:
        if name == "tom":
            raise ValueError("must not be tom")
        return name

    @field_serializer("lives")
    def written(self, lives: int) -> str:
        return f"{lives} lives"

    @model_validator(mode="after")
    def whole(self) -> "Cat":
        return self

    @computed_field
    @property
    def loud(self) -> str:
        return self.name.upper()

class Dog(BaseModel):
    kind: Literal["dog"]
    id: int = Field(validation_alias=AliasChoices("id", AliasPath("ids", 0)))
    secret: SecretStr = SecretStr("x")
    old: Annotated[StrictInt, limits.Interval(gt=0, lt=20)] = Field(default=3, deprecated=False)

class Home(BaseModel):
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]]

def faults(given):
    try:
        return Home.model_validate_json(json.dumps({"pets": given})).model_dump(mode="json")
    except ValidationError as wrong:
        return json.loads(wrong.json(include_url=False))

now = "2026-01-02T03:04:05Z"
print(json.dumps({
    "packages": [pydantic.__file__, pydantic_core.__file__, limits.__file__],
    "frozen": limits.Gt.__dataclass_params__.frozen,
    "typed": len(pydantic_core.core_schema.IntSchema.__annotations__),
    "schema": [Home.model_json_schema(mode=mode) for mode in ("validation", "serialization")],
    "answers": [
        faults([{"kind": "cat", "name": " kitty ", "Lives": "7", "at": now}]),
        faults([{"kind": "dog", "ids": [5]}, {"kind": "cat", "name": "tom"}]),
        faults([{"kind": "dog", "old": 20}, {"kind": "cat", "name": "x", "lives": 10, "tags": []}]),
        faults([{"kind": "cow"}, {"kind": "cat", "name": "abc", "more": 1, "weight": "1.23"}]),
        TypeAdapter(Annotated[int, Strict()]).json_schema(),
    ],
    "shown": [repr(each) for each in (
        limits.Gt(3), limits.Len(1, 2), AliasPath("a", 1), AliasChoices("a", "b"), Strict(),
        StringConstraints(min_length=1), Cat.model_fields["weight"],
        {name: each.info for name, each in Cat.__pydantic_decorators__.field_validators.items()},
    )],
    "equal": [limits.Gt(3) == limits.Gt(3), hash(limits.Gt(3)) == hash(limits.Gt(3)),
              limits.Gt(3) == limits.Ge(3), limits.Gt(3) == limits.Gt(4),
              Cat(name="abc") == Cat(name="abc"), len({*limits.Len(1, 2)})],
}))
"""


def installed(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def used(folder: Path) -> dict[str, Any]:
    """Return what pydantic does when it is imported from ``folder``."""
    command = [sys.executable, "-B", "-c", _USED, str(folder)]
    found: dict[str, Any] = json.loads(subprocess.check_output(command, text=True))
    return found


@pytest.fixture
def vendor(tmp_path: Path) -> Path:
    """A folder with pydantic as it is installed."""
    for package in ("annotated_types", "pydantic", "pydantic_core"):
        for source in installed(package).rglob("*"):
            if source.suffix in {".py", ".so", ".pyd"}:
                copied = tmp_path / package / source.relative_to(installed(package))
                copied.parent.mkdir(parents=True, exist_ok=True)
                copied.write_bytes(source.read_bytes())
    return tmp_path


def test_pydantic_validates_writes_and_describes_as_before(vendor: Path) -> None:
    before = used(vendor)

    lighter.lighten(vendor)

    after = used(vendor)
    assert all(path.startswith(str(vendor)) for path in after["packages"])
    assert (before.pop("frozen"), after.pop("frozen")) == (True, False)
    assert before.pop("typed") > after.pop("typed") == 0
    assert after == before


def test_a_dataclass_that_asks_for_more_stays_as_it_is(vendor: Path) -> None:
    lighter.lighten(vendor)

    written = (vendor / "annotated_types" / "__init__.py").read_text()
    assert "@dataclass(frozen=True, kw_only=True, slots=True)\nclass Interval" in written
    assert "@_light\nclass Gt" in written


@pytest.mark.parametrize("module", ["pydantic_core/core_schema.py", "annotated_types/__init__.py"])
def test_a_pydantic_that_is_written_otherwise_is_not_packaged(vendor: Path, module: str) -> None:
    (vendor / module).write_text("")

    with pytest.raises(lighter.UnexpectedSourceError, match=module):
        lighter.lighten(vendor)
