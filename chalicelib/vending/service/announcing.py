"""Announcing what is new: machines out of service at once, the rest in a digest at seven."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.core.outbox.effects import Effect
from chalicelib.vending import announcements
from chalicelib.vending.announcements import News
from chalicelib.vending.models import Site
from chalicelib.vending.ports import Announced, Announcements, Fleet, MachineState


@dataclass(frozen=True)
class Announcing:
    """Announces causes to ``to``: ``slack:<id>`` or ``mail:<address>``; to nobody when empty."""

    to: str
    store: Announcements
    now: Callable[[], datetime]

    def put(
        self, fleet: Fleet, state: MachineState, over: MachineState | None, site: Site | None
    ) -> None:
        """Store a machine's state, and in the same transaction what is new about it.

        Raises StaleSummaryError.
        """
        if not self.to:
            fleet.put(state, over=over)
            return
        followed = announcements.follow(
            state.summary,
            over.episodes if over else {},
            over.open if over else (),
            zone=state.zone,
            site=site.name if site else state.site,
            technician=state.technician,
        )
        known = {"episodes": dict(followed.episodes), "open": followed.open}
        fleet.put(
            state.model_copy(update=known),
            over=over,
            announced=Announced(
                news=[each for each in followed.news if not each.urgent],
                cleared=followed.cleared,
                effects=[
                    announcements.at_once(each, self.to) for each in followed.news if each.urgent
                ],
            ),
        )

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
        latest = self.store.latest(zone)
        day = announcements.digest_is_due(zone, latest and latest.partition("#")[0], self.now())
        if day is None:
            return 0
        parts = range(0, len(news), announcements.MOST_NEWS)
        for number, first in enumerate(parts, 1):
            part = news[first : first + announcements.MOST_NEWS]
            effect: Effect = announcements.digest(part, self.to, zone, day, number)
            if not self.store.send(zone, f"{day}#{number:03d}", effect, part):
                return number - 1
        return len(parts)
