"""Every parser of text and bytes from outside, each with good inputs and what it may raise."""

import gzip
import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

from pydantic import ValidationError

from backroom.core import options
from backroom.core.errors import ClientError
from backroom.deliveries import package_files
from backroom.ledger import transaction_files
from bench.fuzz.hostile import Mutator
from bench.fuzz.watching import HangError, within_limit
from chalicelib.bakery import amounts, names, tickets
from chalicelib.bakery.models import JiraEvent
from chalicelib.core import addresses, cursors, etags, mailboxes, retry_after, strict_json, times
from chalicelib.core.auth.keys import Keys
from chalicelib.core.auth.settings import AuthSettings
from chalicelib.core.auth.tokens import Tokens
from chalicelib.core.errors import BackroomError
from chalicelib.core.http import json_value
from chalicelib.core.outbox import queues
from chalicelib.core.outbox.effects import EffectError
from chalicelib.deliveries.models import Package
from chalicelib.integrations import http, mail
from chalicelib.integrations.jira import Issue
from chalicelib.ledger.models import TransactionBatchBody, TransactionBody, TransferBody
from chalicelib.vending import archives, parsing
from chalicelib.vending import names as vending_names
from chalicelib.warranties import numbers
from chalicelib.webhooks.receivers import Post
from tests.support.issuer import AUDIENCE, claims, part, public, rsa_key, signed

_DAWN = datetime(2026, 11, 29, tzinfo=UTC)
_LOG = "".join(f"GM701|2020-02-20T11:{n % 60:02}:44Z|{n % 3}\n" for n in range(40)).encode()
_ISSUER = "http://127.0.0.1:1"
_MOST_TEXT = 4_000_000
_KEY = rsa_key("first")
_NEVER = 2**32  # when the good tokens expire: a run may take hours


@dataclass(frozen=True)
class Parser:
    """What reads an input, inputs that it takes, and the errors by which it refuses others."""

    read: Callable[[bytes], object]
    good: tuple[bytes, ...]
    refuses: tuple[type[Exception], ...] = ()
    share: int = 1
    """How many times as many inputs as others it gets."""


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    """Return what reads an input as text; as most of our text was JSON, it is valid Unicode."""
    return lambda raw: read(raw.decode(errors="replace"))


def read_log(raw: bytes, machine: str | None = None, block: int = 4_096) -> None:
    """Parse the text of a log; every line is kept or refused."""
    blocks = [raw[at : at + block] for at in range(0, len(raw), block)]
    for batch in parsing.parse(blocks, machine=machine, not_after=_DAWN):
        kept = sum(len(packed) for packed in batch.rows.values())
        if batch.accepted + batch.refused != batch.lines or (batch.accepted and not kept):
            raise AssertionError(batch.lines)


def read_archive(raw: bytes) -> None:
    """Open what people send, and parse the text in it."""
    opened = archives.open_log(io.BytesIO(raw), max_bytes=_MOST_TEXT)
    for _ in parsing.parse(opened, machine=None, not_after=_DAWN):
        pass


def read_json(raw: bytes) -> None:
    """Read strict JSON; what is read and written again is the same."""
    value = strict_json.loads(raw)
    again = strict_json.loads(strict_json.dumps(value).encode())
    if again != value:
        raise AssertionError("written and read again it is another value")


def _names(text: str) -> None:
    folded = names.fold(text)
    if names.fold(folded) != folded:
        raise AssertionError(f"{folded!r} is folded once more")
    names.title(folded)
    names.record_id(text)


def _amount(raw: bytes) -> None:
    given = amounts.read(strict_json.loads(raw))
    str(given.amount()), given.amount().number


def _stored_name(text: str) -> None:
    vending_names.StoredName.parse(text)


def _moment(text: str) -> None:
    time = vending_names.download_time(text)
    time.latest_instant(None), time.earliest_instant(None)
    time.latest_instant("America/Chicago"), time.earliest_instant("Pacific/Apia")


def _of_a_vendor(raw: bytes) -> None:
    for status in (200, 302, 404, 429, 500):
        answer = http.Answer(
            "Jira", "POST /x", True, status, {"Retry-After": raw[:60].decode("latin-1")}, raw
        )
        http.outcome(answer, 0)
    answer.into(Issue)


def _event(raw: bytes) -> None:
    event = json_value(raw, JiraEvent)
    if event.issue:
        str(tickets.shortage(event.issue.fields.labels, closed=True))


def _model(model: Any) -> Callable[[bytes], object]:
    return partial(json_value, model=model)


