"""The share and the queues in memory: where logs are dropped, and what is to be looked at."""

import hashlib
import io
from collections.abc import Callable, Iterable
from typing import BinaryIO

from chalicelib.vending import ports
from chalicelib.vending.ports import Clearing, Enrolment, Found, Round, Sending


class FakeShare:
    """A bucket that tells ``changed`` of every key at which something was put or removed."""

    def __init__(self, changed: Callable[[str], None] = lambda _: None) -> None:
        self.objects: dict[str, bytes] = {}
        self.sendings: list[tuple[str, Sending]] = []
        self._sent_for: dict[str, int] = {}
        self._changed = changed

    def hold(self, other: "FakeShare") -> None:
        """Hold what another share holds, which tells of no change."""
        self.objects |= other.objects
        self.sendings += other.sendings
        self._sent_for |= other._sent_for

    def find(self, key: str) -> Found | None:
        content = self.objects.get(key)
        if content is None:
            return None
        return Found(_etag(content), len(content), self._sent_for.get(key))

    def put(self, key: str, content: bytes) -> None:
        self.objects[key] = content
        self._sent_for.pop(key, None)
        self._changed(key)

    def receive(self, key: str, content: bytes, sending: Sending) -> bool:
        """Take what is sent to a URL; return whether it was taken, as S3 does it."""
        digest = sending.sha256 or hashlib.sha256(content).hexdigest()
        fits = sending.size_bytes in (None, len(content))
        if key in self.objects or not fits or digest != hashlib.sha256(content).hexdigest():
            return False
        self.put(key, content)
        self._sent_for[key] = sending.file_id
        return True

    def delete(self, key: str) -> None:
        if self.objects.pop(key, None) is not None:
            self._changed(key)

    def open(self, key: str, found: Found) -> BinaryIO:
        return _Object(self, key, found)

    def upload_url(
        self, key: str, sending: Sending, *, expires_in_s: int
    ) -> tuple[str, dict[str, str]]:
        self.sendings.append((key, sending))
        return f"https://share.test/{key}?expires={expires_in_s}", {"If-None-Match": "*"}

    def etags(self) -> dict[str, str]:
        return {key: _etag(content) for key, content in sorted(self.objects.items())}


def _etag(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


class _Object(io.BytesIO):
    """An object being read: every read looks whether it is still the same one."""

    def __init__(self, share: FakeShare, key: str, found: Found) -> None:
        super().__init__(share.objects.get(key, b""))
        self._share, self._key, self._found = share, key, found

    def read(self, size: int | None = -1, /) -> bytes:
        if self._share.find(self._key) != self._found:
            raise ports.ChangedMeanwhileError(self._key)
        return super().read(size)


class FakeQueues:
    """Two queues as lists: keys to look at, and what is to be done about the fleet."""

    def __init__(self) -> None:
        self.arrivals: list[str] = []
        self.fleet: list[Round | Enrolment | Clearing | None] = []
        self.put_offs: list[tuple[str, int]] = []

    def hold(self, other: "FakeQueues") -> None:
        """Hold what other queues hold."""
        self.arrivals += other.arrivals
        self.fleet += other.fleet
        self.put_offs += other.put_offs

    def look_at(self, keys: Iterable[str]) -> None:
        self.arrivals.extend(keys)

    def look_at_notes(self) -> None:
        self.fleet.append(None)

    def go_round(self, rounds: Iterable[Round]) -> None:
        self.fleet.extend(rounds)

    def enrol(self, part: Enrolment) -> None:
        self.fleet.append(part)

    def clear(self, part: Clearing) -> None:
        self.fleet.append(part)

    def put_off(self, receipt_handle: str, after_s: int) -> None:
        self.put_offs.append((receipt_handle, after_s))
