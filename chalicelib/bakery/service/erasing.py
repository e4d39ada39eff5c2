"""Erasing a customer: their orders stay, without any link to the customer.

What is found by a customer's name is changed order by order, each in one transaction with what is
done about it at vendors. So a run may repeat, overlap or break off: the next one finds the rest.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.bakery import effects
from chalicelib.bakery.documents import place, volumes
from chalicelib.bakery.names import record_id
from chalicelib.bakery.ports import Documents, Erasures, Orders, Spot
from chalicelib.bakery.records import Change, Erasure, Notice, Order
from chalicelib.core import canonical
from chalicelib.core.errors import UnavailableError
from chalicelib.core.paging import Id, sift
from chalicelib.core.values import dataclass

if TYPE_CHECKING:
    from chalicelib.core.outbox.rows import EffectRow

AT_ONCE = 50
"""Orders of a run."""
ERASED = "erased"
PERSONAL = ("customer", "email", "phone", "note")
"""What an order has of its customer."""
_MOST_TRIES = 20
_OPEN = {"open", "ticketed"}
# Actors in a history that are no persons: their texts contain no name.
_SYSTEM_ACTORS = {"customer", "hand", "order", "schedule"}
_PROVIDER = "provider, "
# RFC 7914: 16 MB and some 50 ms for each guess at a name.
_COST = {"n": 2**14, "r": 8, "p": 1}


@dataclass(frozen=True)
class Waiting:
    """An order that cannot lose its customer yet, and what has to happen before."""

    order: int
    why: str


@dataclass(frozen=True)
class Run:
    """What was erased: orders, and at vendors documents and messages.

    ``letters`` are those that were sent and cannot be taken back; ``following`` is where the next
    run continues.
    """

    orders: tuple[int, ...]
    documents: int
    messages: int
    letters: int
    waiting: tuple[Waiting, ...]
    following: int | None


@dataclass(frozen=True)
class Erasing:
    """Erases customers."""

    orders: Orders
    documents: Documents
    erasures: Erasures
    now: Callable[[], datetime]
    new_salt: Callable[[], str]

    def erase(self, customer: str, *, before: int | None = None, dry_run: bool = False) -> Run:
        """Erase a customer, by the name that identifies them; `AT_ONCE` orders a run.

        ``before`` is where an earlier run has stopped. With ``dry_run`` nothing is changed. Raises
        UnavailableError.
        """
        name = record_id(customer)
        spots = dict(self._spots(name))
        page = sift(
            self.orders.perhaps_of(name, before, page_size=AT_ONCE + 1),
            lambda order: order.customer_id == name and order.erasure is None,
            AT_ONCE,
            lambda order: Id(order.id),
        )
        done: list[Order] = []
        waiting: list[Waiting] = []
        for order in page.rows:
            if why := self._erase_order(order, name, spots, dry_run=dry_run):
                waiting.append(Waiting(order.id, why))
            else:
                done.append(order)
        notices = [order.notice or Notice() for order in done]
        return Run(
            orders=tuple(order.id for order in done),
            documents=self._erase_documents(name, spots, dry_run=dry_run),
            messages=sum(_message(notice) is not None for notice in notices),
            letters=sum((each.channel, each.state) == ("mail", "sent") for each in notices),
            waiting=tuple(waiting),
            following=page.next.id if page.next else None,
        )

    def _erase_order(
        self, order: Order, name: str, spots: Mapping[str, Spot], *, dry_run: bool
    ) -> str | None:
        """Take the customer out of an order; return why that has to wait, if it has."""
        for _ in range(_MOST_TRIES):
            if order.customer_id != name:  # another run was faster
                return None
            requested = self.erasures.requested(effects.about_customer(order))
            if why := _reason_to_wait(order, requested, spots.values()):
                return why
            if dry_run:
                return None
            after = erased(order, at=self.now(), salt=self.new_salt())
            message = _message(order.notice or Notice())
            follow = [effects.message_erasure(order.id, message)] if message else []
            if self.erasures.erase_order(order, after, requested=requested, effects=follow):
                return None
            order = self.orders.order(order.id) or order
        raise UnavailableError(f"Order {order.id} is being changed by too many callers; try again.")

    def _erase_documents(self, name: str, spots: Mapping[str, Spot], *, dry_run: bool) -> int:
        """Have a customer's documents deleted; return how many."""
        for _ in range(_MOST_TRIES):
            known = {each: spot for each, spot in spots.items() if spot.document_id}
            follow = [
                effects.document_erasure(spot.document_id)
                for spot in known.values()
                if spot.document_id
            ]
            if not known or dry_run or self.erasures.erase_documents(known, follow):
                return len(known)
            spots = dict(self._spots(name))
        raise UnavailableError("The customer's documents are being changed; try again.")

    def _spots(self, name: str) -> Iterator[tuple[str, Spot]]:
        """Yield where the customer's documents are, as far as there are any."""
        for volume in volumes(name):
            spot = self.documents.spot(place(volume))
            if spot == Spot():
                return
            yield place(volume), spot


