"""What is new about a machine, and the text of its announcement.

A *kind* of news is a kind of cause, or "out_of_service" for the level. It is announced once for
each *episode*: a cause that clears and comes back is new.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from chalicelib.core.instants import Instant
from chalicelib.core.models import Model
from chalicelib.core.outbox.effects import Effect
from chalicelib.vending.models import Cause, MachineReport

KIND = "announce"
OUT_OF_SERVICE = "out_of_service"
DIGEST_AT = time(7)
"""The local time from which on a zone's digest of the day goes out."""
MOST_NEWS = 40
"""Machines named in one message."""


class News(Model):
    """A cause that is not announced yet."""

    serial: str
    kind: str
    episode: int
    zone: str
    site: str | None = None
    technician: str | None = None
    since: Instant | None = None
    why: str
    parts: tuple[str, ...] = ()

    @property
    def urgent(self) -> bool:
        """Whether it is announced at once and not in the digest."""
        return self.kind == OUT_OF_SERVICE


class Followed(NamedTuple):
    """How the causes of a machine have changed since it was judged last.

    ``episodes`` counts those of each kind, ``open`` are the kinds that are open now.
    """

    episodes: Mapping[str, int]
    open: tuple[str, ...]
    news: Sequence[News]
    cleared: Sequence[str]


def follow(
    machine: MachineReport,
    episodes: Mapping[str, int],
    was_open: Iterable[str],
    *,
    zone: str,
    site: str | None,
    technician: str | None,
) -> Followed:
    """Return what is new about a machine, given what was open when it was judged last."""
    before = set(was_open)
    causes: dict[str, Cause] = {cause.kind: cause for cause in machine.causes}
    now_open: list[str] = [*causes]
    if machine.state == OUT_OF_SERVICE:
        now_open.append(OUT_OF_SERVICE)
    begun = [kind for kind in now_open if kind not in before]
    counted = {**episodes, **{kind: episodes.get(kind, 0) + 1 for kind in begun}}
    parts = tuple(dict.fromkeys(part for each in machine.verdicts for part in each.parts))
    news = []
    for kind in begun:
        if kind == "under" and OUT_OF_SERVICE in now_open:
            continue  # the same finding at its higher level
        cause = causes["under" if kind == OUT_OF_SERVICE else kind]
        news.append(
            News(
                serial=machine.serial,
                kind=kind,
                episode=counted[kind],
                zone=zone,
                site=site,
                technician=technician,
                since=cause.since,
                why=cause.why,
                parts=parts,
            )
        )
    return Followed(counted, tuple(now_open), news, sorted(before - set(now_open)))


class Digest(NamedTuple):
    """A message of a zone's local date, numbered from 1; ``last`` says that no other follows."""

    day: str
    number: int
    last: bool


def next_digest(zone: str, latest: Digest | None, waiting: int, now: datetime) -> Digest | None:
    """Return the digest that is due in a zone, None before seven or once the day's last is out.

    ``latest`` is the one before, ``waiting`` how many news wait.
    """
    here = now.astimezone(ZoneInfo(zone))
    today, last = here.date().isoformat(), waiting <= MOST_NEWS
    if latest and latest.day == today and not latest.last:
        return Digest(today, latest.number + 1, last)
    if here.time() >= DIGEST_AT and (latest is None or latest.day < today):
        return Digest(today, 1, last)
    return None


def at_once(news: News, to: str, now: datetime) -> Effect:
    """Return the message that a machine is out of service."""
    text = f"{_headline(news)}\n{news.why}\n{_errand(news)}".rstrip()
    subject = f"{news.serial} is out of service"
    return _effect(f"{news.serial}#{news.kind}#{news.episode}", to, subject, text, now)


def digest(news: Sequence[News], to: str, zone: str, which: Digest, now: datetime) -> Effect:
    """Return the message with what is new in a zone."""
    machines = len({each.serial for each in news})
    counted = "1 machine needs" if machines == 1 else f"{machines} machines need"
    lines = [
        f"- {_place(each)}: {each.why} {_errand(each)}".rstrip()
        for each in sorted(news, key=lambda each: (each.technician or "~", each.serial, each.kind))
    ]
    subject = f"{counted} attention"
    text = "\n".join([f"{counted} attention, new since the last digest:", *lines])
    return _effect(f"digest#{zone}#{which.day}#{which.number}", to, subject, text, now)


def _effect(name: str, to: str, subject: str, text: str, now: datetime) -> Effect:
    payload = {"to": to, "subject": subject, "text": text, "asked_at": now.timestamp()}
    return Effect(f"{KIND}#{name}", KIND, payload)


def _headline(news: News) -> str:
    return f"{_place(news)} is out of service."


def _place(news: News) -> str:
    return f"{news.serial} ({news.site})" if news.site else news.serial


def _errand(news: News) -> str:
    """Return who is to go and what to bring."""
    who = f"Technician: {news.technician}." if news.technician else "No technician is assigned."
    bring = f" Bring: {', '.join(news.parts)}." if news.parts else ""
    return who + bring
