"""Grants, stored in a file that only its owner can read: one grant per API."""

import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import typer
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

try:
    import fcntl
except ImportError:  # no such thing on Windows, where two commands at once may ask to sign in again
    fcntl = None  # type: ignore[assignment]

_NAME = "sign-ins.json"
_EARLY_S = 30
_IN_THIS_PROCESS = threading.Lock()


class Grant(BaseModel):
    """What the identity provider gave; ``expires_at`` in seconds since the epoch."""

    model_config = ConfigDict(frozen=True)

    client_id: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    access_token: str = Field(repr=False)
    refresh_token: str | None = Field(default=None, repr=False)
    expires_at: float

    def stale(self, now: float) -> bool:
        """Return whether the access token has ended, or is about to."""
        return now >= self.expires_at - _EARLY_S


_ALL = TypeAdapter(dict[str, Grant])


class Grants:
    """The grants of this user; ``folder`` is theirs unless BACKROOM_CONFIG names another."""

    def __init__(self, folder: Path | None = None) -> None:
        named = os.environ.get("BACKROOM_CONFIG")
        self._folder = folder or Path(named or typer.get_app_dir("backroom"))

    @property
    def path(self) -> Path:
        """Return the file."""
        return self._folder / _NAME

    def find(self, url: str) -> Grant | None:
        """Return the grant for the API at ``url``."""
        return self._all().get(url)

    def keep(self, url: str, grant: Grant) -> None:
        """Keep a grant in place of the one before; within `alone`."""
        self._write({**self._all(), url: grant})

    def forget(self, url: str) -> None:
        """Delete a grant; within `alone`."""
        self._write({name: each for name, each in self._all().items() if name != url})

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other threads and commands out until this is done: a refresh token works once."""
        with _IN_THIS_PROCESS:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self._folder / "sign-ins.lock").open("a") as lock:
                if fcntl:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                yield

    def _all(self) -> Mapping[str, Grant]:
        """Return all grants; a file that is broken is as good as none: one signs in again."""
        try:
            return _ALL.validate_json(self.path.read_bytes())
        except (OSError, ValidationError):
            return {}

    def _write(self, grants: Mapping[str, Grant]) -> None:
        """Replace the file whole; it is closed to others before anything is in it."""
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".sign-ins-")  # made with 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_ALL.dump_json(dict(grants)))
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
