"""Faults on demand: what shall go wrong with which requests, how often, how likely."""

import re
from dataclasses import asdict, dataclass, field
from random import Random
from threading import Lock
from typing import Any, Literal, get_args

Kind = Literal["status", "drop", "stall", "limit", "status_after", "drop_after", "stall_after"]
KINDS = get_args(Kind)


@dataclass
class Fault:
    """One thing that goes wrong.

    ``_after`` kinds happen when the request has been done. ``status`` answers ``status`` (with
    ``body``, or the vendor's own), ``drop`` breaks the connection, ``stall`` is silent until the
    caller hangs up, ``limit`` answers what the vendor says to too many requests. It happens to
    requests whose method is ``method`` and whose path holds the pattern ``path``, ``times`` times
    (None: always), each with the given ``chance`` (decided by ``seed``).
    """

    vendor: str
    kind: Kind
    method: str | None = None
    path: str = ""
    times: int | None = 1
    chance: float = 1.0
    status: int = 500
    retry_after_s: float = 1
    body: Any = None
    seed: int = 0
    happened: int = 0
    _random: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        re.compile(self.path)
        self._random = Random(self.seed)

    @property
    def comes_after(self) -> bool:
        """Return whether the request is done first."""
        return self.kind.endswith("_after")

    def strikes(self, vendor: str, method: str, path: str) -> bool:
        """Return whether it happens to this request, and count it then."""
        if self.times is not None and self.happened >= self.times:
            return False
        fits = self.vendor == vendor and self.method in {None, method}
        if not fits or not re.search(self.path, path) or self._random.random() >= self.chance:
            return False
        self.happened += 1
        return True

    def shown(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {name: value for name, value in asdict(self).items() if name != "_random"}


class Faults:
    """All faults that are set; of several that fit the first happens."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = Lock()

    def add(self, fault: Fault) -> None:
        """Let something go wrong from now on."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Let everything go right again."""
        with self._lock:
            self._faults.clear()

    def strike(self, vendor: str, method: str, path: str) -> Fault | None:
        """Return what goes wrong with a request, if anything does."""
        with self._lock:
            return next((f for f in self._faults if f.strikes(vendor, method, path)), None)

    def shown(self) -> list[dict[str, Any]]:
        """Return all faults as JSON."""
        with self._lock:
            return [fault.shown() for fault in self._faults]
