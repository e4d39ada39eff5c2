"""Keeps what the embedded AWS stores: a snapshot every few seconds, a journal of what came since.

MiniStack alone writes its state only when it is stopped. Table items hold every id, counter and
effect of Backroom, and a queued package is an accepted one, so each write of items and each message
for a queue is in the journal before it is answered, and is applied again after a crash. Messages
that were worked off since the last snapshot arrive twice then, as queues may deliver them. What a
killed process can lose is what else changed since the last snapshot: seconds (on a busy machine
half a minute) of notices of uploads, log lines, and stack changes. Runs in MiniStack's own
environment.
"""

import asyncio
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import persistence, responses
from ministack.services import dynamodb, lambda_svc, sqs

from infra.local.snapshots import SnapshotError, StateFolder, pause_after

INTERVAL_S = float(os.environ.get("SAVE_EVERY_S") or 3)
_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
_SEND = "SendMessage"
_TARGET = "DynamoDB_20120810."
# What MiniStack itself forgets although it depends on it: unread stream records, retried writes.
_EXTRA = "backroom_tables"
CLEAN = "clean"


class State:
    """The state of MiniStack's services in this process; ``changed`` since the last snapshot."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._disk = StateFolder(folder)
        self._saving = asyncio.Lock()
        self._handle_table_request = dynamodb.handle_request
        self.changed = True
        self.saved_at = time.time()
        dynamodb.handle_request = self._journaled
        self._send_message = sqs._act_send_message
        sqs._act_send_message = sqs._HANDLERS[_SEND] = self._sent  # a batch calls it, too
        app.save_all = lambda _: self._save_last()
        code = folder / "lambda-blobs"  # all snapshots share it
        with suppress(FileNotFoundError):
            (self._disk.services / code.name).rename(code)  # where earlier versions had it
        lambda_svc.CODE_BLOB_DIR = str(code)
        lambda_svc._prune_orphan_code_blobs = lambda _: None

    async def recover(self) -> int:
        """Apply what came after the snapshot that was loaded; return how many entries."""
        clean = self._folder / CLEAN
        clean.unlink(missing_ok=True)
        _restore_extra(persistence.load_state(_EXTRA) or {})
        _move_queues()
        applied = 0
        for account, region, action, request in self._disk.entries():
            responses._request_account_id.set(account)
            responses._request_region.set(region)
            if action == _SEND:
                with suppress(sqs._Err):  # the queue was deleted since
                    self._send_message(request, "")
            else:
                headers = {"x-amz-target": _TARGET + action}
                body = json.dumps(request).encode()
                await self._handle_table_request("POST", "/", headers, body, {})
            applied += 1
        return applied

    async def save_every_few_seconds(self) -> None:
        """Save whatever has changed, for ever; what fails is tried again."""
        while True:
            started = time.monotonic()
            if self.changed:
                try:
                    await self.save()
                except SnapshotError as failed:
                    app.logger.error("The state could not be saved: %s", failed)
            took = time.monotonic() - started
            await asyncio.sleep(pause_after(took, INTERVAL_S))

    async def save(self) -> None:
        """Save now. Raises SnapshotError."""
        async with self._saving:
            self.changed, instant = False, time.time()
            try:
                child = self._disk.begin(_write_services)
                await asyncio.to_thread(self._disk.finish, child)
            except SnapshotError:
                self.changed = True
                raise
            self.saved_at = instant
            self._forget_old_code()

    def _save_last(self) -> None:
        """Save before the process ends, and leave a mark that nothing is lost."""
        try:
            self._disk.finish(self._disk.begin(_write_services))
            (self._folder / CLEAN).touch()
        except (SnapshotError, OSError) as failed:
            app.logger.error("The state could not be saved: %s", failed)

    async def _journaled(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any
    ) -> Any:
        """Handle a request for DynamoDB; a write that was done is in the journal then.

        Nothing else runs between both: MiniStack's handler never awaits.
        """
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        request = json.loads(body) if action in _WRITES else {}
        token = request.get("ClientRequestToken")
        repeated = token and dynamodb._txn_token_lookup(token)
        answer = await self._handle_table_request(method, path, headers, body, query)
        if action in _WRITES and answer[0] == 200 and not repeated:
            account, region = responses.get_account_id(), responses.get_region()
            self._disk.append([account, region, action, request])
        return answer

    def _sent(self, data: dict[str, Any], queue_url: str) -> Any:
        """Queue a message; it is in the journal then. Raises sqs._Err."""
        answer = self._send_message(data, queue_url)
        account, region = responses.get_account_id(), responses.get_region()
        request = {**data, "QueueUrl": data.get("QueueUrl", queue_url)}
        self._disk.append([account, region, _SEND, request])
        return answer

    def _forget_old_code(self) -> None:
        """Delete the code of functions that the newest snapshot does not know."""
        functions = self._disk.services / "lambda.json"
        known = functions.read_text() if functions.exists() else ""
        for path in Path(lambda_svc.CODE_BLOB_DIR).glob("*.zip"):
            if path.stem not in known:
                path.unlink()


def _write_services(folder: Path) -> None:
    """Write the state of every service into ``folder``, and have the disk hold it."""
    services = {**app._build_persistence_save_dict(), _EXTRA: _extra}
    for name, get_state in services.items():
        state = get_state()
        if state is None:  # the service could not be loaded; what it had is still there
            continue
        version = persistence._state_format_version(name)
        part = folder / f"{name}.tmp"
        with part.open("w") as file:
            content = {"__ministack_format__": version, "payload": state}
            # Not json.dump, which encodes in Python and takes several times as long.
            file.write(json.dumps(content, default=persistence._json_default))
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / f"{name}.json")


def _extra() -> dict[str, Any]:
    """Return the stream records that a function has yet to read, and the tokens of transactions."""
    records, positions = responses.AccountRegionScopedDict(), responses.AccountRegionScopedDict()
    for (account, region, _), mapping in lambda_svc._esms.all_items():
        table = mapping.get("EventSourceArn", "").partition(":table/")[2].partition("/")[0]
        position = lambda_svc._dynamodb_stream_positions.get_scoped(
            account, region, mapping["UUID"]
        )
        if table and position is not None:
            where = (account, region, table)
            first = min(position, positions.get_scoped(*where, position))
            positions.set_scoped(*where, first)
    for (account, region, table), position in positions.all_items():
        trimmed = dynamodb._stream_trimmed.get_scoped(account, region, table, 0)
        held = dynamodb._stream_records.get_scoped(account, region, table) or []
        records.set_scoped(account, region, table, held[max(0, position - trimmed) :])
    tokens = dynamodb._txn_idempotency
    return {"records": records, "positions": positions, "tokens": tokens}


def _move_queues() -> None:
    """Move queues to where functions are fed from; their URLs have the port they were made at."""
    for (account, region, url), queue in list(sqs._queues.all_items()):
        name = url.rpartition("/")[2]
        here = sqs._queue_url_for_account(account, name)
        if here != url:
            sqs._queues.pop_scoped(account, region, url)
            sqs._queues.set_scoped(account, region, here, queue)
            sqs._queue_name_to_url.set_scoped(account, region, name, here)


def _restore_extra(extra: Mapping[str, Any]) -> None:
    for name, store in (
        ("records", dynamodb._stream_records),
        ("positions", dynamodb._stream_trimmed),
        ("tokens", dynamodb._txn_idempotency),
    ):
        if name in extra:
            store._data.update(extra[name]._data)
