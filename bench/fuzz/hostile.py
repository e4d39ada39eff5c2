"""Inputs that somebody may send: right ones with something wrong in them, and nonsense."""

import json
import string
from random import Random
from typing import Any

TEXTS = (
    *(
        "",
        " ",
        "0",
        "-1",
        "1e999",
        "NaN",
        "Infinity",
        "-0",
        "null",
        "true",
        "[]",
        "{}",
        "undefined",
    ),
    *("\x00", "a\x00b", "\u202eabc\u202c", "\u2066x\u2069", "\ufeff", "\u200b", "\u2028", "\ufffd"),
    *(
        "\U0001f382",
        "Zoe\u0308",
        "\u0130",
        "\u017f",
        "\ufb01",
        "\u06f1\u06f2",
        "\uff11",
        "\U000e0041",
    ),
    *("'; DROP TABLE x;--", "<script>alert(1)</script>", "${jndi:ldap://x}", "{{7*7}}", "%00", "%"),
    *("../../etc/passwd", "..\\..", "/", "//", ".", "..", "~", "a/b", "a#b", "a?b", "a&b=c", "a;b"),
    *(
        "=1+1",
        "@SUM(A1)",
        "+1",
        "1" * 400,
        "9" * 19,
        "x" * 1_100,
        "\u00e4" * 600,
        "\U0001f382" * 300,
    ),
    *(
        "2026-11-29",
        "2026-02-30",
        "0000-00-00",
        "9999-12-31T23:59:60Z",
        "0001-01-01T00:00:00+14:00",
    ),
    *(
        "2026-11-29T10:00:00",
        "2020-02-20T11:29:44Z",
        "9/21/2018 9:34:48 AM",
        "24:00",
        "-2147483649",
    ),
    *(
        "GM001",
        "GM701",
        "T0001",
        "#1",
        "T7001",
        "\u0661",
        "1_000",
        " 1",
        "1 ",
        "0x10",
        "1.0",
        "1e0",
    ),
    *(
        "application/json",
        "bytes=0-1",
        "*",
        '"',
        'W/"x"',
        "Bearer x",
        "Basic Og==",
        "sha256=" + "0" * 64,
    ),
    *("123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000", "urn:uuid:x"),
)
NUMBERS: tuple[Any, ...] = (
    *(
        0,
        1,
        -1,
        2**31,
        -(2**31) - 1,
        2**53,
        2**53 + 1,
        2**63,
        2**64,
        10**15,
        10**18,
        10**40,
        10**300,
    ),
    *(0.1, -0.0, 0.5, 1.5, 1e-7, 1e15, 1e22, 5e-324, 1.7976931348623157e308, 33.0, 1e2),
)
MEDIA_TYPES = (
    *("application/json", "application/json; charset=utf-16", "text/plain", "application/zip"),
    *("application/gzip", "application/octet-stream", "application/x-www-form-urlencoded", "", "x"),
    *("multipart/form-data; boundary=x", "APPLICATION/JSON", "application/json,text/html", "*/*"),
)
HEADERS = (
    *("Idempotency-Key", "If-None-Match", "Accept", "Authorization", "Content-Encoding", "Origin"),
    *(
        "Balance-Floor",
        "X-Hub-Signature",
        "X-Forwarded-Proto",
        "X-Forwarded-For",
        "Cookie",
        "Range",
    ),
    *("Content-Length", "Accept-Encoding", "Transfer-Encoding", "Expect", "Host", "X-HTTP-Method"),
)
_LETTERS = string.ascii_letters + string.digits + "._-~:#$%&+ \u00e9\u2603\U0001f36c"
_BYTES = (
    b"\x00",
    b"\xff",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\n",
    b"|",
    b"\x1f\x8b",
)
_BROKEN_JSON = (
    *(
        b"",
        b"{",
        b"[",
        b'{"a"',
        b"{}{}",
        b"nul",
        b"NaN",
        b'"',
        b"{'a': 1}",
        b"[1,]",
        b'{"a":1,"a":2}',
    ),
    *(
        b"[" * 3_000,
        b'{"a":' * 3_000,
        b"1" * 6_000,
        b"1e999999999",
        b'"\\ud800"',
        b'"\\u0000"',
        b"\xff",
    ),
    *(
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b"\x1f\x8b\x08\x00",
        b"PK\x03\x04",
        b" " * 20_000,
        b"{" + b" " * 300,
    ),
)


class Mutator:
    """Changes inputs as chance will have it."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance

    def text(self) -> str:
        """Return a text that somebody may send."""
        if self.chance.random() < 0.6:
            return self.chance.choice(TEXTS)
        return "".join(self.chance.choices(_LETTERS, k=self.chance.randrange(24)))

    def value(self, depth: int = 0) -> Any:
        """Return a value of JSON."""
        draw = self.chance.random()
        if draw < 0.4 or depth > 3:
            return self.text()
        if draw < 0.65:
            return self.chance.choice(NUMBERS)
        if draw < 0.8:
            return self.chance.choice([None, True, False])
        few = range(self.chance.randrange(4))
        if draw < 0.9:
            return [self.value(depth + 1) for _ in few]
        return {self.text(): self.value(depth + 1) for _ in few}

    def body(self, content: bytes) -> bytes:
        """Return a body with something wrong in it: in its JSON, where it has any, or anywhere."""
        draw = self.chance.random()
        if draw < 0.1:
            return self.chance.choice(_BROKEN_JSON)
        if draw < 0.75:
            try:
                value = json.loads(content)
            except (ValueError, RecursionError):
                pass
            else:
                return json.dumps(self._changed(value)).encode()
        return self.bytes(content)

    def bytes(self, content: bytes) -> bytes:
        """Return bytes that differ from ``content`` in a few places."""
        found = bytearray(content)
        for _ in range(self.chance.randint(1, 4)):
            at = self.chance.randrange(len(found) + 1)
            draw = self.chance.random()
            if draw < 0.2 and found:
                found[at % len(found)] ^= 1 << self.chance.randrange(8)
            elif draw < 0.4 and found:
                found[at % len(found)] = ord(self.chance.choice(string.printable))
            elif draw < 0.55:
                found[at:at] = self.chance.choice(_BYTES)
            elif draw < 0.65:
                del found[at : at + self.chance.randint(1, 30)]
            elif draw < 0.75:
                del found[at:]
            elif draw < 0.9 and found:
                end = at + self.chance.randint(1, 60)
                found[at:at] = found[at:end] * self.chance.choice([1, 2, 30])
            else:
                found[at:at] = self.chance.randbytes(self.chance.randint(1, 8))
        return bytes(found[:300_000])

    def _changed(self, value: Any) -> Any:  # noqa: PLR0911 - a case each
        """Return a value in which one part is another one."""
        if isinstance(value, dict) and value and self.chance.random() < 0.85:
            name = self.chance.choice(list(value))
            draw = self.chance.random()
            if draw < 0.15:
                return {known: value[known] for known in value if known != name}
            if draw < 0.3:
                return {**value, self.text(): self.value()}
            return {**value, name: self._changed(value[name])}
        if isinstance(value, list) and value and self.chance.random() < 0.85:
            at = self.chance.randrange(len(value))
            if self.chance.random() < 0.2:
                return value * self.chance.choice([0, 2, 40])
            return [*value[:at], self._changed(value[at]), *value[at + 1 :]]
        if isinstance(value, str) and value and self.chance.random() < 0.4:
            at = self.chance.randrange(len(value))
            return value[:at] + self.text() + value[at + self.chance.randrange(3) :]
        return self.value()
