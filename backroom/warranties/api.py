"""The routes of warranties as typed calls; see `backroom.vending.api`."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from urllib.parse import quote

from pydantic import TypeAdapter

from backroom.core.connection import Answer, Connection
from backroom.core.session import Session
from chalicelib.core import strict_json
from chalicelib.warranties.answers import PlansAnswer, Refusals, SaleAnswer, Warranty, WarrantyView

_SALE = TypeAdapter(SaleAnswer)
_WARRANTY = TypeAdapter(WarrantyView)
_WARRANTIES = TypeAdapter(tuple[Warranty, ...])
_PLANS = TypeAdapter(PlansAnswer)
_REFUSALS = TypeAdapter(tuple[Refusals, ...])


class WarrantiesApi:
    """What the API does with warranties. Raises ApiError or UnreachableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sell(self, sale: Mapping[str, object], *, key: str) -> tuple[Answer[SaleAnswer], bool]:
        """Ask for the warranties of an item; return whether ``key`` had asked before, too."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        content = strict_json.dumps(dict(sale))
        answer = self._connection.answer(
            _SALE, "POST", "/warranties", content=content, headers=headers
        )
        return answer, "Idempotent-Replayed" in answer.headers

    def warranty(self, warranty_id: str) -> Answer[WarrantyView]:
        """Return a warranty with what explains it."""
        path = f"/warranties/{quote(warranty_id, safe='')}"
        return self._connection.answer(_WARRANTY, "GET", path)

    def warranties(self, filters: Mapping[str, str], *, limit: int) -> Answer[tuple[Warranty, ...]]:
        """Return the first of the warranties that have all that ``filters`` name."""
        query = {**filters, "limit": str(limit), **({"match": "any-given"} if filters else {})}
        return self._connection.answer(_WARRANTIES, "GET", "/warranties", params=query)

    def all_of(self, store_uuid: str) -> Iterator[Answer[tuple[Warranty, ...]]]:
        """Yield all warranties of a store page by page."""
        answer = self.warranties({"store_uuid": store_uuid}, limit=1000)
        yield answer
        while answer.next_page:
            answer = self._connection.answer(_WARRANTIES, "GET", answer.next_page)
            yield answer

    def export(self, store_uuid: str) -> Iterator[str]:
        """Yield all warranties of a store as CSV, page by page, under one line of names."""
        path: str | None = f"/stores/{quote(store_uuid, safe='')}/warranties.csv"
        names = ""
        while path:
            response = self._connection.response("GET", path)
            text = response.content.decode()
            yield text.removeprefix(names)
            names = text[: text.index("\r\n") + 2]
            path = response.links.get("next", {}).get("url")

    def plans(self) -> Answer[PlansAnswer]:
        """Return the rate card in force."""
        return self._connection.answer(_PLANS, "GET", "/plans")

    def refusals(self) -> Answer[tuple[Refusals, ...]]:
        """Return how often sales got no warranty, by type and reason."""
        return self._connection.answer(_REFUSALS, "GET", "/plans/refusals")


@contextmanager
def warranties(here: Session) -> Iterator[WarrantiesApi]:
    """Talk to the API for a while."""
    with closing(Connection(here.url, transport=here.transport, sleep=here.sleep)) as connection:
        yield WarrantiesApi(connection)
