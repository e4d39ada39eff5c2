"""Lists as the API's own JSON, or as CSV, whose columns are the fields of the JSON.

A field of a field is a column of its own (``ticket.key``); a list in a field is one cell.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import typer
from pydantic import BaseModel, TypeAdapter

from backroom.core import show
from backroom.core.connection import Answer
from backroom.core.session import Session
from chalicelib.core.spreadsheets import as_csv as spreadsheet

Row = TypeVar("Row", bound=BaseModel)
_Path = tuple[str, ...]


def printed(
    here: Session,
    answer: Answer[tuple[Row, ...]],
    row: type[Row],
    *,
    as_json: bool,
    as_csv: bool = False,
) -> bool:
    """Print a list as one of the two, if that was requested; return whether it was.

    CSV has the pages after ``answer``, too, each as it comes.
    """
    if as_json:
        typer.echo(answer.text)
    elif as_csv:
        show.write_csv(_sheets(here, answer, row))
    return as_json or as_csv


def sheet(rows: Sequence[Row], row: type[Row]) -> str:
    """Return rows as CSV under a line of names."""
    paths = list(_paths(row))
    dumped = (each.model_dump(by_alias=True) for each in rows)
    return spreadsheet(
        map(".".join, paths), ([_cell(each, path) for path in paths] for each in dumped)
    )


def _sheets(here: Session, answer: Answer[tuple[Row, ...]], row: type[Row]) -> Iterator[str]:
    yield sheet(answer.value, row)
    kind: TypeAdapter[tuple[Row, ...]] = TypeAdapter(tuple[row, ...])  # type: ignore[valid-type]
    with here.api(lambda connection: connection) as connection:
        while answer.next_page:
            answer = connection.answer(kind, "GET", answer.next_page)
            yield sheet(answer.value, row).partition("\r\n")[2]


def _paths(row: type[BaseModel]) -> Iterator[_Path]:
    """Yield where the cells of a row are found, in the order of its fields."""
    for name, field in row.model_fields.items():
        called = field.serialization_alias or field.alias or name
        within = _model(field.annotation)
        for rest in _paths(within) if within else [()]:
            yield called, *rest


def _model(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - a field's annotation
    """Return the model of a field that has one, whether or not it may be missing."""
    union = get_origin(annotation) in (UnionType, Union)
    parts = get_args(annotation) if union else (annotation,)
    for each in parts:
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _cell(dumped: Mapping[str, Any], path: _Path) -> object:
    value: Any = dumped
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping) or (isinstance(value, list | tuple) and not _plain(value)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _plain(values: Sequence[Any]) -> bool:
    return not any(isinstance(each, Mapping | list | tuple) for each in values)
