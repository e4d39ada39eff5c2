"""Announcing what is new: machines out of service at once, the rest in a digest at seven."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from chalicelib.core.values import dataclass
from chalicelib.vending import announcements
from chalicelib.vending.announcements import News
from chalicelib.vending.causes import with_overdue
from chalicelib.vending.models import Site
from chalicelib.vending.ports import Announced, Announcements, Fleet, MachineState


@dataclass(frozen=True)
class Announcing:
    """Announces causes to ``to``: ``slack:<id>`` or ``mail:<address>``; off when empty."""

    to: str
    store: Announcements
    now: Callable[[], datetime]

    def put(
        self, fleet: Fleet, state: MachineState, over: MachineState | None, site: Site | None
    ) -> None:
        """Store a machine's state, and in the same transaction what is new about it.

        Raises StaleSummaryError.
        """
        now = self.now()
        followed = announcements.follow(
            with_overdue(state.summary, state.zone, now),
            over.episodes if over else {},
            over.open if over else (),
            zone=state.zone,
            site=site.name if site else state.site,
            technician=state.technician,
        )
        # Followed also when announcements are off: an episode has its number once.
        known = {"episodes": dict(followed.episodes), "open": followed.open}
        to_announce = followed.news if self.to else ()
        announced = Announced(
            news=[each for each in to_announce if not each.urgent],
            cleared=followed.cleared,
            effects=[
                announcements.at_once(each, self.to, now) for each in to_announce if each.urgent
            ],
        )
        fleet.put(state.model_copy(update=known), over=over, announced=announced)

    def send_digests(self) -> int:
        """Send the digests that are due; return how many."""
        if not self.to:
            return 0
        by_zone: dict[str, list[News]] = defaultdict(list)
        for each in self.store.pending():
            by_zone[each.zone].append(each)
        return sum(self._send(zone, news) for zone, news in by_zone.items())

    def _send(self, zone: str, news: Sequence[News]) -> int:
        """Send what a zone's day calls for, in as many messages as it takes."""
        latest, now, sent = self.store.latest(zone), self.now(), 0
        while due := announcements.next_digest(zone, latest, len(news), now):
            part, news = news[: announcements.MOST_NEWS], news[announcements.MOST_NEWS :]
            effect = announcements.digest(part, self.to, zone, due, now)
            if not part or not self.store.send(zone, due, effect, part):
                break
            latest, sent = due, sent + 1
        return sent
