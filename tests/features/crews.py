"""Who looks after which machine, as the features say it."""

import re

from tests.support.deployed import Deployed
from tests.support.vending.crew import Crew, put


def employ(stack: Deployed, number: str, machines: str) -> Crew:
    """Register technician ``#number`` and the machines named, at a site whose clocks show UTC."""
    technician, serials = f"T0{number}", re.findall(r"GM\d{3}", machines)
    put(stack, "/sites/station", name="The station", time_zone="UTC")
    put(stack, f"/technicians/{technician}", name="Robin")
    for serial in serials:
        put(stack, f"/machines/{serial}", technician=technician, site="station")
    return Crew(stack, technician, serials)