def _file(read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Return what reads an input as a file."""

    def from_file(raw: bytes) -> object:
        with tempfile.NamedTemporaryFile(
            dir="/dev/shm" if Path("/dev/shm").is_dir() else None
        ) as f:
            path = Path(f.name)
            path.write_bytes(raw)
            return read(path)

    return from_file


@cache
def _tokens() -> Tokens:
    keys = {"keys": [public("first", _KEY)]}
    documents = {
        f"{_ISSUER}/.well-known/openid-configuration": {
            "issuer": _ISSUER,
            "jwks_uri": f"{_ISSUER}/keys",
        },
        f"{_ISSUER}/keys": keys,
    }
    settings = AuthSettings(
        auth="jwt", auth_issuer=_ISSUER, auth_audience=AUDIENCE, auth_client_id="page"
    )
    return Tokens(
        settings, Keys(_ISSUER, get=lambda address: json.dumps(documents[address]).encode())
    )


def _zip(content: bytes, name: str = "log.txt", how: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", how) as archive:
        archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


def _json(*values: object) -> tuple[bytes, ...]:
    return tuple(json.dumps(value).encode() for value in values)


def _texts(*more: str) -> tuple[bytes, ...]:
    return tuple(text.encode() for text in more)


_UUID = "123e4567-e89b-12d3-a456-426614174000"
_EVENT = {
    "timestamp": 1_795_219_200_000,
    "issue": {
        "id": "10007",
        "key": "ING-7",
        "fields": {
            "labels": ["missing-ingredients", "missing-eggs"],
            "status": {"statusCategory": {"key": "done"}},
        },
    },
}
_PACKAGE = {
    **{"timestamp": "2026-11-21T09:30:00Z", "sender_id": "shop-12", "recipient_id": "ann"},
    **{"package_id": "p-1001", "package_type": "personal"},
}
_POST = {"account_id": _UUID, "amount": 12_345}
_TRANSFER = {"from_account_id": _UUID, "to_account_id": _UUID[:-1] + "1", "amount": 250}
_REFUSED = (BackroomError,)

PARSERS: Mapping[str, Parser] = {
    "log: text": Parser(read_log, (_LOG, _LOG.replace(b"\n", b"\r\n")), share=8),
    "log: of one machine": Parser(partial(read_log, machine="GM701", block=97), (_LOG,), share=4),
    "log: archive": Parser(
        read_archive,
        (
            *(_zip(_LOG), _zip(_LOG, how=zipfile.ZIP_STORED), gzip.compress(_LOG), _LOG),
            *(_zip(_LOG, "a/b.txt"), gzip.compress(bytes(3_000_000))),
        ),
        (archives.UnreadableLogError,),
        share=6,
    ),
    "JSON": Parser(
        read_json,
        _json(_EVENT, _PACKAGE, [1.5, 2**70, {"a": [None, True, "\u00e4"]}], "x", 1e300),
        (strict_json.JSONError,),
        share=6,
    ),
    "a cursor": Parser(
        _text(cursors.read),
        (cursors.write("0" * 16, [1, "a"]).encode(), cursors.write("f" * 16, []).encode()),
        (ValueError,),
        share=2,
    ),
    "an instant": Parser(
        _text(times.instant), _texts("2142-05-01T10:00:00.5+02:00"), (ValueError,)
    ),
    "an end of a span": Parser(
        _text(times.span_end), _texts("2142-05-01T10:00:00 02:00"), (ValueError,)
    ),
    "a timestamp": Parser(
        lambda raw: times.timestamp(strict_json.loads(raw)),
        _json("2142-05-01T10:00:00Z", 1_795_219_200, 0.5, 10**12, -(10**12)),
        (ValueError,),
    ),
    "a wall time": Parser(
        _text(times.wall_time), _texts("9/21/2018, 9:34:48\u202fAM"), (ValueError,)
    ),
    "a day": Parser(_text(times.day), _texts("2026-11-21"), (ValueError,)),
    "a download time": Parser(_text(_moment), _texts("2018-09-21T09:34:48"), (ValueError,)),
    "a file's name": Parser(
        _text(_stored_name), _texts("T0001.GM001.2018-09-21_093448.zip"), (ValueError,)
    ),
    "a serial": Parser(_text(vending_names.serial), _texts("GM001"), (ValueError,)),
    "a technician": Parser(_text(vending_names.technician_id), _texts("#001"), (ValueError,)),
    "Retry-After": Parser(
        _text(lambda text: retry_after.seconds(text, 0)), _texts("Sat, 21 Nov 2026 00:01:00 GMT")
    ),
    "a mail address": Parser(
        _text(mailboxes.mailbox),
        _texts("mr.cakelover@example.com", "a@b\u00fccher.example"),
        (ValueError,),
    ),
    "a subject": Parser(_text(mail.checked_subject), _texts("Order 21 is ready"), (EffectError,)),
    "an IP address": Parser(
        _text(addresses.public),
        _texts("127.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0"),
        (ValueError,),
    ),
    "a receiver's URL": Parser(
        _text(Post(local=False).url_fault), _texts("https://example.com/hooks", "http://[::1]:8/")
    ),
    "If-None-Match": Parser(
        _text(lambda text: etags.names_version(text, '"x"')), _texts('W/"x", "y"')
    ),
    "a bearer token": Parser(
        _text(lambda text: _tokens().caller(text)),
        tuple(
            each.encode()
            for each in (
                signed(claims(_ISSUER, "ledger:read", exp=_NEVER), _KEY, "first"),
                signed(claims(_ISSUER, sub="x" * 3_000, exp=_NEVER), _KEY, "first"),
                f"{part({'alg': 'none'})}.{part(claims(_ISSUER, exp=_NEVER))}.",
                f"{part({'alg': 'RS256', 'kid': 'first'})}.{part([1])}.{part(b'x')}",
            )
        ),
        (BackroomError,),
        share=2,
    ),
    "a name of a recipe": Parser(
        _text(_names), _texts("Carrot Cake", "Cr\u00e8me br\u00fbl\u00e9e"), share=2
    ),
    "an amount": Parser(
        _amount,
        _json(33.0, 33, {"amount": 33, "unit": "g"}, {"amount": 1.5, "unit": "unit"}),
        (ValueError,),
    ),
    "a warranty's number": Parser(
        _text(numbers.read), _texts("FNVV-0BDY-A999-24", numbers.of_sale("x")), (ValueError,)
    ),
    "a webhook of Jira's": Parser(_event, _json(_EVENT, {"timestamp": 1}), _REFUSED, share=3),
    "a package": Parser(_model(Package), _json(_PACKAGE), _REFUSED, share=3),
    "a transaction": Parser(_model(TransactionBody), _json(_POST), _REFUSED, share=2),
    "a batch of transactions": Parser(
        _model(TransactionBatchBody), _json({"transactions": [_POST, _POST]}), _REFUSED, share=2
    ),
    "a transfer": Parser(_model(TransferBody), _json(_TRANSFER), _REFUSED, share=2),
    "an answer of a vendor's": Parser(
        _of_a_vendor,
        (
            *_json({"id": "1", "key": "A-1"}, {"errorMessages": ["x"], "errors": {"a": "b"}}),
            b"<h1>x</h1>",
        ),
        (EffectError,),
        share=2,
    ),
    "a message of the outbox": Parser(
        _text(queues.effect_id), _json({"effect_id": "archive#1"}), (ValueError, RecursionError)
    ),
    "command line: dollars": Parser(_text(options.cents), _texts("12.25"), (ValueError,)),
    "command line: a time": Parser(
        _text(options.instant), _texts("2020-02-20T11:29"), (ValueError,)
    ),
    "command line: packages.csv": Parser(
        _file(partial(package_files.read, timestamp="2026-11-21T09:30:00Z")),
        (b"sender_id,recipient_id,package_id,package_type\na,b,c,personal\n",),
        (ClientError,),
    ),
    "command line: transactions.csv": Parser(
        _file(transaction_files.read),
        (f"account_id,amount,reference\n{_UUID},5,a\n{_UUID},-7,b\n".encode(),),
        (ClientError,),
    ),
}


def _refusals(parser: Parser) -> tuple[type[Exception], ...]:
    return (*parser.refuses, ValidationError) if parser.refuses == (ValueError,) else parser.refuses


def fault(parser: Parser, raw: bytes) -> tuple[str, str | None]:
    """Return what a parser made of an input, and what is wrong with that if anything is."""
    try:
        within_limit(partial(parser.read, raw))
    except _refusals(parser):
        return "refused", None
    except HangError:
        return "hang", "hangs"
    except Exception as failed:  # noqa: BLE001 - whatever it is, it is what is looked for
        return "raised", f"raised {type(failed).__name__}: {failed}"
    return "read", None


def inputs(chance: Random, parser: Parser) -> bytes:
    """Return an input for a parser: a good one, or one with something wrong in it."""
    mutator, good = Mutator(chance), chance.choice(parser.good)
    draw = chance.random()
    if draw < 0.05:
        return good
    if draw < 0.15:
        return mutator.text().encode(errors="replace")
    if draw < 0.2 and parser.read in (read_log, read_archive):
        changed = mutator.bytes(_LOG)
        return _zip(changed) if parser.read is read_archive else changed
    return mutator.body(good) if draw < 0.7 else mutator.bytes(good)


def run(mutator: Mutator, count: int) -> Iterator[tuple[str, str, str | None, bytes]]:
    """Yield of each of ``count`` inputs its parser, its outcome, what is wrong, and the input.

    A parser's good inputs come first, as they are.
    """
    chance = mutator.chance
    good = {name: iter(parser.good) for name, parser in PARSERS.items()}
    turns = [name for name, parser in PARSERS.items() for _ in range(parser.share)]
    for number in range(count):
        name = turns[number % len(turns)]
        raw = next(good[name], None)
        if raw is None:
            raw = inputs(chance, PARSERS[name])
        yield name, *fault(PARSERS[name], raw), raw
