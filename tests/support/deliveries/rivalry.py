"""A state machine that sets rivals against each other.

`Rivalry` runs on whatever keeps the promises of `chalicelib.deliveries.ports`: the fakes, the real
stores on moto, the real stores on the embedded AWS.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chalicelib.core.errors import ConflictError
from chalicelib.deliveries.fields import Status
from chalicelib.deliveries.models import Package
from chalicelib.deliveries.ports import Counters, Packages, ScanPosition
from chalicelib.deliveries.records import Record
from chalicelib.deliveries.registry import TYPES
from chalicelib.deliveries.service.choosing import Choosing
from chalicelib.deliveries.service.sending import Sending
from tests.support.deliveries.fakes import NOON, FakeStore, Store, choices, package
from tests.support.stage import Killed

Fate = Literal["lives", "dies before the write", "dies after the write"]


@dataclass
class Interrupted:
    """Packages at which others act between the read and the write, and some writers die."""

    inner: Packages
    rivals: Callable[[], None] = lambda: None
    fate: Fate = "lives"
    find: Any = field(init=False)
    find_all: Any = field(init=False)
    note: Any = field(init=False)
    record: Any = field(init=False)

    def __post_init__(self) -> None:
        self.find, self.find_all = self.inner.find, self.inner.find_all
        self.note, self.record = self.inner.note, self.inner.record

    def add(self, record: Record) -> None:
        rivals, self.rivals = self.rivals, lambda: None
        rivals()
        if self.fate == "dies before the write":
            raise Killed
        self.inner.add(record)
        if self.fate == "dies after the write":
            raise Killed


@dataclass(frozen=True)
class Word:
    """What a recipient says."""

    recipient_id: str
    timestamp: int
    by_type: Mapping[str, bool]


Deed = Package | Word

SENDS = st.builds(
    package,
    package_id=st.sampled_from(["a", "b", 7, "7", "c d", "e/é"]),
    recipient_id=st.sampled_from(["mars", "venus"]),
    sender_id=st.sampled_from(["earth", "earth", "earth", "moon"]),
    package_type=st.sampled_from(sorted(TYPES)),
    timestamp=st.integers(0, 3),
)
WORDS = st.builds(
    Word,
    st.sampled_from(["mars", "venus"]),
    st.integers(-2, 3),
    st.dictionaries(st.sampled_from(sorted(TYPES)), st.booleans(), min_size=1),
)


class Rivalry(RuleBasedStateMachine):
    """Sends, retries, preferences and deaths in any interleaving, against a model of the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.store = self.new_store()
        self.decided: dict[str, tuple[Package, Status]] = {}
        self.preferences: dict[tuple[str, str], tuple[int, bool]] = {}

    def new_store(self) -> Store:
        return FakeStore()

    @rule(
        sent=SENDS,
        rivals=st.lists(SENDS | WORDS, max_size=2),
        fate=st.sampled_from(["lives", "lives", "dies before the write", "dies after the write"]),
    )
    def send(self, sent: Package, rivals: list[Deed], fate: Fate) -> None:
        packages = Interrupted(self.store, lambda: self._all(rivals), fate)
        known = sent.package_id in self.decided
        try:
            outcome = Sending(packages, now=lambda: NOON).send(sent)
        except Killed:
            if fate == "dies after the write":
                self._decide(sent)
            return
        except ConflictError:
            assert self._differs(sent)
            return
        assert not self._differs(sent)
        duplicate = known or sent.package_id in self.decided
        assert outcome.duplicate == duplicate
        if not duplicate:
            self._decide(sent)
        assert outcome.record.status == self.decided[sent.package_id][1]

    @rule(word=WORDS)
    def say(self, word: Word) -> None:
        body = choices(word.timestamp, **word.by_type)
        answer = Choosing(self.store, now=lambda: NOON).choose(word.recipient_id, body)
        for name, wanted in word.by_type.items():
            choice = (word.timestamp, not wanted)
            at = (word.recipient_id, name)
            self.preferences[at] = max(choice, self.preferences.get(at, choice))
        stands = all(
            self.preferences[word.recipient_id, name] == (word.timestamp, not wanted)
            for name, wanted in word.by_type.items()
        )
        assert answer.applied == stands

    @invariant()
    def counters_equal_records(self) -> None:
        counted = {at: n for at, n in self.store.counts().packages.items() if n}
        assert counted == _whole_recount(self.store)
        assert counted == Counter(
            (package.package_type, status) for package, status in self.decided.values()
        )

    @invariant()
    def what_was_said_last_stands(self) -> None:
        for recipient in ("mars", "venus"):
            standing = self.store.preferences(recipient)
            for name in TYPES:
                _, off = self.preferences.get((recipient, name), (0, False))
                assert standing.wants(name) is not off

    @invariant()
    def what_was_decided_stays(self) -> None:
        for package_id, (first, status) in self.decided.items():
            record = self.store.record(package_id)
            assert record
            assert (record.package, record.status) == (first, status)

    def _all(self, rivals: Iterable[Deed]) -> None:
        for deed in rivals:
            if isinstance(deed, Package):
                self.send(deed, [], "lives")
            else:
                self.say(deed)

    def _decide(self, sent: Package) -> None:
        _, off = self.preferences.get((sent.recipient_id, sent.package_type), (0, False))
        self.decided[sent.package_id] = (sent, "dropped" if off else "delivered")

    def _differs(self, sent: Package) -> bool:
        if sent.package_id not in self.decided:
            return False
        first = self.decided[sent.package_id][0]
        ours, theirs = sent.model_dump(), first.model_dump()
        return any(ours[name] != theirs[name] for name in ours if name != "timestamp")


def _whole_recount(store: Counters) -> Counter[tuple[str, Status]]:
    tally: Counter[tuple[str, Status]] = Counter()
    after: ScanPosition | None = None
    while True:
        counts, after = store.recount(after)
        tally.update(counts.packages)
        if after is None:
            return tally
