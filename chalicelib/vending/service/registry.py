"""Sites, technicians and machines, and their assignment (V1)."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, NamedTuple, TypeVar

from pydantic import Field

from chalicelib.core import paging
from chalicelib.core.errors import NotFoundError, UnprocessableError
from chalicelib.core.models import PageQuery
from chalicelib.core.paging import Page, cut
from chalicelib.core.totals import Total
from chalicelib.core.values import dataclass
from chalicelib.vending.models import (
    ListQuery,
    Machine,
    MachineBody,
    Site,
    SiteBody,
    Technician,
    TechnicianBody,
)
from chalicelib.vending.ports import SHARDS, Files, Queues, Registry, Round

T = TypeVar("T")


class NamePosition(NamedTuple):
    """Behind which id a page of sites or technicians begins."""

    name: Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class RegistryService:
    """Keeps the registry. A machine names its technician; a technician's machines follow."""

    registry: Registry
    files: Files
    queues: Queues
    judge: Callable[[str], None]
    serials_of: Callable[[str], tuple[str, ...]]
    now: Callable[[], datetime]

    def put_site(self, site_id: str, body: SiteBody) -> tuple[Site, bool]:
        """Store a site; return it, and True when it is new.

        When its machines are to be judged otherwise from now on, those of its time zone are.
        """
        before = self.registry.site(site_id)
        site = Site(site_id=site_id, **dict(body))
        new = self.registry.put_site(site)
        if before and _calendar(before) != _calendar(site):
            self.queues.go_round(
                Round(shard=shard, zone=before.time_zone) for shard in range(SHARDS)
            )
        return site, new

    def site(self, site_id: str) -> Site:
        """Return a site. Raises NotFoundError."""
        return found(self.registry.site(site_id), f"There is no site {site_id}.")

    def sites(self, wanted: ListQuery, start: NamePosition | None) -> Page[Site, NamePosition]:
        """Return a page of the sites, by id."""
        found = self.registry.sites(after=_after(start), limit=wanted.limit + 1)
        return cut(found, wanted.limit, lambda last: NamePosition(last.site_id))

    def count_sites(self) -> Total:
        """Return how many sites there are."""
        return self.registry.count_sites()

    def put_technician(self, technician_id: str, body: TechnicianBody) -> tuple[Technician, bool]:
        """Store a technician; return them with their machines, and True when they are new."""
        technician = Technician(technician_id=technician_id, name=body.name)
        new = self.registry.put_technician(technician)
        return self._with_machines(technician), new

    def technician(self, technician_id: str) -> Technician:
        """Return a technician with the machines assigned to them. Raises NotFoundError."""
        known = self.registry.technician(technician_id)
        technician = found(known, f"There is no technician {technician_id}.")
        return self._with_machines(technician)

    def technicians(
        self, wanted: PageQuery, start: NamePosition | None
    ) -> Page[Technician, NamePosition]:
        """Return a page of the technicians with their machines, by id.

        It ends early once they have `MOST_READ` machines.
        """
        rows: list[Technician] = []
        machines = 0
        for each in self.registry.technicians(after=_after(start), limit=wanted.limit + 1):
            if len(rows) == wanted.limit or machines >= paging.MOST_READ:
                return Page(rows, NamePosition(rows[-1].technician_id))
            rows.append(self._with_machines(each))
            machines += len(rows[-1].machines)
        return Page(rows)

    def count_technicians(self) -> Total:
        """Return how many technicians there are."""
        return self.registry.count_technicians()

    def put_machine(self, serial: str, body: MachineBody) -> tuple[Machine, bool]:
        """Register a machine; return it, and True when it is new.

        Raises UnprocessableError when its site or its technician is not known.
        """
        if body.site and not self.registry.site(body.site):
            raise UnprocessableError(f"There is no site {body.site}; create it first.")
        if body.technician and not self.registry.technician(body.technician):
            raise UnprocessableError(f"There is no technician {body.technician}; create it first.")
        stored, new = self.registry.put_machine(
            Machine(serial=serial, registered_at=self.now(), **dict(body))
        )
        self.judge(stored.serial)
        self.queues.look_at_notes()
        self._release_held(stored)
        return stored, new

    def _release_held(self, machine: Machine) -> None:
        """Queue files that were dropped before the machine was assigned."""
        if machine.technician:
            files = self.files.of_owner(machine.technician)
            held = [f.key for f in files if f.state == "held" and f.machine == machine.serial]
            self.queues.look_at(held)

    def _with_machines(self, technician: Technician) -> Technician:
        machines = self.serials_of(technician.technician_id)
        return technician.model_copy(update={"machines": machines})


def _after(start: NamePosition | None) -> str:
    return start.name if start else ""


def _calendar(site: Site) -> dict[str, object]:
    """Return what of a site its machines are judged by."""
    return site.model_dump(exclude={"name", "address"})


def found(value: T | None, detail: str) -> T:
    """Return ``value``, or raise NotFoundError with ``detail``."""
    if value is None:
        raise NotFoundError(detail)
    return value
