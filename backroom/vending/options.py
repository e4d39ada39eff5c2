"""Options that several commands of vending have, checked before anything is sent."""

from pathlib import Path
from typing import Annotated

import typer

from backroom.core.options import checked
from chalicelib.vending import names

Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH", help="Logs: text, zip or gzip."),
]
FileId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The file's number.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Don't wait until the rows are counted.")]
TechnicianOption = Annotated[
    str | None,
    typer.Option(
        "--technician",
        metavar="T0001",
        callback=checked(names.technician_id),
        help="The technician's number: 1, #001 and T0001 are the same.",
    ),
]
TechnicianNeeded = Annotated[
    str,
    typer.Option(
        "--technician",
        metavar="T0001",
        callback=checked(names.technician_id),
        help="The technician's number: 1, #001 and T0001 are the same.",
    ),
]
MachineOption = Annotated[
    str | None,
    typer.Option(
        "--machine", metavar="GM001", callback=checked(names.serial), help="The machine's serial."
    ),
]
SerialArgument = Annotated[
    str,
    typer.Argument(
        metavar="SERIAL", callback=checked(names.serial), help="The machine, such as GM001."
    ),
]
