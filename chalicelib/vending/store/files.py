"""Files' records, and the list of files that still need something done.

``OWNER#<owner>/FILE#<id>``  the record (``body``, ``version``): so an owner's list is one query
``FILE#<id>/OWNER``          whose it is: a file is found by its id
``KEY#<key>/FILE``           the file at that key of the share; a key has one at a time
``WORK/<id>``                the file waits to be processed or judged
``CLEAN/<id>``               the file was deleted and its rows are still stored
``FILE#<id>/refused#<gen>#<n>``  refused lines of a generation, the first of them
``COUNTERS/FILES``           the last id given
"""

import json
from collections.abc import Iterable, Iterator, Sequence

from chalicelib.core.table import (
    ABSENT,
    HIGHEST,
    Condition,
    ConditionError,
    Item,
    Table,
    at_version,
    key,
)
from chalicelib.vending.files import FileRecord, RefusedLine
from chalicelib.vending.ports import KeyTakenError, StaleRecordError, Waiting

# 250 lines of at most 1 kB each stay well under the 400 kB of an item.
_LINES_PER_ITEM = 250
# Records read at a time; most callers want a few.
_PAGE = 100


class FileStore:
    """Files' records in DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def next_id(self) -> int:
        """Return an id that was never given before; ids may have gaps."""
        return self._table.add("COUNTERS", "FILES", "last")

    def create(self, record: FileRecord) -> FileRecord:
        """Store a new file and put it on the list of work. Raises KeyTakenError.

        One transaction: of two racing calls for one key, one creates and the other fails.
        """
        new = record.model_copy(update={"version": 1})
        pointer = {"id": {"N": str(new.id)}, "owner": {"S": new.owner}}
        try:
            self._table.transact(
                self._table.putting({**key(f"KEY#{new.key}", "FILE"), **pointer}, ABSENT),
                self._table.putting({**key(f"FILE#{new.id}", "OWNER"), **pointer}, ABSENT),
                self._table.putting(_record_item(new), ABSENT),
                self._table.putting(_work_item(new)),
            )
        except ConditionError as taken:
            raise KeyTakenError(new.key) from taken
        return new

    def at_key(self, key_: str) -> FileRecord | None:
        """Return the file at this key of the share."""
        return self._behind(self._table.get(f"KEY#{key_}", "FILE"))

    def by_id(self, file_id: int) -> FileRecord | None:
        """Return the file, deleted or not."""
        return self._behind(self._table.get(f"FILE#{file_id}", "OWNER"))

    def owned(self, owner: str, file_id: int) -> FileRecord | None:
        """Return the file if it is ``owner``'s."""
        return _read(self._table.get(f"OWNER#{owner}", _record_key(file_id)))

    def of_owner(self, owner: str) -> list[FileRecord]:
        """Return an owner's files, oldest first, deleted ones too."""
        items = self._table.prefixed(f"OWNER#{owner}", "FILE#")
        return [FileRecord.model_validate_json(item["body"]["S"]) for item in items]

    def newest_first(self, owner: str, *, before: int | None) -> Iterator[FileRecord]:
        """Yield an owner's files, newest first, deleted too; those with ids below ``before``."""
        last = _record_key(before - 1) if before else f"FILE#{HIGHEST}"
        items = self._table.query(
            f"OWNER#{owner}", first="FILE#", last=last, newest_first=True, page_size=_PAGE
        )
        return (FileRecord.model_validate_json(item["body"]["S"]) for item in items)

    def records(self, files: Iterable[tuple[str, int]]) -> dict[int, FileRecord]:
        """Return the records of ``(owner, id)`` pairs by id."""
        keys = {(f"OWNER#{owner}", _record_key(file_id)) for owner, file_id in files}
        found = map(_read, self._table.get_many(sorted(keys)))
        return {record.id: record for record in found if record}

    def save(self, record: FileRecord, *, done: bool = False) -> FileRecord:
        """Store a changed record; ``done`` takes the file off the list of work.

        One conditional write on the version that was read. Raises StaleRecordError.
        """
        new = record.model_copy(update={"version": record.version + 1})
        condition = at_version(record.version)
        try:
            if done:
                self._table.transact(
                    self._table.putting(_record_item(new), condition),
                    self._table.deleting(_list_of(new), _sort_key(new.id)),
                )
            else:
                self._table.put(_record_item(new), condition)
        except ConditionError as changed:
            raise StaleRecordError(record.id) from changed
        return new

    def release(self, record: FileRecord) -> FileRecord:
        """Store a record that was deleted, free its key, and list it for cleaning up.

        Raises StaleRecordError.
        """
        new = record.model_copy(update={"version": record.version + 1})
        ours = Condition("id = :id", {":id": {"N": str(record.id)}})
        try:
            self._table.transact(
                self._table.putting(_record_item(new), at_version(record.version)),
                self._table.deleting(f"KEY#{record.key}", "FILE", ours),
                self._table.deleting("WORK", _sort_key(new.id)),
                self._table.putting(_work_item(new)),
            )
        except ConditionError as changed:
            raise StaleRecordError(record.id) from changed
        return new

    def waiting(self) -> list[Waiting]:
        """Return the files that wait to be processed or judged, oldest first."""
        return [_waiting(item) for item in self._table.query("WORK")]

    def to_clean(self) -> list[Waiting]:
        """Return the deleted files whose rows are still stored, oldest first."""
        return [_waiting(item) for item in self._table.query("CLEAN")]

    def unknown_keys(self, keys: Iterable[str]) -> list[str]:
        """Return those of ``keys`` without a file."""
        wanted = list(keys)
        found = self._table.get_many((f"KEY#{key_}", "FILE") for key_ in wanted)
        known = {item["pk"]["S"].removeprefix("KEY#") for item in found}
        return [key_ for key_ in wanted if key_ not in known]

    def put_refused(self, record: FileRecord, lines: Sequence[RefusedLine]) -> None:
        """Keep the refused lines of a file, in its present generation."""
        self._table.put_many(
            {
                **key(f"FILE#{record.id}", f"{_refused(record.generation)}#{start:06d}"),
                "lines": {
                    "S": json.dumps(
                        [line.model_dump() for line in lines[start : start + _LINES_PER_ITEM]]
                    )
                },
            }
            for start in range(0, len(lines), _LINES_PER_ITEM)
        )

    def refused(self, record: FileRecord) -> list[RefusedLine]:
        """Return the stored refused lines of the live generation, in the file's order."""
        if record.live is None:
            return []
        items = self._table.prefixed(f"FILE#{record.id}", f"{_refused(record.live)}#")
        return [
            RefusedLine.model_validate(line)
            for item in items
            for line in json.loads(item["lines"]["S"])
        ]

    def forget_refused(self, file_id: int, *, first: int = 0, before: int | None = None) -> None:
        """Delete a file's refused lines, of the generations from ``first`` to ``before`` one."""
        last = f"refused#{HIGHEST}" if before is None else _refused(before)
        items = self._table.query(f"FILE#{file_id}", first=_refused(first), last=last)
        self._table.delete_many([(f"FILE#{file_id}", item["sk"]["S"]) for item in items])

    def _behind(self, pointer: Item | None) -> FileRecord | None:
        if pointer is None:
            return None
        return self.owned(pointer["owner"]["S"], int(pointer["id"]["N"]))


def _sort_key(file_id: int) -> str:
    return f"{file_id:010d}"


def _record_key(file_id: int) -> str:
    return f"FILE#{_sort_key(file_id)}"


def _refused(generation: int) -> str:
    return f"refused#{generation:06d}"


def _record_item(record: FileRecord) -> Item:
    return {
        **key(f"OWNER#{record.owner}", _record_key(record.id)),
        "version": {"N": str(record.version)},
        "body": {"S": record.json_text()},
    }


def _work_item(record: FileRecord) -> Item:
    return {
        **key(_list_of(record), _sort_key(record.id)),
        "id": {"N": str(record.id)},
        "owner": {"S": record.owner},
        "key": {"S": record.key},
    }


def _list_of(record: FileRecord) -> str:
    return "CLEAN" if record.state == "deleted" else "WORK"


def _waiting(item: Item) -> Waiting:
    return Waiting(int(item["id"]["N"]), item["owner"]["S"], item["key"]["S"])


def _read(item: Item | None) -> FileRecord | None:
    return FileRecord.model_validate_json(item["body"]["S"]) if item else None
