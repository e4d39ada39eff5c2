"""Pydantic and botocore in the form that is packaged do what the installed ones do."""

import importlib.util
import json
import subprocess
import sys
import typing
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import botocore.handlers
import botocore.session
import pytest
import typing_extensions
from typing_inspection import typing_objects

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
PACKAGES = ("annotated_types", "botocore", "pydantic", "pydantic_core", "typing_inspection")
SERVICES = {"dynamodb", "s3", "secrets-manager", "sqs"}


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
    """A folder with pydantic and botocore as they are installed."""
    for package in PACKAGES:
        for source in installed(package).rglob("*"):
            if source.suffix in {".py", ".so", ".pyd"}:
                copied = tmp_path / package / source.relative_to(installed(package))
                copied.parent.mkdir(parents=True, exist_ok=True)
                copied.write_bytes(source.read_bytes())
    return tmp_path


def test_pydantic_validates_writes_and_describes_as_before(vendor: Path) -> None:
    before = used(vendor)

    lighter.lighten(vendor, SERVICES)

    after = used(vendor)
    assert all(path.startswith(str(vendor)) for path in after["packages"])
    assert (before.pop("frozen"), after.pop("frozen")) == (True, False)
    assert before.pop("typed") > after.pop("typed") == 0
    assert after == before


def test_a_dataclass_that_asks_for_more_stays_as_it_is(vendor: Path) -> None:
    lighter.lighten(vendor, SERVICES)

    written = (vendor / "annotated_types" / "__init__.py").read_text()
    assert "@dataclass(frozen=True, kw_only=True, slots=True)\nclass Interval" in written
    assert "@_light\nclass Gt" in written


def test_types_are_told_apart_as_before(vendor: Path) -> None:
    lighter.lighten(vendor, SERVICES)

    before, after = typing_objects, module_of(vendor / "typing_inspection" / "typing_objects.py")
    checks = [name for name in before.__all__ if name.startswith("is_") and name != "is_deprecated"]
    known = [getattr(place, name) for place in (typing, typing_extensions) for name in dir(place)]
    made = [typing.ForwardRef("x"), typing.TypeVar("T"), typing.NewType("N", int), None, 1, int]
    for check in checks:
        for each in known + made:
            assert getattr(after, check)(each) == getattr(before, check)(each), (check, each)


def test_events_of_packaged_services_meet_the_handlers_that_they_met_before(vendor: Path) -> None:
    lighter.lighten(vendor, SERVICES)

    left = module_of(vendor / "botocore" / "handlers.py").BUILTIN_HANDLERS
    # Read anew: moto adds a handler of its own to those of the module that all share.
    all_of_them = module_of(Path(botocore.handlers.__file__)).BUILTIN_HANDLERS
    assert len(left) < len(all_of_them) / 2
    kinds = {event.partition(".")[0] for event, *_ in all_of_them} - {"docs"}
    session = botocore.session.get_session()
    for service in ("dynamodb", "s3", "secretsmanager", "sqs"):
        model = session.get_service_model(service)
        of = model.service_id.hyphenize()
        names = [of, *(f"{of}.{name}" for name in model.operation_names)]
        for event in (f"{kind}.{name}" for kind in kinds for name in names):
            assert met(event, left) == met(event, all_of_them), event


def test_packaged_services_keep_their_other_names(vendor: Path) -> None:
    lighter.lighten(vendor, SERVICES)

    names = module_of(vendor / "botocore" / "utils.py").EVENT_ALIASES
    assert names == {"secretsmanager": "secrets-manager"}


def met(event: str, handlers: list[tuple[Any, ...]]) -> list[str]:
    """Return the names of the handlers that an event meets."""
    return [
        getattr(handler, "__qualname__", type(handler).__name__)
        for name, handler, *_ in handlers
        if fnmatch(f"{event}.", f"{name}.*")
    ]


def module_of(path: Path) -> Any:
    """Return the module that a file makes when it is imported."""
    spec = importlib.util.spec_from_file_location(f"light_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "module",
    [
        "annotated_types/__init__.py",
        "botocore/handlers.py",
        "botocore/utils.py",
        "pydantic_core/core_schema.py",
        "typing_inspection/typing_objects.py",
    ],
)
def test_a_library_that_is_written_otherwise_is_not_packaged(vendor: Path, module: str) -> None:
    (vendor / module).write_text("")

    with pytest.raises(lighter.UnexpectedSourceError, match=module):
        lighter.lighten(vendor, SERVICES)
