"""The routes of the bakery as typed calls, one method a route."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter

from backroom.core.connection import Answer, Connection
from backroom.core.requests import exactly, given, keyed, part
from chalicelib.bakery.answers import (
    BatchAnswer,
    BatchSummary,
    CakeAnswer,
    EmployeeAnswer,
    ErasureAnswer,
    NextBatchAnswer,
    NoticePreview,
    OrderAnswer,
)

_CAKE, _CAKES = TypeAdapter(CakeAnswer), TypeAdapter(tuple[CakeAnswer, ...])
_NOTICE = TypeAdapter(NoticePreview)
_ORDER, _ORDERS = TypeAdapter(OrderAnswer), TypeAdapter(tuple[OrderAnswer, ...])
_ERASURE = TypeAdapter(ErasureAnswer)
_BATCH, _BATCHES = TypeAdapter(BatchAnswer), TypeAdapter(tuple[BatchSummary, ...])
_NEXT_BATCH = TypeAdapter(NextBatchAnswer)
_EMPLOYEE, _EMPLOYEES = TypeAdapter(EmployeeAnswer), TypeAdapter(tuple[EmployeeAnswer, ...])

Body = Mapping[str, Any]


class BakeryApi:
    """What the API does in the bakery. Raises ApiError or UnreachableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- cakes ---

    def cakes(self) -> Answer[tuple[CakeAnswer, ...]]:
        """Return all cakes."""
        return self._connection.answer(_CAKES, "GET", "/cakes")

    def cake(self, cake_id: str) -> Answer[CakeAnswer]:
        """Return a cake."""
        return self._connection.answer(_CAKE, "GET", f"/cakes/{part(cake_id)}")

    def add_cake(self, body: Body) -> Answer[CakeAnswer]:
        """Add a cake."""
        return self._connection.answer(_CAKE, "POST", "/cakes", **exactly(body))

    def remove_cake(self, cake_id: str) -> None:
        """Delete a cake."""
        self._connection.response("DELETE", f"/cakes/{part(cake_id)}")

    # --- orders ---

    def orders(
        self,
        status: str | None,
        limit: int,
        *,
        customer: str | None = None,
        due: str | None = None,
        counted: bool = False,
    ) -> Answer[tuple[OrderAnswer, ...]]:
        """Return the newest orders, those with a status, of a customer or due on a day if given.

        ``counted`` asks for the total.
        """
        query = given({"limit": limit, "status": status, "customer": customer, "due": due})
        return self._connection.listed(_ORDERS, "/orders", query, counted=counted)

    def all_orders(
        self, *, status: str | None = None, customer: str | None = None, due: str | None = None
    ) -> Iterator[OrderAnswer]:
        """Yield all such orders, newest first."""
        query = given({"status": status, "customer": customer, "due": due})
        return self._connection.members(_ORDERS, "/orders", params=query)

    def order(self, order_id: int) -> Answer[OrderAnswer]:
        """Return an order."""
        return self._connection.answer(_ORDER, "GET", f"/orders/{order_id}")

    def place(self, body: Body) -> Answer[OrderAnswer]:
        """Place an order, once, however often it has to be sent."""
        sent = exactly(body)
        sent["headers"] |= keyed()
        return self._connection.answer(_ORDER, "POST", "/orders", **sent)

    def cancel(self, order_id: int, reason: str | None) -> None:
        """Cancel an order; a repeat is safe."""
        query = given({"reason": reason or None})
        self._connection.response("DELETE", f"/orders/{order_id}", params=query)

    def notice(self, order_id: int) -> Answer[NoticePreview]:
        """Show an order's notice before it is sent."""
        return self._connection.answer(_NOTICE, "GET", f"/orders/{order_id}/notice")

    def ready(self, order_id: int) -> Answer[OrderAnswer]:
        """Mark an order as ready; repeatable."""
        path = f"/orders/{order_id}/ready"
        return self._connection.answer(_ORDER, "POST", path, repeatable=True)

    def undo_ready(self, order_id: int, reason: str | None = None) -> Answer[OrderAnswer]:
        """Undo that an order is ready, before its customer is notified; repeatable."""
        query = given({"reason": reason or None})
        return self._connection.answer(_ORDER, "DELETE", f"/orders/{order_id}/ready", params=query)

    def erase(
        self, customer: str, *, dry_run: bool = False, before: int | None = None
    ) -> Answer[ErasureAnswer]:
        """Erase a customer, some orders at a time; a repeat is safe.

        ``before`` is that of the answer before.
        """
        body: dict[str, object] = {"customer": customer, "dry_run": dry_run}
        if before is not None:
            body["before"] = before
        return self._connection.answer(_ERASURE, "POST", "/erasures", **exactly(body))

    # --- batches ---

    def batches(self, limit: int) -> Answer[tuple[BatchSummary, ...]]:
        """Return the newest batches."""
        query = {"limit": str(limit)}
        return self._connection.listed(_BATCHES, "/batches", query, counted=True)

    def all_batches(self) -> Iterator[BatchSummary]:
        """Yield all batches, newest first."""
        return self._connection.members(_BATCHES, "/batches")

    def batch(self, day: str, ticket: int | None = None) -> Answer[BatchAnswer]:
        """Return a day's batch, or an extra ticket of the day."""
        query = given({"ticket": ticket})
        return self._connection.answer(_BATCH, "GET", f"/batches/{day}", params=query)

    def next_batch(self) -> Answer[NextBatchAnswer]:
        """Return what the waiting orders need before their ticket goes."""
        return self._connection.answer(_NEXT_BATCH, "GET", "/batches/next")

    def run_batch(self, ticket: int | None = None) -> Answer[BatchAnswer]:
        """Run today's batch, or return it if it was run before; a repeat is safe.

        ``ticket`` is the number of an extra ticket: the ``next_ticket`` of such an answer.
        """
        query = given({"ticket": ticket})
        return self._connection.answer(_BATCH, "POST", "/batches", repeatable=True, params=query)

    # --- employees ---

    def employees(self) -> Answer[tuple[EmployeeAnswer, ...]]:
        """Return all employees."""
        return self._connection.answer(_EMPLOYEES, "GET", "/employees")

    def employee(self, employee_id: int) -> Answer[EmployeeAnswer]:
        """Return an employee."""
        return self._connection.answer(_EMPLOYEE, "GET", f"/employees/{employee_id}")

    def hire(self, body: Body) -> Answer[EmployeeAnswer]:
        """Add an employee."""
        return self._connection.answer(_EMPLOYEE, "POST", "/employees", **exactly(body))

    def change(self, employee_id: int, body: Body) -> Answer[EmployeeAnswer]:
        """Change an employee."""
        path = f"/employees/{employee_id}"
        return self._connection.answer(_EMPLOYEE, "PATCH", path, **exactly(body))

    def fire(self, employee_id: int) -> None:
        """Delete an employee, access included."""
        self._connection.response("DELETE", f"/employees/{employee_id}")
