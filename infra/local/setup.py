"""Making virtual environments, and saying what is done. Standard library only."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
_NO_VENV = (
    "The virtual environment could not be made; Python's message is above. "
    "On Debian and Ubuntu it takes: apt install python3-venv"
)
_TTY = sys.stdout.isatty() and "NO_COLOR" not in os.environ


class SetupError(Exception):
    """The stack can't be brought up; the message says why, in plain words, and what to do."""


@dataclass(frozen=True)
class VirtualEnvironment:
    """A virtual environment in ``folder`` with ``what`` in it, made with ``python``."""

    folder: Path
    what: str
    python: str = sys.executable

    @property
    def interpreter(self) -> Path:
        """Return its Python."""
        return self.folder / "bin" / "python"

    def install(
        self, arguments: Sequence[str], sources: Sequence[Path], *, stamp: str = "up"
    ) -> None:
        """Install what pip's ``arguments`` say, unless it was done from the same ``sources``.

        Raises SetupError.
        """
        digest = hashlib.sha256(sys.version.encode())
        for source in sources:
            digest.update(source.read_bytes())
        marker = self.folder / f".installed-{stamp}"
        if marker.exists() and marker.read_text() == digest.hexdigest():
            return
        started = time.monotonic()
        progress(f"Installing {self.what} ...")
        if not self.interpreter.exists():
            run([self.python, "-m", "venv", str(self.folder)], why=_NO_VENV)
        run(
            [str(self.interpreter), "-m", "pip", "install", "--quiet"]
            + ["--disable-pip-version-check", *arguments],
            why=(
                f"Could not install {self.what}. Is the package registry reachable? "
                "pip's message is above"
            ),
        )
        marker.write_text(digest.hexdigest())
        done(f"Installed {self.what}", started)


def run(command: Sequence[str], *, why: str, environment: dict[str, str] | None = None) -> None:
    """Run a command quietly; when it fails, print its output and raise SetupError(why)."""
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        print((ended.stdout + ended.stderr).rstrip()[-4000:], file=sys.stderr)
        raise SetupError(why)


def progress(text: str) -> None:
    """Say what begins."""
    print(f"  \u00b7 {text}", flush=True)


def done(text: str, since: float | None = None) -> None:
    """Say what is done, and how long it took ``since`` then (``time.monotonic``)."""
    took = f" ({time.monotonic() - since:.1f} s)" if since else ""
    tick = "\033[32m\u2713\033[0m" if _TTY else "\u2713"
    print(f"  {tick} {text}{took}", flush=True)


def bold(text: str) -> str:
    """Return a text in bold, where that can be shown."""
    return f"\033[1m{text}\033[0m" if _TTY else text
