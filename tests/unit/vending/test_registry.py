"""Sites, technicians and machines, and who looks after what (V1)."""

from datetime import timedelta

import pytest

from chalicelib.core import paging
from chalicelib.core.errors import NotFoundError, UnprocessableError
from chalicelib.vending.models import ListQuery, MachineBody, SiteBody, TechnicianBody
from tests.support.vending.world import World, log


def test_v1_technicians_are_assigned_a_group_of_machines(world: World) -> None:
    everyone = world.vending.registry.technicians(ListQuery(), None).rows

    assert [(each.technician_id, each.machines) for each in everyone] == [
        ("T0001", ("GM001", "GM002")),
        ("T0002", ("GM003",)),
    ]
    assert world.vending.registry.technician("T0001").machines == ("GM001", "GM002")


def test_v1_a_machine_that_changes_hands_leaves_the_one_and_joins_the_other(world: World) -> None:
    world.vending.registry.put_machine("GM002", MachineBody(technician="T0002"))

    assert world.vending.registry.technician("T0001").machines == ("GM001",)
    assert world.vending.registry.technician("T0002").machines == ("GM002", "GM003")


def test_v1_a_machine_may_be_nobody_s(world: World) -> None:
    world.vending.registry.put_machine("GM002", MachineBody())

    assert world.vending.registry.technician("T0001").machines == ("GM001",)
    assert world.machine("GM002").technician is None


def test_a_machine_keeps_the_time_of_its_first_registration(world: World) -> None:
    first = world.clock()
    world.clock.forward(days=30)

    machine, new = world.vending.registry.put_machine("GM001", MachineBody(technician="T0002"))

    assert (machine.registered_at, new) == (first, False)
    assert world.vending.registry.put_machine("GM100", MachineBody())[1] is True


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        (MachineBody(site="moon"), "site moon"),
        (MachineBody(technician="T0404"), "technician T0404"),
        (MachineBody(site="prairie", technician="T0404"), "technician T0404"),
    ],
)
def test_v1_a_machine_refers_only_to_what_there_is(
    world: World, body: MachineBody, missing: str
) -> None:
    with pytest.raises(UnprocessableError, match=f"There is no {missing}; create it first"):
        world.vending.registry.put_machine("GM100", body)

    with pytest.raises(NotFoundError):
        world.machine("GM100")


def test_a_site_is_created_once_and_changed_afterwards(world: World) -> None:
    depot = SiteBody(name="Depot", time_zone="Europe/Berlin", address="Ring 1")

    site, new = world.vending.registry.put_site("depot", depot)
    again, renewed = world.vending.registry.put_site("depot", SiteBody(name="Depot East"))

    assert (new, renewed) == (True, False)
    assert (site.time_zone, again.time_zone) == ("Europe/Berlin", "UTC")
    assert world.vending.registry.site("depot") == again
    sites = world.vending.registry.sites(ListQuery(), None).rows
    assert [each.site_id for each in sites] == ["depot", "prairie"]


def test_sites_and_technicians_come_in_pages_by_id(world: World) -> None:
    world.open_site("depot", "UTC")
    registry, by_one = world.vending.registry, ListQuery(limit=1)

    sites = registry.sites(by_one, None)
    people = registry.technicians(by_one, None)

    assert [site.site_id for site in sites.rows] == ["depot"]
    rest = registry.sites(by_one, sites.next)
    assert ([site.site_id for site in rest.rows], rest.next) == (["prairie"], None)
    assert [each.machines for each in people.rows] == [("GM001", "GM002")]
    rest_of_them = registry.technicians(by_one, people.next)
    assert [each.technician_id for each in rest_of_them.rows] == ["T0002"]
    assert rest_of_them.next is None


def test_13_3_a_page_of_technicians_ends_once_they_have_many_machines(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_READ", 2)
    world.employ("T0003", "GM003")
    registry = world.vending.registry

    first = registry.technicians(ListQuery(), None)
    rest = registry.technicians(ListQuery(), first.next)

    assert [each.technician_id for each in first.rows] == ["T0001"]
    assert [each.technician_id for each in rest.rows] == ["T0002", "T0003"]
    assert rest.next is None


def test_a_technician_who_changes_names_keeps_the_machines(world: World) -> None:
    technician, new = world.vending.registry.put_technician("T0001", TechnicianBody(name="Ada"))

    assert (technician.name, technician.machines, new) == ("Ada", ("GM001", "GM002"), False)
    assert world.vending.registry.put_technician("T0003", TechnicianBody(name="Bo"))[1] is True


def test_what_is_not_there_is_not_found(world: World) -> None:
    with pytest.raises(NotFoundError, match="There is no site moon"):
        world.vending.registry.site("moon")
    with pytest.raises(NotFoundError, match="There is no technician T0404"):
        world.vending.registry.technician("T0404")


def test_c12_assigning_a_machine_has_only_its_held_files_checked(world: World) -> None:
    held = world.drop("T0001.GM009.2020-02-29_080000.zip", log("GM009", 1))
    other = world.drop("T0001.GM008.2020-02-29_080000.zip", log("GM008", 1))
    world.upload(log("GM001", 1))
    world.settle()

    world.employ("T0001", "GM009")

    assert world.queues.arrivals == [held]
    world.settle()
    assert world.files()[held].state == "processed"
    assert world.files()[other].state == "held"


def test_v8_a_machine_that_was_never_read_is_due_two_weeks_after_its_registration(
    world: World,
) -> None:
    machine = world.machine("GM001")
    assert (machine.due_at, machine.overdue) == (world.clock() + timedelta(days=14), False)

    world.clock.forward(days=14, seconds=1)

    assert world.machine("GM001").overdue
