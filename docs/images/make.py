"""Draw docs/images/fleet.svg: ``python docs/images/make.py``, from the root of the repository.

It is what the client prints of the real sample (tests/data/transactions.txt), as it would have
looked two days after its last row.
"""

import io
import re
from array import array
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from backroom.vending.screens import fleet as fleet_screen
from backroom.vending.screens.machine_table import Surroundings, count_by_day
from chalicelib.vending.anomalies import Keys, Thresholds
from chalicelib.vending.parsing import parse
from chalicelib.vending.reports import History, audit
from chalicelib.vending.rows import instant, keys

ROOT = Path(__file__).parent.parent.parent
SAMPLE = ROOT / "tests" / "data" / "transactions.txt"
TARGET = Path(__file__).with_name("fleet.svg")
NOW = datetime(2020, 2, 24, 9, tzinfo=UTC)
WIDTH = 112
_FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def drawing() -> str:
    """Return the picture, with no font that would have to be fetched from elsewhere."""
    rows = _rows()
    histories = [History(serial, rows[serial]) for serial in sorted(rows)]
    report = audit(histories, now=NOW, thresholds=Thresholds())
    by_day = {serial: count_by_day(map(instant, found)) for serial, found in rows.items()}
    console = Console(
        record=True,
        width=WIDTH,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        markup=False,
        emoji=False,
    )
    fleet_screen.draw(console, report, Surroundings(NOW, rows_by_day=by_day))
    frame = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    frame = frame.replace("Fira Code, monospace", _FONTS)
    frame = frame.replace("<svg ", '<svg xml:space="preserve" ', 1)  # columns are made of spaces
    return console.export_svg(title="$ backroom fleet", code_format=frame, unique_id="fleet")


def _rows() -> dict[str, Keys]:
    rows: defaultdict[str, Keys] = defaultdict(lambda: array("Q"))
    for batch in parse([SAMPLE.read_bytes()], machine=None, not_after=NOW):
        for (serial, day), packed in batch.rows.items():
            rows[serial].extend(keys(day, packed))
    return {serial: array("Q", sorted(found)) for serial, found in rows.items()}


if __name__ == "__main__":
    TARGET.write_text(drawing() + "\n")
