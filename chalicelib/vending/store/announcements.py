"""What is to be announced: news that waits for a digest, and how far the digests are.

``NEWS/<serial>#<kind>``     news that waits, with its ``episode``
``DIGESTS/<zone>``           the latest digest, as ``<local date>#<number>``, and whether the day
                             has ``more``
``LETTERS/<effect id>``      how often a letter may have left
"""

from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.core.outbox.effects import Effect
from chalicelib.core.outbox.outbox import Outbox
from chalicelib.core.table import Condition, ConditionError, Table, key
from chalicelib.vending.announcements import Digest, News
from chalicelib.vending.ports import Announced

_NEWS, _DIGESTS, _LETTERS = "NEWS", "DIGESTS", "LETTERS"
MOST_PENDING = 1_000


class AnnouncementStore:
    """Announcements in DynamoDB."""

    def __init__(self, table: Table, outbox: Outbox) -> None:
        self._table = table
        self._outbox = outbox

    def following(self, serial: str, announced: Announced) -> Iterator[dict[str, Any]]:
        """Yield the actions that go into the transaction which stores a machine's state."""
        for kind in announced.cleared:
            yield self._table.deleting(_NEWS, f"{serial}#{kind}")
        for each in announced.news:
            body = {"episode": {"N": str(each.episode)}, "body": {"S": each.json_text()}}
            yield self._table.putting({**key(_NEWS, f"{serial}#{each.kind}"), **body})
        for effect in announced.effects:
            yield self._outbox.adding(effect)

    def pending(self) -> list[News]:
        """Return news that waits for a digest."""
        items = zip(self._table.query(_NEWS), range(MOST_PENDING), strict=False)
        return [News.model_validate_json(item["body"]["S"]) for item, _ in items]

    def latest(self, zone: str) -> Digest | None:
        """Return the latest digest of a zone."""
        item = self._table.get(_DIGESTS, zone)
        if item is None:
            return None
        day, _, number = item["latest"]["S"].partition("#")
        return Digest(day, int(number), not item.get("more", {}).get("BOOL"))

    def send(self, zone: str, which: Digest, effect: Effect, news: Sequence[News]) -> bool:
        """Ask for a digest and have its news wait no longer, all or nothing.

        Returns False when another run was faster, or some of the news has changed; then the next
        look decides anew.
        """
        latest = {"S": f"{which.day}#{which.number:03d}"}
        newer = Condition("attribute_not_exists(pk) OR latest < :it", {":it": latest})
        fields = {"latest": latest, "more": {"BOOL": not which.last}}
        try:
            self._table.transact(
                self._table.putting({**key(_DIGESTS, zone), **fields}, newer),
                self._outbox.adding(effect),
                *(
                    self._table.deleting(_NEWS, f"{each.serial}#{each.kind}", _unchanged(each))
                    for each in news
                ),
            )
        except ConditionError:
            return False
        return True

    def count_letter(self, effect_id: str, number: int) -> int:
        """Add to how often a letter may have left; return the sum."""
        return self._table.add(_LETTERS, effect_id, "letters", number)


def _unchanged(news: News) -> Condition:
    return Condition("episode = :n", {":n": {"N": str(news.episode)}})