def _reason_to_wait(
    order: Order, requested: "Sequence[EffectRow]", spots: Collection[Spot]
) -> str | None:
    """Return why it is unknown what vendors have of an order, or that it is still open."""
    if order.status in _OPEN:
        return f"it is {order.status}: cancel it, or mark it as ready"
    for row in requested:
        if row.state in {"sending", "unsure"} or row.ended or row.fault:
            return f"{row.effect.id} has not ended: try again in a few minutes"
        looked_up = row.effect.kind == "google" or (order.notice or Notice()).channel == "slack"
        if row.unsure_at and looked_up:
            return f"{row.effect.id} may have been done: backroom outbox show '{row.effect.id}'"
        if Spot(None, row.effect.id) in {Spot(each.document_id, each.maker) for each in spots}:
            return f"{row.effect.id} may have made a document: try again when it has ended"
    return None


def _message(notice: Notice) -> str | None:
    """Return what a notice's message is called at Slack, if it is one."""
    is_message = notice.channel == "slack" and notice.reference and "/" in notice.reference
    return notice.reference if is_message else None


# --- what is left of an order ---------------------------------------------------------------------


def erased(order: Order, *, at: datetime, salt: str) -> Order:
    """Return an order without its customer: name, address and free text."""
    proof = _proof({name: getattr(order, name) for name in PERSONAL}, salt)
    return order.after(
        customer=f"Erased {order.id}",
        email=None,
        phone=None,
        note=None,
        history=tuple(_without_words(step, order.customer) for step in order.history),
        notice=order.notice and _without_customer(order.notice),
        erasure=Erasure(at=at, salt=salt, proof=proof),
    )


def proves(erasure: Erasure, personal: Mapping[str, object]) -> bool:
    """Return whether what an order had of its customer was this."""
    return hmac.compare_digest(erasure.proof, _proof(personal, erasure.salt))


def _proof(personal: Mapping[str, object], salt: str) -> str:
    text = canonical.form(personal).encode()
    return hashlib.scrypt(text, salt=salt.encode(), **_COST).hex()


def _without_words(step: Change, customer: str) -> Change:
    """Return a step without what people typed; the bakery's own texts contain no name."""
    system_actor = step.by in _SYSTEM_ACTORS or step.by.startswith(_PROVIDER)
    named = record_id(customer) in record_id(f"{step.by} {step.reason}")
    if system_actor and not named:
        return step
    return step.model_copy(update={"by": "staff", "reason": ERASED})


def _without_customer(notice: Notice) -> Notice:
    gone: dict[str, object] = {"to": None, "reference": None, "why": None}
    if notice.state != "sent":
        gone |= {"state": "unreachable", "why": ERASED}
    return notice.model_copy(update=gone)
