"""Unpacks a function's code once for all its workers, which MiniStack does for each of them.

That took half a second of the server's CPU and 53 MB for every cold start. On AWS, too, a function
cannot change its code. Servers side by side may share it as well, in ``SHARED_CODE``. Runs in
MiniStack's own environment.
"""

import hashlib
import os
import shutil
import threading
import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SHARED_CODE = "SHARED_CODE"
"""The variable with a folder in which several servers share code; whoever made it deletes it."""
PREFIX = "backroom-code-"
"""How the name of a folder with unpacked code begins; the code is ``code`` in there."""
_CODE = "code"
_one_at_a_time = threading.Lock()


class SharedArchive(zipfile.ZipFile):
    """A zip that is unpacked into a worker's folder as a link to what all its workers share."""

    def extractall(
        self,
        path: Any = None,
        members: Iterable[Any] | None = None,
        pwd: bytes | None = None,
    ) -> None:
        """Replace the empty folder ``path`` by a link to the unpacked content, and drop the zip.

        Content that no worker links to any more is deleted. Raises OSError, BadZipFile.
        """
        if members is not None or path is None:
            super().extractall(path, members, pwd)
            return
        link, archive = Path(path), Path(str(self.filename))
        workers, servers = link.parent.parent, os.environ.get(SHARED_CODE)
        with archive.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        shared = Path(servers or workers) / f"{PREFIX}{digest}"
        with _one_at_a_time:
            if not shared.exists():
                if not servers:
                    _delete_unused(workers)
                unfinished = shared.with_name(f"{digest}.unfinished-{os.getpid()}")
                super().extractall(unfinished / _CODE)
                _finish(unfinished, shared)
            link.rmdir()
            link.symlink_to(shared / _CODE, target_is_directory=True)
        archive.unlink()


def share_code(runtime: Any) -> None:
    """Have MiniStack's ``runtime`` of functions unpack each code once."""
    runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": SharedArchive})


def _finish(unfinished: Path, shared: Path) -> None:
    try:
        unfinished.rename(shared)
    except OSError:
        if not shared.exists():
            raise
        shutil.rmtree(unfinished, ignore_errors=True)  # another server was faster


def _delete_unused(workers: Path) -> None:
    used = {_target(link) for link in workers.glob(f"*/{_CODE}")}
    for folder in workers.glob(f"{PREFIX}*"):
        if folder not in used:
            shutil.rmtree(folder, ignore_errors=True)


def _target(link: Path) -> Path | None:
    try:
        return link.readlink().parent
    except OSError:  # no link, or its worker has just ended
        return None
