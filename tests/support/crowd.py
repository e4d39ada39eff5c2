"""Much data of every kind, put into a stack through its API, to look at its screens.

``python -m tests.support.crowd http://localhost:8000`` fills a stack that has nothing; with
``--orders 500 --files 1000 --entries 100000`` there is more of these, ``--only ledger`` fills one
part alone.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from backroom.vending.simulation import ALL_PLANTS, simulate

ACCOUNT = str(UUID(int=0xACC0, version=4))
"""The account with most of the entries."""
CALLERS = 4
BATCH, TRIES = 100, 5
ENTRIES = 33
"""The most entries that a request may have."""
PEOPLE = (
    *("Keisha Okafor", "Ben Ito", "María José Carreño Quiñones", "Bartholomew Featherstonehaugh"),
    *("Li Na", "O'Hara", "Priya Raghunathan-Venkatasubramanian", "Tom", "Zoë Åkerström"),
)
CAKES = ("Chocolate Cake", "Carrot Cake", "Black Forest Gateau with Sour Cherries", "Cheesecake")
SITES = ("Harbour Mall", "Central Station", "Town Hall", "St Mary's Primary School")
SHOPS = 4
VISITED = 5
"""Every fifth machine has a visit, half of which are closed."""
PLANTS = [*ALL_PLANTS, *("under", "over", "dead", "lost_log", "corrupt") * 5]


@dataclass(frozen=True)
class Crowd:
    """How much of each there is."""

    machines: int = 60
    days: int = 28
    files: int = 30
    orders: int = 120
    packages: int = 150
    entries: int = 1_000
    warranties: int = 60


def crowd(api: httpx.Client, size: Crowd, *, only: Iterable[str] = (), seed: int = 1) -> None:
    """Fill a stack that has nothing with as much as ``size`` says; with ``only``, these parts."""
    parts = (fleet, bakery, deliveries, ledger, warranties)
    for fill in parts:
        if not only or fill.__name__ in only:
            fill(api, size, random.Random(seed))


def fleet(api: httpx.Client, size: Crowd, dice: random.Random) -> None:
    """Have technicians and sites, machines that are theirs, logs with faults, files, visits."""
    technicians = [f"T{number:04d}" for number in range(1, len(PEOPLE) + 1)]
    for technician, name in zip(technicians, PEOPLE, strict=True):
        _sent(api.put, f"/technicians/{technician}", json={"name": name})
    for number, name in enumerate(SITES, 1):
        place = {"name": name, "time_zone": "Europe/London", "address": f"{number} Pier Road"}
        _sent(api.put, f"/sites/site-{number}", json=place)
    made = simulate(
        seed=1,
        ending=datetime.now(UTC).replace(microsecond=0),
        machines=size.machines,
        days=size.days,
        plants=PLANTS if size.machines >= len(PLANTS) else ALL_PLANTS,
        rhythms=("mall", "station", "office"),
    )

    def keep(serial: str) -> None:
        theirs = {"capacity": 500, "site": f"site-{dice.randint(1, len(SITES))}"}
        if dice.random() < 0.95:
            theirs["technician"] = dice.choice(technicians)
        _sent(api.put, f"/machines/{serial}", json=theirs)
        log = b"".join(made.logs[serial])
        _upload(api, f"{serial}.txt", log)

    _each(keep, made.logs)
    logs = list(made.logs.values())

    def export(number: int) -> None:
        first, machine = divmod(number, len(logs))
        _upload(api, f"export {number:04d}.txt", b"".join(logs[machine][first : first + 3]))

    _each(export, range(size.files))
    for number, serial in enumerate(list(made.logs)[VISITED::VISITED]):
        if _sent(api.get, f"/machines/{serial}").json().get("technician"):
            visit = _sent(api.post, "/dispatches", json={"machine": serial, "note": "Use gate 3"})
            if number % 2:
                _sent(api.post, f"/dispatches/{visit.json()['id']}/close", json={"note": "Mended"})


def bakery(api: httpx.Client, size: Crowd, dice: random.Random) -> None:
    """Have orders in every state, and two tickets."""
    for cake in CAKES:
        recipe = {name: {"amount": dice.randint(5, 90), "unit": "g"} for name in ("flour", "sugar")}
        _sent(api.post, "/cakes", json={"name": cake, "ingredients": recipe})
    for name in PEOPLE[:3]:
        first, _, last = name.partition(" ")
        permissions = {"developer": name == PEOPLE[0]}
        person = {"firstName": first, "lastName": last or "Smith", "permissions": permissions}
        _sent(api.post, "/employees", json=person)

    def order(number: int) -> int:
        due = datetime.now(UTC) + timedelta(hours=dice.randint(2, 200))
        wish = {
            "customer": dice.choice(PEOPLE),
            "recipe": dice.choice(CAKES),
            "persons": dice.randint(1, 40),
            "quantity": dice.randint(1, 6),
            "due_at": due.isoformat() if number % 3 else None,
            "note": "“Happy birthday, grandma”, no nuts, please" if number % 5 == 0 else None,
            "email": "kitchen@example.com" if number % 4 == 0 else None,
            "urgent": number % 20 == 0,
        }
        asked = {name: value for name, value in wish.items() if value is not None}
        placed: int = _sent(api.post, "/orders", json=asked).json()["id"]
        return placed

    placed = _each(order, range(size.orders // 2))
    _sent(api.post, "/batches")
    _each(lambda number: _sent(api.post, f"/orders/{number}/ready"), placed[::3])
    later = _each(order, range(size.orders - len(placed)))
    _each(lambda number: _sent(api.delete, f"/orders/{number}"), later[::8])


def deliveries(api: httpx.Client, size: Crowd, dice: random.Random) -> None:
    """Have packages delivered and dropped."""
    choice = {"timestamp": int(time.time()) - 3600, "preferences": {"marketing": False}}
    for number in range(10):
        _sent(api.put, f"/recipients/customer-{number}/preferences", json=choice)
    for first in range(0, size.packages, BATCH):
        packages = [
            {
                "timestamp": int(time.time()),
                "sender_id": f"shop-{dice.randint(1, SHOPS)}",
                "recipient_id": f"customer-{dice.randint(1, 30)}",
                "package_id": f"P-{first + number:06d}",
                "package_type": dice.choice(("personal", "marketing")),
            }
            for number in range(min(BATCH, size.packages - first))
        ]
        _sent(api.post, "/packages/batch", json={"packages": packages})


def ledger(api: httpx.Client, size: Crowd, dice: random.Random) -> None:
    """Have named accounts; half of the entries are of one."""
    names = ("Petty cash", "Sales of the shop at the harbour", "Rent", "Wages", "Flour and sugar")
    accounts = [ACCOUNT, *(str(UUID(int=dice.getrandbits(128), version=4)) for _ in range(24))]
    # An account takes its entries one after the other, so nobody else posts to those of a caller.
    others = [accounts[first :: CALLERS - 1] for first in range(1, CALLERS)]
    part = size.entries // 2 // len(others)
    shares = [(size.entries - part * len(others), [ACCOUNT]), *((part, each) for each in others)]

    def post(share: tuple[int, list[str]]) -> None:
        count, theirs = share
        own = random.Random(theirs[0])
        for first in range(0, count, ENTRIES):
            entries = [
                {
                    "account_id": theirs[number % len(theirs)],
                    "amount": own.choice((1, -1, 1)) * own.randint(1, 250_000),
                }
                for number in range(first, min(first + ENTRIES, count))
            ]
            _sent(api.post, "/transactions/batch", json={"transactions": entries})

    _each(post, shares)
    for account, name in zip(accounts, names, strict=False):
        told = {"name": name, "unit": "USD", "decimals": 2}
        _sent(api.put, f"/accounts/{account}", json=told)


def warranties(api: httpx.Client, size: Crowd, dice: random.Random) -> None:
    """Have warranties sold by a few stores."""

    def sell(number: int) -> None:
        sale = {
            "store_uuid": f"store-{number % 4}",
            "item_type": dice.choice(("furniture", "electronics")),
            "item_sku": f"sku-{number:05d}",
            "item_cost": dice.randint(100, 2_000),
            "item_title": "Amy's Sectional Sofa with Reclining Seats" if number % 3 else "Table",
        }
        _sent(api.post, "/warranties", json=sale)

    _each(sell, range(size.warranties))


def _upload(api: httpx.Client, name: str, log: bytes) -> None:
    headers = {"Content-Type": "text/plain"}
    _sent(api.post, "/imports", params={"filename": name}, content=log, headers=headers)


def _each(work: Callable[[Any], Any], todo: Iterable[Any]) -> list[Any]:
    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(work, todo))


def _sent(send: Callable[..., httpx.Response], *told: Any, **named: Any) -> httpx.Response:
    """Send, again while a busy machine does not answer: what comes twice is no harm here."""
    for _ in range(TRIES):
        with suppress(httpx.TransportError):
            answer = send(*told, **named)
            if not answer.is_server_error:
                break
    assert answer.is_success, answer.text
    return answer


def main() -> None:
    """Fill the stack that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.crowd", description=__doc__)
    parser.add_argument("api", help="where the API is, such as http://localhost:8000")
    parser.add_argument("--only", action="append", default=[], help="fill this part alone")
    for each in fields(Crowd):
        parser.add_argument(f"--{each.name}", type=int, default=each.default)
    asked = vars(parser.parse_args())
    api, only = asked.pop("api"), asked.pop("only")
    crowd(httpx.Client(base_url=api, timeout=120), Crowd(**asked), only=only)


if __name__ == "__main__":
    main()
