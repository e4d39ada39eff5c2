"""Resolves the argument of `backroom open`: the kind of a record, and its id."""

import re
from typing import NamedTuple

from backroom.core import page
from backroom.core.closeness import closest
from backroom.core.errors import ClientError
from backroom.operations.api import OperationsApi

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9a-z]{4}(-[0-9a-z]{2,4}){3}|[0-9a-f-]{36}-\d{1,3}", re.IGNORECASE)


class NothingSuchError(ClientError):
    """No record has the given name."""


class Thing(NamedTuple):
    """One thing: a key of `page.THINGS`, its name, and the path where the API has it."""

    kind: str
    name: str
    path: str = ""


_BY_FORM = (
    (re.compile(r"GM\d{3,18}", re.IGNORECASE), "machines", "/machines/{}"),
    (re.compile(r"T\d{4,9}", re.IGNORECASE), "technicians", "/technicians/{}"),
    (re.compile(r"#?(\d{1,15})"), "orders", "/orders/{}"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "batches", "/batches/{}"),
    (re.compile(r"[!-~]+#[!-~]+"), "effects", "/outbox/effect?id={}"),
)


def meant(api: OperationsApi, named: str) -> Thing:
    """Return the thing that is called ``named``, by its form or else by the API.

    ``orders/12`` is an order whatever else is called 12. Raises NothingSuchError.
    """
    kind, _, name = named.partition("/")
    if kind in page.THINGS and name:
        return Thing(kind, name)
    for form, kind, path in _BY_FORM:
        if found := form.fullmatch(named):
            name = found[1] if form.groups else named
            name = name.upper() if kind in {"machines", "technicians"} else name
            return Thing(kind, name, path)
    found_there = _asked(api, named)
    if found_there is None:
        likely = closest(named, page.SCREENS)
        step = f"backroom open {likely}" if likely else f"name its kind, such as packages/{named}"
        raise NothingSuchError(f"Nothing here is called {named}.", next_step=step)
    return found_there


def _asked(api: OperationsApi, named: str) -> Thing | None:
    if _UUID.fullmatch(named):
        for kind in ("accounts", "transactions"):
            if api.has(f"/{kind}/{{}}", named):
                return Thing(kind, named.lower())
    if _NUMBER.fullmatch(named) and (warranty_id := api.warranty_id(named)):
        return Thing("warranties", warranty_id)
    return Thing("packages", named) if api.has("/packages?package_id={}", named) else None
