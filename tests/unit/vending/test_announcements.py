"""New causes are announced once: out of service at once, the rest in a digest at seven."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.core.outbox.effects import (
    CredentialsError,
    Effect,
    NotConfiguredError,
    OutcomeUnknownError,
    RejectedError,
)
from chalicelib.vending.announcements import Digest
from chalicelib.vending.handlers import AnnouncementHandler
from chalicelib.vending.models import ClosingBody, DispatchBody
from chalicelib.vending.store.announcements import AnnouncementStore
from tests.support.clock import Clock
from tests.support.dynamodb_in_memory import MemoryDynamoDB
from tests.support.stage import Killed
from tests.support.vending.wiring import fake_ports, fake_vending
from tests.support.vending.world import World, log

MORNING = datetime(2020, 3, 1, 8, tzinfo=UTC)
DEAD = [0] * 40
WORN = [1, 1, 1, 0] * 15
FINE = [1] * 60


class Told(World):
    """A world whose causes are announced to a Slack channel; it has its effects at hand."""

    dynamodb: MemoryDynamoDB

    def effects(self) -> list[dict[str, Any]]:
        """Return the announcements that were asked for, by id."""
        stored = (item for part in self.dynamodb.partitions.values() for item in part.values())
        return sorted((item for item in stored if "payload" in item), key=str)

    def texts(self) -> list[str]:
        return [str(item) for item in self.effects()]


def told(to: str = "slack:C0123") -> Told:
    dynamodb, clock = MemoryDynamoDB(), Clock(MORNING)
    ports = fake_ports(dynamodb)
    world = Told(ports, clock, fake_vending(ports, now=clock, announce_to=to))
    world.dynamodb = dynamodb
    world.open_site("mall", "America/Chicago")
    world.employ("T0001", "GM001", "GM002", site="mall")
    return world


def arrive(world: World, serial: str, *gumballs: int) -> None:
    world.take_import(log(serial, *gumballs))
    world.settle()


def test_a_machine_out_of_service_is_announced_at_once_and_once() -> None:
    world = told()

    arrive(world, "GM001", *DEAD)
    arrive(world, "GM001", *DEAD, 0, 0)

    [effect] = world.effects()
    assert "announce#GM001#out_of_service#1" in str(effect)
    assert "GM001 (mall) is out of service" in str(effect)
    assert "Technician: T0001. Bring: dispensing mechanism, dispense sensor." in str(effect)


def test_the_rest_waits_for_seven_in_the_morning_of_the_sites_zone() -> None:
    world = told()
    arrive(world, "GM001", *WORN)
    assert world.effects() == []

    world.clock.at = datetime(2020, 3, 2, 12, 59, tzinfo=UTC)  # 06:59 in Chicago
    assert world.vending.announcing.send_digests() == 0
    world.clock.at = datetime(2020, 3, 2, 13, 0, tzinfo=UTC)
    assert world.vending.announcing.send_digests() == 1
    assert world.vending.announcing.send_digests() == 0

    [effect] = world.effects()
    assert "announce#digest#America/Chicago#2020-03-02#1" in str(effect)
    assert "1 machine needs attention" in str(effect)


def test_a_log_that_is_overdue_is_in_the_digest_of_the_day_after_and_in_no_other() -> None:
    world = told()
    arrive(world, "GM001", *FINE)
    world.clock.at = datetime(2020, 3, 20, 2, tzinfo=UTC)
    for _ in range(2):
        world.night_falls()
        world.settle()
    world.clock.at = datetime(2020, 3, 20, 13, tzinfo=UTC)

    world.vending.announcing.send_digests()

    assert " ".join(world.texts()).count("- GM001 (mall): its log was due on") == 1
    world.clock.forward(days=1)
    world.night_falls()
    assert world.vending.announcing.send_digests() == 0


def test_a_cause_that_clears_before_the_digest_is_not_in_it() -> None:
    world = told()
    arrive(world, "GM001", *WORN)
    sent, _ = world.vending.dispatching.open(DispatchBody(machine="GM001"))
    world.vending.dispatching.close(sent.id, ClosingBody(note="mended"))

    world.clock.at = datetime(2020, 3, 2, 14, tzinfo=UTC)

    assert world.vending.announcing.send_digests() == 0
    assert world.effects() == []


def test_a_cause_that_clears_and_comes_back_is_new() -> None:
    world = told()
    arrive(world, "GM001", *DEAD)
    sent, _ = world.vending.dispatching.open(DispatchBody(machine="GM001"))
    world.vending.dispatching.close(sent.id, ClosingBody(note="mended"))
    world.take_import(log("GM001", *DEAD, first="2020-03-01T09:00:00"))
    world.settle()

    first, second = world.texts()
    assert "announce#GM001#out_of_service#1" in first
    assert "announce#GM001#out_of_service#2" in second


def test_a_busy_morning_is_several_messages_that_name_each_machine_once() -> None:
    world = told()
    serials = [f"GM{number}" for number in range(100, 145)]
    world.employ("T0002", *serials, site="mall")
    for serial in serials:
        arrive(world, serial, *WORN)
    world.clock.at = datetime(2020, 3, 2, 14, tzinfo=UTC)

    assert world.vending.announcing.send_digests() == 2
    words = " ".join(world.texts())
    assert all(words.count(f"- {serial} ") == 1 for serial in serials)


def test_a_digest_that_broke_off_goes_on_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    world = told()
    serials = [f"GM{number}" for number in range(100, 145)]
    world.employ("T0002", *serials, site="mall")
    for serial in serials:
        arrive(world, serial, *WORN)
    world.clock.at = datetime(2020, 3, 2, 14, tzinfo=UTC)
    send = AnnouncementStore.send

    def killed_at_the_second(store: AnnouncementStore, zone: str, which: Digest, *rest: Any) -> Any:
        if which.number > 1:
            raise Killed
        return send(store, zone, which, *rest)

    with monkeypatch.context() as dying:
        dying.setattr(AnnouncementStore, "send", killed_at_the_second)
        with pytest.raises(Killed):
            world.vending.announcing.send_digests()
    world.clock.forward(hours=1)

    assert world.vending.announcing.send_digests() == 1
    assert world.vending.announcing.send_digests() == 0
    words = " ".join(world.texts())
    assert all(words.count(f"- {serial} ") == 1 for serial in serials)


def test_who_is_told_again_after_a_pause_hears_of_what_is_new_since() -> None:
    """What began in between is known by now, and no announcement gets the name of an older one."""
    world = told()
    arrive(world, "GM001", *DEAD)
    sent, _ = world.vending.dispatching.open(DispatchBody(machine="GM001"))
    quiet = fake_vending(world.ports, now=world.clock)
    quiet.dispatching.close(sent.id, ClosingBody(note="mended"))

    world.take_import(log("GM001", *DEAD, first="2020-03-01T09:00:00"))
    world.settle()

    assert "announce#GM001#out_of_service#2" in world.texts()[1]


def test_nothing_is_announced_where_no_one_is_named() -> None:
    world = told(to="")
    arrive(world, "GM001", *DEAD)
    arrive(world, "GM002", *WORN)
    world.clock.at = datetime(2020, 3, 2, 14, tzinfo=UTC)

    assert world.vending.announcing.send_digests() == 0
    assert world.effects() == []


# --- the handler ---------------------------------------------------------------------------------


class Vendor:
    """Slack and mail at once; ``fails`` are raised, one a call."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.fails: list[Exception] = []
        self.letters: dict[str, int] = {}
        self.searched: list[float] = []

    def _said(self, to: str, text: str) -> None:
        if self.fails:
            raise self.fails.pop(0)
        self.sent.append((to, text))

    def open_dm(self, user: str) -> str:
        return f"D-{user}"

    def post(self, channel: str, text: str, *, effect_id: str) -> str:
        self._said(channel, text)
        return "17.1"

    def find(self, channel: str, *, effect_id: str, since: float = 0) -> str | None:
        self.searched.append(since)
        return "17.1" if any(to == channel for to, _ in self.sent) else None

    def send(self, letter: Any) -> str:
        self._said(letter.to, letter.text)
        return f"<{letter.effect_id}>"

    def count_letter(self, effect_id: str, number: int) -> int:
        self.letters[effect_id] = self.letters.get(effect_id, 0) + number
        return self.letters[effect_id]


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


