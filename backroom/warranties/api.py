"""The routes of warranties as typed calls, one method a route."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from pydantic import TypeAdapter

from backroom.core.connection import Answer, Connection
from backroom.core.requests import exactly, given, keyed, part
from chalicelib.warranties.answers import (
    CancellationView,
    PlansAnswer,
    QuoteAnswer,
    Refusals,
    SaleAnswer,
    Warranty,
    WarrantyView,
)

_SALE = TypeAdapter(SaleAnswer)
_WARRANTY = TypeAdapter(WarrantyView)
_WARRANTIES = TypeAdapter(tuple[Warranty, ...])
_CANCELLATION = TypeAdapter(CancellationView)
_QUOTE = TypeAdapter(QuoteAnswer)
_PLANS = TypeAdapter(PlansAnswer)
_REFUSALS = TypeAdapter(tuple[Refusals, ...])


class WarrantiesApi:
    """What the API does with warranties. Raises ApiError or UnreachableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sell(
        self, sale: Mapping[str, object], *, key: str | None = None
    ) -> tuple[Answer[SaleAnswer], bool]:
        """Create the warranties of an item; return whether the answer is a replay of ``key``."""
        sent = exactly(sale)
        sent["headers"] |= keyed(key)
        answer = self._connection.answer(_SALE, "POST", "/warranties", **sent)
        return answer, "Idempotent-Replayed" in answer.headers

    def warranty(self, warranty_id: str) -> Answer[WarrantyView]:
        """Return a warranty with what explains it."""
        path = f"/warranties/{part(warranty_id)}"
        return self._connection.answer(_WARRANTY, "GET", path)

    def find(self, number: str) -> Answer[tuple[Warranty, ...]]:
        """Return the warranties of a number or an id, however it is written."""
        return self._connection.answer(_WARRANTIES, "GET", "/warranties", params={"number": number})

    def cancel(
        self, warranty_id: str, *, reason: str | None = None
    ) -> tuple[Answer[CancellationView], bool]:
        """Cancel a warranty; return how, and whether it was cancelled before."""
        path = f"/warranties/{part(warranty_id)}/cancellation"
        answer = self._connection.answer(
            _CANCELLATION, "POST", path, repeatable=True, **exactly(given({"reason": reason}))
        )
        return answer, "Idempotent-Replayed" in answer.headers

    def warranties(self, filters: Mapping[str, str], *, limit: int) -> Answer[tuple[Warranty, ...]]:
        """Return the first of the warranties that have all that ``filters`` name."""
        query = {**filters, "limit": str(limit), **({"match": "any-given"} if filters else {})}
        return self._connection.listed(_WARRANTIES, "/warranties", query, counted=True)

    def all_warranties(self, filters: Mapping[str, str]) -> Iterator[Warranty]:
        """Yield all warranties that have all that ``filters`` name."""
        query = {**filters, **({"match": "any-given"} if filters else {})}
        return self._connection.members(_WARRANTIES, "/warranties", params=query)

    def all_of(self, store_uuid: str) -> Iterator[Answer[tuple[Warranty, ...]]]:
        """Yield all warranties of a store page by page."""
        query = {"store_uuid": store_uuid, "limit": "1000", "match": "any-given"}
        return self._connection.pages(_WARRANTIES, "/warranties", params=query)

    def export(self, store_uuid: str) -> Iterator[str]:
        """Yield all warranties of a store as CSV, page by page, under one line of names."""
        return self._connection.csv(f"/stores/{part(store_uuid)}/warranties.csv")

    def plans(self, *, rate_card: str | None = None) -> Answer[PlansAnswer]:
        """Return the rate card in force, or that of a version."""
        query = given({"rate_card": rate_card})
        return self._connection.answer(_PLANS, "GET", "/plans", params=query)

    def quote(
        self, item_type: str, cost: str, *, rate_card: str | None = None
    ) -> Answer[QuoteAnswer]:
        """Return what an item's warranties would cost, each price worked out; nothing is sold."""
        query = given({"item_type": item_type, "item_cost": cost, "rate_card": rate_card})
        return self._connection.answer(_QUOTE, "GET", "/plans/quote", params=query)

    def refusals(self) -> Answer[tuple[Refusals, ...]]:
        """Return how often sales got no warranty, by type and reason."""
        return self._connection.answer(_REFUSALS, "GET", "/plans/refusals")


def sale(store_uuid: str, item_type: str, sku: str, cost: str, title: str) -> Mapping[str, object]:
    """Return the body of a sale; the cost goes out to the letter."""
    return {
        "store_uuid": store_uuid,
        "item_type": item_type,
        "item_sku": sku,
        "item_cost": Decimal(cost),
        "item_title": title,
    }