def handler(vendor: Any) -> AnnouncementHandler:
    return AnnouncementHandler(lambda: vendor, lambda: vendor, vendor, now=lambda: MORNING)


def effect(to: str) -> Effect:
    told = {"to": to, "subject": "s", "text": "t", "asked_at": MORNING.timestamp()}
    return Effect("announce#GM001#under#1", "announce", told)


@pytest.mark.parametrize(
    ("to", "where"),
    [("slack:C0123", "C0123"), ("slack:U0123", "D-U0123"), ("mail:d@example.com", "d@example.com")],
)
def test_an_announcement_goes_to_a_channel_a_user_or_an_address(
    vendor: Vendor, to: str, where: str
) -> None:
    handler(vendor).handle(effect(to))

    assert vendor.sent == [(where, "t")]


def test_a_message_with_a_lost_answer_is_found_in_its_channel(vendor: Vendor) -> None:
    handler(vendor).handle(effect("slack:C0123"))

    assert handler(vendor).find(effect("slack:C0123")) == "C0123/17.1"
    assert handler(vendor).find(effect("slack:C0999")) is None
    a_minute_before = MORNING.timestamp() - 60
    assert vendor.searched == [a_minute_before] * 2, "not the whole channel"


def test_a_letter_of_unknown_outcome_is_sent_once_more_and_no_third_time(vendor: Vendor) -> None:
    vendor.fails = [OutcomeUnknownError("broke off"), OutcomeUnknownError("broke off")]
    for _ in range(2):
        with pytest.raises(OutcomeUnknownError):
            handler(vendor).handle(effect("mail:d@example.com"))

    with pytest.raises(RejectedError):
        handler(vendor).handle(effect("mail:d@example.com"))
    assert vendor.sent == []


def test_a_letter_that_certainly_did_not_leave_does_not_count(vendor: Vendor) -> None:
    vendor.fails = [CredentialsError("no")] * 5
    for _ in range(5):
        with pytest.raises(CredentialsError):
            handler(vendor).handle(effect("mail:d@example.com"))

    assert handler(vendor).handle(effect("mail:d@example.com"))


def test_without_credentials_an_announcement_waits(vendor: Vendor) -> None:
    def off() -> Any:
        raise NotConfiguredError("SLACK_TOKEN is missing")

    waiting = AnnouncementHandler(off, off, vendor, now=lambda: MORNING)

    with pytest.raises(NotConfiguredError):
        waiting.handle(effect("slack:C0123"))
